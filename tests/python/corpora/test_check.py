"""A check tells what a folder lacks, has too much of, or has twice."""

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

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
    result = corpora.check("urdu", tmp_path, levels=False)
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
    result = corpora.check("urdu", tmp_path, levels=False)
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
    assert [Path(file).name for file in result.extra] == ["SF1_F98_X001.wav"]
    assert result.missing == 2 + 3 + 3 + 1
    assert result.published == 400


def test_levels_and_unreadable_files_are_told(tmp_path):
    rng = np.random.default_rng(0)
    fine = 0.1 * rng.standard_normal(8000)
    recordings = {
        "SM1_F1_A001": fine,
        "SM1_F1_A002": np.clip(20 * fine, -1, 1),
        "SM1_F1_H001": 1e-3 * fine,
        "SM1_F1_H002": np.zeros(8000),
    }
    for name, signal in recordings.items():
        soundfile.write(tmp_path / f"{name}.wav", signal, 16000)
    (tmp_path / "SM1_F1_S001.wav").write_text("no audio")
    seen = []
    result = corpora.check("urdu", tmp_path, progress=lambda *at: seen.append(at))
    assert seen[-1] == (5, 5)
    ((clipped, share),) = result.clipped.items()
    assert Path(clipped).stem == "SM1_F1_A002"
    assert 0.1 < share < 1
    levels = {Path(file).stem: level for file, level in result.near_silent.items()}
    assert set(levels) == {"SM1_F1_H001", "SM1_F1_H002"}
    assert levels["SM1_F1_H001"] == pytest.approx(-80, abs=0.5)
    assert [Path(file).stem for file in result.unreadable] == ["SM1_F1_S001"]
    assert not result.complete


def test_only_a_total_is_known(tmp_path):
    for number in range(4):
        (tmp_path / f"1001_DFA_ANG_XX{number}.wav").write_bytes(b"")
        (tmp_path / f"10{number:02}_DFA_ANG_XX.wav").write_bytes(str(number).encode())
    result = corpora.check("crema-d", tmp_path, levels=False)
    assert result.counts == {}
    assert result.published == 7442
    assert result.missing == 7442 - 4
    assert len(result.missing_speakers) == 91 - 3  # there is no speaker 1000
    assert result.unknown_speakers == ("1000",)
    assert len(result.extra) == 4


def test_recordings_without_an_emotion_are_not_missing(tmp_path):
    for number, label in enumerate("HNXO"):
        name = f"IMPROV-S01A-F01-P-FM{number:02}"
        (tmp_path / f"MSP-{name}.wav").write_bytes(name.encode())
        with open(tmp_path / "Evaluation.txt", "a") as stream:
            stream.write(f"UTD-{name}.avi; {label}; A:1.0; V:1.0; D:1.0 ; N:1.0;\n")
    result = corpora.check("msp-improv", tmp_path, levels=False)
    assert len(result.corpus) == 2
    assert result.missing == 8438 - 4


def test_unknown_corpus(tmp_path):
    with pytest.raises(CorpusError, match="'other'"):
        corpora.check("other", tmp_path)


@pytest.mark.skipif(
    "SPARSETRANSFER_DATA" not in os.environ,
    reason="SPARSETRANSFER_DATA does not name a folder with the real corpora",
)
def test_real_corpora():
    root = Path(os.environ["SPARSETRANSFER_DATA"])
    assert corpora.check("emodb", root / "emodb").complete
    ravdess = corpora.check("ravdess", root / "ravdess")
    assert not ravdess.complete
    assert ravdess.missing == 720
    assert "03-01-01-01-01-01-01" in {Path(file).stem for file in ravdess.near_silent}
