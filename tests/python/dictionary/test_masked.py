"""Dictionary learning from signals with missing entries."""

import warnings

import numpy as np
import pytest
from scipy import optimize

from sparsetransfer import _core
from sparsetransfer.dictionary import (
    DictionaryLearning,
    MiniBatchDictionaryLearning,
    Statistics,
    learn_dictionary,
    learn_dictionary_online,
    update_dictionary,
)
from sparsetransfer.dictionary.masked_statistics import MaskedStatistics
from sparsetransfer.exceptions import ConvergenceWarning

ALPHA = 0.05


def hidden(seed=0, n=400, d=12, k=8, noise=0.01):
    """Signals made of hidden atoms, and the atoms."""
    rng = np.random.default_rng(seed)
    atoms = rng.normal(size=(k, d))
    atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
    codes = rng.normal(size=(n, k)) * (rng.random((n, k)) < 0.25)
    return 2 * codes @ atoms + noise * rng.normal(size=(n, d)), atoms


def learn(X, k=8, *, online=False, **options):
    options = {"alpha": ALPHA, "rng": 0} | options
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return (learn_dictionary_online if online else learn_dictionary)(X, k, **options)


def cost(X, mask, result, weights=1.0):
    residual = np.where(mask, X - result.codes @ result.components, 0)
    return np.sum(
        weights * (0.5 * (residual**2).sum(axis=1) + ALPHA * np.abs(result.codes).sum(axis=1))
    )


@pytest.mark.parametrize("share", [0.3, 0.8])
@pytest.mark.parametrize("positive", [False, True])
def test_the_objective_of_observed_entries_never_rises(share, positive):
    X, _ = hidden()
    X = np.abs(X) if positive else X
    rng = np.random.default_rng(1)
    mask = rng.random(X.shape) < share
    weights = rng.random(len(X)) + 0.5
    result = learn(
        np.where(mask, X, np.nan),
        mask="nan",
        positive_dict=positive,
        sample_weight=weights,
        max_iter=25,
    )
    assert np.all(np.diff(result.history) <= 1e-10 * result.history[0])
    assert result.history[-1] < 0.8 * result.history[0]
    assert result.objective == pytest.approx(cost(X, mask, result, weights), rel=1e-10)
    assert np.linalg.norm(result.components, axis=1).max() <= 1 + 1e-12
    assert result.duality_gap < 1e-6
    assert (result.components.min() >= 0) == positive


@pytest.mark.parametrize("online", [False, True])
def test_hidden_atoms_and_entries_are_recovered(online):
    X, atoms = hidden(seed=3, n=1500)
    mask = np.random.default_rng(4).random(X.shape) < 0.75
    options = {"n_epochs": 30, "batch_size": 100} if online else {"max_iter": 300, "tol": 1e-7}
    result = learn(np.where(mask, X, 1e6), mask=mask, online=online, init="spread", **options)
    cosine = np.abs(atoms @ result.components.T).max(axis=1)
    # Mini-batches alone, with or without a mask, leave an atom or two between two hidden ones.
    assert (np.median(cosine) if online else cosine.min()) > 0.99
    # The entries that nobody saw: their mean would leave all of their variance.
    missing = ~mask
    left = np.mean((X - result.codes @ result.components)[missing] ** 2)
    assert left < 0.1 * np.var(X[missing])


@pytest.mark.parametrize("online", [False, True])
def test_a_full_mask_is_no_mask(online):
    X, _ = hidden()
    options = {"n_epochs": 3} if online else {"max_iter": 10}
    plain = learn(X, online=online, **options)
    masked = learn(X, online=online, mask=np.ones(X.shape, bool), **options)
    np.testing.assert_array_equal(masked.components, plain.components)


def masked_problem(seed=0, n=60, d=7, k=5):
    rng = np.random.default_rng(seed)
    X, codes = rng.normal(size=(n, d)), rng.normal(size=(n, k))
    codes[rng.random((n, k)) < 0.5] = 0
    D = rng.normal(size=(k, d))
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    return X, codes, D, rng.random((n, d)) < 0.6, rng.random(n) + 0.5


@pytest.mark.parametrize("l1_ratio", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("positive", [False, True])
def test_both_kernels_take_exact_steps(l1_ratio, positive):
    """One atom: against a general constrained minimiser."""
    X, _, _, mask, weights = masked_problem()
    codes = np.random.default_rng(5).normal(size=(len(X), 1))
    options = {"passes": 1, "tolerance": 0.0, "positive": positive, "l1_ratio": l1_ratio}
    fresh = np.zeros((1, 7))
    _core.dictionary_masked(X, mask, codes, weights, fresh, **options, num_threads=1)

    def value(pair):
        atom = pair[:7] - pair[7:]
        return 0.5 * np.sum(weights[:, None] * mask * (X - codes * atom) ** 2)

    def room(pair):
        atom = pair[:7] - pair[7:]
        return 1 - (1 - l1_ratio) * np.sum(atom**2) - l1_ratio * np.sum(pair)

    best = optimize.minimize(
        value,
        np.full(14, 0.01),
        method="SLSQP",
        bounds=[(0, 2)] * 7 + [(0, 0 if positive else 2)] * 7,
        constraints={"type": "ineq", "fun": room},
        options={"ftol": 1e-14, "maxiter": 1000},
    )
    atom = best.x[:7] - best.x[7:]
    np.testing.assert_allclose(fresh[0], atom, atol=2e-5)
    inside = (1 - l1_ratio) * np.sum(fresh**2) + l1_ratio * np.sum(np.abs(fresh))
    assert inside <= 1 + 1e-12
    assert value(np.concatenate([np.maximum(fresh[0], 0), np.maximum(-fresh[0], 0)])) <= (
        best.fun + 1e-9
    )
    statistics = MaskedStatistics(1, 7).add(X, codes, sample_weight=weights, mask=mask)
    again = np.zeros((1, 7))
    _core.dictionary_from_masked(statistics.A, statistics.B, again, **options, num_threads=1)
    np.testing.assert_allclose(again, fresh, atol=1e-12)


def test_statistics_and_residuals_make_the_same_steps():
    X, codes, D, mask, weights = masked_problem()
    by_residual = D.copy()
    half = _core.dictionary_masked(
        X, mask, codes, weights, by_residual, passes=3, tolerance=0.0, positive=False, num_threads=1
    )
    statistics = MaskedStatistics(5, 7).add(
        np.where(mask, X, np.nan), codes, sample_weight=weights, mask="nan"
    )
    by_statistics = update_dictionary(D, statistics, passes=3)
    np.testing.assert_allclose(by_statistics, by_residual, atol=1e-12)
    direct = 0.5 * np.sum(weights[:, None] * mask * (X - codes @ by_residual) ** 2)
    assert half == pytest.approx(direct, rel=1e-12)
    assert statistics.objective(by_residual, 0.0) == pytest.approx(direct, rel=1e-12)


def test_masked_statistics_of_full_masks_are_the_statistics():
    X, codes, D, _, weights = masked_problem()
    masked = MaskedStatistics(5, 7).add(X, codes, sample_weight=weights)
    plain = Statistics(5, 7).add(X, codes, sample_weight=weights)
    for A in masked.A:
        np.testing.assert_allclose(A, plain.A, atol=1e-12)
    np.testing.assert_allclose(masked.B, plain.B, atol=1e-12)
    np.testing.assert_allclose(
        update_dictionary(D, masked, passes=2), update_dictionary(D, plain, passes=2), atol=1e-10
    )


def test_masked_statistics_merge_and_go_to_disk(tmp_path):
    X, codes, D, mask, _ = masked_problem()
    whole = MaskedStatistics(5, 7).add(X, codes, mask=mask)
    parts = MaskedStatistics(5, 7).add(X[:20], codes[:20], mask=mask[:20])
    parts = parts.merge(MaskedStatistics(5, 7).add(X[20:], codes[20:], mask=mask[20:]))
    parts.save(tmp_path / "parts.npz")
    loaded = MaskedStatistics.load(tmp_path / "parts.npz")
    np.testing.assert_allclose(loaded.A, whole.A, atol=1e-12)
    assert loaded.objective(D, 0.1) == pytest.approx(whole.objective(D, 0.1), rel=1e-12)
    with pytest.raises(ValueError, match="other must be MaskedStatistics"):
        whole.merge(Statistics(5, 7))
    with pytest.raises(ValueError, match="do not fit"):
        Statistics.load(tmp_path / "parts.npz")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("online", [False, True])
def test_bits_do_not_depend_on_threads(dtype, online):
    X, _ = hidden(n=500, d=70)
    X = X.astype(dtype)
    mask = np.random.default_rng(1).random(X.shape) < 0.8
    options = {"n_epochs": 1} if online else {"max_iter": 3}
    one = learn(X, online=online, mask=mask, n_jobs=1, **options)
    assert one.components.dtype == dtype
    for threads in (2, 3, 7):
        other = learn(X, online=online, mask=mask, n_jobs=threads, **options)
        np.testing.assert_array_equal(other.components, one.components)
        np.testing.assert_array_equal(other.codes, one.codes)


def test_dead_atoms_become_completed_signals():
    X, _ = hidden()
    mask = np.random.default_rng(1).random(X.shape) < 0.8
    start = np.vstack([X[:5] / np.linalg.norm(X[:5], axis=1, keepdims=True), np.zeros((3, 12))])
    result = learn(X, dict_init=start, mask=mask, max_iter=20)
    assert np.all(np.any(result.codes != 0, axis=0))


def test_estimators_take_masks():
    X, _ = hidden()
    holes = np.where(np.random.default_rng(1).random(X.shape) < 0.8, X, np.nan)
    batch = DictionaryLearning(
        8, alpha=ALPHA, tol=1e-4, transform_algorithm="lasso_lars", random_state=0
    )
    codes = batch.fit_transform(holes, mask="nan")
    np.testing.assert_allclose(batch.transform(holes, mask="nan"), codes, atol=1e-6)
    online = MiniBatchDictionaryLearning(8, alpha=ALPHA, max_iter=2, random_state=0)
    online.fit(holes, mask="nan")
    assert isinstance(online.statistics_, MaskedStatistics)
    online.partial_fit(holes[:50], mask="nan").partial_fit(X[:50])
    plain = MiniBatchDictionaryLearning(8, alpha=ALPHA, max_iter=2, random_state=0).fit(X)
    with pytest.raises(ValueError, match="from the first batch on"):
        plain.partial_fit(holes, mask="nan")
    for estimator in (batch, online):
        with pytest.raises(ValueError, match="NaN"):
            estimator.fit(holes)


def test_methods_that_cannot_are_refused():
    X, _ = hidden(n=30)
    mask = np.random.default_rng(1).random(X.shape) < 0.8
    for method in ("ksvd", "lagrange_dual", "optimal_directions"):
        with pytest.raises(ValueError, match="mask needs dictionary_update='block_coordinate'"):
            learn(X, dictionary_update=method, mask=mask)
    statistics = MaskedStatistics(8, 12)
    with pytest.raises(ValueError, match="masked statistics need"):
        update_dictionary(np.eye(8, 12), statistics, dictionary_update="lagrange_dual")
