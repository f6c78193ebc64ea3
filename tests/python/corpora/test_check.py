"""A check tells what a folder lacks, has too much of, or has twice."""

import os
from pathlib import Path

import pytest

from sparsetransfer import corpora
from sparsetransfer.exceptions import CorpusError


def _complete_urdu(root):
    """Write as many files per class as published, every speaker among them."""
    facts = corpora.scheme("urdu")
    for letter, emotion in facts.labels.items():
        for number in range(facts.counts[emotion]):
            speaker = facts.speakers[number % len(facts.speakers)]
            name = f"{speaker}_F{number}_{letter}{number:03}.wav"
            (root / name).write_bytes(name.encode())


def test_complete_corpus(tmp_path):
    _complete_urdu(tmp_path)
    result = corpora.check("urdu", tmp_path)
    assert result.complete
    assert result.counts == dict.fromkeys(("anger", "happiness", "neutral", "sadness"), (100, 100))


def test_missing_extra_and_duplicated_recordings_are_told(tmp_path):
    _complete_urdu(tmp_path)
    for file in tmp_path.glob("SM27_*"):
        file.unlink()
    (tmp_path / "SF99_F1_A999.wav").write_bytes(b"new")
    (tmp_path / "SF1_F99_S999.wav").write_bytes(b"twice")
    (tmp_path / "SF1_F98_S998.wav").write_bytes(b"twice")
    (tmp_path / "SF1_F98_X001.wav").write_bytes(b"unmapped")
    result = corpora.check("urdu", tmp_path)
    assert not result.complete
    assert result.missing_speakers == ("SM27",)
    assert result.unknown_speakers == ("SF99",)
    assert result.counts == {
        "anger": (98, 100),
        "happiness": (97, 100),
        "neutral": (97, 100),
        "sadness": (99, 100),
    }
    (group,) = result.duplicates
    assert [Path(file).stem for file in group] == ["SF1_F98_S998", "SF1_F99_S999"]
    assert dict(result.corpus.dropped) == {"label 'X' unmapped": 1}


def test_unknown_corpus(tmp_path):
    with pytest.raises(CorpusError, match="'other'"):
        corpora.check("other", tmp_path)


@pytest.mark.skipif(
    "SPARSETRANSFER_DATA" not in os.environ,
    reason="SPARSETRANSFER_DATA does not name a folder with the real corpora",
)
def test_real_emodb_is_complete():
    result = corpora.check("emodb", Path(os.environ["SPARSETRANSFER_DATA"]) / "emodb")
    assert result.complete
