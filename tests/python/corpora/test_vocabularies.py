"""Common vocabularies: consistent maps, refused or counted losses."""

import pandas as pd
import pytest

from sparsetransfer import corpora
from sparsetransfer.exceptions import CorpusError


def _corpus():
    labels = ["anger", "excitement", "disgust", "disgust", "neutral"]
    table = pd.DataFrame({"file": [f"{i}.wav" for i in range(5)], "label": labels})
    return corpora.Corpus("test", table, {"earlier": 2}, {"ang": "anger", "dis": "disgust"})


@pytest.mark.parametrize("name", corpora.emotions.vocabularies())
def test_vocabularies_map_common_emotions(name):
    assert set(corpora.emotions.vocabulary(name)) <= set(corpora.EMOTIONS)


def test_classes_of_the_vocabularies():
    sizes = {
        name: set(corpora.emotions.vocabulary(name).values())
        for name in corpora.emotions.vocabularies()
    }
    assert sizes["four"] == {"anger", "happiness", "neutral", "sadness"}
    assert len(sizes["six"]) == 6
    assert "neutral" not in sizes["six"]
    assert sizes["arousal"] == {"high", "low"}
    assert sizes["valence"] == {"negative", "positive"}
    with pytest.raises(ValueError, match="arousal"):
        corpora.emotions.vocabulary("twelve")


def test_unmapped_labels_are_refused_or_counted():
    with pytest.raises(CorpusError, match=r"'disgust' \(2\)"):
        _corpus().gather("four")
    gathered = _corpus().gather("four", drop_unmapped=True)
    assert gathered.class_counts() == {"anger": 1, "happiness": 1, "neutral": 1}
    assert dict(gathered.dropped) == {"earlier": 2, "label 'disgust' has no class": 2}
    assert dict(gathered.label_map) == {"ang": "anger"}


def test_own_classes():
    halves = dict.fromkeys(("anger", "disgust"), "negative") | dict.fromkeys(
        ("excitement", "neutral"), "other"
    )
    assert _corpus().gather(halves).class_counts() == {"negative": 3, "other": 2}
