"""Learning from all samples and from mini-batches: monotone, certified, reproducible."""

import time
import warnings

import numpy as np
import pytest
from sklearn.decomposition import DictionaryLearning as Reference

from sparsetransfer.dictionary import learn_dictionary, learn_dictionary_online, update_dictionary
from sparsetransfer.dictionary.result import LearnedDictionary
from sparsetransfer.dictionary.steps.updates import update_ksvd
from sparsetransfer.exceptions import ConvergenceWarning

METHODS = ("block_coordinate", "lagrange_dual", "optimal_directions", "ksvd")
THREADS = (2, 3, 7)


def signals(seed=0, n=150, d=8, k=12, dtype=np.float64):
    """Sparse combinations of hidden atoms, with noise."""
    rng = np.random.default_rng(seed)
    atoms = rng.normal(size=(k, d))
    atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
    codes = rng.normal(size=(n, k)) * (rng.random((n, k)) < 0.2)
    return (3 * codes @ atoms + 0.1 * rng.normal(size=(n, d))).astype(dtype)


def objective(X, result, alpha, weights=1.0):
    per_sample = 0.5 * np.sum((X - result.codes @ result.components) ** 2, axis=1)
    return np.sum(weights * (per_sample + alpha * np.abs(result.codes).sum(axis=1)))


def learn(X, k=12, *, online=False, **options) -> LearnedDictionary:
    options = {"alpha": 0.2, "rng": 0} | options
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return (learn_dictionary_online if online else learn_dictionary)(X, k, **options)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("init", ["samples", "svd"])
def test_the_objective_never_rises_and_is_what_it_says(method, init):
    X = signals()
    result = learn(X, dictionary_update=method, init=init, max_iter=40)
    assert np.all(np.diff(result.history) <= 1e-10 * result.history[0])
    assert result.history[-1] < 0.9 * result.history[0]
    assert result.objective <= result.history[-1] * (1 + 1e-12)
    assert result.objective == pytest.approx(objective(X, result, 0.2), rel=1e-10)
    assert np.linalg.norm(result.components, axis=1).max() <= 1 + 1e-12
    assert result.duality_gap < 1e-7
    assert result.kkt_violation < 1e-6


@pytest.mark.parametrize("positive_codes", [False, True])
@pytest.mark.parametrize("method", ["block_coordinate", "ksvd"])
def test_positive_parts_stay_positive(method, positive_codes):
    X = np.abs(signals(1))
    result = learn(
        X, dictionary_update=method, positive_code=positive_codes, positive_dict=True, max_iter=15
    )
    assert result.components.min() >= 0
    assert (result.codes.min() >= 0) == positive_codes
    assert np.all(np.diff(result.history) <= 1e-10 * result.history[0])


def test_a_converged_dictionary_is_stationary():
    result = learn(signals(2), tol=1e-9, max_iter=5000)
    assert result.status == "converged"
    assert result.converged
    assert result.stationarity < 1e-3
    # No step in any direction of the unit balls lowers the objective at fixed codes.
    best = update_dictionary(
        result.components,
        result.statistics,
        dictionary_update="lagrange_dual",
        passes=200,
        tol=1e-12,
    )
    gained = result.objective - result.statistics.objective(best, 0.2)
    assert 0 <= gained < 1e-5 * result.objective


def test_agrees_with_scikit_learn_on_the_objective():
    """The same dictionary costs the same, and ours goes on from where it stopped."""
    X = signals(3, n=80)
    reference = Reference(6, alpha=0.2, max_iter=5, transform_algorithm="lasso_lars").fit(X)
    codes = reference.transform(X)
    cost = 0.5 * np.sum((X - codes @ reference.components_) ** 2) + 0.2 * np.abs(codes).sum()
    same = learn(X, 6, dict_init=reference.components_, max_iter=0)
    assert same.objective == pytest.approx(cost, rel=1e-6)
    assert learn(X, 6, dict_init=reference.components_).objective < cost


@pytest.mark.parametrize("online", [False, True])
def test_weights_are_repetitions(online):
    X = signals(4, n=40)
    counts = np.random.default_rng(0).integers(1, 4, size=len(X))
    start = X[:12] / np.linalg.norm(X[:12], axis=1, keepdims=True)
    options = {"dict_init": start, "online": online}
    # One batch: only then do repetitions share their batch's dictionary.
    options |= {"batch_size": 1000, "n_epochs": 5} if online else {"max_iter": 10, "tol": 0.0}
    weighted = learn(X, sample_weight=counts, **options)
    repeated = learn(np.repeat(X, counts, axis=0), **options)
    np.testing.assert_allclose(weighted.components, repeated.components, atol=1e-7)
    assert weighted.objective == pytest.approx(repeated.objective, rel=1e-9)
    assert weighted.objective == pytest.approx(objective(X, weighted, 0.2, counts), rel=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("online", [False, True])
def test_bits_do_not_depend_on_threads(dtype, online):
    X = signals(5, n=700, d=24, dtype=dtype)
    options = {"n_epochs": 2} if online else {"max_iter": 5}
    one = learn(X, 40, online=online, n_jobs=1, **options)
    assert one.components.dtype == one.codes.dtype == dtype
    for threads in THREADS:
        other = learn(X, 40, online=online, n_jobs=threads, **options)
        np.testing.assert_array_equal(other.components, one.components)
        np.testing.assert_array_equal(other.codes, one.codes)
        assert other.objective == one.objective


def test_single_precision_reaches_the_same_objective():
    X = signals(6, n=300)
    wide = learn(X, max_iter=30, tol=0.0)
    narrow = learn(X.astype(np.float32), max_iter=30, tol=0.0)
    assert narrow.objective == pytest.approx(wide.objective, rel=1e-3)


@pytest.mark.parametrize("online", [False, True])
def test_dead_atoms_are_revived(online):
    X = signals(7, n=600)
    start = np.vstack([X[:6] / np.linalg.norm(X[:6], axis=1, keepdims=True), np.zeros((6, 8))])
    options = {"n_epochs": 6, "batch_size": 50} if online else {"max_iter": 20}
    result = learn(X, dict_init=start, online=online, **options)
    assert np.all(np.linalg.norm(result.components, axis=1) > 0.5)
    assert np.all(np.any(result.codes != 0, axis=0))
    few = learn(X, 6, dict_init=start[:6], online=online, **options)
    assert result.objective < few.objective


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("init", ["samples", "svd", "spread"])
def test_no_atom_is_zero_where_signals_are_few_or_alike(init, method, dtype):
    X = np.repeat(signals(12, n=4, dtype=dtype), 3, axis=0)
    result = learn(X, 20, init=init, dictionary_update=method, max_iter=10)
    size = np.linalg.norm(result.components, axis=1)
    assert size.min() > 0.5
    assert size.max() <= 1 + 1e-6
    assert result.objective <= result.history[-1] * (1 + 1e-6)
    again = learn(X, 20, init=init, dictionary_update=method, max_iter=10, n_jobs=2)
    np.testing.assert_array_equal(again.components, result.components)


@pytest.mark.parametrize("online", [False, True])
def test_atoms_without_signals_are_drawn_from_the_given_seed(online):
    X = signals(13, n=1)
    one, two = (learn(X, 6, online=online, rng=seed).components for seed in (1, 2))
    lone = np.abs(one @ two[:1].T).max(axis=1) > 1 - 1e-6
    assert lone.sum() == 1  # the signal; the others are drawn
    assert np.abs(one[~lone] @ two.T).max() < 1 - 1e-6
    for options in ({"positive_dict": True}, {"l1_ratio": 0.5}):
        atoms = learn(np.abs(X), 6, online=online, **options).components
        r = options.get("l1_ratio", 0.0)
        size = (1 - r) * (atoms**2).sum(axis=1) + r * np.abs(atoms).sum(axis=1)
        np.testing.assert_allclose(size, 1, rtol=1e-12)
        assert r or atoms.min() >= 0
    mask = np.ones(X.shape, bool)
    mask[0, 0] = False
    assert learn(X, 6, online=online, mask=mask).components.any(axis=1).all()


def test_duplicate_atoms_come_apart():
    X = signals(8)
    start = np.repeat(X[:6] / np.linalg.norm(X[:6], axis=1, keepdims=True), 2, axis=0)
    result = learn(X, dict_init=start, max_iter=20)
    gram = np.abs(result.components @ result.components.T) - np.eye(12)
    assert gram.max() < 0.999
    assert np.all(np.diff(result.history) <= 1e-10 * result.history[0])


def test_first_codes_and_first_atoms_are_independent():
    X = signals(9)
    first = learn(X, max_iter=30)
    only_atoms = learn(X, max_iter=1, dict_init=first.components)
    only_codes = learn(X, max_iter=1, code_init=first.codes, init="svd")
    cold = learn(X, max_iter=1, init="svd")
    assert only_atoms.objective <= first.objective * (1 + 1e-9)
    assert only_codes.objective < cold.objective
    with pytest.raises(ValueError, match="code_init must have shape"):
        learn(X, code_init=first.codes[:-1])
    with pytest.raises(ValueError, match="dict_init must have shape"):
        learn(X, dict_init=first.components[:-1])


@pytest.mark.parametrize("online", [False, True])
def test_degenerate_signals(online):
    zero = learn(np.zeros((5, 4)), 3, online=online)
    assert zero.objective == 0
    assert not zero.codes.any()
    one = learn(np.array([[3.0, 4.0]]), 2, online=online)
    # The best code of a signal on its own direction: |x| - alpha.
    assert one.objective == pytest.approx(0.2 * (5 - 0.2) + 0.2**2 / 2)
    many = learn(signals(10, n=5), 40, online=online)
    assert np.isfinite(many.components).all()
    huge = learn(signals(11), alpha=1e6, online=online)
    assert not huge.codes.any()
    assert huge.objective == pytest.approx(0.5 * np.sum(signals(11) ** 2))


@pytest.mark.parametrize("online", [False, True])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"X": np.full((4, 3), np.nan)}, "X must be finite"),
        ({"X": np.empty((0, 3))}, "at least 1 sample"),
        ({"alpha": -1.0}, "alpha must be at least 0"),
        ({"init": "pca"}, "init must be one of"),
        ({"sample_weight": [1.0]}, "sample_weight must have 20 entries"),
        ({"k": 0}, "n_components must be at least 1"),
    ],
)
def test_misuse_is_refused(online, options, message):
    options = {"X": signals(12, n=20), "k": 3} | options
    with pytest.raises(ValueError, match=message):
        learn(options.pop("X"), options.pop("k"), online=online, **options)


def test_what_cannot_go_together_is_refused():
    X = signals(12, n=20)
    with pytest.raises(ValueError, match="dictionary_update must be one of"):
        learn(X, dictionary_update="adam")
    with pytest.raises(ValueError, match="positive atoms cannot be kept"):
        learn(X, dictionary_update="lagrange_dual", positive_dict=True)
    with pytest.raises(ValueError, match="sample_weight cannot be used"):
        learn(X, dictionary_update="ksvd", sample_weight=np.ones(20))


def test_limits_are_reported():
    X = signals(13)
    with pytest.warns(ConvergenceWarning, match="did not converge in 3 iterations"):
        assert learn_dictionary(X, 5, alpha=0.2, max_iter=3, rng=0).status == "max_iter"
    quick = learn(X, max_iter=10**6, tol=0.0, time_limit=0.005)
    assert quick.status == "time_limit"
    start = time.perf_counter()
    assert learn(X, online=True, n_epochs=10**6, time_limit=0.05).status == "time_limit"
    assert time.perf_counter() - start < 5


@pytest.mark.parametrize("online", [False, True])
def test_a_callback_sees_and_stops(online):
    seen = []

    def stop_at_three(progress):
        seen.append(progress)
        assert not progress.components.flags.writeable
        return progress.iteration == 3

    options = {"batch_size": 20} if online else {"tol": 0.0}
    result = learn(signals(14), online=online, callback=stop_at_three, **options)
    assert result.status == "callback"
    assert result.n_iter == len(seen) == 3
    np.testing.assert_array_equal([p.objective for p in seen], result.history)
    assert seen[-1].n_samples_seen == (60 if online else 450)


@pytest.mark.parametrize("batch_size", [1, 7, 30, 100])
@pytest.mark.parametrize("forgetting", [0.0, 3.0])
def test_samples_weigh_by_when_they_came_not_by_their_batch(batch_size, forgetting):
    result = learn(signals(15, n=100), online=True, batch_size=batch_size, forgetting=forgetting)
    ends = np.minimum((np.arange(100) // batch_size + 1) * batch_size, 100)
    # 12 atoms: forgetting sets in after 60 samples.
    expected = np.sum(((ends + 60) / 160) ** forgetting)
    assert result.statistics.n == pytest.approx(expected)


def test_later_passes_fade():
    result = learn(signals(15, n=100), online=True, batch_size=10, n_epochs=40)
    # Batches of 10 that each keep exp(-0.2) of the past.
    assert result.statistics.n == pytest.approx(10 / (1 - np.exp(-0.2)), rel=1e-3)
    kept = learn(signals(15, n=100), online=True, batch_size=10, n_epochs=40, forgetting=0.0)
    assert kept.statistics.n == pytest.approx(4000)


def test_more_passes_online_approach_the_batch_optimum():
    X = signals(16, n=800)
    start = X[:12] / np.linalg.norm(X[:12], axis=1, keepdims=True)
    few = learn(X, dict_init=start, online=True, n_epochs=1, batch_size=40)
    many = learn(X, dict_init=start, online=True, n_epochs=30, batch_size=40)
    assert many.objective < few.objective
    # What alternating minimisation still gains from there.
    gains = [
        1 - learn(X, dict_init=start.components, max_iter=20, tol=0.0).objective / start.objective
        for start in (few, many)
    ]
    assert 0 <= gains[1] < 0.5 * gains[0]


def test_part_of_a_pass_is_the_beginning_of_the_whole():
    X = signals(17, n=103)
    options = {"online": True, "batch_size": 20, "forgetting": 0.0}
    seen: list[np.ndarray] = []
    learn(X, n_epochs=2, callback=lambda p: seen.append(p.components.copy()), **options)
    for n_epochs, batches, samples in [(0.39, 2, 40), (1, 6, 103), (1.2, 8, 124), (1e-9, 1, 1)]:
        part = learn(X, n_epochs=n_epochs, **options)
        assert (part.n_iter, part.statistics.n) == (batches, samples)
        if n_epochs in (0.39, 1):  # no batch was cut
            np.testing.assert_allclose(part.components, seen[batches - 1], rtol=1e-12)
    for bad, kind in [
        (-0.5, ValueError),
        (np.nan, ValueError),
        (True, TypeError),
        ("1", TypeError),
    ]:
        with pytest.raises(kind, match="n_epochs must"):
            learn(X, n_epochs=bad, **options)


def test_public_updates_refuse_misuse():
    X = signals(17, n=30)
    result = learn(X, 5)
    with pytest.raises(ValueError, match="dictionary_update must be one of"):
        update_dictionary(result.components, result.statistics, dictionary_update="sgd")
    with pytest.raises(ValueError, match="positive atoms cannot be kept"):
        update_dictionary(
            result.components,
            result.statistics,
            dictionary_update="lagrange_dual",
            positive_dict=True,
        )
    with pytest.raises(ValueError, match="codes must have one row per sample"):
        update_ksvd(X, result.components, result.codes[:-1])
    components, codes = update_ksvd(X, result.components, result.codes, alpha=0.2)
    after = 0.5 * np.sum((X - codes @ components) ** 2) + 0.2 * np.abs(codes).sum()
    assert after <= result.objective * (1 + 1e-12)


@pytest.mark.parametrize("masked", [False, True])
def test_the_certificate_covers_samples_without_weight(masked):
    rng = np.random.default_rng(0)
    X, weights = rng.normal(size=(40, 6)), rng.uniform(0.5, 1, 40)
    weights[:15] = 0
    mask = rng.random(X.shape) < 0.9 if masked else None
    with pytest.warns(ConvergenceWarning, match="2 iterations"):
        found = learn_dictionary(
            X, 8, alpha=0.3, max_iter=2, sample_weight=weights, mask=mask, rng=0
        )
    residual = found.codes @ found.components - X
    if masked:
        residual[~mask] = 0
    gradient = residual @ found.components.T
    at_zero = np.maximum(np.abs(gradient) - 0.3, 0)
    off = np.where(found.codes != 0, np.abs(gradient + 0.3 * np.sign(found.codes)), at_zero)
    assert off.max() <= found.kkt_violation + 1e-14
