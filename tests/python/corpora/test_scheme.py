"""The data file of every corpus is consistent with itself."""

import pytest

from sparsetransfer import corpora
from sparsetransfer.exceptions import CorpusError


@pytest.mark.parametrize("name", corpora.names())
def test_facts_agree(name):
    facts = corpora.scheme(name)
    assert set(facts.labels.values()) == set(facts.counts) <= set(corpora.EMOTIONS)
    assert set(facts.genders.values()) <= {"f", "m"}
    match = facts.match(facts.example)
    assert match is not None
    parts = match.groupdict()
    assert parts["label"] in facts.labels
    assert parts["speaker"] in facts.genders
    assert all(parts[group] == value for group, value in facts.keep.items())
    assert facts.match(facts.example + "x_extra") is None
    for text in (facts.title, facts.licence, facts.obtain, facts.reference, facts.language):
        assert text


@pytest.mark.parametrize(
    ("name", "recordings", "speakers"),
    # totals as the papers state them; URDU's paper says 38 speakers, its file names give 29
    [("emodb", 535, 10), ("ravdess", 1440, 24), ("urdu", 400, 29), ("nemo", 4481, 9)],
)
def test_published_totals(name, recordings, speakers):
    facts = corpora.scheme(name)
    assert sum(facts.counts.values()) == recordings
    assert len(facts.speakers) == speakers


def test_facts_cannot_be_changed():
    facts = corpora.scheme("emodb")
    with pytest.raises(TypeError):
        facts.labels["W"] = "joy"


def test_unknown_corpus_lists_the_known():
    with pytest.raises(CorpusError, match="emodb, nemo, ravdess, urdu"):
        corpora.scheme("emdb")
