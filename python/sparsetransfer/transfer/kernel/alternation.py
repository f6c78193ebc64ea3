"""The alternation of codes and atoms under the Gaussian MMD: extrapolated, and never upwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sparsetransfer._validation import FloatArray
from sparsetransfer.dictionary import Statistics, update_dictionary

if TYPE_CHECKING:
    from sparsetransfer.transfer.kernel.problem import KernelProblem

__all__ = ["Alternation", "decrease_rate"]

# The decrease of an extrapolated iteration swings: what one of them does not gain says little.
_SETTLED = 10


def decrease_rate(history: list[float] | NDArray[np.float64]) -> float:
    """Return the mean relative decrease per iteration over the last ten; infinity before any."""
    count = min(len(history) - 1, _SETTLED)
    if count < 1:
        return np.inf
    last = float(history[-1])
    fall = float(history[-1 - count]) - last
    return fall / count / max(abs(last), float(np.finfo(np.float64).tiny))


@dataclass
class Alternation:
    """Codes and atoms, moved in turns from where they are.

    Codes and atoms are first moved on along their last step, as in Nesterov's method; an iteration
    that does not lower the objective is made again without.

    `problem`: the objective. `codes` (n_samples, n_components): codes to start from. `components`
    (n_components, n_features): atoms to start from, in the unit ball. `code_iter`: most proximal
    gradient steps of an iteration. `tol`: stationarity violation of its codes, relative to alpha.
    """

    problem: KernelProblem
    codes: FloatArray
    components: FloatArray
    code_iter: int
    tol: float

    def run(self, max_iter: int, objective_tol: float) -> tuple[list[float], bool]:
        """Return the objective after every iteration, and whether it settled."""
        history: list[float] = []
        last = (self.codes, self.components)
        length = 1.0
        for _ in range(max_iter):
            kept = (self.codes, self.components)
            longer = (1 + np.sqrt(1 + 4 * length**2)) / 2
            factor = (length - 1) / longer if history else 0.0
            length = longer
            moved = _extrapolated(kept, last, factor) if factor > 0 else kept
            *found, value = self._step(*moved)
            if factor > 0 and not value < history[-1]:
                *found, value = self._step(*kept)
                length = 1.0
            self.codes, self.components = found
            last = kept
            history.append(value)
            if decrease_rate(history) <= objective_tol:
                return history, True
        return history, False

    def _step(self, S: FloatArray, D: FloatArray) -> tuple[FloatArray, FloatArray, float]:
        problem = self.problem
        S = problem.solve(S, D, self.code_iter, self.tol).codes.astype(np.float64, copy=False)
        statistics = Statistics(D.shape[0], D.shape[1], D.dtype).add(
            problem.X, S, n_jobs=problem.threads
        )
        D = update_dictionary(D, statistics, passes=3, n_jobs=problem.threads)
        value, _, _ = problem.evaluate(S, D)
        return S, D, value + problem.alpha * float(np.abs(S).sum())


def _extrapolated(
    now: tuple[FloatArray, FloatArray], last: tuple[FloatArray, FloatArray], factor: float
) -> tuple[FloatArray, FloatArray]:
    """Move codes and atoms on; no code changes its sign, and atoms stay in the unit ball."""
    codes, components = (a + factor * (a - b) for a, b in zip(now, last, strict=True))
    codes = np.where(codes * now[0] > 0, codes, 0.0)
    lengths = np.linalg.norm(components, axis=1, keepdims=True)
    return codes, np.ascontiguousarray(components / np.maximum(lengths, 1))
