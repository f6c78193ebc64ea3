import numpy as np
import pytest
from sklearn.base import clone
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import PredefinedSplit, cross_val_predict
from sklearn.svm import LinearSVC

from sparsetransfer.evaluation import FAMILIES, speaker_folds, standardise, tune
from sparsetransfer.evaluation.selection import _most_regularised


def test_choice_equals_cross_validation_by_scikit_learn(domains):
    domain = domains[0]
    X = standardise(domain.features)
    grid = (1e-3, 1e-1, 10.0)
    tuned = tune("svm", X, domain.labels, domain.speakers, c_grid=grid, n_folds=3, seed=5)
    scaled = X / np.sqrt((X**2).sum(1).mean())
    fold = np.empty(len(X), dtype=int)
    folds = speaker_folds(domain.labels, domain.speakers, n_folds=3, seed=5)
    for number, (_, test) in enumerate(folds):
        fold[test] = number
    svm = LinearSVC(class_weight="balanced", dual="auto", max_iter=10_000, random_state=5)
    expected = [
        balanced_accuracy_score(
            domain.labels,
            cross_val_predict(
                clone(svm).set_params(C=cost), scaled, domain.labels, cv=PredefinedSplit(fold)
            ),
        )
        for cost in grid
    ]
    np.testing.assert_allclose(tuned.choice.scores, expected)


def test_the_smallest_cost_within_a_standard_error_is_taken(domains):
    domain = domains[0]
    X = standardise(domain.features)
    grid = (1e-7, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
    tuned = tune("svm", X, domain.labels, domain.speakers, c_grid=grid, n_folds=3, seed=5)
    folds = speaker_folds(domain.labels, domain.speakers, n_folds=3, seed=5)
    scaled = X / np.sqrt((X**2).sum(1).mean())
    per_fold = []
    for cost in grid:
        svm = LinearSVC(
            C=cost, class_weight="balanced", dual="auto", max_iter=10_000, random_state=5
        )
        per_fold.append(
            [
                balanced_accuracy_score(
                    domain.labels[test],
                    svm.fit(scaled[train], domain.labels[train]).predict(scaled[test]),
                )
                for train, test in folds
            ]
        )
    best = int(np.argmax(tuned.choice.scores))
    bar = tuned.choice.scores[best] - np.std(per_fold[best], ddof=1) / np.sqrt(len(folds))
    allowed = [
        cost for cost, recall in zip(grid, tuned.choice.scores, strict=True) if recall >= bar
    ]
    assert tuned.choice.parameters["C"] == min(allowed)
    assert tuned.choice.score == tuned.choice.scores[grid.index(tuned.choice.parameters["C"])]


@pytest.mark.parametrize(("error", "chosen"), [(0.0, 3), (0.015, 2), (0.03, 1), (0.5, 0)])
def test_the_standard_error_of_the_best_cost_decides(error, chosen):
    recalls = [0.2, 0.595, 0.61, 0.62, 0.6]
    errors = [9.0, 9.0, 9.0, error, 9.0]
    assert _most_regularised(recalls, errors) == chosen


def test_scale_of_the_features_does_not_matter(domains):
    domain = domains[0]
    X = standardise(domain.features)
    settings = {"c_grid": (0.01, 1.0), "n_folds": 3, "seed": 0}
    one = tune("svm", X, domain.labels, domain.speakers, **settings)
    two = tune("svm", 4.0 * X, domain.labels, domain.speakers, **settings)
    assert one.choice.scores == two.choice.scores
    np.testing.assert_allclose(one.classifier.coef_, two.classifier.coef_)
    assert one.predict(X).tolist() == two.predict(4.0 * X).tolist()


def test_standardise_handles_constant_columns():
    X = np.random.default_rng(0).standard_normal((20, 3)) * [1.0, 50.0, 0.0] + [0.0, 7.0, 0.1]
    Z = standardise(X)
    np.testing.assert_allclose(Z[:, :2].mean(0), 0, atol=1e-14)
    np.testing.assert_allclose(Z[:, :2].std(0), 1)
    assert not Z[:, 2].any()


def test_all_zero_rows_do_not_break_the_scale():
    X = np.zeros((8, 2))
    labels = np.array(["a", "b"] * 4)
    speakers = np.repeat(["s", "t"], 4)
    tuned = tune("svm", X, labels, speakers, c_grid=(1.0,), n_folds=2, seed=0)
    assert tuned.scale == 1.0
    assert tuned.choice.score == pytest.approx(0.5)


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_every_family_learns_an_easy_corpus_from_its_most_regularised_side(domains, family):
    domain = domains[0]
    X = standardise(domain.features)
    tuned = tune(
        family, X, domain.labels, domain.speakers, c_grid=(0.01, 0.1, 1.0), n_folds=3, seed=0
    )
    assert tuned.choice.score > 0.7
    assert balanced_accuracy_score(domain.labels, tuned.predict(X)) > 0.7


@pytest.mark.parametrize("family", ["svm", "ridge", "logistic"])
def test_grids_begin_on_the_most_regularised_side(domains, family):
    X, kind = standardise(domains[0].features), FAMILIES[family]
    norms = [
        np.linalg.norm(kind.make(candidate, 0).fit(X, domains[0].labels).coef_)
        for candidate in kind.grid((0.001, 0.01, 0.1, 1.0))
    ]
    assert norms == sorted(norms)


def test_ridge_is_weighted_least_squares_on_plus_and_minus_one(domains):
    """Against the normal equations, with balanced weights and an unpenalised intercept."""
    domain = domains[0]
    keep = np.arange(len(domain)) % 4 != 1
    X, labels = standardise(domain.features)[keep], domain.labels[keep]
    ridge = FAMILIES["ridge"].make({"alpha": 5.0}, 0).fit(X, labels)
    names, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    weights = (len(labels) / len(names) / counts)[codes]
    targets = np.where(codes[:, None] == np.arange(len(names)), 1.0, -1.0)
    A = np.hstack([X, np.ones((len(X), 1))])
    penalty = np.diag([5.0] * X.shape[1] + [0.0])
    solution = np.linalg.solve(A.T * weights @ A + penalty, A.T * weights @ targets)
    np.testing.assert_allclose(ridge.decision_function(X), A @ solution, atol=1e-9)


def test_an_unknown_family_is_refused():
    with pytest.raises(ValueError, match="family must be one of svm"):
        tune(
            "tree",
            np.eye(2),
            np.array(["a", "b"]),
            np.array(["s", "t"]),
            c_grid=(1.0,),
            n_folds=2,
            seed=0,
        )
