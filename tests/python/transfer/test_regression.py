"""The shared solver: twins, certificates, scikit-learn at its own scale, degenerate problems."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import (
    ElasticNet,
    Lasso,
    MultiTaskElasticNet,
    MultiTaskLasso,
    Ridge,
)

from sparsetransfer.exceptions import ConvergenceWarning
from sparsetransfer.transfer import sparse_regression

GROUPS = np.array([0, 0, 1, 1, 1, 2, 3, 3])


def draw(n_samples=30, n_features=8, n_outputs=3, seed=0, correlated=False):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, n_features))
    if correlated:
        X = X @ (0.3 * rng.normal(size=(n_features, n_features)) + 0.3)
    W = rng.normal(size=(n_outputs, n_features)) * (rng.uniform(size=n_features) < 0.5)
    return X, X @ W.T + 0.3 * rng.normal(size=(n_samples, n_outputs))


def group_sum(W, groups):
    names, sizes = np.unique(groups, return_counts=True)
    return sum(
        np.sqrt(size) * np.linalg.norm(W[:, groups == name])
        for name, size in zip(names, sizes, strict=True)
    )


def objective(X, Y, W, *, l1=0.0, l21=0.0, group=0.0, groups=None, ridge=0.0, coupling=None):
    value = 0.5 * np.sum((Y - X @ W.T) ** 2) + 0.5 * ridge * np.sum(W**2)
    value += l1 * np.abs(W).sum() + l21 * np.linalg.norm(W, axis=0).sum()
    if coupling is not None:
        value += 0.5 * np.sum((coupling @ W.T) ** 2)
    if group:
        value += group * group_sum(W, groups)
    return value


def plain_shrink(Z, step, *, l1=0.0, l21=0.0, group=0.0, groups=None):
    """The nested proximal operator, one entry, feature and group after the other."""
    P = np.array(Z)
    for index in np.ndindex(*P.shape):
        P[index] = np.sign(P[index]) * max(abs(P[index]) - step * l1, 0)
    for feature in range(P.shape[1]):
        norm = np.linalg.norm(P[:, feature])
        P[:, feature] *= max(norm - step * l21, 0) / norm if norm else 0
    if group:
        for name in np.unique(groups):
            inside = groups == name
            norm = np.linalg.norm(P[:, inside])
            strength = group * np.sqrt(inside.sum())
            P[:, inside] *= max(norm - step * strength, 0) / norm if norm else 0
    return P


def twin(X, Y, *, ridge=0.0, coupling=None, steps=4000, **penalty):
    """Plain proximal gradient on the definition."""
    H = X.T @ X + ridge * np.eye(X.shape[1])
    if coupling is not None:
        H = H + coupling.T @ coupling
    step = 1 / np.linalg.eigvalsh(H)[-1]
    W = np.zeros((Y.shape[1], X.shape[1]))
    for _ in range(steps):
        new = plain_shrink(W - step * (W @ H - Y.T @ X), step, **penalty)
        if np.abs(new - W).max() < 1e-14:
            break
        W = new
    return W


PENALTIES = [
    pytest.param({"l1": 2.0}, id="entries"),
    pytest.param({"l21": 3.0}, id="features"),
    pytest.param({"l1": 1.0, "l21": 2.0, "ridge": 0.5}, id="entries-features-ridge"),
    pytest.param({"group": 2.0, "groups": GROUPS}, id="groups"),
    pytest.param(
        {"l1": 0.7, "l21": 0.9, "group": 0.8, "groups": GROUPS, "ridge": 0.1}, id="nested"
    ),
]


@pytest.mark.parametrize("correlated", [False, True])
@pytest.mark.parametrize("options", PENALTIES)
def test_agrees_with_plain_proximal_gradient(options, correlated):
    X, Y = draw(correlated=correlated)
    coupling = np.random.default_rng(1).normal(size=(2, 8))
    fit = sparse_regression(X, Y, coupling=coupling, kkt_tol=1e-10, **options)
    expected = twin(X, Y, coupling=coupling, **options)
    assert fit.objective <= objective(X, Y, expected, coupling=coupling, **options) * (1 + 1e-12)
    assert_allclose(fit.objective, objective(X, Y, fit.coef, coupling=coupling, **options))
    assert_allclose(fit.coef, expected, atol=1e-5)
    assert_array_equal(fit.coef == 0, np.abs(expected) < 1e-5)


@pytest.mark.parametrize("n_features", [8, 60, 300])
def test_agrees_with_scikit_learn_at_its_scale(n_features):
    X, Y = draw(40, n_features)
    options = {"fit_intercept": False, "tol": 1e-12, "max_iter": 100000}
    alpha = 0.1 * np.linalg.norm(X.T @ Y, axis=1).max() / 40
    lasso = MultiTaskLasso(alpha=alpha, **options).fit(X, Y)
    fit = sparse_regression(X, Y, l21=40 * alpha, kkt_tol=1e-9)
    assert_allclose(fit.coef, lasso.coef_, atol=1e-6)
    assert_array_equal(np.any(fit.coef, axis=0), np.any(lasso.coef_, axis=0))
    net = MultiTaskElasticNet(alpha=alpha, l1_ratio=0.6, **options).fit(X, Y)
    fit = sparse_regression(X, Y, l21=24 * alpha, ridge=16 * alpha, kkt_tol=1e-9)
    assert_allclose(fit.coef, net.coef_, atol=1e-6)
    one = Lasso(alpha=alpha, **options).fit(X, Y[:, 0])
    fit = sparse_regression(X, Y[:, :1], l1=40 * alpha, kkt_tol=1e-9)
    assert_allclose(fit.coef[0], one.coef_, atol=1e-6)
    one = ElasticNet(alpha=alpha, l1_ratio=0.6, **options).fit(X, Y[:, 0])
    fit = sparse_regression(X, Y[:, :1], l1=24 * alpha, ridge=16 * alpha, kkt_tol=1e-9)
    assert_allclose(fit.coef[0], one.coef_, atol=1e-6)


def test_without_penalties_it_is_ridge_regression():
    X, Y = draw(20, 30)
    fit = sparse_regression(X, Y, ridge=0.5)
    expected = Ridge(alpha=0.5, fit_intercept=False, solver="cholesky").fit(X, Y).coef_
    assert_allclose(fit.coef, expected, atol=1e-10)
    assert fit.duality_gap < 1e-10
    free = sparse_regression(X, Y)
    assert_allclose(free.coef, np.linalg.lstsq(X, Y)[0].T, atol=1e-8)


def violation(X, Y, W, *, l1=0.0, l21=0.0, group=0.0, groups=None, ridge=0.0):
    """The distance of 0 from the subdifferential, from the definition, group by group."""
    G = W @ (X.T @ X + ridge * np.eye(X.shape[1])) - Y.T @ X
    groups = np.arange(W.shape[1]) if groups is None else groups
    worst = 0.0
    for name in np.unique(groups):
        inside = groups == name
        strength = group * np.sqrt(inside.sum())
        left = np.sign(G[:, inside]) * np.maximum(np.abs(G[:, inside]) - l1, 0)
        rows = np.maximum(np.linalg.norm(left, axis=0) - l21, 0)
        block = W[:, inside]
        if not block.any():
            worst = max(worst, np.linalg.norm(rows) - strength)
            continue
        for w, g, row in zip(block.T, G[:, inside].T, rows, strict=True):
            if not w.any():
                worst = max(worst, row)
                continue
            slope = g + l21 * w / np.linalg.norm(w) + strength * w / np.linalg.norm(block)
            off = np.where(w != 0, np.abs(slope + l1 * np.sign(w)), np.abs(slope) - l1)
            worst = max(worst, off.max())
    return worst


@pytest.mark.parametrize("options", PENALTIES)
@pytest.mark.parametrize("max_iter", [0, 3, 20000])
def test_the_certificate_is_that_of_the_returned_point(options, max_iter):
    X, Y = draw(12, 8, correlated=True)
    best = sparse_regression(X, Y, kkt_tol=1e-11, **options).objective
    start = 0.3 * np.random.default_rng(3).normal(size=(3, 8))
    if max_iter < 20000:
        with pytest.warns(ConvergenceWarning, match="raise max_iter"):
            fit = sparse_regression(
                X, Y, coef_init=start, kkt_tol=1e-12, max_iter=max_iter, **options
            )
        assert not fit.converged
    else:
        fit = sparse_regression(X, Y, coef_init=start, **options)
        assert fit.converged
    assert_allclose(fit.kkt_violation, violation(X, Y, fit.coef, **options), atol=1e-9)
    assert_allclose(fit.objective, objective(X, Y, fit.coef, **options), rtol=1e-12)
    assert fit.duality_gap >= fit.objective - best - 1e-9
    if fit.converged:
        assert fit.duality_gap < 1e-4 * np.sum(Y**2)


@pytest.mark.parametrize("options", PENALTIES)
def test_newton_steps_reach_a_violation_of_1e_10(options):
    X, Y = draw(60, 8, correlated=True)
    fit = sparse_regression(X, Y, kkt_tol=1e-10, **options)
    assert fit.converged
    assert fit.n_newton > 0


def test_the_objective_never_rises():
    X, Y = draw(40, 300, correlated=True)
    strength = 0.02 * np.linalg.norm(X.T @ Y, axis=1).max()
    fit = sparse_regression(X, Y, l21=strength)
    assert len(fit.history) > 2
    assert np.diff(fit.history).max() <= 1e-12 * np.sum(Y**2)
    assert_allclose(fit.history[-1], fit.objective)


def test_strong_penalties_give_zeros():
    X, Y = draw()
    largest = np.linalg.norm(X.T @ Y, axis=1).max()
    assert not sparse_regression(X, Y, l21=largest * (1 + 1e-12)).coef.any()
    assert sparse_regression(X, Y, l21=largest * 0.99).coef.any()


@pytest.mark.parametrize(
    ("X", "Y"),
    [
        pytest.param(np.ones((1, 3)), np.ones((1, 2)), id="one-sample"),
        pytest.param(np.zeros((4, 3)), np.ones((4, 2)), id="zero-samples"),
        pytest.param(np.ones((4, 3)), np.zeros((4, 2)), id="zero-targets"),
        pytest.param(np.ones((4, 3)), np.arange(8.0).reshape(4, 2), id="duplicate-features"),
    ],
)
def test_degenerate_problems(X, Y):
    for options in ({"l21": 0.1}, {"l1": 0.1}, {"l1": 0.05, "l21": 0.05, "ridge": 0.01}):
        fit = sparse_regression(X, Y, **options)
        assert fit.converged
        assert fit.duality_gap <= 1e-5
        assert np.isfinite(fit.coef).all()


def test_the_number_of_threads_changes_nothing():
    X, Y = draw(80, 300, 6)
    one = sparse_regression(X, Y, l21=2.0, l1=1.0, n_jobs=1)
    two = sparse_regression(X, Y, l21=2.0, l1=1.0, n_jobs=3)
    assert_array_equal(one.coef, two.coef)


def test_float32_stays_float32_and_meets_the_tolerance():
    X, Y = draw(80, 50)
    fit = sparse_regression(X.astype(np.float32), Y.astype(np.float32), l21=3.0)
    assert fit.coef.dtype == np.float32
    assert fit.converged
    assert_allclose(fit.coef, sparse_regression(X, Y, l21=3.0).coef, atol=1e-5)


def test_a_warm_start_ends_at_the_same_point():
    X, Y = draw(30, 8)
    cold = sparse_regression(X, Y, l21=2.0, kkt_tol=1e-10)
    warm = sparse_regression(X, Y, l21=2.0, kkt_tol=1e-10, coef_init=cold.coef)
    assert warm.n_iter == 0
    assert_array_equal(warm.coef, cold.coef)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"l1": -1.0}, "l1 must be at least 0"),
        ({"group": 1.0}, "groups is required"),
        ({"group": 1.0, "groups": [0, 1]}, "groups must have shape"),
        (
            {"group": 1.0, "groups": np.full(8, np.nan)},
            "groups must name the group of every feature",
        ),
        ({"l21": 1.0, "coef_init": np.zeros((2, 8))}, "coef_init must have 3 rows"),
        ({"l21": 1.0, "coupling": np.zeros((2, 3))}, "coupling must have 8 features"),
        ({"l21": 1.0, "kkt_tol": 0}, "kkt_tol must be greater than 0"),
    ],
)
def test_bad_arguments_are_named(options, message):
    X, Y = draw()
    with pytest.raises(ValueError, match=message):
        sparse_regression(X, Y, **options)
    with pytest.raises(ValueError, match="Y must have 30 rows"):
        sparse_regression(X, Y[:-1], l1=1.0)
