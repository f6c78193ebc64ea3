import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.utils.estimator_checks import parametrize_with_checks

from sparsetransfer.classification import BalancedRidge
from sparsetransfer.classification.balanced_ridge import class_targets, class_weights, ridge


@parametrize_with_checks([BalancedRidge()])
def test_scikit_learn_contract(estimator, check):
    check(estimator)


@pytest.fixture(params=[(40, 7), (9, 25)], ids=["tall", "wide"])
def problem(request):
    n, d = request.param
    rng = np.random.default_rng(n)
    return rng.normal(size=(n, d)) + 2.0, rng.normal(size=(n, 3)), rng.uniform(0.2, 3.0, n)


def _objective(x, y, w, coef, intercept, penalty):
    loss = w @ np.square(x @ coef + intercept - y).sum(axis=1)
    return loss + penalty * np.square(coef).sum()


def test_minimises_its_objective(problem):
    x, y, w = problem
    fit = ridge(x, y, w, alpha=0.7)
    penalty = 0.7 * np.average(np.square(x).sum(axis=1), weights=w)
    residual = x @ fit.coef + fit.intercept - y
    # Both gradients vanish: the first with respect to W, the second to the free intercept.
    np.testing.assert_allclose(x.T @ (w[:, None] * residual) + penalty * fit.coef, 0, atol=1e-9)
    np.testing.assert_allclose(w @ residual, 0, atol=1e-9)
    best = _objective(x, y, w, fit.coef, fit.intercept, penalty)
    for seed in range(5):
        step = 1e-2 * np.random.default_rng(seed).normal(size=fit.coef.shape)
        assert _objective(x, y, w, fit.coef + step, fit.intercept, penalty) > best


def test_agrees_with_scikit_learn(problem):
    x, y, w = problem
    penalty = 3.0 * np.average(np.square(x).sum(axis=1), weights=w)
    peer = Ridge(penalty).fit(x, y, sample_weight=w)
    fit = ridge(x, y, w, alpha=3.0)
    np.testing.assert_allclose(fit.coef, peer.coef_.T, rtol=1e-7)
    np.testing.assert_allclose(fit.intercept, peer.intercept_, rtol=1e-7)


def test_scores_do_not_depend_on_the_scale_of_rows(problem):
    x, y, w = problem
    first = ridge(x, y, w)
    for scale in (1000.0, 2.0**1000, 2.0**-1000):
        second = ridge(scale * x, y, w)
        np.testing.assert_allclose(second.scores(scale * x), first.scores(x), rtol=1e-8)


def test_weight_two_is_a_row_that_occurs_twice(problem):
    x, y, _ = problem
    w = np.ones(len(x))
    w[:3] = 2.0
    w[4] = 0.0
    weighted = ridge(x, y, w)
    order = np.r_[np.arange(4), np.arange(5, len(x)), :3]
    repeated = ridge(x[order], y[order])
    np.testing.assert_allclose(weighted.coef, repeated.coef, rtol=1e-8)


def test_both_systems_give_one_answer():
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(12, 12)), rng.normal(size=(12, 2))
    narrow = ridge(x, y)  # d <= n
    wide = ridge(np.hstack([x, np.zeros((12, 5))]), y)  # d > n, the same problem
    np.testing.assert_allclose(wide.coef[:12], narrow.coef, rtol=1e-8)
    np.testing.assert_allclose(wide.coef[12:], 0, atol=1e-15)


def test_zero_rows_give_the_mean_of_the_targets():
    fit = ridge(np.zeros((3, 2)), [[1.0], [2.0], [6.0]])
    np.testing.assert_array_equal(fit.coef, 0)
    np.testing.assert_allclose(fit.intercept, 3.0)


def test_classes_weigh_the_same():
    codes = np.array([0, 0, 0, 1, 2, 2])
    weights = class_weights(codes, 3)
    np.testing.assert_allclose(np.bincount(codes, weights), 2.0)
    np.testing.assert_array_equal(class_targets(np.array([1]), 3), [[-1, 1, -1]])


def test_repeating_a_class_changes_nothing():
    rng = np.random.default_rng(4)
    x = rng.normal(size=(30, 5))
    y = np.repeat(["a", "b", "c"], 10)
    first = BalancedRidge().fit(x, y)
    order = np.r_[np.arange(30), :10]
    # 40 rows with the weight of 30.
    second = BalancedRidge().fit(x[order], y[order], sample_weight=np.full(40, 0.75))
    np.testing.assert_allclose(second.coef_, first.coef_, rtol=1e-9)


def test_limit_of_large_penalties_compares_projections_on_class_means():
    rng = np.random.default_rng(5)
    x = rng.normal(size=(60, 8))
    y = np.repeat([0, 1, 2], [10, 20, 30])
    model = BalancedRidge(alpha=1e9).fit(x, y)
    means = np.stack([x[y == c].mean(axis=0) for c in range(3)])
    centred = means - means.mean(axis=0)
    for c in range(3):
        cosine = model.coef_[c] @ centred[c]
        cosine /= np.linalg.norm(model.coef_[c]) * np.linalg.norm(centred[c])
        assert cosine == pytest.approx(1.0, abs=1e-8)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"weights": [1.0, -1.0]}, "weights must be at least"),
        ({"weights": [0.0, 0.0]}, "must not all be zero"),
        ({"alpha": 0.0}, "alpha must be greater than"),
        ({"targets": [[1.0]]}, "targets must have 2 rows"),
    ],
)
def test_bad_arguments(arguments, match):
    defaults = {"rows": [[0.0], [1.0]], "targets": [[0.0], [1.0]]}
    with pytest.raises(ValueError, match=match):
        ridge(**(defaults | arguments))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_probabilities_are_the_nearest_to_half_the_scores_and_one(n_classes):
    rng = np.random.default_rng(0)
    y = np.arange(60) % n_classes
    X = rng.normal(size=(60, 3)) + 3 * np.eye(3)[y]
    model = BalancedRidge(alpha=0.01).fit(X, y)
    found = model.predict_proba(X)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert found.min() >= 0
    np.testing.assert_array_equal(model.classes_[found.argmax(axis=1)], model.predict(X))
    wanted = (X @ model.coef_.T + model.intercept_ + 1) / 2
    for other in rng.dirichlet(np.ones(n_classes), size=200):
        assert np.all(((found - wanted) ** 2).sum(1) <= ((other - wanted) ** 2).sum(1) + 1e-12)
