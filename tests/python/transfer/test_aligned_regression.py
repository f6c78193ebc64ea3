"""DoSL, JDAR, TRaSL and AKTLR: the contract, their equations, identities, and what they are for."""

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.linear_model import MultiTaskElasticNet, Ridge
from sklearn.utils.estimator_checks import parametrize_with_checks

from sparsetransfer.exceptions import DomainError, DomainWarning
from sparsetransfer.graph import knn_graph, laplacian
from sparsetransfer.transfer import AKTLR, JDAR, DoSL, TRaSL, pack

MINUS_ONE = "-1 stands for an unknown label, and is a class there"
METHODS = [
    pytest.param(DoSL(), id="DoSL"),
    pytest.param(JDAR(), id="JDAR"),
    pytest.param(TRaSL(laplacian=0.1), id="TRaSL"),
    pytest.param(AKTLR(), id="AKTLR"),
    pytest.param(AKTLR(conditional=1.0), id="AKTLR-conditional"),
]


@pytest.mark.filterwarnings("ignore::sparsetransfer.exceptions.DomainWarning")
@parametrize_with_checks(
    [DoSL(), JDAR(), TRaSL(laplacian=0.1, n_neighbors=1), AKTLR()],
    expected_failed_checks=lambda _: {"check_classifiers_classes": MINUS_ONE},
)
def test_scikit_learn_contract(estimator, check):
    check(estimator)


@pytest.mark.parametrize("model", METHODS)
def test_each_helps_against_a_planted_shift(model, planted_shift):
    Xs, ys, Xt, yt = planted_shift
    X, y, domains = pack(Xs, ys, Xt)
    with pytest.warns(DomainWarning):
        alone = clone(model).fit(Xs, ys).score(Xt, yt)
    transferred = clone(model).fit(X, y, sample_domain=domains).score(Xt, yt)
    assert transferred > alone + 0.15


def test_without_transfer_it_is_the_multi_task_elastic_net_of_the_source(planted_shift):
    Xs, ys, Xt, _ = planted_shift
    X, y, domains = pack(Xs, ys, Xt)
    model = DoSL(mmd=0.0, l21=0.1, ridge=0.02, kkt_tol=1e-10, class_weight=None)
    model.fit(X, y, sample_domain=domains)
    centred = Xs - Xs.mean(axis=0)
    one_hot = np.eye(3)[ys] - np.bincount(ys) / len(ys)
    strength = 0.1 * np.linalg.norm(centred.T @ one_hot, axis=1).max() / len(ys)
    ridge = 0.02 * np.mean(np.sum(centred**2, axis=1))
    net = MultiTaskElasticNet(
        alpha=strength + ridge, l1_ratio=strength / (strength + ridge), tol=1e-12, max_iter=10000
    ).fit(Xs, np.eye(3)[ys])
    assert_allclose(model.coef_, net.coef_, atol=1e-7)
    assert_allclose(model.intercept_, net.intercept_, atol=1e-7)


def test_without_penalties_it_is_ridge_regression(planted_shift):
    Xs, ys, Xt, _ = planted_shift
    X, y, domains = pack(Xs, ys, Xt)
    model = DoSL(mmd=0.0, l21=0.0, ridge=0.02, class_weight="balanced")
    model.fit(X, y, sample_domain=domains)
    energy = np.mean(np.sum((Xs - Xs.mean(axis=0)) ** 2, axis=1))
    ridge = Ridge(alpha=0.02 * energy * len(ys)).fit(Xs, np.eye(3)[ys])
    assert_allclose(model.coef_, ridge.coef_, atol=1e-9)
    assert_allclose(model.decision_function(Xt), ridge.predict(Xt), atol=1e-9)


def objective(model, X, domains, ys, guesses):
    """What the docstrings say, term by term."""
    options = model.get_params()
    source, target = X[domains > 0], X[domains < 0]
    W, n_classes = model.coef_, len(model.classes_)
    weights = 1 / (n_classes * np.bincount(ys)[ys])
    residual = np.eye(n_classes)[ys] - source @ W.T - model.intercept_
    value = 0.5 * weights @ np.sum(residual**2, axis=1)
    gap = W @ (source.mean(axis=0) - target.mean(axis=0))
    value += 0.5 * options["mmd"] * gap @ gap
    for label in np.unique(guesses):
        gap = W @ (source[ys == label].mean(axis=0) - target[guesses == label].mean(axis=0))
        value += 0.5 * options["conditional"] * gap @ gap
    if options.get("laplacian"):
        centred = X - weights @ source
        L = laplacian(knn_graph(centred, options["n_neighbors"], weights="cosine"), normalized=True)
        value += 0.5 * options["laplacian"] / len(X) * np.trace(W @ centred.T @ (L @ centred) @ W.T)
    centred = source - weights @ source
    prior = weights @ np.eye(n_classes)[ys]
    slope = ((np.eye(n_classes)[ys] - prior) * weights[:, None]).T @ centred
    ridge = options["ridge"] * weights @ np.sum(centred**2, axis=1)
    value += 0.5 * ridge * np.sum(W**2)
    value += options.get("l1", 0) * np.abs(slope).max() * np.abs(W).sum()
    norms = np.linalg.norm(slope, axis=0)
    value += options.get("l21", 0) * norms.max() * np.linalg.norm(W, axis=0).sum()
    if options.get("group"):
        groups = options["groups"] or list(range(X.shape[1]))
        masks = [np.array([g == name for g in groups]) for name in set(groups)]
        largest = max(np.linalg.norm(slope[:, m]) / np.sqrt(m.sum()) for m in masks)
        value += (
            options["group"]
            * largest
            * sum(np.sqrt(m.sum()) * np.linalg.norm(W[:, m]) for m in masks)
        )
    return value


@pytest.mark.parametrize(
    "model",
    [
        pytest.param(DoSL(), id="DoSL"),
        pytest.param(JDAR(), id="JDAR"),
        pytest.param(TRaSL(laplacian=0.4), id="TRaSL"),
        pytest.param(AKTLR(groups=[0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 4, 4], group=0.1), id="AKTLR"),
        pytest.param(AKTLR(conditional=0.5), id="AKTLR-conditional"),
    ],
)
def test_the_objective_is_the_documented_one_and_is_minimal(model, planted_shift):
    Xs, ys, Xt, _ = planted_shift
    X, y, domains = pack(Xs, ys, Xt)
    model = clone(model).set_params(kkt_tol=1e-9).fit(X, y, sample_domain=domains)
    guesses = model.pseudo_labels_
    best = objective(model, X, domains, ys, guesses)
    assert_allclose(model.objective_, best, rtol=1e-9)
    assert model.duality_gap_ <= 1e-6 * best
    assert np.diff(model.history_).max(initial=0) <= 1e-12
    rng = np.random.default_rng(0)
    kept = model.coef_
    for size in (1e-3, 1e-1):
        for _ in range(20):
            model.coef_ = kept + size * rng.normal(size=kept.shape) * rng.choice([0, 1], kept.shape)
            moved = model.coef_ - kept
            # The intercept goes with the coefficients.
            weights = 1 / (3 * np.bincount(ys)[ys])
            model.intercept_ = model.intercept_ - moved @ (weights @ Xs)
            assert objective(model, X, domains, ys, guesses) >= best - 1e-12
            model.intercept_ = model.intercept_ + moved @ (weights @ Xs)


def test_zeros_are_exact_and_groups_vanish_together(planted_shift):
    Xs, ys, Xt, _ = planted_shift
    X, y, domains = pack(Xs, ys, Xt)
    model = DoSL(l21=0.3).fit(X, y, sample_domain=domains)
    assert 0 < model.support_.sum() < 12
    groups = np.repeat(np.arange(4), 3)
    model = AKTLR(group=0.4, groups=groups).fit(X, y, sample_domain=domains)
    used = model.support_.reshape(4, 3).any(axis=1)
    assert 0 < used.sum() < 4
    assert not DoSL(l21=1.0).fit(X, y, sample_domain=domains).coef_.any()


def test_strong_matching_makes_the_means_equal(planted_shift):
    Xs, ys, Xt, _ = planted_shift
    X, y, domains = pack(Xs, ys, Xt)

    def distance(mmd):
        model = DoSL(mmd=mmd).fit(X, y, sample_domain=domains)
        return np.linalg.norm(model.coef_ @ (Xs.mean(axis=0) - Xt.mean(axis=0)))

    distances = [distance(mmd) for mmd in (0.0, 1.0, 100.0, 1e4)]
    assert distances == sorted(distances, reverse=True)
    assert distances[-1] < 1e-3 * distances[0]


@pytest.mark.parametrize("model", METHODS)
def test_labels_of_the_target_are_never_read(model, planted_shift):
    Xs, ys, Xt, yt = planted_shift
    X, y, domains = pack(Xs, ys, Xt)
    masked = clone(model).fit(X, y, sample_domain=domains)
    known = clone(model).fit(X, np.concatenate([ys, yt]), sample_domain=domains)
    implied = clone(model).fit(X, y)
    assert_array_equal(known.coef_, masked.coef_)
    assert_array_equal(implied.coef_, masked.coef_)


def test_scales_of_features_and_duplicates_of_samples_change_nothing(planted_shift):
    Xs, ys, Xt, _ = planted_shift
    X, y, domains = pack(Xs, ys, Xt)
    model = JDAR(kkt_tol=1e-10).fit(X, y, sample_domain=domains)
    scaled = JDAR(kkt_tol=1e-10).fit(100 * X, y, sample_domain=domains)
    assert_allclose(100 * scaled.coef_, model.coef_, atol=1e-7)
    twice = JDAR(kkt_tol=1e-10).fit(
        np.tile(X, (2, 1)), np.tile(y, 2), sample_domain=np.tile(domains, 2)
    )
    assert_allclose(twice.coef_, model.coef_, atol=1e-7)


def test_probabilities_are_the_nearest_to_the_scores(planted_shift):
    Xs, ys, Xt, _ = planted_shift
    X, y, domains = pack(Xs, ys, Xt)
    model = DoSL().fit(X, y, sample_domain=domains)
    scores, chances = model.decision_function(Xt), model.predict_proba(Xt)
    assert_allclose(chances.sum(axis=1), 1)
    assert chances.min() >= 0
    distance = np.sum((chances - scores) ** 2, axis=1)
    for other in np.random.default_rng(0).dirichlet(np.ones(3), size=300):
        assert (np.sum((other - scores) ** 2, axis=1) >= distance - 1e-12).all()


def test_text_labels_and_float32(planted_shift):
    Xs, ys, Xt, yt = planted_shift
    names = np.array(["anger", "neutral", "sadness"])
    X, y, domains = pack(Xs.astype(np.float32), names[ys], Xt.astype(np.float32))
    model = DoSL().fit(X, y, sample_domain=domains)
    assert model.coef_.dtype == np.float32
    assert model.score(Xt, names[yt]) > 0.8


def test_a_term_that_does_nothing_says_so(planted_shift):
    Xs, ys, Xt, _ = planted_shift
    X, y, domains = pack(Xs - Xs.mean(axis=0), ys, Xt - Xt.mean(axis=0))
    with pytest.warns(DomainWarning, match="means of source and target are equal"):
        DoSL().fit(X, y, sample_domain=domains)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (DoSL(mmd=-1), "mmd must be at least 0"),
        (DoSL(l21=2), "l21 must be at most 1"),
        (JDAR(conditional=-1), "conditional must be at least 0"),
        (JDAR(max_rounds=0), "max_rounds must be at least 1"),
        (TRaSL(laplacian=1, n_neighbors=1000), "n_neighbors must be at most"),
        (AKTLR(groups=[1, 2]), "groups must have shape"),
        (DoSL(class_weight="even"), "class_weight"),
        (DoSL(class_weight=dict.fromkeys(range(3), 0.0)), "class_weight must weigh some class"),
    ],
)
def test_bad_parameters_are_named(model, message, planted_shift):
    Xs, ys, Xt, _ = planted_shift
    X, y, domains = pack(Xs, ys, Xt)
    with pytest.raises(ValueError, match=message):
        model.fit(X, y, sample_domain=domains)


def test_bad_labels_are_named(planted_shift):
    Xs, ys, Xt, _ = planted_shift
    X, y, domains = pack(Xs, ys, Xt)
    with pytest.raises(ValueError, match="at least 2 classes, got 1 class"):
        DoSL().fit(X, np.zeros(180, int), sample_domain=domains)
    unknown = y.copy()
    unknown[3] = -1
    with pytest.raises(DomainError, match="1 source samples have no label"):
        DoSL().fit(X, unknown, sample_domain=domains)


def test_the_table_of_the_documentation_has_the_defaults():
    page = Path(__file__).parents[3] / "docs/alignment.md"
    lines = page.read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in lines]
    header = next(row for row in rows if row[0] == "default weight")
    table = {row[0]: row for row in rows if len(row) == len(header)}
    for method in (DoSL, JDAR, TRaSL, AKTLR):
        defaults = method().get_params()
        terms = {
            name: float(cell)
            for name, cell in zip(header[1:], table[method.__name__][1:], strict=True)
            if cell
        }
        assert terms == {name: defaults[name] for name in header[1:] if name in defaults}
