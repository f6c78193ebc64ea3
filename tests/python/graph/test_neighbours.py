import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from sparsetransfer.graph import nearest_neighbours


def brute_force(X, n_neighbors, query=None, metric="euclidean"):
    """Order by the plain sum of squared differences in float64, ties by index."""
    reference = np.asarray(X, np.float64)
    queries = reference if query is None else np.asarray(query, np.float64)
    indices, distances = [], []
    for i, x in enumerate(queries):
        if metric == "euclidean":
            row = np.sqrt(np.square(reference - x).sum(axis=1))
        else:
            products = np.linalg.norm(reference, axis=1) * np.linalg.norm(x)
            row = np.ones(len(reference))
            np.divide(reference @ x, products, out=row, where=products > 0)
            row = np.where(products > 0, 1 - row, 1)
        if query is None:
            row[i] = np.inf
        order = np.argsort(row, kind="stable")[:n_neighbors]
        indices.append(order)
        distances.append(row[order])
    return np.array(indices), np.array(distances)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("n", "n_queries", "d", "k"), [(700, 90, 5, 7), (1100, 65, 40, 1)])
def test_agrees_with_brute_force_and_scikit_learn(metric, dtype, n, n_queries, d, k):
    rng = np.random.default_rng(0)
    X = (rng.normal(size=(n, d)) + 3).astype(dtype)
    query = (rng.normal(size=(n_queries, d)) + 3).astype(dtype)
    indices, distances = nearest_neighbours(X, k, query=query, metric=metric)
    expected, expected_distances = brute_force(X, k, query, metric)
    np.testing.assert_array_equal(indices, expected)
    assert distances.dtype == dtype
    np.testing.assert_allclose(
        distances, expected_distances, rtol=8 * np.finfo(dtype).eps, atol=1e-14
    )
    peer = NearestNeighbors(n_neighbors=k, metric=metric, algorithm="brute")
    _, peer_indices = peer.fit(X.astype(float)).kneighbors(query.astype(float))
    np.testing.assert_array_equal(indices, peer_indices)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_a_sample_is_not_its_own_neighbour(metric):
    X = np.random.default_rng(1).normal(size=(150, 4))
    indices, _ = nearest_neighbours(X, 10, metric=metric)
    assert not (indices == np.arange(150)[:, None]).any()
    np.testing.assert_array_equal(indices, brute_force(X, 10, metric=metric)[0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_cancellation_does_not_disturb_order_or_duplicates(dtype):
    # Far from the origin |x|^2 + |y|^2 - 2 x'y has no correct digit in float32.
    rng = np.random.default_rng(2)
    X = (rng.integers(0, 3, size=(400, 3)) + 4096.0).astype(dtype)
    X[::7, 0] += 300
    indices, distances = nearest_neighbours(X, 12)
    expected, expected_distances = brute_force(X, 12)
    np.testing.assert_array_equal(indices, expected)
    np.testing.assert_array_equal(distances, expected_distances.astype(dtype))
    assert (distances[:, 0] == 0).mean() > 0.9


def test_ties_go_to_the_lower_index():
    indices, distances = nearest_neighbours(np.zeros((300, 2)), 4)
    assert indices[0].tolist() == [1, 2, 3, 4]
    assert indices[299].tolist() == [0, 1, 2, 3]
    assert (distances == 0).all()
    grid = np.stack(np.meshgrid(np.arange(12.0), np.arange(12.0)), -1).reshape(-1, 2)
    np.testing.assert_array_equal(nearest_neighbours(grid, 9)[0], brute_force(grid, 9)[0])


def test_a_zero_sample_has_cosine_distance_one_to_all():
    indices, distances = nearest_neighbours(
        [[0.0, 0.0], [1.0, 0.0], [-1.0, 1.0], [0.0, 0.0]], 3, metric="cosine"
    )
    assert indices[0].tolist() == [1, 2, 3]
    np.testing.assert_array_equal(distances[0], 1)
    np.testing.assert_array_equal(distances[1, :2], 1)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_threads_change_no_bit(metric, dtype):
    X = np.random.default_rng(3).normal(size=(1500, 20)).astype(dtype)
    one = nearest_neighbours(X, 5, metric=metric, n_jobs=1)
    for threads in (2, 5):
        many = nearest_neighbours(X, 5, metric=metric, n_jobs=threads)
        np.testing.assert_array_equal(one[0], many[0])
        np.testing.assert_array_equal(one[1], many[1])


def test_shifting_and_permuting_the_samples():
    rng = np.random.default_rng(4)
    X = rng.normal(size=(200, 6))
    indices, distances = nearest_neighbours(X, 5)
    np.testing.assert_array_equal(nearest_neighbours(X + 10, 5)[0], indices)
    order = rng.permutation(200)
    permuted, permuted_distances = nearest_neighbours(X[order], 5)
    np.testing.assert_array_equal(order[permuted], indices[order])
    np.testing.assert_array_equal(permuted_distances, distances[order])


def test_edges_of_the_range():
    X = np.random.default_rng(5).normal(size=(6, 2))
    assert sorted(nearest_neighbours(X, 6, query=X[:1])[0][0]) == list(range(6))
    assert nearest_neighbours(X[:1], 1, query=X)[0].tolist() == [[0]] * 6
    with pytest.raises(ValueError, match=r"n_neighbors must be at most 5, .* got 6"):
        nearest_neighbours(X, 6)
    with pytest.raises(ValueError, match=r"n_neighbors must be at most 6, .* got 7"):
        nearest_neighbours(X, 7, query=X)
    with pytest.raises(ValueError, match="n_neighbors must be at most 0"):
        nearest_neighbours(X[:1], 1)
    with pytest.raises(ValueError, match="n_neighbors must be at least 1"):
        nearest_neighbours(X, 0)


def test_unfit_arguments_are_refused():
    X = np.ones((5, 3))
    with pytest.raises(ValueError, match="metric must be one of euclidean, cosine, got 'l1'"):
        nearest_neighbours(X, 1, metric="l1")
    with pytest.raises(ValueError, match="query must have 3 features, got 2"):
        nearest_neighbours(X, 1, query=np.ones((5, 2)))
    with pytest.raises(ValueError, match="X must be finite"):
        nearest_neighbours(np.full((5, 3), np.nan), 1)
