"""Lagrange dual, optimal directions and approximate K-SVD against their defining equations."""

import numpy as np
import pytest

from sparsetransfer import _core
from sparsetransfer.dictionary import Statistics, update_dictionary


def problem(seed=0, n=60, k=9, d=7, density=0.3, dtype=np.float64):
    rng = np.random.default_rng(seed)
    codes = rng.normal(size=(n, k)) * (rng.random((n, k)) < density)
    dictionary = rng.normal(size=(k, d))
    dictionary /= np.linalg.norm(dictionary, axis=1, keepdims=True)
    signals = codes @ dictionary[::-1] + 0.3 * rng.normal(size=(n, d))
    return signals.astype(dtype), codes.astype(dtype), dictionary.astype(dtype)


def statistics(signals, codes):
    return codes.T @ codes, codes.T @ signals


def value(A, B, dictionary):
    return 0.5 * np.sum((dictionary @ dictionary.T) * A) - np.sum(dictionary * B)


def lagrange_dual(A, B, dictionary, max_iterations=100, tolerance=1e-12):
    result = dictionary.copy()
    report = _core.dictionary_lagrange_dual(
        A, B, result, max_iterations=max_iterations, tolerance=tolerance, num_threads=1
    )
    return result, *report


def block_coordinate(A, B, dictionary, passes):
    result = dictionary.copy()
    _core.dictionary_block_coordinate(
        A, B, result, passes=passes, tolerance=1e-14, positive=False, num_threads=1
    )
    return result


def ksvd(signals, codes, dictionary, alpha, threads=1, **positive):
    codes, dictionary = codes.copy(), dictionary.copy()
    flags = {"positive_dictionary": False, "positive_codes": False} | positive
    fit = _core.dictionary_ksvd(
        signals, codes, dictionary, alpha=alpha, num_threads=threads, **flags
    )
    return codes, dictionary, fit


def test_objective_is_its_formula():
    signals, codes, dictionary = problem(k=150, d=20)
    A, B = statistics(signals, codes)
    reached = _core.dictionary_objective(A, B, dictionary, num_threads=2)
    assert reached == pytest.approx(value(A, B, dictionary), rel=1e-12)
    whole = 0.5 * np.sum((signals - codes @ dictionary) ** 2)
    assert reached + 0.5 * np.sum(signals**2) == pytest.approx(whole, rel=1e-10)


@pytest.mark.parametrize("shape", [(60, 9, 7), (200, 30, 10), (50, 1, 4), (12, 25, 6)])
def test_dual_and_coordinate_descent_meet(shape):
    n, k, d = shape
    signals, codes, dictionary = problem(1, n, k, d)
    A, B = statistics(signals, codes)
    dual, converged, _, gap = lagrange_dual(A, B, dictionary)
    slow = block_coordinate(A, B, dictionary, 100_000)
    assert converged
    assert gap <= 1e-10 * abs(value(A, B, dual))
    assert value(A, B, dual) == pytest.approx(value(A, B, slow), rel=1e-8)
    assert np.linalg.norm(dual, axis=1).max() <= 1 + 1e-12


def test_the_gap_bounds_the_distance_to_the_optimum():
    signals, codes, dictionary = problem(2, 300, 40, 12)
    A, B = statistics(signals, codes)
    best = value(A, B, lagrange_dual(A, B, dictionary)[0])
    for iterations in range(1, 5):
        reached, _, _, gap = lagrange_dual(A, B, dictionary, max_iterations=iterations)
        assert value(A, B, reached) - best <= gap * (1 + 1e-9) + 1e-12
        assert value(A, B, reached) <= value(A, B, dictionary)


def test_dual_keeps_unused_atoms_and_float32():
    signals, codes, dictionary = problem(3, dtype=np.float32)
    codes[:, 4] = 0
    A, B = statistics(signals, codes)
    reached, _, _, _ = lagrange_dual(A, B, dictionary, tolerance=1e-6)
    assert reached.dtype == np.float32
    np.testing.assert_array_equal(reached[4], dictionary[4])
    assert value(A, B, reached) < value(A, B, dictionary)


def test_dual_of_an_optimal_dictionary_stops_at_once():
    signals, codes, dictionary = problem(4)
    A, B = statistics(signals, codes)
    best, _, first, _ = lagrange_dual(A, B, dictionary)
    _, converged, iterations, _ = lagrange_dual(A, B, best, tolerance=1e-9)
    assert converged
    assert iterations == 0 < first


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_overflow_is_an_error(broken):
    signals, codes, dictionary = problem()
    A, B = statistics(signals, codes)
    A[0, 0] = broken
    with pytest.raises(ArithmeticError, match="overflow: divide the signals"):
        lagrange_dual(A, B, dictionary)


@pytest.mark.parametrize("method", ["lagrange_dual", "optimal_directions"])
@pytest.mark.parametrize("A", [[[1.0, 2.0], [2.0, 1.0]], [[1e308, 0.0], [0.0, 1e308]]])
def test_statistics_of_no_codes_are_refused(method, A):
    sums = Statistics(2, 3)
    sums.A[:] = A
    sums.B[:] = 1e308 if sums.A[0, 0] > 1 else 1.0
    if sums.A[0, 0] > 1:
        update_dictionary(
            np.eye(2, 3), sums, dictionary_update=method
        )  # large, but a sum of products
        sums.A[:] = [[1.0, 1e300], [1e300, 1.0]]
    with pytest.raises(ArithmeticError, match="not positive semi-definite"):
        update_dictionary(np.eye(2, 3), sums, dictionary_update=method)


@pytest.mark.parametrize("method", ["lagrange_dual", "optimal_directions"])
def test_tiny_statistics_give_the_update_of_their_multiple(method):
    rng = np.random.default_rng(3)
    codes = rng.integers(-1, 2, (30, 4)).astype(float)
    signals = rng.integers(-2, 3, (30, 5)).astype(float)
    sums, tiny = Statistics(4, 5).add(signals, codes), Statistics(4, 5)
    tiny.A[:], tiny.B[:] = np.ldexp(sums.A, -1074), np.ldexp(sums.B, -1074)  # the last denormals
    start = np.eye(4, 5)
    updated = update_dictionary(start, sums, dictionary_update=method, passes=50)
    np.testing.assert_array_equal(
        update_dictionary(start, tiny, dictionary_update=method, passes=50), updated
    )
    assert not np.array_equal(updated, start)


@pytest.mark.parametrize(("n", "k"), [(60, 9), (12, 25)])
def test_optimal_directions_are_least_squares(n, k):
    signals, codes, dictionary = problem(5, n, k)
    A, B = statistics(signals, codes)
    moved = dictionary.copy()
    _core.dictionary_optimal_directions(A, B, moved, num_threads=1)
    best = np.linalg.lstsq(codes, signals, rcond=None)[0]
    residual = np.sum((signals - codes @ best) ** 2)
    assert np.sum((signals - codes @ moved) ** 2) == pytest.approx(residual, rel=1e-9, abs=1e-9)


def reference_ksvd(signals, codes, dictionary, alpha):
    codes, dictionary = codes.copy(), dictionary.copy()
    for j in range(len(dictionary)):
        users = codes[:, j] != 0
        if not users.any():
            continue
        error = (
            signals[users] - codes[users] @ dictionary + np.outer(codes[users, j], dictionary[j])
        )
        g = codes[users, j]
        atom = error.T @ g / (g @ g)
        norm = np.linalg.norm(atom)
        atom /= max(1, norm) if alpha else norm
        match = error @ atom
        codes[users, j] = np.sign(match) * np.maximum(np.abs(match) - alpha, 0) / (atom @ atom)
        dictionary[j] = atom
    return codes, dictionary


@pytest.mark.parametrize("alpha", [0.0, 0.3])
def test_ksvd_is_the_published_update(alpha):
    signals, codes, dictionary = problem(6, n=900)
    got_codes, got_dictionary, fit = ksvd(signals, codes, dictionary, alpha)
    want_codes, want_dictionary = reference_ksvd(signals, codes, dictionary, alpha)
    np.testing.assert_allclose(got_dictionary, want_dictionary, atol=1e-11)
    np.testing.assert_allclose(got_codes, want_codes, atol=1e-11)
    assert fit == pytest.approx(0.5 * np.sum((signals - got_codes @ got_dictionary) ** 2))


@pytest.mark.parametrize("alpha", [0.0, 0.2])
@pytest.mark.parametrize("positive", [False, True])
def test_ksvd_never_raises_the_objective(alpha, positive):
    signals, codes, dictionary = problem(7, n=200, k=15)
    if positive:
        signals, codes, dictionary = np.abs(signals), np.abs(codes), np.abs(dictionary)
    last = 0.5 * np.sum((signals - codes @ dictionary) ** 2) + alpha * np.abs(codes).sum()
    first = last
    for _ in range(6):
        codes, dictionary, fit = ksvd(
            signals, codes, dictionary, alpha, positive_dictionary=positive, positive_codes=positive
        )
        reached = fit + alpha * np.abs(codes).sum()
        assert reached <= last * (1 + 1e-12)
        last = reached
    assert last < 0.95 * first
    if positive:
        assert min(codes.min(), dictionary.min()) >= 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_ksvd_bits_do_not_depend_on_threads(dtype):
    signals, codes, dictionary = problem(8, n=6000, k=20, d=200, dtype=dtype)
    one = ksvd(signals, codes, dictionary, 0.1)
    for threads in (2, 3, 7):
        other = ksvd(signals, codes, dictionary, 0.1, threads)
        np.testing.assert_array_equal(other[0], one[0])
        np.testing.assert_array_equal(other[1], one[1])
        assert other[2] == one[2]


def test_ksvd_drops_an_atom_that_is_best_at_zero():
    signals = -np.ones((5, 3))
    codes, dictionary, fit = ksvd(
        signals, np.ones((5, 1)), np.eye(1, 3), 0.0, positive_dictionary=True, positive_codes=True
    )
    assert np.all(codes == 0)
    np.testing.assert_array_equal(dictionary, np.eye(1, 3))
    assert fit == pytest.approx(7.5)
