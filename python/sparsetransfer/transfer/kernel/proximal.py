"""Proximal gradient steps for codes whose smooth term is not quadratic."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sparsetransfer._validation import FloatArray

__all__ = ["descend_rows", "shrink", "violations"]

_MOST_HALVINGS = 60

Evaluate = Callable[[FloatArray, NDArray[np.intp]], tuple[FloatArray, FloatArray]]
"""From codes and the rows they are of to the objective of each and the smooth part's gradient."""


def shrink(Z: FloatArray, threshold: float | FloatArray, positive_code: bool) -> FloatArray:
    """Return the proximal point of the l1 norm, of non-negative codes on request."""
    if positive_code:
        return np.asarray(np.maximum(Z - threshold, 0), Z.dtype)
    return np.asarray(Z - np.clip(Z, -threshold, threshold), Z.dtype)


def violations(
    S: FloatArray, gradient: FloatArray, alpha: float, positive_code: bool
) -> FloatArray:
    """Return the distance of 0 from the subdifferential, entry by entry."""
    slope = -gradient if positive_code else np.abs(gradient)
    at_zero = np.maximum(slope - alpha, 0)
    return np.asarray(np.where(S != 0, np.abs(gradient + alpha * np.sign(S)), at_zero))


def descend_rows(
    evaluate: Evaluate,
    codes: FloatArray,
    *,
    alpha: float,
    positive_code: bool,
    length: float,
    tol: float,
    max_iter: int,
) -> None:
    """Lower the objectives of codes that do not influence each other.

    `evaluate`: ``evaluate(S, rows)`` returns objectives (n,), l1 term included, and gradients (n,
    k) of the rest. `codes` (n_samples, n_components): where to start; overwritten. `alpha`: weight
    of the l1 norm. `positive_code`: whether codes are non-negative. `length`: the first step: 1
    over the curvature. `tol`: violation at which a row stops. `max_iter`: most steps of a row.

    Barzilai-Borwein steps, halved until they descend, each row with lengths of its own.
    """
    rows = np.arange(len(codes))
    lengths = np.full(len(codes), length)
    value, gradient = evaluate(codes, rows)
    for iteration in range(max_iter + 1):
        go = violations(codes[rows], gradient, alpha, positive_code).max(axis=1) > tol
        rows, lengths, value, gradient = rows[go], lengths[go], value[go], gradient[go]
        if not rows.size or iteration == max_iter:
            break
        S, before = codes[rows], gradient.copy()
        left = np.arange(len(rows))
        for _ in range(_MOST_HALVINGS):
            steps = lengths[left, None]
            moved = shrink(S[left] - steps * before[left], steps * alpha, positive_code)
            new_value, new_gradient = evaluate(moved, rows[left])
            energy = ((moved - S[left]) ** 2).sum(axis=1)
            good = new_value <= value[left] - 1e-4 / steps[:, 0] * energy
            done = left[good]
            codes[rows[done]], value[done] = moved[good], new_value[good]
            gradient[done] = new_gradient[good]
            left = left[~good]
            if not left.size:
                break
            lengths[left] /= 2
        change = codes[rows] - S
        curvature = (change * (gradient - before)).sum(axis=1)
        bent = curvature > 0
        lengths[bent] = (change**2).sum(axis=1)[bent] / curvature[bent]
        # A row without any step that descends has come to rounding.
        going = change.any(axis=1)
        rows, lengths, value, gradient = rows[going], lengths[going], value[going], gradient[going]
