"""Scores of many samples out of those of few: a multi-task lasso of low rank."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from sparsetransfer._linalg import gram_matrix, inner, lapack, matmul
from sparsetransfer.transfer.regression.solver import QuadraticProblem, SparsePenalty

__all__ = ["Reconstruction", "rebuild"]


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """Q = basis @ core, by which scores are rebuilt; whole columns are exactly zero.

    `basis` (n_rebuilt, rank): orthonormal columns. `core` (rank, n_from): coefficients in that
    basis.
    """

    basis: NDArray[np.float64]
    core: NDArray[np.float64]

    @property
    def coef(self) -> NDArray[np.float64]:
        """Q, of shape (n_rebuilt, n_from)."""
        return np.asarray(matmul(self.basis, self.core))

    @property
    def size(self) -> float:
        """Sum of the norms of the columns of Q."""
        return float(np.linalg.norm(self.core, axis=0).sum())

    @staticmethod
    def nothing(n_rebuilt: int, n_from: int) -> Reconstruction:
        """Return Q = 0."""
        return Reconstruction(np.zeros((n_rebuilt, 0)), np.zeros((0, n_from)))


def rebuild(
    scores: NDArray[np.float64],
    parts: NDArray[np.float64],
    strength: float,
    start: Reconstruction,
    threads: int,
    *,
    kkt_tol: float = 1e-2,
    max_iter: int = 200,
) -> Reconstruction:
    """Minimise 1/2 |scores - Q parts|^2 + strength * sum of the norms of the columns of Q.

    Every column of the solution lies in the span of the scores: in an orthonormal basis of it
    there are as many outputs as classes, instead of one per sample, and norms are the same.
    Scores of shape (n_rebuilt, n_classes), parts (n_from, n_classes). The result is never worse
    than the start; the tolerance suits the rounds of an alternation.
    """
    basis, _ = lapack(scipy.linalg.qr, scores, mode="economic")
    inside = matmul(basis.T, scores)
    problem = QuadraticProblem(gram_matrix(parts), matmul(inside, parts.T), inner(scores, scores))
    # Projected on the span, the start gets shorter and fits better.
    first = matmul(matmul(basis.T, start.basis), start.core)
    penalty = SparsePenalty(0.0, strength, np.zeros(0, np.int32), np.zeros(0))
    found = problem.solve(penalty, init=first, kkt_tol=kkt_tol, max_iter=max_iter, threads=threads)
    return Reconstruction(basis, found.coef)
