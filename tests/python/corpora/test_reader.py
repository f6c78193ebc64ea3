"""Readers on folders that follow each scheme, and on the real corpora where they are."""

import itertools
import os
from pathlib import Path

import pandas as pd
import pytest

from sparsetransfer import corpora
from sparsetransfer.exceptions import CorpusError


def _touch(root, names):
    for name in names:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(name.encode())
    return root


def test_emodb(tmp_path):
    letters = dict(
        zip(
            "WLEAFTN",
            ("anger", "boredom", "disgust", "fear", "happiness", "sadness", "neutral"),
            strict=True,
        )
    )
    _touch(tmp_path, [f"wav/03a01{letter}a.wav" for letter in letters] + ["wav/16b10Wb.wav"])
    table = corpora.read("emodb", tmp_path).table
    expected = sorted((f"03a01{letter}a", label) for letter, label in letters.items())
    assert [(Path(f).stem, e) for f, e in zip(table["file"], table["label"], strict=True)] == [
        *expected,
        ("16b10Wb", "anger"),
    ]
    assert table["speaker"].to_list() == ["03"] * 7 + ["16"]
    assert table["gender"].to_list() == ["m"] * 7 + ["f"]
    assert table["sentence"].to_list() == ["a01"] * 7 + ["b10"]
    assert set(table["language"]) == {"de"}
    assert table[["start", "end"]].isna().all(axis=None)


def test_ravdess_takes_speech_only(tmp_path):
    speech = [f"Actor_{a:02}/03-01-0{e}-01-02-01-{a:02}.wav" for a in (1, 24) for e in range(1, 9)]
    song = ["Actor_01/03-02-05-01-01-01-01.wav", "Actor_24/03-02-03-01-01-01-24.wav"]
    film = ["Actor_01/01-01-05-01-01-01-01.wav"]
    corpus = corpora.read("ravdess", _touch(tmp_path, speech + song + film))
    assert len(corpus) == 16
    assert corpus.speakers == ("Actor_01", "Actor_24")
    assert corpus.class_counts() == dict.fromkeys(corpus.classes, 2)
    assert len(corpus.classes) == 8
    assert dict(corpus.dropped) == {
        "channel 02 (song)": 2,
        "modality 01 (video with sound)": 1,
    }
    assert set(zip(corpus.table["speaker"], corpus.table["gender"], strict=True)) == {
        ("Actor_01", "m"),
        ("Actor_24", "f"),
    }


def test_urdu(tmp_path):
    names = [
        "Angry/SM1_F12_A012.wav",
        "Happy/SF10_F1_H01.wav",
        "Neutral/SM2_F3_N01.wav",
        "Sad/SM27_F1_S099.wav",
    ]
    corpus = corpora.read("urdu", _touch(tmp_path, names))
    assert corpus.table["label"].to_list() == ["anger", "happiness", "neutral", "sadness"]
    assert corpus.table["speaker"].to_list() == ["SM1", "SF10", "SM2", "SM27"]
    assert corpus.table["gender"].to_list() == ["m", "f", "m", "m"]


def test_nemo(tmp_path):
    names = [
        f"samples/{s}_{e}_7.wav"
        for s, e in itertools.product(
            ("EB0", "WR0"), ("anger", "fear", "happiness", "neutral", "sadness", "surprised")
        )
    ]
    corpus = corpora.read("nemo", _touch(tmp_path, names))
    assert corpus.class_counts() == dict.fromkeys(
        ("anger", "fear", "happiness", "neutral", "sadness", "surprise"), 2
    )
    assert set(corpus.table["sentence"]) == {"7"}
    assert corpus.label_map["surprised"] == "surprise"


def test_labels_nobody_maps_are_all_listed(tmp_path):
    _touch(tmp_path, ["03a01Wa.wav", "03a01Xa.wav", "03a02Xa.wav", "03a01Ya.wav"])
    with pytest.raises(CorpusError, match=r"'X' \(2\), 'Y' \(1\)"):
        corpora.read("emodb", tmp_path)
    corpus = corpora.read("emodb", tmp_path, drop_unmapped=True)
    assert len(corpus) == 1
    assert dict(corpus.dropped) == {"label 'X' unmapped": 2, "label 'Y' unmapped": 1}
    mapped = corpora.read("emodb", tmp_path, label_map={"X": "calm", "Y": "anger"})
    assert mapped.class_counts() == {"anger": 2, "calm": 2}


def test_all_labels_dropped_is_an_error(tmp_path):
    _touch(tmp_path, ["03a01Xa.wav"])
    with pytest.raises(CorpusError, match="no utterance"):
        corpora.read("emodb", tmp_path, drop_unmapped=True)


def test_classes_are_kept_and_the_rest_is_counted(tmp_path):
    _touch(tmp_path, ["03a01Wa.wav", "03a01Fa.wav", "03a01La.wav", "03a02La.wav"])
    corpus = corpora.read("emodb", tmp_path, classes=["happiness", "anger"])
    assert corpus.classes == ("anger", "happiness")
    assert dict(corpus.dropped) == {"class 'boredom' not asked for": 2}
    with pytest.raises(CorpusError, match="'fear', 'joy'"):
        corpora.read("emodb", tmp_path, classes=["anger", "fear", "joy"])
    for wrong in ([], ["anger", "anger"], "anger"):
        with pytest.raises(CorpusError, match="distinct"):
            corpora.read("emodb", tmp_path, classes=wrong)


def test_other_names_are_counted_and_nothing_else_is_an_error(tmp_path):
    _touch(tmp_path, ["03a01Wa.wav", "backup of 03a01Wa.wav", "readme.wav"])
    assert dict(corpora.read("emodb", tmp_path).dropped) == {"name outside the scheme": 2}
    with pytest.raises(CorpusError, match=r"none of the 3 audio files.*03-01-06-01-02-01-12"):
        corpora.read("ravdess", tmp_path)
    with pytest.raises(CorpusError, match="does not exist"):
        corpora.read("emodb", tmp_path / "missing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CorpusError, match="no audio file"):
        corpora.read("emodb", tmp_path / "empty")


def test_one_name_twice(tmp_path):
    for folder in ("Actor_01", "audio_speech_actors_01-24/Actor_01"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "03-01-05-01-01-01-01.wav").write_bytes(b"same")
    corpus = corpora.read("ravdess", tmp_path)
    assert len(corpus) == 1
    assert dict(corpus.dropped) == {"identical copy": 1}
    (tmp_path / "03-01-05-01-01-01-01.flac").write_bytes(b"other")
    with pytest.raises(CorpusError, match=r"01\.flac' and .*01\.wav"):
        corpora.read("ravdess", tmp_path)


def test_unknown_name_needs_a_manifest(tmp_path):
    with pytest.raises(CorpusError, match=r"'mine'.*no manifest\.csv"):
        corpora.read("mine", tmp_path)
    _touch(tmp_path, ["a.wav"])
    (tmp_path / "manifest.csv").write_text("file,label\na.wav,anger\n")
    for root in (tmp_path, tmp_path / "manifest.csv"):
        corpus = corpora.read("mine", root)
        assert (corpus.name, corpus.classes) == ("mine", ("anger",))


@pytest.fixture(scope="module")
def data():
    root = os.environ.get("SPARSETRANSFER_DATA")
    if not root:
        pytest.skip("SPARSETRANSFER_DATA does not name a folder with the real corpora")
    return Path(root)


@pytest.mark.parametrize(
    ("name", "counts", "speakers"),
    [
        (
            "emodb",
            {
                "anger": 127,
                "boredom": 81,
                "disgust": 46,
                "fear": 69,
                "happiness": 71,
                "neutral": 79,
                "sadness": 62,
            },
            10,
        ),
        (
            "ravdess",
            {
                "anger": 96,
                "calm": 96,
                "disgust": 96,
                "fear": 96,
                "happiness": 96,
                "neutral": 48,
                "sadness": 96,
                "surprise": 96,
            },
            24,
        ),
        ("urdu", {"anger": 100, "happiness": 100, "neutral": 100, "sadness": 100}, 29),
        (
            "nemo",
            {
                "anger": 81,
                "fear": 81,
                "happiness": 81,
                "neutral": 81,
                "sadness": 81,
                "surprise": 72,
            },
            9,
        ),
    ],
)
def test_real_corpus(data, name, counts, speakers):
    corpus = corpora.read(name, data / name)
    assert corpus.class_counts() == counts
    assert len(corpus.speakers) == speakers
    assert corpus.speakers == corpora.scheme(name).speakers
    assert not corpus.dropped
    # the folder's own manifest was made independently of our schemes
    truth = pd.read_csv(data / name / "manifest.csv", dtype=str, keep_default_na=False)
    truth.index = [Path(file).stem for file in truth["path"]]
    stems = [Path(file).stem for file in corpus.table["file"]]
    assert sorted(stems) == sorted(truth.index)
    for ours, theirs in (
        ("label", "emotion"),
        ("speaker", "speaker"),
        ("gender", "gender"),
        ("language", "language"),
    ):
        assert corpus.table[ours].to_list() == truth.loc[stems, theirs].to_list()
