import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.metrics import balanced_accuracy_score, recall_score

from sparsetransfer.classification.scorers import importance_weights
from sparsetransfer.evaluation.data.folds import speaker_folds
from sparsetransfer.evaluation.data.normalisation import standardise
from sparsetransfer.evaluation.protocol.selection import select

CANDIDATES = ({"alpha": 1e4}, {"alpha": 30.0}, {"alpha": 0.1})


def fit(rows, labels, candidate):
    return RidgeClassifier(**candidate).fit(rows, labels).predict


@pytest.fixture
def data(domains):
    source, target = domains
    rows = standardise(source.features)
    return rows, source.labels, source.speakers, standardise(target.features)


def held_out(data, label_with):
    """Return true and found labels of all folds, and the rows they belong to."""
    rows, labels, speakers, _ = data
    order, found = [], []
    for train, test in speaker_folds(labels, speakers, n_folds=3, seed=4):
        order.append(test)
        found.append(label_with(train)(rows[test]))
    order = np.concatenate(order)
    return order, np.concatenate(found)


def test_source_rule_equals_pooled_cross_validation(data):
    rows, labels, speakers, _ = data
    choice = select(CANDIDATES, fit, rows, labels, speakers, n_folds=3, seed=4)
    for candidate, value in zip(CANDIDATES, choice.scores, strict=True):
        order, found = held_out(data, lambda train, c=candidate: fit(rows[train], labels[train], c))
        assert value == pytest.approx(balanced_accuracy_score(labels[order], found))
    assert choice.parameters in CANDIDATES
    assert choice.as_dict()["scores"] == list(choice.scores)


def test_reverse_rule_labels_the_target_and_comes_back(data):
    rows, labels, speakers, target = data
    choice = select(
        CANDIDATES, fit, rows, labels, speakers, target=target, rule="reverse", n_folds=3, seed=4
    )
    for candidate, value in zip(CANDIDATES, choice.scores, strict=True):

        def back(train, c=candidate):
            return fit(target, fit(rows[train], labels[train], c)(target), c)

        order, found = held_out(data, back)
        assert value == pytest.approx(balanced_accuracy_score(labels[order], found))


def test_reverse_rule_survives_a_target_of_one_guessed_class(data):
    rows, labels, speakers, target = data

    def constant(rows, labels, candidate):
        return lambda new: np.full(len(new), labels[0])

    choice = select(
        [{}], constant, rows, labels, speakers, target=target, rule="reverse", n_folds=3
    )
    assert choice.score == pytest.approx(1 / 3)
    assert not choice.at_edge


def test_importance_rule_weights_the_held_out_rows(data):
    rows, labels, speakers, target = data
    target = target + 0.7
    choice = select(
        CANDIDATES, fit, rows, labels, speakers, target=target, rule="importance", n_folds=3, seed=4
    )
    weights = importance_weights(rows, target)
    for candidate, value in zip(CANDIDATES, choice.scores, strict=True):
        order, found = held_out(data, lambda train, c=candidate: fit(rows[train], labels[train], c))
        expected = recall_score(labels[order], found, average="macro", sample_weight=weights[order])
        assert value == pytest.approx(expected)


def test_importance_weights_are_odds_of_the_domains(data):
    rows, _, _, target = data
    target = target[:40] + 0.5
    weights = importance_weights(rows, target)
    both = np.vstack([rows, target])
    both = both / np.sqrt((both**2).sum(1).mean())
    is_target = np.arange(len(both)) >= len(rows)
    shares = LogisticRegression(C=0.01, max_iter=1000).fit(both, is_target).predict_proba(both)
    odds = (shares[:, 1] / shares[:, 0])[: len(rows)]
    np.testing.assert_allclose(weights, odds / odds.mean(), rtol=1e-6)
    nearer = rows.mean(1) > np.median(rows.mean(1))
    assert weights[nearer].mean() > weights[~nearer].mean()


def test_what_cannot_be_chosen_is_refused(data):
    rows, labels, speakers, _ = data
    with pytest.raises(ValueError, match="at least one"):
        select([], fit, rows, labels, speakers)
    with pytest.raises(ValueError, match="rule must be one of"):
        select(CANDIDATES, fit, rows, labels, speakers, rule="oracle")
    with pytest.raises(ValueError, match="needs unlabelled rows"):
        select(CANDIDATES, fit, rows, labels, speakers, rule="reverse")
