"""Codes of new samples, while the dictionary and the fitted codes stay as they are."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from sparsetransfer._domains import new_domains
from sparsetransfer._linalg import matmul
from sparsetransfer._validation import FloatArray
from sparsetransfer.graph import knn_graph, laplacian, nearest_neighbours
from sparsetransfer.graph.functional import Metric, Weights
from sparsetransfer.transfer.couplings import MeanContrasts
from sparsetransfer.transfer.problem import CoupledProblem, resolve_effort, solve_codes
from sparsetransfer.transfer.result import TransferCodes

__all__ = ["GraphExtension", "LinearTerm", "encode_shifted"]


class LinearTerm:
    """The gradient of the mean terms for one code, by domain.

    It is the same for all samples of a domain under a marginal term. Under a class-conditional one it
    depends on the class, which a new sample does not tell: it gets the mean of its domain's fitted
    samples. Domains that were not fitted get that of all source, or all target, samples.
    """

    def __init__(
        self,
        domains: NDArray[np.int64] | None,
        coupling: MeanContrasts | None,
        mmd: float,
        codes: FloatArray,
    ) -> None:
        self.numbers = np.zeros(0, np.int64)
        self.rows = np.zeros((2, codes.shape[1]), codes.dtype)
        if domains is None or coupling is None or mmd == 0:
            return
        E = coupling.factor(mmd)
        means = matmul(E.T, codes)
        self.numbers = np.unique(domains)
        groups = [domains > 0, domains < 0, *(domains == number for number in self.numbers)]
        self.rows = np.stack([matmul(E[group].mean(axis=0), means) for group in groups]).astype(
            codes.dtype
        )

    @classmethod
    def of_sides(cls, rows: NDArray[np.float64], dtype: np.dtype[np.floating]) -> "LinearTerm":
        """Return the term that is the first row for any source, the second for any target."""
        term = cls(None, None, 0.0, np.zeros((0, rows.shape[1]), dtype))
        term.rows = rows.astype(dtype)
        return term

    def of(self, sample_domain: ArrayLike | None, n_samples: int) -> FloatArray:
        """Return the term of every new sample; without domains all are target."""
        if sample_domain is None:
            return np.broadcast_to(self.rows[1], (n_samples, self.rows.shape[1]))
        domains = new_domains(sample_domain, n_samples)
        chosen = (domains < 0).astype(np.int64)
        if self.numbers.size:
            place = np.searchsorted(self.numbers, domains).clip(max=self.numbers.size - 1)
            chosen = np.where(self.numbers[place] == domains, place + 2, chosen)
        return np.asarray(self.rows[chosen])


class GraphExtension:
    """The nearest-neighbour graph of the fitted samples, and the rows new samples add to it.

    A new sample is joined to its nearest fitted samples. A sample that was fitted takes its own
    row of the graph, so that it gets the code it had.
    """

    def __init__(
        self,
        samples: FloatArray,
        n_neighbors: int,
        weights: Weights,
        normalized: bool,
        threads: int,
    ) -> None:
        self.samples = samples
        self.n_neighbors = n_neighbors
        self.weights = weights
        self.normalized = normalized
        self.metric: Metric = "cosine" if weights == "cosine" else "euclidean"
        self.bandwidth = 1.0
        if weights == "heat":
            _, distances = nearest_neighbours(samples, n_neighbors, n_jobs=threads)
            self.bandwidth = float(distances.mean(dtype=np.float64))
            graph = knn_graph(
                samples,
                n_neighbors,
                weights="heat",
                bandwidth=self.bandwidth,
                n_jobs=threads,
            )
        else:
            graph = knn_graph(samples, n_neighbors, weights=weights, n_jobs=threads)
        self.degrees = np.asarray(graph.sum(axis=1)).ravel()
        self.laplacian = laplacian(graph, normalized=normalized)

    def rows(self, new: FloatArray, threads: int) -> tuple[sparse.csr_array, FloatArray]:
        """Return links to fitted samples (negative, n_new x n_fitted) and the diagonal."""
        indices, distances = nearest_neighbours(
            self.samples, self.n_neighbors, query=new, metric=self.metric, n_jobs=threads
        )
        if self.weights == "binary":
            values = np.ones_like(distances)
        elif self.weights == "heat":
            values = np.exp(-0.5 * np.square(distances / self.bandwidth))
        else:
            values = np.maximum(1 - distances, 0)
        diagonal = values.sum(axis=1)
        if self.normalized:
            degree = np.outer(diagonal, np.ones(self.n_neighbors)) * self.degrees[indices]
            values = values / np.sqrt(np.where(degree > 0, degree, 1))
            diagonal = (diagonal > 0).astype(new.dtype)
        starts = np.arange(len(new) + 1) * self.n_neighbors
        links = sparse.csr_array(
            (-values.ravel(), indices.ravel(), starts), shape=(len(new), len(self.samples))
        )
        known = (self.samples[indices[:, 0]] == new).all(axis=1)
        if known.any():
            own = self.laplacian[indices[:, 0]]
            own_diagonal = self.laplacian.diagonal()[indices[:, 0]]
            place = sparse.csr_array(
                (own_diagonal, indices[:, 0], np.arange(len(new) + 1)), shape=links.shape
            )
            mask = sparse.diags_array(known.astype(new.dtype))
            rest = sparse.diags_array((~known).astype(new.dtype))
            links = sparse.csr_array(mask @ (own - place) + rest @ links)
            diagonal = np.where(known, own_diagonal, diagonal)
        return links, diagonal


def encode_shifted(
    signals: FloatArray,
    dictionary: FloatArray,
    linear: FloatArray,
    ridge: FloatArray | None,
    *,
    alpha: float,
    l2: float,
    positive_code: bool,
    kkt_tol: float | None,
    threads: int,
    factor: NDArray[np.float64] | None = None,
) -> TransferCodes:
    r"""Solve for every sample on its own, with everything else held fixed.

    .. math:: \min_s \tfrac12\|x_i - Ds\|^2 + \alpha\|s\|_1 + c_i^\top s + \tfrac{l_2 + h_i}2\|s\|^2

    `factor`, of shape (n_samples, rank), couples the samples by :math:`\tfrac12\|SE\|_F^2`.
    """
    n = len(signals)
    laplacian = (np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0))
    if ridge is not None:
        laplacian = (np.arange(n + 1), np.arange(n, dtype=np.int32), ridge.astype(np.float64))
    return solve_codes(
        signals,
        dictionary,
        np.zeros((n, len(dictionary)), signals.dtype),
        CoupledProblem(np.zeros((n, 0)) if factor is None else factor, laplacian),
        resolve_effort("auto", 5000, kkt_tol, signals.dtype, positive_code),
        alpha=alpha,
        l2=l2,
        positive_code=positive_code,
        threads=threads,
        linear=linear,
    )
