"""What one pass over a chunk does, and what it sends back: sums that merge."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from sparsetransfer import _simd
from sparsetransfer._linalg import matmul
from sparsetransfer._validation import FloatArray, resolve_threads
from sparsetransfer.dictionary import Statistics
from sparsetransfer.distributed.chunks import Chunk
from sparsetransfer.exceptions import ConvergenceWarning
from sparsetransfer.graph import knn_graph, laplacian
from sparsetransfer.graph.functional import Weights
from sparsetransfer.sparse_coding import lasso_gram
from sparsetransfer.sparse_coding.functional import TOLERANCE

__all__ = ["Coded", "Graph", "Pass", "Summary", "Supports", "code_chunk", "merge"]

_core = _simd.load()

_GRAPH_TOLERANCE = {np.dtype(np.float64): 1e-9, np.dtype(np.float32): 1e-4}
"""KKT violation, in units of alpha, of codes that a graph joins."""

_MOST_ITERATIONS = 5000

_HELD_BACK = 0.3
"""Share of the graph's diagonal that holds a sample back when all move alike: with none, or all, the
coupling took two to five times the passes."""

_CANDIDATES = 8
"""Badly coded rows that a summary carries, to replace atoms without use."""


@dataclass(frozen=True)
class Graph:
    """The graph of nearest neighbours within every chunk.

    Attributes
    ----------
    strength : float
        The weight of its term, positive.
    n_neighbors : int
        As in `sparsetransfer.graph.knn_graph`.
    weights : {"cosine", "binary", "heat"}
        As there.
    normalized : bool
        As in `sparsetransfer.graph.laplacian`.
    """

    strength: float
    n_neighbors: int
    weights: Weights
    normalized: bool

    def laplacian(self, chunk: Chunk, rows: FloatArray, n_threads: int | None) -> sparse.csr_array:
        """Return the Laplacian of a chunk's rows, in the precision of the work."""
        try:
            graph = knn_graph(rows, self.n_neighbors, weights=self.weights, n_threads=n_threads)
        except ValueError as error:
            raise ValueError(f"chunk {chunk.name} has no graph: {error}") from error
        found = laplacian(graph, normalized=self.normalized).astype(rows.dtype)
        found.sort_indices()
        return found


@dataclass(frozen=True)
class Coded:
    """What is kept of a chunk between passes.

    Attributes
    ----------
    codes : csr_array of shape (n_samples, n_components)
        The codes of the last pass.
    laplacian : csr_array of shape (n_samples, n_samples) or None
        The Laplacian, which does not change.
    """

    codes: sparse.csr_array
    laplacian: sparse.csr_array | None


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
    graph : Graph or None
        The graph term; None without one.
    pull : ndarray of shape (n_components, n_terms) or None
        The multipliers w of the coupled means: that of the domains, then one per class; None
        without coupling.
    contrasts : ndarray of shape (n_terms, 2)
        The weight of a source and of a target row in the difference of every pair of means.
    curved_rows : int
        Rows of a chunk from which the curvature of the coupling is estimated; 0 for none.
    n_threads : int or None
        As everywhere.
    """

    components: FloatArray
    alpha: float
    l2: float
    positive: bool
    graph: Graph | None
    pull: NDArray[np.float64] | None
    contrasts: NDArray[np.float64]
    curved_rows: int
    n_threads: int | None

    def groups(self, chunk: Chunk) -> list[tuple[Any, NDArray[np.float64]]]:
        """Return the rows of every class of a chunk, with their weights in all differences."""
        side = self.contrasts[:, 0 if chunk.domain > 0 else 1]

        def weights(number: int) -> NDArray[np.float64]:
            terms = np.arange(len(side))
            return np.where((terms == 0) | (terms == 1 + number), side, 0.0)

        if chunk.labels is None or len(side) == 1:
            return [(slice(None), weights(-1))]
        return [
            (np.flatnonzero(chunk.labels == number), weights(number))
            for number in np.unique(chunk.labels).tolist()
        ]


@dataclass(frozen=True)
class Supports:
    """Atoms in use by some rows, from which the driver estimates the curvature of the coupling.

    Attributes
    ----------
    atoms : ndarray of int
        The atoms of all rows, one after the other.
    counts : ndarray of shape (n_rows,), int
        How many of them belong to each row.
    weights : ndarray of shape (n_rows, n_terms)
        The rows' weights in the differences of means.
    shares : ndarray of shape (n_rows,)
        How many samples a row stands for.
    ridges : ndarray of shape (n_rows,)
        Weights of half their squared norms: `l2`, and what the graph holds them back by.
    """

    atoms: NDArray[np.intp]
    counts: NDArray[np.intp]
    weights: NDArray[np.float64]
    shares: NDArray[np.float64]
    ridges: NDArray[np.float64]

    def join(self, other: Supports) -> Supports:
        """Return the rows of both."""
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return Supports(*(np.concatenate(pair) for pair in pairs))


@dataclass(frozen=True)
class Summary:
    """Sums over samples; everything the driver ever sees of the data.

    Attributes
    ----------
    statistics : Statistics
        A, B, energy and penalty of the codes.
    ridge : float
        Half the squared norm of the codes.
    roughness : float
        ½ tr(S L Sᵀ): what the graph term weighs.
    offset : ndarray of shape (n_components, n_terms)
        The differences of the mean codes.
    supports : Supports
        Of `curved_rows` rows of every chunk.
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
    roughness: float
    offset: NDArray[np.float64]
    supports: Supports
    gap: float
    kkt: float
    n_unconverged: int
    residuals: NDArray[np.float64]
    rows: FloatArray


def code_chunk(chunk: Chunk, last: Coded | None, task: Pass) -> tuple[Coded, Summary]:
    """Encode the rows of a chunk, from the last codes if there are any, and sum up.

    Parameters
    ----------
    chunk : Chunk
        The rows.
    last : Coded or None
        What the last pass left.
    task : Pass
        What to solve.

    Returns
    -------
    coded : Coded
    summary : Summary
    """
    components = task.components
    rows = chunk.load(components.dtype)
    groups = task.groups(chunk)
    links = None if last is None else last.laplacian
    if task.graph is not None and links is None:
        links = task.graph.laplacian(chunk, rows, task.n_threads)
    start = None if last is None else last.codes.toarray()
    try:
        solution = _solve(task, groups, rows, links, start)
        if components.dtype == np.float32:
            solution = _certify_rounded(task, groups, rows, links, solution)
    except (ArithmeticError, MemoryError, ValueError) as error:
        raise type(error)(f"chunk {chunk.name} could not be coded: {error}") from error
    found = solution.codes
    statistics = Statistics(components.shape[0], components.shape[1], dtype=components.dtype)
    statistics.add(rows, found, n_threads=task.n_threads)
    errors = np.square(rows - matmul(found, components)).sum(axis=1, dtype=np.float64)
    worst = np.argsort(-errors, kind="stable")[:_CANDIDATES]
    summary = Summary(
        statistics=statistics,
        ridge=0.5 * float(np.square(found).sum(dtype=np.float64)),
        roughness=0.0 if links is None else 0.5 * _inner(found, links @ found),
        offset=np.add.reduce(
            [
                np.outer(found[members].sum(axis=0, dtype=np.float64), weights)
                for members, weights in groups
            ]
        ),
        supports=_supports(found, groups, task, links),
        gap=solution.gap,
        kkt=solution.kkt,
        n_unconverged=solution.n_unconverged,
        residuals=errors[worst],
        rows=rows[worst].copy(),
    )
    return Coded(sparse.csr_array(found), links), summary


@dataclass(frozen=True)
class _Solution:
    codes: FloatArray
    gap: float
    kkt: float
    n_unconverged: int


def _solve(
    task: Pass,
    groups: list[tuple[Any, NDArray[np.float64]]],
    rows: FloatArray,
    links: sparse.csr_array | None,
    start: FloatArray | None,
    *,
    certify: bool = False,
) -> _Solution:
    """Solve for codes one by one, or together where a graph joins them, or certify the start."""
    dtype, tolerance = rows.dtype, task.components.dtype
    components = task.components.astype(dtype, copy=False)
    gram = matmul(components, components.T)
    correlations = matmul(rows, components.T)
    if task.pull is not None:
        for members, weights in groups:
            correlations[members] -= matmul(task.pull, weights).astype(dtype)
    norms = np.einsum("ij,ij->i", rows, rows)
    if task.graph is None or links is None:
        with warnings.catch_warnings():
            # The driver warns once, with the counts of all chunks.
            warnings.simplefilter("ignore", ConvergenceWarning)
            coded = lasso_gram(
                gram,
                correlations,
                task.alpha,
                squared_norms=norms,
                l2=task.l2,
                positive=task.positive,
                init=start,
                tol=TOLERANCE[tolerance],
                n_threads=task.n_threads,
                max_iter=0 if certify else _MOST_ITERATIONS,
            )
        return _Solution(
            coded.codes,
            float(coded.duality_gap.sum()),
            float(coded.kkt_violation.max()),
            int((~coded.converged).sum()),
        )
    gram = gram + task.l2 * np.eye(len(gram), dtype=dtype)
    codes = np.zeros_like(correlations) if start is None else start
    if not certify and start is not None:
        # The codes of multipliers that led too far are a worse start than none.
        slope = (matmul(start, gram) + task.graph.strength * (links @ start)) / 2 - correlations
        if not _inner(start, slope) + task.alpha * float(np.abs(start).sum(dtype=float)) < 0:
            codes = np.zeros_like(correlations)
    report = _core.transfer_encode(
        gram,
        correlations,
        float(norms.sum(dtype=np.float64)),
        np.zeros((0, len(rows)), dtype),
        links.indptr.astype(np.int64),
        links.indices.astype(np.int32),
        task.graph.strength * links.data.astype(dtype, copy=False),
        alpha=task.alpha,
        positive=task.positive,
        settings=_core.TransferEncodeSettings(
            solver=_core.CodeSolver.automatic,
            tolerance=_GRAPH_TOLERANCE[tolerance],
            max_iterations=0 if certify else _MOST_ITERATIONS,
        ),
        penalties=np.zeros(0, dtype),
        codes=codes,
        num_threads=resolve_threads(task.n_threads),
    )
    missed = 0 if report.converged else len(rows)
    return _Solution(codes, report.duality_gap, report.kkt_violation, missed)


def _certify_rounded(
    task: Pass,
    groups: list[tuple[Any, NDArray[np.float64]]],
    rows: FloatArray,
    links: sparse.csr_array | None,
    found: _Solution,
) -> _Solution:
    """Certify float32 codes in float64; solve on there, and round, where they fall short."""
    rows = rows.astype(np.float64)

    def certified(codes: FloatArray) -> _Solution:
        exact = _solve(task, groups, rows, links, codes.astype(np.float64), certify=True)
        return replace(exact, codes=codes)

    first = certified(found.codes)
    if not first.n_unconverged:
        return first
    better = _solve(task, groups, rows, links, found.codes.astype(np.float64))
    second = certified(better.codes.astype(np.float32))
    return min(second, first, key=lambda one: one.n_unconverged)


def _inner(first: FloatArray, second: FloatArray) -> float:
    return float(np.einsum("ij,ij->", first, second, dtype=np.float64))


def merge(first: Summary, second: Summary) -> Summary:
    """Return the summary of both; the order of merging decides the last bits, and nothing else."""
    residuals = np.concatenate([first.residuals, second.residuals])
    worst = np.argsort(-residuals, kind="stable")[:_CANDIDATES]
    return replace(
        first,
        statistics=first.statistics.merge(second.statistics),
        ridge=first.ridge + second.ridge,
        roughness=first.roughness + second.roughness,
        offset=first.offset + second.offset,
        supports=first.supports.join(second.supports),
        gap=first.gap + second.gap,
        kkt=float(np.maximum(first.kkt, second.kkt)),
        n_unconverged=first.n_unconverged + second.n_unconverged,
        residuals=residuals[worst],
        rows=np.concatenate([first.rows, second.rows])[worst],
    )


def _supports(
    codes: FloatArray,
    groups: list[tuple[Any, NDArray[np.float64]]],
    task: Pass,
    links: sparse.csr_array | None,
) -> Supports:
    """Return the supports of evenly spread rows."""
    count = min(task.curved_rows, len(codes))
    chosen = np.linspace(0, len(codes) - 1, count).astype(np.intp)
    place = np.empty(len(codes), dtype=np.intp)
    for number, (members, _) in enumerate(groups):
        place[members] = number
    inside, atoms = np.nonzero(codes[chosen])
    ridges = np.full(count, task.l2)
    if task.graph is not None and links is not None:
        ridges += _HELD_BACK * task.graph.strength * links.diagonal()[chosen]
    return Supports(
        atoms,
        np.bincount(inside, minlength=count),
        np.stack([weights for _, weights in groups])[place[chosen]],
        np.full(count, len(codes) / max(count, 1)),
        ridges,
    )
