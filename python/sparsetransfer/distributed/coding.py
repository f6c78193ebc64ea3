"""What one pass over a chunk does: code its rows, and sum up."""

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
from sparsetransfer.distributed.chunk import Chunk
from sparsetransfer.distributed.passes import CANDIDATES, Coded, Pass, Summary, Supports
from sparsetransfer.exceptions import ConvergenceWarning
from sparsetransfer.sparse_coding import lasso_gram
from sparsetransfer.sparse_coding.functional import TOLERANCE

__all__ = ["code_chunk"]

_core = _simd.load()

_GRAPH_TOLERANCE = {np.dtype(np.float64): 1e-9, np.dtype(np.float32): 1e-4}
"""KKT violation, in units of alpha, of codes that a graph joins."""

_MOST_ITERATIONS = 5000

_HELD_BACK = 0.3
"""Share of the graph's diagonal that holds a sample back when all move alike: with none, or all, the
coupling took two to five times the passes."""


def code_chunk(chunk: Chunk, last: Coded | None, task: Pass) -> tuple[Coded, Summary]:
    """Encode the rows of a chunk, from the last codes if there are any, and sum up.

    `chunk`: the rows. `last`: what the last pass left. `task`: what to solve.
    """
    components = task.components
    rows = chunk.load(components.dtype)
    groups = task.groups(chunk)
    links = None if last is None else last.laplacian
    if task.graph is not None and links is None:
        links = task.graph.laplacian(chunk, rows, task.n_jobs)
    start = None if last is None else last.codes.toarray()
    try:
        solution = _solve(task, groups, rows, links, start)
        if components.dtype == np.float32:
            solution = _certify_rounded(task, groups, rows, links, solution)
    except (ArithmeticError, MemoryError, ValueError) as error:
        raise type(error)(f"chunk {chunk.name} could not be coded: {error}") from error
    found = solution.codes
    statistics = Statistics(components.shape[0], components.shape[1], dtype=components.dtype)
    statistics.add(rows, found, n_jobs=task.n_jobs)
    errors = np.square(rows - matmul(found, components)).sum(axis=1, dtype=np.float64)
    worst = np.argsort(-errors, kind="stable")[:CANDIDATES]
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
    if task.multipliers is not None:
        for members, weights in groups:
            correlations[members] -= matmul(task.multipliers, weights).astype(dtype)
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
                positive_code=task.positive_code,
                code_init=start,
                tol=TOLERANCE[tolerance],
                n_jobs=task.n_jobs,
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
        positive=task.positive_code,
        settings=_core.TransferEncodeSettings(
            solver=_core.CodeSolver.automatic,
            tolerance=_GRAPH_TOLERANCE[tolerance],
            max_iterations=0 if certify else _MOST_ITERATIONS,
        ),
        penalties=np.zeros(0, dtype),
        codes=codes,
        num_threads=resolve_threads(task.n_jobs),
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
