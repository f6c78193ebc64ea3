from dataclasses import replace

import numpy as np
import pytest

from sparsetransfer.classification import MultiView
from sparsetransfer.evaluation import EvaluationProtocol, SourceToTarget, make_methods, run
from sparsetransfer.evaluation.data.normalisation import standardise

NAMES = ("multi-view", "multi-view-self-trained", "multi-view-safeguarded")


def two_views(make_domain, name, **settings):
    first = make_domain(name, **settings)
    second = make_domain(name, **(settings | {"seed": settings["seed"] + 50, "d": 6}))
    return replace(first, views={"toy-2": second.features})


@pytest.fixture
def pair(make_domain):
    return two_views(make_domain, "alpha", seed=1), two_views(make_domain, "beta", seed=2)


@pytest.fixture
def rules():
    return EvaluationProtocol(
        SourceToTarget(("alpha",), ("beta",)),
        ("anger", "neutral", "sadness"),
        ("toy-1", "toy-2"),
        c_grid=(0.01, 1.0),
        n_folds=3,
        n_resamples=20,
    )


def test_predicts_what_the_estimator_predicts(pair, rules):
    source, target = pair
    study = run(pair, make_methods(["multi-view"]), rules)
    blocks = [
        np.hstack([standardise(d.features), standardise(d.views["toy-2"])])
        for d in (source, target)
    ]
    labels = np.concatenate([source.labels.astype(object), [None] * len(target)])
    model = MultiView([8, 6]).fit(np.vstack(blocks), labels)
    cell = study.cells[0]
    np.testing.assert_array_equal(cell.predictions, model.predict(blocks[1]))
    seen = cell.diagnostics["multi_view"]
    assert seen["views"] == 2
    votes = [model.target_posteriors_[v].argmax(axis=1) for v in range(2)]
    assert seen["mean_agreement_of_two_views"] == pytest.approx(np.mean(votes[0] == votes[1]))


@pytest.mark.parametrize("name", NAMES)
def test_target_labels_change_scores_only(pair, rules, name):
    source, target = pair
    rng = np.random.default_rng(0)
    shuffled = replace(target, labels=rng.permutation(target.labels))
    methods = make_methods([name])
    first, second = (run([source, t], methods, rules).cells[0] for t in (target, shuffled))
    assert first.predictions == second.predictions
    assert first.diagnostics == second.diagnostics
    assert first.scores.uar != second.scores.uar


def test_one_feature_set_is_one_view(domains, protocol):
    cell = run(domains, make_methods(["multi-view"]), protocol).cells[0]
    assert cell.diagnostics["multi_view"]["views"] == 1
    assert cell.diagnostics["multi_view"]["mean_agreement_of_two_views"] is None


def test_the_decision_stands_in_the_diagnostics(pair, rules):
    cell = run(pair, make_methods(["multi-view-safeguarded"]), rules).cells[0]
    decision = cell.diagnostics["safeguard"]
    assert isinstance(decision["adapted"], bool)
    assert decision["agreement"]["z"] == pytest.approx(
        (decision["agreement"]["after"] - decision["agreement"]["before"])
        / decision["agreement"]["standard_error"]
    )
    # Five speakers of six recordings per class: they were asked.
    assert decision["group_tie"] is not None
    plain = run(pair, make_methods(["multi-view"]), rules).cells[0]
    assert decision["adapted"] or plain.predictions == cell.predictions


def test_unknown_speakers_are_not_asked(pair, rules):
    source, target = pair
    nobody = replace(target, speakers=np.full(len(target), ""))
    cell = run([source, nobody], make_methods(["multi-view-safeguarded"]), rules).cells[0]
    assert cell.diagnostics["safeguard"]["group_tie"] is None


def test_the_decision_is_told_to_the_reader(pair, rules):
    from sparsetransfer.reporting.summary import notes

    study = run(pair, make_methods(["multi-view-safeguarded"]), rules)
    reason = study.cells[0].diagnostics["safeguard"]["reason"]
    assert any(
        "multi-view-safeguarded" in note and "adapted to the target" in note and reason in note
        for note in notes(study)
    )
