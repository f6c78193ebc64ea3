"""The compiled dictionary kernels against brute force and their own invariants."""

import numpy as np
import pytest

from sparsetransfer import _core

THREADS = (1, 2, 3, 7)


def sparse_codes(rng, n, k, density=0.2):
    codes = rng.normal(size=(n, k))
    codes[rng.random((n, k)) > density] = 0.0
    return codes


def unit_rows(rng, k, d):
    rows = rng.normal(size=(k, d))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def problem(seed=0, n=60, k=9, d=7, dtype=np.float64):
    rng = np.random.default_rng(seed)
    codes = sparse_codes(rng, n, k)
    signals = codes @ unit_rows(rng, k, d) + 0.1 * rng.normal(size=(n, d))
    dictionary = unit_rows(rng, k, d)
    return signals.astype(dtype), codes.astype(dtype), dictionary.astype(dtype)


def statistics(signals, codes, weights=(), threads=1):
    k, d = codes.shape[1], signals.shape[1]
    A = np.zeros((k, k), signals.dtype)
    B = np.zeros((k, d), signals.dtype)
    weights = np.asarray(weights, signals.dtype)
    _core.dictionary_accumulate(signals, codes, weights, A, B, num_threads=threads)
    return A, B


def surrogate(A, B, dictionary):
    """tr(DᵀD A)/2 − tr(DᵀB), the part of the objective that depends on the dictionary."""
    return 0.5 * np.sum((dictionary @ dictionary.T) * A) - np.sum(dictionary * B)


def update(A, B, dictionary, passes=1, tolerance=0.0, positive=False, threads=1):
    result = dictionary.copy()
    _core.dictionary_block_coordinate(
        A, B, result, passes=passes, tolerance=tolerance, positive=positive, num_threads=threads
    )
    return result


def plain_update(A, B, dictionary, positive):
    """The published update, one atom at a time, from its equation."""
    dictionary = dictionary.copy()
    for j in range(len(dictionary)):
        if A[j, j] <= np.finfo(A.dtype).eps * A.diagonal().max():
            continue
        u = dictionary[j] + (B[j] - A[j] @ dictionary) / A[j, j]
        if positive:
            u = np.maximum(u, 0)
        dictionary[j] = u / max(1, np.linalg.norm(u))
    return dictionary


def projected_gradient(A, B, dictionary, positive, steps=200_000):
    """Accelerated projected gradient to convergence: the optimum, whatever the update's path."""
    dictionary, point, momentum = dictionary.copy(), dictionary.copy(), 1.0
    step = 1 / np.linalg.norm(A, 2)
    for _ in range(steps):
        previous = dictionary
        dictionary = point - step * (A @ point - B)
        if positive:
            dictionary = np.maximum(dictionary, 0)
        dictionary /= np.maximum(1, np.linalg.norm(dictionary, axis=1, keepdims=True))
        if np.sum((point - dictionary) * (dictionary - previous)) > 0:
            momentum = 1.0
        following = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        point = dictionary + (momentum - 1) / following * (dictionary - previous)
        momentum = following
        if np.abs(dictionary - previous).max() < 1e-13:
            break
    return dictionary


@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("shape", [(60, 9, 7), (50, 1, 4), (300, 75, 70), (20, 33, 3)])
def test_one_pass_is_the_published_update(shape, positive):
    n, k, d = shape
    signals, codes, dictionary = problem(n=n, k=k, d=d)
    A, B = statistics(signals, codes)
    expected = plain_update(A, B, dictionary, positive)
    np.testing.assert_allclose(update(A, B, dictionary, positive=positive), expected, atol=1e-11)


@pytest.mark.parametrize("positive", [False, True])
def test_many_passes_reach_the_optimum(positive):
    signals, codes, dictionary = problem(seed=1)
    A, B = statistics(signals, codes)
    reached = surrogate(A, B, update(A, B, dictionary, passes=5000, positive=positive))
    best = surrogate(A, B, projected_gradient(A, B, dictionary, positive))
    assert reached == pytest.approx(best, rel=1e-10)


def test_every_pass_lowers_the_objective():
    signals, codes, dictionary = problem(seed=2, k=40, d=5)
    A, B = statistics(signals, codes)
    values = [surrogate(A, B, update(A, B, dictionary, passes=p)) for p in range(1, 12)]
    assert np.all(np.diff([surrogate(A, B, dictionary), *values]) <= 1e-12)
    assert values[-1] < values[0]


def test_the_tolerance_ends_the_passes():
    signals, codes, dictionary = problem(seed=3)
    A, B = statistics(signals, codes)

    def passes(tolerance):
        return _core.dictionary_block_coordinate(
            A,
            B,
            dictionary.copy(),
            passes=10_000,
            tolerance=tolerance,
            positive=False,
            num_threads=1,
        )

    assert 1 == passes(10.0) < passes(1e-3) < passes(1e-6) < 10_000


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bits_do_not_depend_on_threads(dtype):
    signals, codes, dictionary = problem(seed=4, n=5000, k=150, d=200, dtype=dtype)
    weights = np.random.default_rng(0).random(len(signals))
    A, B = statistics(signals, codes, weights)
    D = update(A, B, dictionary, passes=2)
    for threads in THREADS[1:]:
        other_A, other_B = statistics(signals, codes, weights, threads)
        np.testing.assert_array_equal(other_A, A)
        np.testing.assert_array_equal(other_B, B)
        np.testing.assert_array_equal(update(A, B, dictionary, passes=2, threads=threads), D)


@pytest.mark.parametrize("density", [0.02, 0.1, 0.6])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("dtype", "rtol"), [(np.float64, 1e-12), (np.float32, 1e-5)])
def test_statistics_are_the_matrix_products(density, weighted, dtype, rtol):
    rng = np.random.default_rng(5)
    n, k, d = 4500, 140, 70
    codes = sparse_codes(rng, n, k, density).astype(dtype)
    signals = rng.normal(size=(n, d)).astype(dtype)
    weights = rng.random(n) if weighted else np.ones(n)
    A, B = statistics(signals, codes, weights if weighted else ())
    exact = codes.T.astype(float) * weights
    np.testing.assert_array_equal(A, A.T)
    np.testing.assert_allclose(A, exact @ codes, atol=rtol * n, rtol=rtol)
    np.testing.assert_allclose(B, exact @ signals, atol=rtol * n, rtol=rtol)


def test_statistics_add_to_what_is_there():
    signals, codes, _ = problem(seed=6)
    whole = statistics(signals, codes)
    A, B = statistics(signals[:20], codes[:20])
    _core.dictionary_accumulate(signals[20:], codes[20:], np.empty(0), A, B, num_threads=1)
    np.testing.assert_allclose(A, whole[0], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(B, whole[1], rtol=1e-12, atol=1e-12)


def test_unused_atoms_stay_as_they_are():
    signals, codes, dictionary = problem(seed=7)
    codes[:, [2, 5]] = 0
    result = update(*statistics(signals, codes), dictionary)
    np.testing.assert_array_equal(result[[2, 5]], dictionary[[2, 5]])
    assert np.all(result[3] != dictionary[3])


def test_codes_of_zero_change_nothing():
    signals, codes, dictionary = problem(seed=8)
    result = update(*statistics(signals, np.zeros_like(codes)), dictionary, passes=3)
    np.testing.assert_array_equal(result, dictionary)


def test_chosen_atoms_become_the_worst_signals():
    rng = np.random.default_rng(3)
    signals = rng.normal(size=(4, 5)) * np.array([[1.0], [4.0], [2.0], [3.0]])
    dictionary, codes = np.zeros((6, 5)), np.zeros((4, 6))
    options = {"positive": False, "num_threads": 1}
    atoms = np.array([1, 4, 5])
    replaced = _core.dictionary_replace_atoms(signals, atoms, codes, dictionary, **options)
    assert replaced.tolist() == [1, 4, 5]
    order = np.argsort(-np.linalg.norm(signals, axis=1))[:3]
    expected = signals[order] / np.linalg.norm(signals[order], axis=1, keepdims=True)
    np.testing.assert_allclose(dictionary[atoms], expected)
    assert not dictionary[[0, 2, 3]].any()
    for wrong in ([4, 1], [1, 1], [-1], [6]):
        with pytest.raises(ValueError, match="atoms must be ascending column numbers"):
            _core.dictionary_replace_atoms(signals, np.array(wrong), codes, dictionary, **options)


def test_dead_atoms_become_the_worst_signals():
    signals, codes, dictionary = problem(seed=9)
    codes[:, [1, 4]] = 0
    signals[13] *= 50
    signals[14] = -3 * signals[13]  # the same direction: must not be taken twice
    before = 0.5 * np.sum((signals - codes @ dictionary) ** 2)
    error = np.sum((signals - codes @ dictionary) ** 2, axis=1)
    error[13] = 0
    runner_up = np.argmax(np.where(np.arange(len(error)) == 14, 0, error))
    new, new_codes = dictionary.copy(), codes.copy()
    replaced = _core.dictionary_replace_dead_atoms(
        signals, new_codes, new, positive=False, num_threads=2
    )
    np.testing.assert_array_equal(replaced, [1, 4])
    np.testing.assert_allclose(new[1], signals[14] / np.linalg.norm(signals[14]))
    np.testing.assert_allclose(new[4], signals[runner_up] / np.linalg.norm(signals[runner_up]))
    assert 0.5 * np.sum((signals - new_codes @ new) ** 2) == pytest.approx(before, rel=1e-13)
    kept = np.setdiff1d(np.arange(len(new)), replaced)
    np.testing.assert_array_equal(new[kept], dictionary[kept])


def test_perfectly_explained_signals_replace_nothing():
    _, codes, dictionary = problem(seed=10)
    codes[:, 3] = 0
    new = dictionary.copy()
    replaced = _core.dictionary_replace_dead_atoms(
        codes @ dictionary, codes, new, positive=False, num_threads=1
    )
    assert replaced.size == 0
    np.testing.assert_array_equal(new, dictionary)


def test_positive_replacements_are_positive():
    signals, codes, dictionary = problem(seed=11)
    codes[:, 0] = 0
    new = np.abs(dictionary)
    _core.dictionary_replace_dead_atoms(signals, codes, new, positive=True, num_threads=1)
    assert new.min() >= 0
    assert np.linalg.norm(new[0]) == pytest.approx(1)


@pytest.mark.parametrize("positive_codes", [False, True])
def test_duplicate_atoms_merge_without_changing_the_objective(positive_codes):
    _signals, codes, dictionary = problem(seed=12)
    dictionary[3] = dictionary[1]
    dictionary[6] = dictionary[3]
    dictionary[5] = -dictionary[0]
    new = codes.copy()
    merged = _core.dictionary_merge_duplicate_atoms(
        dictionary, new, tolerance=1e-12, positive_codes=positive_codes, num_threads=1
    )
    assert merged == (2 if positive_codes else 3)
    assert np.all(new[:, [3, 6]] == 0)
    assert np.all(new[:, 5] == 0) != positive_codes
    np.testing.assert_allclose(new @ dictionary, codes @ dictionary, atol=1e-12)
    assert np.abs(new).sum() <= np.abs(codes).sum()


def test_wrong_shapes_are_refused():
    signals, codes, dictionary = problem()
    A, B = statistics(signals, codes)
    with pytest.raises(ValueError, match="A must have shape"):
        update(A[:-1, :-1].copy(), B, dictionary)
    with pytest.raises(ValueError, match="weights must be empty or have one"):
        statistics(signals, codes, np.ones(3))
