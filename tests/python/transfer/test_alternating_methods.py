"""TDLR, implicit alignment, TSDSL and transfer NMF: contract, equations, identities, purpose."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.utils.estimator_checks import parametrize_with_checks

from sparsetransfer.classification import make_transfer_pipeline
from sparsetransfer.exceptions import ConvergenceWarning, DomainError, DomainWarning
from sparsetransfer.transfer import (
    TDLR,
    TSDSL,
    DoSL,
    ImplicitDistributionAlignment,
    TransferNMF,
    TransferSparseCoding,
    pack,
    sparse_regression,
    transfer_encode,
)
from sparsetransfer.transfer.problem import warn_unconverged
from sparsetransfer.transfer.regression.reconstruction import Reconstruction, rebuild

MINUS_ONE = "-1 stands for an unknown label, and is a class there"
CLASSIFIERS = [
    pytest.param(TDLR(), id="TDLR"),
    pytest.param(TDLR(conditional=1.0), id="TDLR-conditional"),
    pytest.param(ImplicitDistributionAlignment(alignment=30.0), id="implicit-l1"),
    pytest.param(
        ImplicitDistributionAlignment(alignment=30.0, penalty="l21", sparsity=0.3),
        id="implicit-l21",
    ),
]


@pytest.mark.filterwarnings("ignore::sparsetransfer.exceptions.DomainWarning")
@parametrize_with_checks(
    [
        TDLR(max_iter=5),
        ImplicitDistributionAlignment(max_iter=5),
        TSDSL(n_neighbors=1),
        TransferNMF(n_components=2, alpha=0.1, random_state=0),
    ],
    expected_failed_checks=lambda estimator: (
        {"check_classifiers_classes": MINUS_ONE} if hasattr(estimator, "predict") else {}
    ),
)
def test_scikit_learn_contract(estimator, check):
    check(estimator)


@pytest.mark.parametrize("model", CLASSIFIERS)
def test_each_classifier_helps_against_a_planted_shift(model, planted_shift):
    Xs, ys, Xt, yt = planted_shift
    X, y, domains = pack(Xs, ys, Xt)
    with pytest.warns(DomainWarning):
        alone = clone(model).fit(Xs, ys).score(Xt, yt)
    assert clone(model).fit(X, y, sample_domain=domains).score(Xt, yt) > alone + 0.1


def test_the_discriminant_subspace_helps_against_a_planted_shift(planted_shift):
    Xs, ys, Xt, yt = planted_shift
    X, y, domains = pack(Xs, ys, Xt)

    def score(graph):
        model = make_transfer_pipeline(TSDSL(graph=graph), LogisticRegression(C=10.0))
        return model.fit(X, y, sample_domain=domains).score(Xt, yt)

    assert score(10.0) > score(0.0) + 0.1


@pytest.mark.parametrize("seed", [0, 2])
def test_transfer_nmf_helps_against_a_planted_shift(seed):
    rng = np.random.default_rng(seed)
    parts = np.abs(rng.normal(size=(6, 20)))
    labels = np.arange(80) % 2
    codes = 0.5 * np.abs(rng.normal(size=(160, 6)))
    codes[:, 0] += np.tile(labels, 2)
    codes[:, 1] += 1 - np.tile(labels, 2)
    codes[:80, 2] += 1.5 * labels  # what misleads: a part that goes with a class at home
    codes[80:, 2] += 2.0
    X, y, domains = pack((codes @ parts)[:80], labels, (codes @ parts)[80:])

    def score(mmd):
        coder = TransferNMF(6, mmd=mmd, random_state=0)
        model = make_transfer_pipeline(coder, LogisticRegression(C=10.0, max_iter=1000))
        return model.fit(X, y, sample_domain=domains).score(X[80:], labels)

    assert score(10.0) > score(0.0) + 0.2


def test_transfer_nmf_factorises_with_a_falling_objective():
    X = np.abs(np.random.default_rng(0).normal(size=(60, 12)))
    domains = np.repeat([1, -1], 30)
    model = TransferNMF(6, mmd=5.0, laplacian=0.5, random_state=0).fit(X, sample_domain=domains)
    assert model.codes_.min() >= 0
    assert (model.codes_ == 0).any()
    assert model.components_.min() >= 0
    assert np.linalg.norm(model.components_, axis=1).max() <= 1 + 1e-12
    assert np.diff(model.history_).max() <= 1e-9
    assert_allclose(model.inverse_transform(model.codes_), model.codes_ @ model.components_)
    with pytest.raises(ValueError, match="Negative values in data"):
        TransferNMF(2).fit(-X)


@pytest.mark.parametrize("model", CLASSIFIERS)
def test_histories_never_rise_and_certificates_hold(model, planted_shift):
    Xs, ys, Xt, _ = planted_shift
    X, y, domains = pack(Xs, ys, Xt)
    fitted = clone(model).set_params(tol=1e-7, max_iter=30).fit(X, y, sample_domain=domains)
    if not model.get_params().get("conditional"):
        assert np.diff(fitted.history_).max() <= 1e-10
    assert len(fitted.history_) == fitted.n_iter_ > 2
    assert fitted.objective_ == fitted.history_[-1]
    assert fitted.converged_
    assert fitted.duality_gap_ <= 1e-4 * fitted.objective_


@pytest.mark.parametrize("model", CLASSIFIERS)
def test_labels_of_the_target_are_never_read(model, planted_shift):
    Xs, ys, Xt, yt = planted_shift
    X, y, domains = pack(Xs, ys, Xt)
    masked = clone(model).fit(X, y, sample_domain=domains)
    known = clone(model).fit(X, np.concatenate([ys, yt]), sample_domain=domains)
    assert_array_equal(known.coef_, masked.coef_)
    assert_array_equal(clone(model).fit(X, y).coef_, masked.coef_)


def test_without_alignment_it_is_the_regression_of_the_source(planted_shift):
    Xs, ys, Xt, _ = planted_shift
    X, y, domains = pack(Xs, ys, Xt)
    plain = DoSL(mmd=0.0, l21=0.05).fit(X, y, sample_domain=domains)
    implicit = ImplicitDistributionAlignment(alignment=0.0, l21=0.05)
    implicit.fit(X, y, sample_domain=domains)
    assert_allclose(implicit.coef_, plain.coef_, atol=1e-7)
    assert not implicit.reconstruction_.any()


@pytest.mark.parametrize("penalty", ["l1", "l21"])
def test_the_implicit_objective_is_the_documented_one(penalty, planted_shift):
    Xs, ys, Xt, _ = planted_shift
    X, y, domains = pack(Xs, ys, Xt)
    model = ImplicitDistributionAlignment(alignment=2.0, sparsity=0.1, penalty=penalty, l21=0.1)
    model.fit(X, y, sample_domain=domains)
    W, U = model.coef_, model.reconstruction_
    one_hot = np.eye(3)[ys] - 1 / 3
    source, target = Xs - Xs.mean(axis=0), Xt - Xs.mean(axis=0)
    size = np.abs(U).sum() if penalty == "l1" else np.linalg.norm(U, axis=0).sum()
    slope = one_hot.T @ source / 90
    energy = np.mean(np.sum(source**2, axis=1))
    expected = (
        0.5 * np.sum((source @ W.T - one_hot) ** 2) / 90
        + 2.0 / 90 * (0.5 * np.sum((target @ W.T - U @ source @ W.T) ** 2) + 0.1 * size)
        + 0.1 * np.linalg.norm(slope, axis=0).max() * np.linalg.norm(W, axis=0).sum()
        + 0.5 * 0.01 * energy * np.sum(W**2)
    )
    assert_allclose(model.objective_, expected, rtol=1e-9)
    # Reconstruction is sparse: entries, or whole source samples, are exactly zero.
    used = (U != 0).mean() if penalty == "l1" else np.any(U != 0, axis=0).mean()
    assert 0 < used < 0.3


def test_the_relaxed_objective_is_the_documented_one(planted_shift):
    Xs, ys, Xt, _ = planted_shift
    X, y, domains = pack(Xs, ys, Xt)
    model = TDLR(reconstruction=0.5, sparsity=0.2, l21=0.1, mmd=3.0).fit(
        X, y, sample_domain=domains
    )
    W, Q, M = model.coef_, model.reconstruction_, model.relaxation_
    one_hot = np.eye(3)[ys]
    relaxed = one_hot - 1 / 3 + np.where(one_hot > 0, 1, -1) * M
    source, target = Xs - Xs.mean(axis=0), Xt - Xs.mean(axis=0)
    slope = (one_hot - 1 / 3).T @ source / 90
    gap = W @ (source.mean(axis=0) - target.mean(axis=0))
    rebuilt = 0.5 * np.sum((target @ W.T - Q @ relaxed) ** 2)
    expected = (
        0.5 * np.sum((source @ W.T - relaxed) ** 2) / 90
        + 0.5 / 90 * (rebuilt + 0.2 * np.linalg.norm(Q, axis=0).sum())
        + 1.5 * gap @ gap
        + 0.1 * np.linalg.norm(slope, axis=0).max() * np.linalg.norm(W, axis=0).sum()
        + 0.5 * 0.01 * np.mean(np.sum(source**2, axis=1)) * np.sum(W**2)
    )
    assert_allclose(model.objective_, expected, rtol=1e-9)
    assert M.min() >= 0
    assert M.max() > 0
    assert 0 < np.any(Q != 0, axis=0).mean() < 1


def test_without_graph_and_penalties_the_subspace_is_that_of_discriminant_analysis(planted_shift):
    Xs, ys, Xt, _ = planted_shift
    X, y, domains = pack(Xs, ys, Xt)
    model = TSDSL(graph=0.0, l21=0.0, ridge=0.0).fit(X, y, sample_domain=domains)
    lda = LinearDiscriminantAnalysis(solver="eigen").fit(Xs, ys)
    expected, _ = np.linalg.qr(lda.scalings_[:, :2])
    got = model.projection_.T
    assert np.linalg.matrix_rank(got, tol=1e-8) == 2
    assert_allclose(expected @ (expected.T @ got), got, atol=1e-8)


def test_the_graph_draws_neighbours_across_domains_together(planted_shift):
    Xs, ys, Xt, _ = planted_shift
    X, y, domains = pack(Xs, ys, Xt)
    distance = ((Xs[:, None] - Xt[None]) ** 2).sum(axis=2)
    nearest = distance.argmin(axis=1)

    def spread(graph):
        model = TSDSL(graph=graph, l21=0.0).fit(X, y, sample_domain=domains)
        source, target = model.transform(Xs), model.transform(Xt)
        return np.sum((source - target[nearest]) ** 2) / np.sum(source**2)

    assert spread(100.0) < 0.7 * spread(0.0)


def test_text_labels_and_precision(planted_shift):
    Xs, ys, Xt, _ = planted_shift
    names = np.array(["anger", "neutral", "sadness"])
    X, y, domains = pack(Xs.astype(np.float32), names[ys], Xt.astype(np.float32))
    for model in (TDLR(max_iter=3), ImplicitDistributionAlignment(max_iter=3)):
        model.fit(X, y, sample_domain=domains)
        assert model.coef_.dtype == np.float32
        assert set(model.predict(X)) <= set(names)
    subspace = TSDSL().fit(X, y, sample_domain=domains)
    assert subspace.transform(X).dtype == np.float32


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (TDLR(sparsity=0), "sparsity must be greater than 0"),
        (TDLR(max_iter=0), "max_iter must be at least 1"),
        (ImplicitDistributionAlignment(penalty="l2"), "penalty must be one of l1, l21"),
        (ImplicitDistributionAlignment(alignment=-1), "alignment must be at least 0"),
        (TSDSL(graph=-1), "graph must be at least 0"),
        (TSDSL(n_neighbors=0), "n_neighbors must be at least 1"),
        (TransferNMF(alpha=0), "alpha must be greater than 0"),
        (TransferNMF(n_components=500), "n_components must be at most"),
    ],
)
def test_bad_parameters_are_named(model, message, planted_shift):
    Xs, ys, Xt, _ = planted_shift
    X, y, domains = pack(np.abs(Xs), ys, np.abs(Xt))
    with pytest.raises(ValueError, match=message):
        model.fit(X, y, sample_domain=domains)


def test_source_labels_must_be_known(planted_shift):
    Xs, ys, Xt, _ = planted_shift
    X, _, domains = pack(Xs, ys, Xt)
    for model in (TDLR(), ImplicitDistributionAlignment(), TSDSL()):
        with pytest.raises(DomainError, match="90 source samples have no label"):
            model.fit(X, np.full(180, -1), sample_domain=domains)


def test_rebuilding_in_the_span_of_the_scores_loses_nothing():
    rng = np.random.default_rng(0)
    scores, parts = rng.normal(size=(30, 3)), rng.normal(size=(20, 3))
    found = rebuild(
        scores, parts, 2.0, Reconstruction.nothing(30, 20), 1, kkt_tol=1e-9, max_iter=20000
    )
    # The same problem with one output per sample: W = Q, X = parts', Y = scores'.
    whole = sparse_regression(parts.T, scores.T, l21=2.0, kkt_tol=1e-9)
    value = 0.5 * np.sum((scores - found.coef @ parts) ** 2) + 2.0 * found.size
    assert_allclose(value, whole.objective, rtol=1e-7)
    assert_array_equal(np.any(found.coef, axis=0), np.any(whole.coef, axis=0))
    assert_allclose(found.size, np.linalg.norm(found.coef, axis=0).sum())


def test_factorisation_advises_only_what_it_has():
    codes = transfer_encode(np.ones((2, 3)), np.eye(3), [1, -1], alpha=0.1)
    with pytest.warns(ConvergenceWarning, match="raise max_iter or the tolerance") as caught:
        warn_unconverged(codes, 0.1)
    others = set(TransferSparseCoding().get_params()) - set(TransferNMF().get_params())
    assert not [name for name in others if name in str(caught[0].message)]
