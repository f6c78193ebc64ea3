import numpy as np
import pytest
from scipy import sparse
from scipy.sparse import csgraph
from scipy.spatial.distance import cdist
from sklearn.neighbors import kneighbors_graph

from sparsetransfer.graph import knn_graph, laplacian


@pytest.fixture
def X():
    return np.random.default_rng(0).normal(size=(120, 4))


def dense_twin(X, k, weights, t=None):
    distances = cdist(X, X)
    cosines = 1 - cdist(X, X, "cosine")
    order = (1 - cosines) if weights == "cosine" else distances.copy()
    np.fill_diagonal(order, np.inf)
    A = np.zeros_like(distances)
    rows = np.repeat(np.arange(len(X)), k)
    columns = np.argsort(order, axis=1, kind="stable")[:, :k].ravel()
    if t == "neighbours":
        t = distances[rows, columns].mean()
    elif t == "pairwise":
        t = distances.mean()
    values = {
        "binary": np.ones_like(distances),
        "heat": np.exp(-(distances**2) / (2 * t**2)) if t else None,
        "cosine": np.maximum(cosines, 0),
    }[weights]
    A[rows, columns] = values[rows, columns]
    return np.maximum(A, A.T)


@pytest.mark.parametrize(
    ("weights", "bandwidth"),
    [
        ("binary", "neighbours"),
        ("heat", "neighbours"),
        ("heat", "pairwise"),
        ("heat", 0.7),
        ("cosine", "neighbours"),
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_graph_equals_its_dense_twin(X, weights, bandwidth, dtype):
    X = X.astype(dtype)
    graph = knn_graph(X, 5, weights=weights, bandwidth=bandwidth)
    assert isinstance(graph, sparse.csr_array)
    assert graph.dtype == dtype
    assert graph.has_canonical_format
    assert (graph.data > 0).all()
    expected = dense_twin(X.astype(float), 5, weights, bandwidth)
    np.testing.assert_allclose(graph.toarray(), expected, rtol=0, atol=40 * np.finfo(dtype).eps)
    np.testing.assert_array_equal(graph.toarray(), graph.toarray().T)
    assert not graph.diagonal().any()


def test_binary_graph_equals_scikit_learn(X):
    peer = kneighbors_graph(X, 6)
    np.testing.assert_array_equal(knn_graph(X, 6).toarray(), peer.maximum(peer.T).toarray())


def test_cosine_weights_on_euclidean_neighbours(X):
    graph = knn_graph(X, 5, weights="cosine", metric="euclidean").toarray()
    expected = np.where(knn_graph(X, 5).toarray() > 0, np.maximum(1 - cdist(X, X, "cosine"), 0), 0)
    np.testing.assert_allclose(graph, expected, atol=1e-13)


def test_mean_pairwise_distance_over_several_blocks():
    X = np.random.default_rng(1).normal(size=(1300, 3)) + 50
    # exp(-d^2 / (2 t^2)) of the first sample's nearest neighbour gives t back.
    graph = knn_graph(X, 1, weights="heat", bandwidth="pairwise")
    distances = cdist(X, X)
    row, column = graph.nonzero()
    t = distances[row[0], column[0]] / np.sqrt(-2 * np.log(graph[row[0], column[0]]))
    np.testing.assert_allclose(t, distances.mean(), rtol=1e-6)


def test_duplicates_and_two_samples():
    np.testing.assert_array_equal(knn_graph([[1.0], [2.0]], 1).toarray(), [[0, 1], [1, 0]])
    graph = knn_graph(np.ones((5, 2)), 1).toarray()
    assert graph[0, 1] == graph[1, 0] == 1
    with pytest.raises(ValueError, match="bandwidth='neighbours' is zero"):
        knn_graph(np.ones((5, 2)), 1, weights="heat")


@pytest.mark.parametrize("weights", ["binary", "heat", "cosine"])
def test_threads_change_no_bit(weights):
    X = np.random.default_rng(2).normal(size=(1200, 10))
    one, two = (knn_graph(X, 5, weights=weights, bandwidth="pairwise", n_jobs=n) for n in (1, 3))
    assert (one != two).nnz == 0


@pytest.mark.parametrize("normalized", [False, True])
@pytest.mark.parametrize("weights", ["binary", "heat"])
def test_laplacian_equals_scipy(X, normalized, weights):
    graph = knn_graph(X, 4, weights=weights)
    ours = laplacian(graph, normalized=normalized)
    expected = csgraph.laplacian(graph.toarray(), normed=normalized)
    np.testing.assert_allclose(ours.toarray(), expected, atol=1e-14)
    eigenvalues = np.linalg.eigvalsh(ours.toarray())
    assert eigenvalues[0] == pytest.approx(0, abs=1e-12)
    if normalized:
        assert eigenvalues[-1] <= 2 + 1e-12
    else:
        np.testing.assert_allclose(ours @ np.ones(len(X)), 0, atol=1e-13)


def test_laplacian_measures_differences_along_edges(X):
    graph = knn_graph(X, 4, weights="heat")
    S = np.random.default_rng(3).normal(size=(7, len(X)))
    differences = np.square(S[:, :, None] - S[:, None, :]).sum(axis=0)
    expected = 0.5 * (graph.toarray() * differences).sum()
    np.testing.assert_allclose(np.trace(S @ (laplacian(graph) @ S.T)), expected)


def test_laplacian_of_isolated_samples_and_self_loops():
    W = sparse.csr_array(np.array([[2.0, 3.0, 0.0], [3.0, 0.0, 0.0], [0.0, 0.0, 0.0]]))
    np.testing.assert_array_equal(laplacian(W).toarray(), [[3, -3, 0], [-3, 3, 0], [0, 0, 0]])
    np.testing.assert_allclose(
        laplacian(W, normalized=True).toarray(), [[1, -1, 0], [-1, 1, 0], [0, 0, 0]]
    )
    assert laplacian(W.astype(np.float32)).dtype == np.float32


def test_unfit_arguments_are_refused(X):
    with pytest.raises(ValueError, match="weights must be one of binary, heat, cosine, got 'h'"):
        knn_graph(X, weights="h")
    with pytest.raises(ValueError, match="metric must be 'euclidean' for weights='heat'"):
        knn_graph(X, weights="heat", metric="cosine")
    with pytest.raises(ValueError, match="bandwidth must be greater than 0, got -1"):
        knn_graph(X, weights="heat", bandwidth=-1)
    with pytest.raises(ValueError, match=r"bandwidth must be a number, .* got 'median'"):
        knn_graph(X, weights="heat", bandwidth="median")
    with pytest.raises(ValueError, match="n_neighbors must be at most 119"):
        knn_graph(X, 120)
    with pytest.raises(TypeError, match="W must be a scipy sparse array, got ndarray"):
        laplacian(np.eye(3))
    with pytest.raises(ValueError, match="W must be square"):
        laplacian(sparse.csr_array((2, 3)))
    with pytest.raises(ValueError, match="W must be symmetric"):
        laplacian(sparse.csr_array(np.triu(np.ones((3, 3)))))
    with pytest.raises(ValueError, match="W must have finite, non-negative weights"):
        laplacian(sparse.csr_array(-np.ones((3, 3))))
