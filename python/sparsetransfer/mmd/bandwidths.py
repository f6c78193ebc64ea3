"""Widths of the Gaussian kernel, given or taken from the data."""

import math
from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np
from scipy.spatial.distance import pdist

from sparsetransfer._validation import FloatArray, check_real

__all__ = ["Bandwidths", "resolve_bandwidths"]

Bandwidths: TypeAlias = float | Sequence[float] | Literal["median", "mean"]

_GRID = (0.25, 0.5, 1.0, 2.0, 4.0)
_MEDIAN_SAMPLES = 2000


def resolve_bandwidths(
    bandwidths: Bandwidths,
    multipliers: Sequence[float] | None,
    source: FloatArray,
    target: FloatArray,
) -> list[float]:
    """Return the widths of all kernels: every bandwidth times the root of every multiplier."""
    if isinstance(bandwidths, str):
        if bandwidths == "median":
            squared = _median_squared_distance(source, target)
        elif bandwidths == "mean":
            squared = _mean_squared_distance(source, target)
        else:
            raise ValueError(f"bandwidths must be numbers, 'median' or 'mean', got {bandwidths!r}")
        if not squared > 0:
            raise ValueError(f"bandwidths={bandwidths!r} is zero for these samples: give a number")
        base = [math.sqrt(squared / 2)]
        factors: Sequence[float] = _GRID if multipliers is None else multipliers
    else:
        given = np.atleast_1d(np.asarray(bandwidths, dtype=object)).tolist()
        base = [check_real(width, "bandwidths", minimum=0, strict=True) for width in given]
        factors = (1.0,) if multipliers is None else multipliers
    factors = [check_real(factor, "multipliers", minimum=0, strict=True) for factor in factors]
    if not base or not factors:
        raise ValueError("bandwidths and multipliers must not be empty")
    return [width * math.sqrt(factor) for width in base for factor in factors]


def _mean_squared_distance(source: FloatArray, target: FloatArray) -> float:
    """Return the mean over all pairs of different samples, in closed form."""
    size = len(source) + len(target)
    if size < 2:
        return 0.0
    total = source.sum(axis=0, dtype=np.float64) + target.sum(axis=0, dtype=np.float64)
    centre = total / size
    # sum_ij |x_i - x_j|^2 = 2 n sum_i |x_i - mean|^2
    spread = 0.0
    for samples in (source, target):
        for start in range(0, len(samples), 4096):
            spread += float(np.square(samples[start : start + 4096] - centre).sum())
    return 2 * spread / (size - 1)


def _median_squared_distance(source: FloatArray, target: FloatArray) -> float:
    """Return the median over the pairs of at most 2,000 samples, evenly spread over each domain."""
    size = len(source) + len(target)
    if size < 2:
        return 0.0
    share = min(1.0, _MEDIAN_SAMPLES / size)
    chosen = [
        samples[np.linspace(0, len(samples) - 1, math.ceil(share * len(samples))).astype(int)]
        for samples in (source, target)
    ]
    return float(np.median(pdist(np.concatenate(chosen).astype(np.float64), "sqeuclidean")))
