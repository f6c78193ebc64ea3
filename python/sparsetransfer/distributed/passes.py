"""What a pass over the chunks asks of each, and what it sends back: sums that merge."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from sparsetransfer._validation import FloatArray
from sparsetransfer.dictionary import Statistics
from sparsetransfer.distributed.chunk import Chunk
from sparsetransfer.graph import knn_graph, laplacian
from sparsetransfer.graph.functional import Weights

__all__ = ["CANDIDATES", "Coded", "Graph", "Pass", "Summary", "Supports", "merge"]

CANDIDATES = 8
"""Badly coded rows that a summary carries, to replace atoms without use."""


@dataclass(frozen=True)
class Graph:
    """The graph of nearest neighbours within every chunk.

    `strength`: the weight of its term, positive. `n_neighbors`: as in
    `sparsetransfer.graph.knn_graph`. `weights`: as there. `normalized`: as in
    `sparsetransfer.graph.laplacian`.
    """

    strength: float
    n_neighbors: int
    weights: Weights
    normalized: bool

    def laplacian(self, chunk: Chunk, rows: FloatArray, n_jobs: int | None) -> sparse.csr_array:
        """Return the Laplacian of a chunk's rows, in the precision of the work."""
        try:
            graph = knn_graph(rows, self.n_neighbors, weights=self.weights, n_jobs=n_jobs)
        except ValueError as error:
            raise ValueError(f"chunk {chunk.name} has no graph: {error}") from error
        found = laplacian(graph, normalized=self.normalized).astype(rows.dtype)
        found.sort_indices()
        return found


@dataclass(frozen=True)
class Coded:
    """What is kept of a chunk between passes.

    `codes` (n_samples, n_components): the codes of the last pass. `laplacian` (n_samples,
    n_samples): the Laplacian, which does not change.
    """

    codes: sparse.csr_array
    laplacian: sparse.csr_array | None


@dataclass(frozen=True)
class Pass:
    """What every chunk needs to know.

    - `components` (n_components, n_features): the dictionary.
    - `alpha`, `l2`: weights of the ℓ1 norm and of half the squared norm of the codes.
    - `positive_code`: whether codes are non-negative.
    - `graph`: the graph term; None without one.
    - `multipliers` (n_components, n_terms): the multipliers w of the coupled means: that of the
      domains, then one per class; None without coupling.
    - `mean_weights` (n_terms, 2): the weight of a source and of a target row in the difference of
      every pair of means.
    - `curved_rows`: rows of a chunk from which the curvature of the coupling is estimated; 0 for
      none.
    - `n_jobs`: as everywhere.
    """

    components: FloatArray
    alpha: float
    l2: float
    positive_code: bool
    graph: Graph | None
    multipliers: NDArray[np.float64] | None
    mean_weights: NDArray[np.float64]
    curved_rows: int
    n_jobs: int | None

    def groups(self, chunk: Chunk) -> list[tuple[Any, NDArray[np.float64]]]:
        """Return the rows of every class of a chunk, with their weights in all differences."""
        side = self.mean_weights[:, 0 if chunk.domain > 0 else 1]

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

    `atoms`: the atoms of all rows, one after the other. `counts` (n_rows,): how many of them belong
    to each row. `weights` (n_rows, n_terms): the rows' weights in the differences of means.
    `shares` (n_rows,): how many samples a row stands for. `ridges` (n_rows,): weights of half their
    squared norms: `l2`, and what the graph holds them back by.
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

    - `statistics`: a, B, energy and penalty of the codes.
    - `ridge`: half the squared norm of the codes.
    - `roughness`: ½ tr(S L Sᵀ): what the graph term weighs.
    - `offset` (n_components, n_terms): the differences of the mean codes.
    - `supports`: of `curved_rows` rows of every chunk.
    - `gap`: sum of the duality gaps of the samples.
    - `kkt`: the largest violation of a sample's optimality conditions.
    - `n_unconverged`: samples that did not reach the tolerance.
    - `residuals` (n_candidates,): squared residual norms of the worst samples, descending.
    - `rows` (n_candidates, n_features): those samples.
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


def merge(first: Summary, second: Summary) -> Summary:
    """Return the summary of both; the order of merging decides the last bits, and nothing else."""
    residuals = np.concatenate([first.residuals, second.residuals])
    worst = np.argsort(-residuals, kind="stable")[:CANDIDATES]
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
