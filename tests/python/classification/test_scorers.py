"""Criteria without labels of the target, beside their definitions written out."""

import pickle

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import GridSearchCV

from sparsetransfer.classification import (
    LabelledOnly,
    SourceGroupKFold,
    make_transfer_pipeline,
    unlabelled_scorer,
)
from sparsetransfer.classification import scorers as module
from sparsetransfer.exceptions import DomainError
from sparsetransfer.subspace import CORAL
from sparsetransfer.transfer import DoSL, pack

CRITERIA = ("importance", "deep_embedded", "reverse", "entropy", "density")


def domains(shift=0.3, names=("anger", "neutral"), seed=0, n=90):
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, 2, n)
    source, target = (
        1.2 * classes[:, None] * np.eye(4)[0] + rng.normal(size=(n, 4)) + move
        for move in (0.0, shift)
    )
    return pack(source, np.asarray(names)[classes], target), np.asarray(names)[classes]


@pytest.fixture
def fitted():
    (X, y, _), truth = domains()
    return LabelledOnly(LogisticRegression()).fit(X, y), X, y, truth


def test_entropy_is_minus_its_definition(fitted):
    model, X, y, truth = fitted
    p = model.predict_proba(X[len(truth) :])
    expected = np.mean([sum(q * np.log(q) for q in row) for row in p])
    assert unlabelled_scorer("entropy")(model, X, y) == pytest.approx(expected, rel=1e-12)


def test_entropy_of_a_certain_model_is_zero(fitted):
    _, X, y, _ = fitted

    class Certain:
        def predict_proba(self, rows):
            return np.eye(2)[np.arange(len(rows)) % 2]

    assert unlabelled_scorer("entropy")(Certain(), X, y) == 0.0


@pytest.mark.parametrize("block", [1, 700, 1 << 21])
def test_density_is_the_entropy_of_similarities(fitted, monkeypatch, block):
    model, X, y, truth = fitted
    monkeypatch.setattr(module, "_BLOCK", block)
    p = model.predict_proba(X[len(truth) :])
    p = p / np.sqrt((p**2).sum(axis=1, keepdims=True))
    entropies = []
    for i in range(len(p)):
        similarities = np.array([p[i] @ p[j] for j in range(len(p)) if j != i]) / 0.05
        q = np.exp(similarities) / np.exp(similarities).sum()
        entropies.append(-np.sum(q * np.log(q)))
    found = unlabelled_scorer("density")(model, X, y)
    assert found == pytest.approx(np.mean(entropies), rel=1e-10)
    assert 0 < found < np.log(len(p) - 1) + 1e-12


def test_one_row_of_the_target_has_no_neighbours(fitted):
    model, X, y, truth = fitted
    rows = [*range(len(truth)), len(truth)]
    assert unlabelled_scorer("density")(model, X[rows], y[rows]) == 0.0


def test_importance_is_a_weighted_recall(fitted):
    model, X, y, truth = fitted
    n = len(truth)
    weights = module.importance_weights(X[:n], X[n:])
    expected = balanced_accuracy_score(truth, model.predict(X[:n]), sample_weight=weights)
    found = unlabelled_scorer("importance")(model, X, y)
    assert found == pytest.approx(expected, rel=1e-12)
    assert found != pytest.approx(balanced_accuracy_score(truth, model.predict(X[:n])), rel=1e-6)


def test_deep_embedded_validation_controls_the_weights(fitted):
    model, X, y, truth = fitted
    n = len(truth)
    weights = module.importance_weights(X[:n], X[n:])
    loss = weights * (model.predict(X[:n]) != truth)
    slope = -np.cov(loss, weights, ddof=0)[0, 1] / np.var(weights)
    risk = loss.mean() + slope * weights.mean() - slope
    assert unlabelled_scorer("deep_embedded")(model, X, y) == pytest.approx(-risk, rel=1e-10)


def test_equal_domains_give_the_plain_error():
    (X, y, _), truth = domains()
    n = len(truth)
    X = np.vstack([X[:n], X[:n]])
    model = LabelledOnly(LogisticRegression()).fit(X, y)
    error = np.mean(model.predict(X[:n]) != truth)
    assert unlabelled_scorer("deep_embedded")(model, X, y) == pytest.approx(-error, abs=1e-6)


@pytest.mark.parametrize("names", [("anger", "neutral"), (0, 1), (2.0, 5.0)])
@pytest.mark.parametrize(
    "estimator",
    [
        LabelledOnly(LogisticRegression()),
        DoSL(),
        make_transfer_pipeline(CORAL(), LogisticRegression()),
    ],
    ids=["classifier", "regression", "pipeline"],
)
def test_reverse_validation_trains_on_the_guesses(names, estimator):
    (X, y, sample_domain), truth = domains(names=names)
    n = len(truth)
    options = {} if isinstance(estimator, LabelledOnly) else {"sample_domain": sample_domain}
    model = clone(estimator).fit(X, y, **options)
    back, labels, roles = pack(X[n:], model.predict(X[n:]), X[:n])
    if options:
        options = {"sample_domain": roles}
    answers = clone(estimator).fit(back, labels, **options).predict(X[:n])
    expected = balanced_accuracy_score(truth.astype(str), np.asarray(answers).astype(str))
    assert unlabelled_scorer("reverse")(model, X, y) == pytest.approx(expected, rel=1e-12)


def test_a_model_of_one_class_is_at_chance(fitted):
    _, X, y, _ = fitted

    class Constant:
        def predict(self, rows):
            return np.repeat("anger", len(rows))

    assert unlabelled_scorer("reverse")(Constant(), X, y) == 0.5


@pytest.mark.parametrize("criterion", CRITERIA)
def test_no_label_of_the_target_is_read(criterion):
    """Masks of any kind give the same score, and the scorer is copied by pickle."""
    (X, y, _), _ = domains()
    model = LabelledOnly(LogisticRegression()).fit(X, y)
    masked = np.array([None if label is None else str(label) for label in y], object)
    missing = np.array([np.nan if label is None else str(label) for label in masked], object)
    scorer = pickle.loads(pickle.dumps(unlabelled_scorer(criterion)))
    assert scorer(model, X, y) == scorer(model, X, masked) == scorer(model, X, missing)


@pytest.mark.parametrize("criterion", CRITERIA)
def test_one_domain_names_the_splitter(fitted, criterion):
    model, X, y, truth = fitted
    n = len(truth)
    for rows, found in ((slice(n), "labelled and no unlabelled"), (slice(n, None), "unlabelled")):
        with pytest.raises(DomainError, match=rf"{found}.*score_target=True"):
            unlabelled_scorer(criterion)(model, X[rows], y[rows])


@pytest.mark.parametrize("criterion", ["entropy", "density"])
def test_a_machine_without_probabilities_is_named(fitted, criterion):
    _, X, y, _ = fitted
    machine = LabelledOnly(RidgeClassifier()).fit(X, y)
    with pytest.raises(AttributeError, match="needs predict_proba, which LabelledOnly lacks"):
        unlabelled_scorer(criterion)(machine, X, y)


def test_criterion_is_checked():
    with pytest.raises(ValueError, match=r"criterion must be one of importance.*got 'target'"):
        unlabelled_scorer("target")


@pytest.mark.parametrize("criterion", CRITERIA)
def test_grid_search_without_a_label_of_the_target(criterion):
    (X, y, _), _ = domains(shift=1.5)
    speakers = np.repeat(np.arange(18), 10)
    with sklearn.config_context(enable_metadata_routing=True):
        search = GridSearchCV(
            LabelledOnly(LogisticRegression()),
            {"estimator__C": [1e-5, 1.0]},
            cv=SourceGroupKFold(3, score_target=True),
            scoring=unlabelled_scorer(criterion),
            error_score="raise",
        ).fit(X, y, groups=speakers)
    folds = SourceGroupKFold(3, score_target=True).split(X, y, speakers)
    model, scorer = LabelledOnly(LogisticRegression(C=1.0)), unlabelled_scorer(criterion)
    alone = [
        scorer(clone(model).fit(X[train], y[train]), X[test], y[test]) for train, test in folds
    ]
    assert search.cv_results_["mean_test_score"][1] == pytest.approx(np.mean(alone), rel=1e-12)


def test_folds_with_the_target_hold_all_of_it():
    (X, y, sample_domain), _ = domains()
    speakers = np.repeat(np.arange(18), 10)
    plain = list(SourceGroupKFold(3).split(X, y, speakers))
    both = list(SourceGroupKFold(3, score_target=True).split(X, y, speakers))
    target = np.flatnonzero(sample_domain < 0)
    for (train, test), (same, more) in zip(plain, both, strict=True):
        np.testing.assert_array_equal(train, same)
        np.testing.assert_array_equal(more, np.sort(np.concatenate([test, target])))
