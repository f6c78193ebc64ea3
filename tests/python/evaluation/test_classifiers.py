import numpy as np
import pytest
from sklearn.base import clone
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import PredefinedSplit, cross_val_predict
from sklearn.svm import SVC, LinearSVC

from sparsetransfer.evaluation.data.folds import speaker_folds
from sparsetransfer.evaluation.data.normalisation import standardise
from sparsetransfer.evaluation.methods import classifiers
from sparsetransfer.evaluation.methods.classifiers import FAMILIES, tune
from sparsetransfer.evaluation.protocol.protocol import C_GRID
from sparsetransfer.evaluation.protocol.selection import _closest, _standard_error


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


def test_the_cost_nearest_to_the_usual_one_within_a_standard_error_is_taken(domains):
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
    recall = tuned.choice.scores[best]
    # Every class has as many rows, so that the error of independent rows is below this bound.
    error = np.std(per_fold[best], ddof=1) / np.sqrt(len(folds))
    rough = max(error, np.sqrt(recall * (1 - recall) / len(X)))
    surely = [
        cost for cost, r in zip(grid, tuned.choice.scores, strict=True) if r >= recall - error
    ]
    perhaps = [
        cost for cost, r in zip(grid, tuned.choice.scores, strict=True) if r >= recall - rough
    ]

    def away(cost):
        return abs(np.log(cost / 0.3162))

    chosen = tuned.choice.parameters["C"]
    assert chosen in perhaps
    assert away(chosen) <= min(map(away, surely))
    assert tuned.choice.score == tuned.choice.scores[grid.index(tuned.choice.parameters["C"])]


@pytest.mark.parametrize(
    ("error", "ranks", "chosen"),
    [
        (0.0, range(5), 3),
        (0.015, range(5), 2),
        (0.03, range(5), 1),
        (0.5, range(5), 0),
        (0.5, [2, 1, 0, 1, 2], 2),
        (0.015, [0, 1, 2, 1, 0], 3),
        (0.03, [0, 1, 2, 1, 0], 4),
        (0.5, [1, 1, 1, 1, 1], 0),
    ],
)
def test_among_candidates_within_the_error_of_the_best_the_rank_decides(error, ranks, chosen):
    recalls = [0.2, 0.595, 0.61, 0.62, 0.6]
    errors = [9.0, 9.0, 9.0, error, 9.0]
    assert _closest(recalls, errors, list(ranks)) == chosen


def test_two_folds_that_agree_by_chance_do_not_make_a_choice_certain():
    fold = np.array([[30.0, 10.0], [20.0, 20.0]])
    recalls = np.array([0.75, 0.5])
    expected = np.sqrt((recalls * (1 - recalls) / 80).sum()) / 2
    assert _standard_error([fold, fold]) == pytest.approx(expected)
    apart = [np.array([[40.0, 0.0], [0.0, 40.0]]), np.array([[0.0, 40.0], [40.0, 0.0]])]
    assert _standard_error(apart) == pytest.approx(np.std([1, 0], ddof=1) / np.sqrt(2))


def test_a_source_of_two_speakers_keeps_the_usual_cost():
    """Noise in two folds used to choose the smallest cost of the grid."""
    rng = np.random.default_rng(5)
    labels = np.tile(["a", "b"], 20)
    X = rng.standard_normal((40, 50)) + 0.3 * (labels == "a")[:, None]
    grid = tuple(10.0 ** np.arange(-4, 3, 0.5))
    tuned = tune("svm", X, labels, np.repeat(["s", "t"], 20), c_grid=grid, n_folds=5, seed=0)
    assert tuned.choice.parameters["C"] == pytest.approx(10**-0.5, rel=1e-3)
    assert not tuned.choice.at_edge


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_usual_parameters_lie_within_the_grid(family):
    candidates = FAMILIES[family].grid(C_GRID)
    usual = int(np.argmin(FAMILIES[family].ranks(candidates)))
    assert 0 < usual < len(candidates) - 1
    assert min(FAMILIES[family].ranks(candidates)) < 0.6


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


@pytest.mark.parametrize("family", ["svm", "ridge"])
def test_wide_rows_are_tuned_in_a_rotated_triangle_with_the_same_choice(family, monkeypatch):
    rng = np.random.default_rng(0)
    labels = np.tile(["anger", "neutral", "sadness"], 20)
    speakers = np.repeat([f"s{number}" for number in range(5)], 12)
    rows = rng.standard_normal((60, 150)) + 0.3 * (labels == "anger")[:, None]
    turned = classifiers._turned(rows)
    assert turned.shape == (60, 60)
    assert not np.triu(turned, 1).any()
    np.testing.assert_allclose(turned @ turned.T, rows @ rows.T, atol=1e-10)
    seen = []
    rotate = classifiers._turned
    monkeypatch.setattr(classifiers, "_turned", lambda rows: seen.append(1) or rotate(rows))
    fast = tune(family, rows, labels, speakers, c_grid=C_GRID, n_folds=5, seed=0)
    assert len(seen) == 1
    monkeypatch.setattr(classifiers, "_turned", lambda rows: rows)
    slow = tune(family, rows, labels, speakers, c_grid=C_GRID, n_folds=5, seed=0)
    assert fast.choice.scores == slow.choice.scores
    assert fast.choice.chosen == slow.choice.chosen
    np.testing.assert_array_equal(fast.classifier.coef_, slow.classifier.coef_)


def test_tall_rows_and_rules_that_see_the_target_are_not_rotated(monkeypatch):
    rng = np.random.default_rng(0)
    assert classifiers._turned(rows := rng.standard_normal((30, 30))) is rows
    monkeypatch.setattr(classifiers, "_turned", None)
    labels, speakers = np.tile(["a", "b"], 15), np.repeat(["x", "y", "z"], 10)
    rows, target = rng.standard_normal((2, 30, 50))
    for rule in ("reverse", "importance"):
        tune(
            "svm",
            rows,
            labels,
            speakers,
            c_grid=(0.1, 1.0),
            n_folds=3,
            seed=0,
            target=target,
            rule=rule,
        )


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


@pytest.mark.parametrize("n_features", [4, 150])
def test_kernels_shared_by_folds_give_the_choice_of_machines_on_rows(n_features, monkeypatch):
    rng = np.random.default_rng(1)
    labels = np.tile(["anger", "neutral", "sadness"], 20)
    speakers = np.repeat([f"s{number}" for number in range(5)], 12)
    rows = rng.standard_normal((60, n_features)) + 0.6 * (labels == "anger")[:, None]
    shared, share = [], classifiers._fit_on_kernels
    monkeypatch.setattr(
        classifiers, "_fit_on_kernels", lambda *given: shared.append(1) or share(*given)
    )
    tuned = tune("rbf-svm", rows, labels, speakers, c_grid=C_GRID, n_folds=5, seed=0)
    assert shared == [1]
    scaled = rows * tuned.scale
    for candidate, score in zip(tuned.choice.candidates, tuned.choice.scores, strict=True):
        machine = SVC(**candidate, class_weight="balanced")
        found = np.empty_like(labels)
        for train, test in speaker_folds(labels, speakers, n_folds=5, seed=0):
            found[test] = machine.fit(scaled[train], labels[train]).predict(scaled[test])
        assert score == pytest.approx(balanced_accuracy_score(labels, found))
    assert tuned.classifier.kernel == "rbf"
    np.testing.assert_array_equal(tuned.classifier.predict(scaled), tuned.predict(rows))


def test_kernels_that_depend_on_the_fold_or_are_many_are_not_shared(monkeypatch):
    assert classifiers._share_kernels([{"C": 1.0, "gamma": 0.3}], 2000)
    assert not classifiers._share_kernels([{"C": 1.0, "gamma": 0.3}], 2001)
    monkeypatch.setattr(classifiers, "_fit_on_kernels", None)
    rng = np.random.default_rng(1)
    labels, speakers = np.tile(["a", "b"], 15), np.repeat(["x", "y", "z"], 10)
    candidates = ({"C": 1.0, "gamma": "scale"}, {"C": 1.0})
    settings = {"c_grid": C_GRID, "n_folds": 3, "seed": 0, "candidates": candidates}
    tuned = tune("rbf-svm", rng.standard_normal((30, 4)), labels, speakers, **settings)
    assert tuned.choice.scores[0] == tuned.choice.scores[1]


def test_what_the_folds_no_longer_look_at_is_refused_before_them(domains):
    domain = domains[0]
    X = standardise(domain.features)
    X[3, 1] = np.nan
    settings = {"c_grid": C_GRID, "n_folds": 3, "seed": 0}
    with pytest.raises(ValueError, match="features"):
        tune("svm", X, domain.labels, domain.speakers, **settings)
    X[3, 1] = 0.0
    with pytest.raises(ValueError, match="target"):
        tune(
            "svm",
            X,
            domain.labels,
            domain.speakers,
            target=np.full((1, X.shape[1]), np.inf),
            **settings,
        )
    with pytest.raises(ValueError, match="'C' parameter"):
        tune("svm", X, domain.labels, domain.speakers, candidates=({"C": -1.0},), **settings)
