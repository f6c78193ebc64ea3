import dataclasses

import pytest

from sparsetransfer.evaluation import (
    EvaluationProtocol,
    LeaveOneCorpusOut,
    LeaveOneSpeakerOut,
    OrderedPairs,
    SourceToTarget,
    SpeakerKFold,
)
from sparsetransfer.evaluation.protocol.designs import DESIGNS

THREE = ("a", "b", "c")


def test_equal_protocols_have_one_id_and_every_field_changes_it(protocol):
    assert protocol.id == dataclasses.replace(protocol).id
    assert hash(protocol) == hash(dataclasses.replace(protocol))
    other = {
        "design": OrderedPairs(("alpha", "beta")),
        "classes": ("anger", "sadness"),
        "feature_sets": ("toy-2",),
        "normalisation": "robust",
        "selection": "reverse",
        "seeds": (1,),
        "n_folds": 4,
        "c_grid": (0.01,),
        "n_resamples": 51,
        "confidence": 0.9,
        "library_version": "0",
    }
    ids = {dataclasses.replace(protocol, **{name: value}).id for name, value in other.items()}
    source = dataclasses.replace(protocol, normalisation="source")
    ids |= {source.id, dataclasses.replace(source, setting="inductive").id}
    assert len(ids | {protocol.id}) == len(other) + 3
    assert {*other, "setting"} == {field.name for field in dataclasses.fields(EvaluationProtocol)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"classes": ("anger",)}, "at least two"),
        ({"feature_sets": "toy-1"}, "feature_sets must be given"),
        ({"normalisation": "planet"}, "normalisation must be one of corpus, speaker"),
        ({"setting": "clairvoyant"}, "setting must be one of transductive, inductive"),
        ({"setting": "inductive"}, "wants the normalisation 'source'"),
        (
            {"setting": "inductive", "normalisation": "source", "selection": "reverse"},
            "wants the selection 'source'",
        ),
        ({"selection": "oracle"}, "selection must be one of source, reverse, importance"),
        ({"n_folds": 1}, "n_folds must be at least 2"),
        ({"c_grid": (1.0, 0.1)}, "c_grid must be positive and ascending"),
        ({"seeds": (-1,)}, "seeds must be between 0 and 4294967295"),
        ({"n_resamples": 0}, "n_resamples"),
        ({"confidence": 1.0}, "confidence"),
    ],
)
def test_impossible_fields_are_refused(protocol, change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(protocol, **change)


def test_a_design_must_be_one(protocol):
    with pytest.raises(TypeError, match="design must be a Design"):
        dataclasses.replace(protocol, design="pairs")


def test_tasks_of_every_design():
    names = {
        kind: [task.name for task in design.tasks()]
        for kind, design in {
            "many": SourceToTarget(("a", "b"), ("c", "d")),
            "pairs": OrderedPairs(THREE),
            "corpora": LeaveOneCorpusOut(THREE),
            "speakers": LeaveOneSpeakerOut(("a",)),
            "folds": SpeakerKFold(("a", "b"), n_folds=4),
        }.items()
    }
    assert names == {
        "many": ["a + b → c", "a + b → d"],
        "pairs": ["a → b", "a → c", "b → a", "b → c", "c → a", "c → b"],
        "corpora": ["b + c → a", "a + c → b", "a + b → c"],
        "speakers": ["a, speaker by speaker"],
        "folds": ["a, 4 folds of speakers", "b, 4 folds of speakers"],
    }
    assert OrderedPairs(THREE).names == THREE
    assert set(DESIGNS) == {
        *("source-to-target", "ordered-pairs", "leave-one-corpus-out"),
        *("leave-one-speaker-out", "speaker-k-fold"),
    }
    for kind, design in DESIGNS.items():
        assert design.kind == kind


@pytest.mark.parametrize(
    ("design", "arguments"),
    [
        (SourceToTarget, ((), ("a",))),
        (SourceToTarget, (("a",), ("b", "b"))),
        (OrderedPairs, (("a",),)),
        (LeaveOneCorpusOut, (("a", "a"),)),
        (LeaveOneSpeakerOut, ((),)),
        (SpeakerKFold, (("a",), 1)),
    ],
)
def test_impossible_designs_are_refused(design, arguments):
    with pytest.raises(ValueError, match="must be at least"):
        design(*arguments)


def test_a_source_cannot_be_its_own_target():
    with pytest.raises(ValueError, match="source and target at once: b"):
        SourceToTarget(("a", "b"), ("b",))
