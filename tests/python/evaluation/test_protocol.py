import dataclasses

import pytest

from sparsetransfer.evaluation import CrossCorpusProtocol


def test_equal_protocols_have_one_id_and_every_field_changes_it(protocol):
    assert protocol.id == dataclasses.replace(protocol).id
    assert hash(protocol) == hash(dataclasses.replace(protocol))
    other = {
        "sources": ("gamma",),
        "targets": ("alpha",),
        "classes": ("anger", "sadness"),
        "feature_set": "toy-2",
        "seeds": (1,),
        "selection": "reverse",
        "n_folds": 4,
        "c_grid": (0.01,),
        "n_resamples": 51,
        "confidence": 0.9,
        "library_version": "0",
    }
    ids = {dataclasses.replace(protocol, **{name: value}).id for name, value in other.items()}
    assert len(ids | {protocol.id}) == len(other) + 1
    fixed = {"normalisation", "setting"}
    assert set(other) | fixed == {field.name for field in dataclasses.fields(CrossCorpusProtocol)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sources": ()}, "sources must be given"),
        ({"targets": ("b", "b")}, "targets must be given, without repetition"),
        ({"classes": ("anger",)}, "at least two"),
        ({"normalisation": "speaker"}, "normalisation must be 'corpus'"),
        ({"setting": "inductive"}, "setting must be 'transductive'"),
        ({"selection": "oracle"}, "selection must be one of source, reverse, importance"),
        ({"n_folds": 1}, "n_folds must be at least 2"),
        ({"c_grid": (1.0, 0.1)}, "c_grid must be positive and ascending"),
        ({"seeds": (-1,)}, "seeds must not be negative"),
        ({"n_resamples": 0}, "n_resamples"),
        ({"confidence": 1.0}, "confidence"),
    ],
)
def test_impossible_fields_are_refused(protocol, change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(protocol, **change)
