import numpy as np
import pytest
from scipy.special import softmax
from sklearn.decomposition import PCA
from sklearn.preprocessing import Normalizer
from sklearn.utils.estimator_checks import parametrize_with_checks

from sparsetransfer.classification import MultiView, TransferPipeline, join_views
from sparsetransfer.classification.balanced_ridge import class_targets, class_weights, ridge
from sparsetransfer.classification.multi_view import view_columns
from sparsetransfer.classification.priors import balance_prior
from sparsetransfer.exceptions import DomainError
from sparsetransfer.transfer import Optimisation, TransferSparseCoding, pack

MINUS_ONE = "the label -1 means unknown by contract, and this check uses it as a class"


@parametrize_with_checks(
    [MultiView(), MultiView(rounds=1)],
    expected_failed_checks=lambda _: {"check_classifiers_classes": MINUS_ONE},
)
def test_scikit_learn_contract(estimator, check):
    check(estimator)


@pytest.fixture
def domains():
    """Three classes, two views; the target is turned a little in each."""
    rng = np.random.default_rng(0)
    means = rng.normal(size=(3, 12))
    labels = np.repeat(["a", "b", "c"], [20, 30, 40])
    codes = np.repeat([0, 1, 2], [20, 30, 40])
    source = means[codes] + rng.normal(size=(90, 12))
    target = (means + 0.5 * rng.normal(size=means.shape))[codes] + rng.normal(size=(90, 12))
    return pack(source, labels, target), codes


def test_equations(domains):
    (X, y, domain), codes = domains
    model = MultiView(views=[7, 5], alpha=2.0, temperature=0.8).fit(X, y, sample_domain=domain)
    total = 0.0
    for view in (X[:, :7], X[:, 7:]):
        scores = ridge(
            view[:90], class_targets(codes, 3), class_weights(codes, 3), alpha=2.0
        ).scores(view[90:])
        balance = balance_prior(scores, temperature=0.8)
        total = total + softmax(scores / balance.scale + balance.offsets, axis=1)
    np.testing.assert_allclose(model.predict_proba(X[90:]), total / 2, rtol=1e-9)
    np.testing.assert_allclose(model.target_posteriors_.mean(axis=0), total / 2, rtol=1e-9)
    np.testing.assert_allclose(total.mean(axis=0) / 2, 1 / 3, atol=1e-8)


def test_one_round_is_a_ridge_on_both_domains(domains):
    (X, y, domain), codes = domains
    before = MultiView().fit(X, y, sample_domain=domain).target_posteriors_[0]
    after = MultiView(rounds=1).fit(X, y, sample_domain=domain)
    trust = (before.max(axis=1) - 1 / 3) / (2 / 3)
    weights = np.concatenate([class_weights(codes, 3), 90 * trust / trust.sum()])
    fit = ridge(X, np.vstack([class_targets(codes, 3), 2 * before - 1]), weights)
    np.testing.assert_allclose(after.ridges_[0].coef, fit.coef, rtol=1e-9)


@pytest.mark.parametrize("rounds", [0, 2])
def test_no_target_label_influences_anything(domains, rounds):
    (X, y, domain), _ = domains
    first = MultiView([6, 6], rounds=rounds).fit(X, y, sample_domain=domain)
    leaked = y.copy()
    leaked[90:] = np.random.default_rng(2).permutation(y[:90])
    second = MultiView([6, 6], rounds=rounds).fit(X, leaked, sample_domain=domain)
    np.testing.assert_array_equal(first.predict_proba(X), second.predict_proba(X))


def test_order_of_rows_and_views_does_not_matter(domains):
    (X, y, domain), _ = domains
    expected = MultiView([7, 5], rounds=1).fit(X, y, sample_domain=domain).predict_proba(X)
    order = np.random.default_rng(3).permutation(len(X))
    shuffled = MultiView([slice(7, 12), np.arange(7)], rounds=1)
    shuffled.fit(X[order], y[order], sample_domain=domain[order])
    np.testing.assert_allclose(shuffled.predict_proba(X), expected, atol=1e-8)


def test_masked_labels_stand_for_domains(domains):
    (X, y, domain), _ = domains
    expected = MultiView().fit(X, y, sample_domain=domain).predict(X)
    np.testing.assert_array_equal(MultiView().fit(X, y).predict(X), expected)


def test_prior_is_met_and_offsets_tell_what_it_took(domains):
    (X, y, domain), _ = domains
    prior = [0.6, 0.3, 0.1]
    model = MultiView(prior=prior).fit(X, y, sample_domain=domain)
    np.testing.assert_allclose(model.predict_proba(X[90:]).mean(axis=0), prior, atol=1e-8)
    assert model.balances_[0].offsets[0] > model.balances_[0].offsets[2]


@pytest.mark.filterwarnings("ignore:the alternation stopped")
def test_a_view_may_be_transfer_codes(domains):
    (X, y, domain), _ = domains
    codes_of = TransferSparseCoding(
        12, alpha=0.1, mmd=5.0, max_iter=5, optimisation=Optimisation(kkt_tol=1e-2), random_state=0
    )
    coder = TransferPipeline([("pca", PCA(5)), ("norm", Normalizer()), ("codes", codes_of)])
    model = MultiView([7, 5], encoders=[None, coder]).fit(X, y, sample_domain=domain)
    assert model.encoders_[0] is None
    codes = model.encoders_[1][-1].codes_
    assert model.ridges_[1].coef.shape == (12, 3)
    raw = MultiView([7, 5]).fit(X, y, sample_domain=domain)
    np.testing.assert_array_equal(raw.ridges_[0].coef, model.ridges_[0].coef)
    fit = ridge(codes[:90], class_targets(domains[1], 3), class_weights(domains[1], 3))
    np.testing.assert_allclose(model.ridges_[1].coef, fit.coef, rtol=1e-9)
    assert (model.predict(X[90:]) == y[:90]).mean() > 0.5
    # Domains reached the coder: without them it would have warned and not coupled anything.
    assert np.any(model.encoders_[1][-1].mean_difference_ != 0)


def test_more_views_err_less():
    rng = np.random.default_rng(5)
    codes = rng.integers(0, 3, 300)
    views = []
    for _ in range(4):
        means = rng.normal(size=(3, 5))
        moved = means + 0.8 * rng.normal(size=means.shape)
        rows = np.where(
            np.arange(600)[:, None] < 300, means[np.r_[codes, codes]], moved[np.r_[codes, codes]]
        )
        views.append(rows + 1.5 * rng.normal(size=rows.shape))
    X, widths = join_views(views)
    y = np.r_[codes, np.full(300, -1)]
    together = (MultiView(widths).fit(X, y).predict(X[300:]) == codes).mean()
    alone = [(MultiView().fit(v, y).predict(v[300:]) == codes).mean() for v in views]
    assert together > max(alone)


@pytest.mark.parametrize(
    ("views", "match"),
    [
        ([2, 2], "add up to 3"),
        ([], "at least one view"),
        ([[0], [3]], r"views\[1\] must be positions of columns, below 3, got \[3\]"),
        ([["a"], ["b"]], r"got \['a'\]; X.columns.get_indexer"),
        ([slice("a", "b")], r"got slice\('a', 'b', None\); X.columns.get_indexer"),
        ([slice(3, 3)], "at least one column"),
        ([3, 0], "positive numbers"),
    ],
)
def test_bad_views(views, match):
    with pytest.raises(ValueError, match=match):
        view_columns(views, 3)


def test_bad_arguments(domains):
    (X, y, domain), _ = domains
    with pytest.raises(ValueError, match="encoders must have one entry"):
        MultiView([7, 5], encoders=[None]).fit(X, y, sample_domain=domain)
    with pytest.raises(ValueError, match="rounds must be at least 0"):
        MultiView(rounds=-1).fit(X, y, sample_domain=domain)
    y[3] = None
    with pytest.raises(DomainError, match="1 source samples have no label"):
        MultiView().fit(X, y, sample_domain=domain)
    with pytest.raises(ValueError, match="equal numbers of rows"):
        join_views([[[1.0]], [[1.0], [2.0]]])
