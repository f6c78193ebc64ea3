"""Functions on samples and sparse matrices, in front of the compiled kernels."""

from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from sparsetransfer import _core
from sparsetransfer._former import former_keywords
from sparsetransfer._linalg import unit_rows
from sparsetransfer._validation import (
    FloatArray,
    check_choice,
    check_flags,
    check_integer,
    check_matrix,
    check_pair,
    check_real,
    common_dtype,
    resolve_threads,
)

__all__ = ["knn_graph", "laplacian", "nearest_neighbours"]

Metric = Literal["euclidean", "cosine"]
Weights = Literal["binary", "heat", "cosine"]


@former_keywords(n_threads="n_jobs")
def nearest_neighbours(
    X: ArrayLike,
    n_neighbors: int,
    *,
    query: ArrayLike | None = None,
    metric: Metric = "euclidean",
    n_jobs: int | None = None,
) -> tuple[NDArray[np.int64], FloatArray]:
    r"""Find the exact nearest neighbours of samples.

    Parameters
    ----------
    X : array_like of shape (n_samples, n_features)
        The samples among which neighbours are sought; float32 is kept, all else becomes float64.
    n_neighbors : int
        How many neighbours, at least 1; at most ``n_samples``, or ``n_samples - 1`` without
        `query`.
    query : array_like of shape (n_queries, n_features), optional
        The samples whose neighbours are sought. By default those of `X` themselves, and then no
        sample is its own neighbour (another sample with the same features may be).
    metric : {"euclidean", "cosine"}, default="euclidean"
        The distance: :math:`\|x-y\|` or :math:`1-x^\top y/(\|x\|\|y\|)`, which is 1 if
        either sample is zero.
    n_jobs : int, optional
        How many threads. The answer is the same for any number, bit for bit.

    Returns
    -------
    indices : numpy.ndarray of shape (n_queries, n_neighbors), int64
        Rows of `X`, the nearest first; samples at equal distance are ordered by index.
    distances : numpy.ndarray of shape (n_queries, n_neighbors)
        Their distances, in the dtype of the data.

    Raises
    ------
    ValueError
        If `X` has too few samples, shapes do not fit or an entry is not finite.

    Notes
    -----
    A matrix product over blocks of 64 queries and 512 samples bounds every distance; whatever
    the rounding error of that product leaves undecided is recomputed as a plain sum of squared
    differences in float64. The order is therefore that of the plain sums, and duplicates are at
    distance exactly zero. Time :math:`O(n_{queries} n_{samples} d)`; memory: one copy of the
    data and some blocks.

    Examples
    --------
    >>> from sparsetransfer.graph import nearest_neighbours
    >>> indices, distances = nearest_neighbours([[0.0], [1.0], [3.0]], 1)
    >>> indices.ravel(), distances.ravel()
    (array([1, 0, 1]), array([1., 1., 2.]))
    """
    dtype = common_dtype(X, query)
    samples = check_matrix(X, "X", dtype=dtype)
    queries = None
    if query is not None:
        queries = check_pair(X, query, ("X", "query"), dtype=dtype)[1]
    _check_n_neighbors(n_neighbors, len(samples), alone=query is None)
    indices, distances = _core.nearest_neighbours(
        samples, queries, n_neighbors, _metric(metric), resolve_threads(n_jobs)
    )
    return indices, distances


@former_keywords(n_threads="n_jobs")
def knn_graph(
    X: ArrayLike,
    n_neighbors: int = 5,
    *,
    weights: Weights = "binary",
    metric: Metric | None = None,
    bandwidth: float | Literal["neighbours", "pairwise"] = "neighbours",
    n_jobs: int | None = None,
) -> sparse.csr_array:
    r"""Build the symmetric graph of nearest neighbours.

    Two samples are joined if either is among the `n_neighbors` nearest of the other.

    Parameters
    ----------
    X : array_like of shape (n_samples, n_features)
        The samples; float32 is kept, all else becomes float64.
    n_neighbors : int, default=5
        How many neighbours, between 1 and ``n_samples - 1``.
    weights : {"binary", "heat", "cosine"}, default="binary"
        The weight of an edge: 1; the heat kernel :math:`\exp(-\|x-y\|^2/(2t^2))`; or the cosine
        of the angle between the samples. A cosine below zero counts as no edge, which keeps the
        Laplacian positive semidefinite.
    metric : {"euclidean", "cosine"}, optional
        The distance that decides who is near. By default the cosine for cosine weights and the
        Euclidean distance otherwise. It must be the Euclidean one for the heat kernel.
    bandwidth : float or {"neighbours", "pairwise"}, default="neighbours"
        The `t` of the heat kernel, in units of distance: a positive number, the mean distance
        of samples to their neighbours, or the mean distance of all pairs of samples (a sample
        with itself included), which published graph constructions use; it needs
        :math:`O(n^2 d)` time. Ignored by the other weights.
    n_jobs : int, optional
        How many threads. The answer is the same for any number, bit for bit.

    Returns
    -------
    scipy.sparse.csr_array of shape (n_samples, n_samples)
        Symmetric, without self loops and explicit zeros, sorted column indices.

    Raises
    ------
    ValueError
        If an option is unknown, `X` has too few samples or an entry is not finite, or if the
        heat kernel has no bandwidth because all samples are equal.

    See Also
    --------
    laplacian : The graph's Laplacian.

    Notes
    -----
    With :math:`A_{ij}` the weight if `j` is a neighbour of `i`, the graph is
    :math:`W = \max(A, A^\top)`.

    References
    ----------
    .. [1] D. Cai, X. He, J. Han, T. S. Huang, "Graph Regularized Nonnegative Matrix
       Factorization for Data Representation", IEEE Transactions on Pattern Analysis and Machine
       Intelligence 33(8), 2011. https://doi.org/10.1109/TPAMI.2010.231 (Section 3.1)

    Examples
    --------
    >>> from sparsetransfer.graph import knn_graph
    >>> knn_graph([[0.0], [1.0], [3.0]], 1).toarray()
    array([[0., 1., 0.],
           [1., 0., 1.],
           [0., 1., 0.]])
    """
    check_choice(weights, "weights", get_args(Weights))
    if metric is None:
        metric = "cosine" if weights == "cosine" else "euclidean"
    if weights == "heat" and metric != "euclidean":
        raise ValueError(f"metric must be 'euclidean' for weights='heat', got {metric!r}")
    threads = resolve_threads(n_jobs)
    samples = check_matrix(X, "X")
    indices, distances = nearest_neighbours(samples, n_neighbors, metric=metric, n_jobs=threads)
    if weights == "binary":
        values = np.ones_like(distances)
    elif weights == "heat":
        t = _bandwidth(bandwidth, samples, distances, threads)
        values = np.exp(-0.5 * np.square(distances / t))
    else:
        values = np.maximum(_cosines(samples, indices, distances, metric), 0)
    starts, columns, values = _core.symmetric_graph(indices, values.astype(samples.dtype))
    return sparse.csr_array((values, columns, starts), shape=(len(samples), len(samples)))


def laplacian(W: sparse.sparray | sparse.spmatrix, *, normalized: bool = False) -> sparse.csr_array:
    r"""Compute the Laplacian of a symmetric graph.

    Parameters
    ----------
    W : scipy sparse array or matrix of shape (n_samples, n_samples)
        Symmetric, non-negative weights. Self loops have no effect.
    normalized : bool, default=False
        Whether to scale by the degrees on both sides.

    Returns
    -------
    scipy.sparse.csr_array of shape (n_samples, n_samples)
        :math:`L = D - W` with :math:`D = \mathrm{diag}(W 1)`, or
        :math:`I - D^{-1/2} W D^{-1/2}`, where the row of a sample without neighbours is zero.
        Symmetric positive semidefinite; float32 is kept, all else becomes float64.

    Raises
    ------
    TypeError
        If `W` is not sparse.
    ValueError
        If `W` is not square and symmetric, or a weight is negative or not finite.

    Notes
    -----
    :math:`\mathrm{tr}(S L S^\top) = \tfrac12 \sum_{ij} W_{ij} \|s_i - s_j\|^2` for codes
    :math:`s_i` in the columns of `S`.

    Examples
    --------
    >>> from sparsetransfer.graph import knn_graph, laplacian
    >>> laplacian(knn_graph([[0.0], [1.0], [3.0]], 1)).toarray()
    array([[ 1., -1.,  0.],
           [-1.,  2., -1.],
           [ 0., -1.,  1.]])
    """
    check_flags(normalized=normalized)
    if not sparse.issparse(W):
        raise TypeError(f"W must be a scipy sparse array, got {type(W).__name__}")
    if W.ndim != 2 or W.shape[0] != W.shape[1]:
        raise ValueError(f"W must be square, got shape {W.shape}")
    graph = sparse.csr_array(W, dtype=common_dtype(np.empty(0, W.dtype)), copy=True)
    graph.sum_duplicates()
    if not np.isfinite(graph.data).all() or (graph.data < 0).any():
        raise ValueError("W must have finite, non-negative weights")
    if (abs(graph - graph.T)).max() > 0:
        raise ValueError("W must be symmetric; use W.maximum(W.T)")
    starts, columns, values = _core.graph_laplacian(
        graph.indptr.astype(np.int64), graph.indices.astype(np.int64), graph.data, normalized
    )
    return sparse.csr_array((values, columns, starts), shape=graph.shape)


def _metric(metric: str) -> Any:
    check_choice(metric, "metric", get_args(Metric))
    return getattr(_core.Metric, metric)


def _check_n_neighbors(n_neighbors: int, n_samples: int, *, alone: bool) -> None:
    check_integer(n_neighbors, "n_neighbors", minimum=1)
    most = n_samples - 1 if alone else n_samples
    if n_neighbors > most:
        beside = " beside the sample itself" if alone else ""
        raise ValueError(
            f"n_neighbors must be at most {most}, the number of samples{beside}, got {n_neighbors}"
        )


def _bandwidth(
    bandwidth: float | str, samples: FloatArray, distances: FloatArray, threads: int
) -> float:
    if isinstance(bandwidth, str):
        if bandwidth == "neighbours":
            t = float(distances.mean(dtype=np.float64))
        elif bandwidth == "pairwise":
            t = float(_core.mean_pairwise_distance(samples, threads))
        else:
            raise ValueError(
                f"bandwidth must be a number, 'neighbours' or 'pairwise', got {bandwidth!r}"
            )
        if t == 0:
            raise ValueError(f"bandwidth={bandwidth!r} is zero for these samples: give a number")
        return t
    return check_real(bandwidth, "bandwidth", minimum=0, strict=True)


def _cosines(
    samples: FloatArray, indices: NDArray[np.int64], distances: FloatArray, metric: str
) -> FloatArray:
    if metric == "cosine":
        return 1 - distances
    unit = unit_rows(samples)
    cosines = np.empty_like(distances)
    for column in range(indices.shape[1]):
        cosines[:, column] = np.einsum("ij,ij->i", unit, unit[indices[:, column]])
    return cosines
