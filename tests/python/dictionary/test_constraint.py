"""Sets of atoms: exact projections, kept by every update that can keep them."""

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
from sparsetransfer.dictionary.steps.updates import update_ksvd
from sparsetransfer.exceptions import ConvergenceWarning

RATIOS = (0.0, 1e-6, 0.3, 0.9, 1.0)


def value(atoms, r):
    return (1 - r) * np.sum(atoms**2, axis=-1) + r * np.sum(np.abs(atoms), axis=-1)


def project(atoms, r, *, positive=False, to_boundary=False):
    atoms = atoms.copy()
    _core.dictionary_project_atoms(atoms, positive=positive, l1_ratio=r, to_boundary=to_boundary)
    return atoms


def by_bisection(u, r):
    """The nearest point from its optimality conditions and a root that halving finds."""

    def point(multiplier):
        shrunk = np.sign(u) * np.maximum(np.abs(u) - multiplier * r, 0)
        return shrunk / (1 + 2 * multiplier * (1 - r))

    if value(u, r) <= 1:
        return u
    high = 1.0
    while value(point(high), r) > 1:
        high *= 2
    return point(optimize.brentq(lambda m: value(point(m), r) - 1, 0, high, xtol=1e-15))


@pytest.mark.parametrize("r", RATIOS)
@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("d", [1, 2, 7, 300])
def test_projection_is_the_nearest_point(r, positive, d):
    rng = np.random.default_rng(d)
    atoms = rng.normal(size=(20, d)) * np.geomspace(1e-3, 1e3, 20)[:, np.newaxis]
    atoms[3] = 0
    atoms[4] = 1  # ties
    nearest = project(atoms, r, positive=positive)
    expected = [by_bisection(np.maximum(u, 0) if positive else u, r) for u in atoms]
    np.testing.assert_allclose(nearest, expected, atol=1e-9)
    assert value(nearest, r).max() <= 1 + 1e-12
    np.testing.assert_allclose(project(nearest, r, positive=positive), nearest, atol=1e-12)
    longest = project(atoms, r, positive=positive, to_boundary=True)
    scaled = longest.any(axis=1)
    np.testing.assert_allclose(value(longest[scaled], r), 1, atol=1e-12)
    narrow = project(atoms.astype(np.float32), r, positive=positive)
    np.testing.assert_allclose(narrow, nearest, atol=1e-5)


@pytest.mark.parametrize("r", RATIOS)
def test_no_point_of_the_set_is_nearer(r):
    rng = np.random.default_rng(0)
    u = 3 * rng.normal(size=(1, 4))
    nearest = project(u, r)[0]
    others = rng.normal(size=(20_000, 4))
    others = project(others, r)
    assert np.linalg.norm(others - u, axis=1).min() >= np.linalg.norm(nearest - u) - 1e-12


@pytest.mark.parametrize("r", RATIOS)
@pytest.mark.parametrize("positive", [False, True])
def test_separable_minimiser_of_equal_curvature_is_the_projection(r, positive):
    rng = np.random.default_rng(1)
    u = rng.normal(size=(10, 9)) * np.geomspace(0.1, 1e4, 10)[:, np.newaxis]
    a = rng.random((10, 1)) * np.ones((1, 9)) + 0.1
    found = _core.dictionary_separable(a, a * u, positive=positive, l1_ratio=r)
    np.testing.assert_allclose(found, project(u, r, positive=positive), atol=1e-9)


def signals(seed=0, n=200, d=10, k=8):
    rng = np.random.default_rng(seed)
    atoms = rng.normal(size=(k, d)) * (rng.random((k, d)) < 0.4)
    codes = rng.normal(size=(n, k)) * (rng.random((n, k)) < 0.3)
    return 3 * codes @ atoms + 0.05 * rng.normal(size=(n, d))


def learn(X, k=8, *, online=False, **options):
    options = {"alpha": 0.1, "rng": 0} | options
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return (learn_dictionary_online if online else learn_dictionary)(X, k, **options)


@pytest.mark.parametrize("method", ["block_coordinate", "ksvd"])
@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("r", [0.5, 1.0])
def test_learning_keeps_the_set_and_never_rises(method, positive, r):
    X = signals()
    result = learn(
        X, dictionary_update=method, l1_ratio=r, positive_dict=positive, max_iter=25, tol=0.0
    )
    assert value(result.components, r).max() <= 1 + 1e-12
    assert np.all(np.diff(result.history) <= 1e-10 * result.history[0])
    assert (result.components.min() >= 0) == positive
    assert result.duality_gap < 1e-6


def test_the_l1_ball_makes_atoms_sparse():
    X = signals()
    sparse, round_ = (learn(X, l1_ratio=r, max_iter=100).components for r in (1.0, 0.0))
    assert np.mean(sparse == 0) > 0.3
    assert np.mean(round_ == 0) < 0.05


def test_a_converged_dictionary_is_stationary():
    result = learn(signals(), l1_ratio=0.6, tol=1e-10, max_iter=2000)
    assert result.stationarity < 1e-3
    better = update_dictionary(
        result.components, result.statistics, passes=1000, tol=1e-12, l1_ratio=0.6
    )
    gained = result.objective - result.statistics.objective(better, 0.1)
    assert 0 <= gained < 1e-5 * result.objective


@pytest.mark.parametrize("r", [0.0, 0.5, 1.0])
def test_online_learning_and_estimators_keep_the_set(r):
    X = signals(n=600)
    start = np.vstack([5 * X[:4], np.zeros((4, 10))])
    online = learn(X, online=True, l1_ratio=r, n_epochs=4, batch_size=50, dict_init=start)
    assert value(online.components, r).max() <= 1 + 1e-12
    assert np.any(online.components != 0, axis=1).all()
    for learner in (
        DictionaryLearning(8, alpha=0.1, l1_ratio=r, tol=1e-3, random_state=0),
        MiniBatchDictionaryLearning(8, alpha=0.1, l1_ratio=r, max_iter=2, random_state=0),
    ):
        assert value(learner.fit(X).components_, r).max() <= 1 + 1e-12


def test_a_mask_and_a_set_go_together():
    X = signals()
    mask = np.random.default_rng(0).random(X.shape) < 0.8
    result = learn(X, mask=mask, l1_ratio=0.7, max_iter=15, tol=0.0)
    assert value(result.components, 0.7).max() <= 1 + 1e-12
    assert np.all(np.diff(result.history) <= 1e-10 * result.history[0])


def test_what_cannot_be_kept_is_refused():
    X = signals(n=30)
    for method in ("lagrange_dual", "optimal_directions"):
        with pytest.raises(ValueError, match="l1_ratio cannot be kept"):
            learn(X, dictionary_update=method, l1_ratio=0.5)
        with pytest.raises(ValueError, match="l1_ratio cannot be kept"):
            update_dictionary(
                np.eye(8, 10), Statistics(8, 10), dictionary_update=method, l1_ratio=0.5
            )
    with pytest.raises(ValueError, match="l1_ratio must be at most"):
        learn(X, l1_ratio=1.1)
    with pytest.raises(ValueError, match="positive alpha"):
        update_ksvd(X, np.eye(8, 10), np.ones((30, 8)), l1_ratio=0.5)
    with pytest.raises(ValueError, match="positive alpha"):
        learn(X, dictionary_update="ksvd", alpha=0.0, l1_ratio=0.5)
