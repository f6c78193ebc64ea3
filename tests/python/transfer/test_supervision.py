"""Weighted samples and the supervised term, against the definitions."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from sparsetransfer.graph import knn_graph, laplacian
from sparsetransfer.transfer import (
    LabelTerm,
    Optimisation,
    TransferSparseCoding,
    couple_classes,
    couple_domains,
    transfer_encode,
    transfer_learn,
)


def problem(seed=0, n_source=35, n_target=25, d=10, k=14):
    rng = np.random.default_rng(seed)
    labels = rng.integers(3, size=n_source + n_target)
    X = rng.normal(size=(3, d))[labels] + 0.8 * rng.normal(size=(n_source + n_target, d))
    X[n_source:] += 0.5 * rng.normal(size=d)
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    D = rng.normal(size=(k, d))
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    domains = np.repeat([1, -1], [n_source, n_target])
    return X, D, domains, labels


@pytest.mark.parametrize("solver", ["auto", "fista", "newton", "admm", "gauss-seidel"])
def test_a_weight_of_two_is_the_sample_twice(solver):
    X, D, domains, _ = problem()
    repeats = 1 + np.arange(len(X)) % 3
    options = {"alpha": 0.05, "mmd": 0.5, "l2": 0.02, "solver": solver, "kkt_tol": 1e-9}
    weighted = transfer_encode(X, D, domains, sample_weight=repeats, **options)
    assert weighted.converged
    # The scale of the MMD term follows the weights: mu = mmd / |m|^2.
    m, many = (
        couple_domains(domains, sample_weight=repeats).pooled,
        couple_domains(np.repeat(domains, repeats)).pooled,
    )
    repeated = transfer_encode(
        np.repeat(X, repeats, axis=0),
        D,
        np.repeat(domains, repeats),
        **{**options, "mmd": 0.5 * (many @ many) / (m @ m)},
    )
    assert_allclose(np.repeat(weighted.codes, repeats, axis=0), repeated.codes, atol=1e-7)
    assert_allclose(weighted.objective, repeated.objective, rtol=1e-9)
    assert_allclose(weighted.mean_difference, repeated.mean_difference, atol=1e-7)


@pytest.mark.parametrize("gamma", [0.0, 0.5])
def test_weighted_codes_are_certified(gamma):
    X, D, domains, labels = problem()
    weight = np.random.default_rng(1).uniform(0.2, 3, size=len(X))
    L = laplacian(knn_graph(X, 4, weights="binary"))
    coupling = couple_domains(domains, sample_weight=weight) + couple_classes(
        domains, labels, sample_weight=weight
    )
    result = transfer_encode(
        X,
        D,
        coupling=coupling,
        alpha=0.05,
        mmd=60.0,
        laplacian=gamma,
        graph=L,
        sample_weight=weight,
        kkt_tol=1e-9,
    )
    S, E = result.codes, coupling.factor(60.0)
    value = (
        0.5 * weight @ np.sum((X - S @ D) ** 2, axis=1)
        + 0.05 * weight @ np.abs(S).sum(axis=1)
        + 0.5 * np.sum((E.T @ S) ** 2)
        + 0.5 * gamma * np.trace(S.T @ L.toarray() @ S)
    )
    assert_allclose(result.objective, value, rtol=1e-11)
    gradient = weight[:, None] * ((S @ D - X) @ D.T) + E @ (E.T @ S) + gamma * (L @ S)
    gradient /= weight[:, None]  # in units of the sample's penalty
    violation = np.where(
        S != 0, np.abs(gradient + 0.05 * np.sign(S)), np.maximum(np.abs(gradient) - 0.05, 0)
    )
    assert violation.max() <= 1.01e-9 * 0.05
    assert result.duality_gap <= 1e-6


@pytest.mark.filterwarnings("ignore:the alternation stopped")
def test_equal_weights_change_nothing():
    X, D, domains, _ = problem()
    plain = transfer_learn(X, D, domains, alpha=0.05, max_iter=5)
    ones = transfer_learn(X, D, domains, alpha=0.05, max_iter=5, sample_weight=np.ones(len(X)))
    assert_allclose(ones.components, plain.components, atol=1e-10)
    assert_allclose(ones.history, plain.history, rtol=1e-10)


def supervised(X, D, W, S, domains, targets, known, *, alpha, mmd, label, ridge):
    m = couple_domains(domains).pooled
    value = (
        0.5 * np.sum((X - S @ D) ** 2)
        + alpha * np.abs(S).sum()
        + 0.5 * mmd / (m @ m) * np.sum((m @ S) ** 2)
        + 0.5 * label * np.sum((targets - S @ W.T)[known] ** 2)
        + 0.5 * ridge * np.sum(W**2)
    )
    gradient = (S @ D - X) @ D.T + mmd / (m @ m) * np.outer(m, m @ S)
    gradient += label * np.where(known[:, None], (S @ W.T - targets) @ W, 0)
    return value, gradient


@pytest.mark.filterwarnings("ignore:the alternation stopped")
@pytest.mark.parametrize("solver", ["auto", "fista", "newton"])
@pytest.mark.parametrize("mmd", [0.0, 60.0])
def test_supervised_codes_are_certified(solver, mmd):
    X, D, domains, labels = problem()
    y = np.where(domains > 0, labels, -1)
    result = transfer_learn(
        X,
        D,
        domains,
        alpha=0.05,
        mmd=mmd,
        label=0.5,
        label_l2=0.3,
        y=y,
        solver=solver,
        max_iter=15,
        tol=0,
        kkt_tol=1e-8,
    )
    assert (np.diff(result.history) <= 1e-10 * result.history[0]).all()
    assert_array_equal(result.classes, [0, 1, 2])
    targets = (labels[:, None] == np.arange(3)).astype(float)
    S, W = result.codes.codes, result.label_map
    value, gradient = supervised(
        X,
        result.components,
        W,
        S,
        domains,
        targets,
        domains > 0,
        alpha=0.05,
        mmd=mmd,
        label=0.5,
        ridge=0.3,
    )
    assert_allclose(result.codes.objective, value, rtol=1e-11)
    assert value <= result.history[-1] * (1 + 1e-10)
    violation = np.where(
        S != 0, np.abs(gradient + 0.05 * np.sign(S)), np.maximum(np.abs(gradient) - 0.05, 0)
    )
    assert violation.max() <= 1.01e-8 * 0.05
    assert 0 <= result.codes.duality_gap <= 1e-5


@pytest.mark.filterwarnings("ignore:the alternation stopped")
def test_the_map_is_a_ridge_regression_and_labels_shape_the_codes():
    X, D, domains, labels = problem()
    y = np.array(["a", "b", "c"], dtype=object)[labels]
    y[domains < 0] = None
    plain = transfer_learn(X, D, domains, alpha=0.05, max_iter=30)
    result = transfer_learn(X, D, domains, alpha=0.05, label=2.0, label_l2=0.1, y=y, max_iter=30)
    assert result.classes.tolist() == ["a", "b", "c"]
    source = domains > 0
    targets = (labels[:, None] == np.arange(3)).astype(float)

    def misfit(codes, W):
        return np.sum((targets - codes @ W.T)[source] ** 2) + 0.1 / 2.0 * np.sum(W**2)

    def ridge(codes):
        s = codes[source]
        return np.linalg.solve(s.T @ s + 0.05 * np.eye(14), s.T @ targets[source]).T

    ours = misfit(result.codes.codes, result.label_map)
    # The map before the last codes: the refitted one is better, but hardly.
    assert misfit(result.codes.codes, ridge(result.codes.codes)) <= ours
    assert ours < 1.05 * misfit(result.codes.codes, ridge(result.codes.codes)) + 1e-6
    assert ours < 0.8 * misfit(plain.codes.codes, ridge(plain.codes.codes))


@pytest.mark.filterwarnings("ignore:the alternation stopped")
def test_no_label_weight_means_no_supervision():
    X, D, domains, labels = problem()
    plain = transfer_learn(X, D, domains, alpha=0.05, max_iter=4)
    same = transfer_learn(X, D, domains, alpha=0.05, max_iter=4, y=labels)
    assert_array_equal(same.components, plain.components)
    assert same.classes is None
    assert same.label_map is None


@pytest.mark.filterwarnings("ignore:the alternation stopped")
def test_estimator_learns_from_source_labels_only():
    X, D, domains, labels = problem()
    options = {"n_components": 14, "alpha": 0.05, "max_iter": 5}
    options["optimisation"] = Optimisation(dict_init=D)
    model = TransferSparseCoding(label_term=LabelTerm(1.0), **options)
    model.fit(X, labels, sample_domain=domains)
    masked = np.where(domains > 0, labels, -1)
    same = clone(model).fit(X, masked, sample_domain=domains)
    assert_array_equal(same.codes_, model.codes_)
    expected = transfer_learn(X, D, domains, alpha=0.05, label=1.0, y=masked, max_iter=5)
    assert_array_equal(model.codes_, expected.codes.codes)
    assert_array_equal(model.label_map_, expected.label_map)
    other = TransferSparseCoding(**options).fit(X, labels, sample_domain=domains)
    assert other.label_map_ is None
    assert not np.allclose(other.components_, model.components_)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label": 1.0}, "needs y of shape"),
        ({"label": 1.0, "y": np.full(60, -1)}, "all of y are masked"),
        ({"label": -1.0}, "label must be at least 0"),
        ({"label": 1.0, "label_l2": 0.0}, "label_l2 must be greater than 0"),
        ({"label": 1.0, "y": np.zeros(60, int), "solver": "admm"}, "needs solver='auto'"),
        ({"sample_weight": np.zeros(60)}, "sample_weight must be positive"),
        ({"sample_weight": np.ones(3)}, "sample_weight must have 60 entries"),
    ],
)
def test_bad_supervision_is_named(options, message):
    X, D, domains, _ = problem()
    with pytest.raises(ValueError, match=message):
        transfer_learn(X, D, domains, **options)
