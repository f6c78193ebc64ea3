"""What one pass over a chunk does, and what it sends back: sums that merge."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import numpy as np
import scipy.linalg
from numpy.typing import NDArray
from scipy import sparse

from sparsetransfer._validation import FloatArray
from sparsetransfer.dictionary import Statistics
from sparsetransfer.distributed.chunks import Chunk
from sparsetransfer.exceptions import ConvergenceWarning
from sparsetransfer.sparse_coding import lasso_gram

__all__ = ["Pass", "Summary", "code_chunk", "merge"]

_CANDIDATES = 8
"""Badly coded rows that a summary carries, to replace atoms without use."""


@dataclass(frozen=True)
class Pass:
    """What every chunk needs to know.

    Attributes
    ----------
    components : ndarray of shape (n_components, n_features)
        The dictionary.
    alpha, l2 : float
        Weights of the ℓ1 norm and of half the squared norm of the codes.
    positive : bool
        Whether codes are non-negative.
    pull : ndarray of shape (n_components,) or None
        The multiplier w of the coupling; None without coupling.
    weights : tuple of float
        1/n_source and −1/n_target.
    curved_rows : int
        Rows of a chunk from which the curvature of the coupling is estimated; 0 for none.
    n_threads : int or None
        As everywhere.
    """

    components: FloatArray
    alpha: float
    l2: float
    positive: bool
    pull: NDArray[np.float64] | None
    weights: tuple[float, float]
    curved_rows: int
    n_threads: int | None

    def weight(self, chunk: Chunk) -> float:
        """Return m of the rows of a chunk."""
        return self.weights[0] if chunk.domain > 0 else self.weights[1]


@dataclass(frozen=True)
class Summary:
    """Sums over samples; everything the driver ever sees of the data.

    Attributes
    ----------
    statistics : Statistics
        A, B, energy and penalty of the codes.
    ridge : float
        Half the squared norm of the codes.
    offset : ndarray of shape (n_components,)
        S m: the difference of the mean codes.
    curvature : ndarray of shape (n_components, n_components)
        Σ m² E (G_AA + h I)⁻¹ Eᵀ over the samples, estimated from some of them; empty without
        coupling.
    gap : float
        Sum of the duality gaps of the samples.
    kkt : float
        The largest violation of a sample's optimality conditions.
    n_unconverged : int
        Samples that did not reach the tolerance.
    residuals : ndarray of shape (n_candidates,)
        Squared residual norms of the worst samples, descending.
    rows : ndarray of shape (n_candidates, n_features)
        Those samples.
    """

    statistics: Statistics
    ridge: float
    offset: NDArray[np.float64]
    curvature: NDArray[np.float64]
    gap: float
    kkt: float
    n_unconverged: int
    residuals: NDArray[np.float64]
    rows: FloatArray


def code_chunk(
    chunk: Chunk, codes: sparse.csr_array | None, task: Pass
) -> tuple[sparse.csr_array, Summary]:
    """Code the rows of a chunk, from the last codes if there are any, and sum up.

    Parameters
    ----------
    chunk : Chunk
        The rows.
    codes : csr_array of shape (n_samples, n_components) or None
        Codes to start from.
    task : Pass
        What to solve.

    Returns
    -------
    codes : csr_array of shape (n_samples, n_components)
    summary : Summary
    """
    components = task.components
    rows = chunk.load(components.dtype)
    weight = task.weight(chunk)
    gram = components @ components.T
    correlations = rows @ components.T
    if task.pull is not None:
        correlations -= (weight * task.pull).astype(components.dtype)
    with warnings.catch_warnings():
        # The driver warns once, with the counts of all chunks.
        warnings.simplefilter("ignore", ConvergenceWarning)
        coded = lasso_gram(
            gram,
            correlations,
            task.alpha,
            squared_norms=np.einsum("ij,ij->i", rows, rows),
            l2=task.l2,
            positive=task.positive,
            init=None if codes is None else codes.toarray(),
            n_threads=task.n_threads,
        )
    found = coded.codes
    statistics = Statistics(components.shape[0], components.shape[1], dtype=components.dtype)
    statistics.add(rows, found, n_threads=task.n_threads)
    errors = np.square(rows - found @ components).sum(axis=1, dtype=np.float64)
    worst = np.argsort(-errors, kind="stable")[:_CANDIDATES]
    summary = Summary(
        statistics=statistics,
        ridge=0.5 * float(np.square(found).sum(dtype=np.float64)),
        offset=weight * found.sum(axis=0, dtype=np.float64),
        curvature=weight**2 * _curvature(gram, found, task),
        gap=float(coded.duality_gap.sum()),
        kkt=float(coded.kkt_violation.max()),
        n_unconverged=int((~coded.converged).sum()),
        residuals=errors[worst],
        rows=rows[worst].copy(),
    )
    return coded.to_csr(), summary


def merge(first: Summary, second: Summary) -> Summary:
    """Return the summary of both; the order of merging decides the last bits, and nothing else."""
    residuals = np.concatenate([first.residuals, second.residuals])
    worst = np.argsort(-residuals, kind="stable")[:_CANDIDATES]
    return replace(
        first,
        statistics=first.statistics.merge(second.statistics),
        ridge=first.ridge + second.ridge,
        offset=first.offset + second.offset,
        curvature=first.curvature + second.curvature,
        gap=first.gap + second.gap,
        kkt=max(first.kkt, second.kkt),
        n_unconverged=first.n_unconverged + second.n_unconverged,
        residuals=residuals[worst],
        rows=np.concatenate([first.rows, second.rows])[worst],
    )


def _curvature(gram: FloatArray, codes: FloatArray, task: Pass) -> NDArray[np.float64]:
    """Estimate Σ E (G_AA + h I)⁻¹ Eᵀ over the rows of `codes` from evenly spread ones."""
    if task.curved_rows == 0:
        return np.zeros((0, 0))
    size = len(gram)
    total = np.zeros((size, size))
    count = min(task.curved_rows, len(codes))
    for row in np.linspace(0, len(codes) - 1, count).astype(int):
        active = np.flatnonzero(codes[row])
        if active.size:
            block = gram[np.ix_(active, active)].astype(np.float64)
            block[np.diag_indices(len(active))] += task.l2
            # Atoms in use may depend on each other; then the least-norm answer is one of many.
            total[np.ix_(active, active)] += scipy.linalg.pinvh(block)
    return total * (len(codes) / count)
