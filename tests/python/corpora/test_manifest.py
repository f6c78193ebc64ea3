"""Manifests: columns, paths, labels, and one message per kind of defect."""

import copy
import math
import os
import pickle

import pandas as pd
import pytest

from sparsetransfer import corpora
from sparsetransfer.exceptions import CorpusError


@pytest.fixture
def folder(tmp_path):
    for name in ("a.wav", "b.wav"):
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


def _manifest(folder, text):
    path = folder / "manifest.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_all_columns(folder):
    path = _manifest(
        folder,
        "path,corpus,speaker,gender,emotion,language,sentence,start,end,extra,split,valence\n"
        'a.wav,mine,s1,Female,Happy,de,"well, then",0.5,1.25,x,train,4.5\n'
        f"{folder}/b.wav,mine,s2,m,sad,de,,,,y,,\n",
    )
    corpus = corpora.read_manifest(path)
    assert corpus.name == "mine"
    assert tuple(corpus.table.columns) == corpora.corpus.COLUMNS
    first, second = corpus.table.to_dict("records")
    assert math.isnan(first.pop("activation"))
    assert math.isnan(second["valence"])
    assert first == {
        "file": str(folder / "a.wav"),
        "start": 0.5,
        "end": 1.25,
        "label": "happiness",
        "speaker": "s1",
        "gender": "f",
        "language": "de",
        "sentence": "well, then",
        "split": "train",
        "valence": 4.5,
    }
    assert math.isnan(second["start"])
    assert math.isnan(second["end"])
    assert (second["file"], second["label"]) == (str(folder / "b.wav"), "sadness")
    assert dict(corpus.label_map) == {"Happy": "happiness", "sad": "sadness"}


def test_required_columns_suffice(folder):
    corpus = corpora.read_manifest(
        _manifest(folder, "\ufefffile,label\na.wav,anger\n\nb.wav,fear\n")
    )
    assert corpus.name == folder.name
    assert corpus.speakers == ()
    assert (corpus.table[["speaker", "gender", "language", "sentence"]] == "").all(axis=None)


def test_segments_of_one_file_are_rows_of_their_own(folder):
    text = "file,label,start,end\na.wav,anger,0,1\na.wav,fear,1,2\n"
    assert len(corpora.read_manifest(_manifest(folder, text))) == 2
    with pytest.raises(CorpusError, match=r"more than once.*a\.wav"):
        corpora.read_manifest(_manifest(folder, text + "a.wav,fear,1,2\n"))


def test_own_label_map_wins(folder):
    path = _manifest(folder, "file,label\na.wav,anger\nb.wav,meh\n")
    with pytest.raises(CorpusError, match=r"'meh' \(1\)"):
        corpora.read_manifest(path)
    corpus = corpora.read_manifest(path, label_map={"meh": "boredom", "anger": "disgust"})
    assert corpus.table["label"].to_list() == ["disgust", "boredom"]
    dropped = corpora.read_manifest(path, drop_unmapped=True)
    assert dict(dropped.dropped) == {"label 'meh' unmapped": 1}


def test_several_corpora_need_a_choice(folder):
    path = _manifest(folder, "file,label,corpus\na.wav,anger,one\nb.wav,fear,two\n")
    for wrong in (None, "three"):
        with pytest.raises(CorpusError, match="'one', 'two'"):
            corpora.read_manifest(path, name=wrong)
    corpus = corpora.read_manifest(path, name="two")
    assert (corpus.name, corpus.classes) == ("two", ("fear",))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "lacks the columns 'file', 'label'"),
        ("file,speaker\na.wav,s\n", "lacks the columns 'label'"),
        ("file,label\n", "no rows"),
        ("file,path,label\na.wav,a.wav,anger\n", "more than one column for .'file'"),
        ("file,label\na.wav\nb.wav,anger,x\n", "in the lines 2, 3"),
        ("file,label\na.wav,\n,anger\n", "no file in the rows 2"),
        ("file,label\na.wav,\nb.wav,fear\n", r"no label in 1 rows: 1; .*drop_unmapped=True"),
        ("file,label\nx.wav,anger\nb.wav,fear\ny.wav,fear\n", r"2 files .*x\.wav.*y\.wav"),
        ("file,label,start\na.wav,anger,soon\n", r"start of .*a\.wav.*'soon'"),
        ("file,label,end\na.wav,anger,-1\n", r"end of .*a\.wav.*'-1'"),
        ("file,label,start,end\na.wav,anger,2,1\nb.wav,fear,1,1\n", r"no length.*a\.wav.*b\.wav"),
        ('file,label\n"a.wav,anger\n', "cannot be read"),
    ],
)
def test_defects(folder, text, message):
    with pytest.raises(CorpusError, match=message):
        corpora.read_manifest(_manifest(folder, text))


def test_missing_manifest_and_wrong_encoding(tmp_path):
    with pytest.raises(CorpusError, match=r"none\.csv.*cannot be read"):
        corpora.read_manifest(tmp_path / "none.csv")
    path = tmp_path / "latin.csv"
    path.write_bytes("file,label\nä.wav,anger\n".encode("latin-1"))
    with pytest.raises(CorpusError, match=r"ä\.wav.*; save the manifest as UTF-8"):
        corpora.read_manifest(path)


def test_repr_tells_the_counts(folder):
    corpus = corpora.read_manifest(_manifest(folder, "file,label\na.wav,anger\nb.wav,anger\n"))
    assert repr(corpus).endswith("2 utterances: anger 2)")
    assert len(corpus) == 2


@pytest.mark.parametrize(
    "again", [copy.deepcopy, lambda corpus: pickle.loads(pickle.dumps(corpus))]
)
def test_a_corpus_is_copied_and_pickled(folder, again):
    path = _manifest(folder, "file,label,start,end\na.wav,angry,0,1.5\nb.wav,strange,,\n")
    corpus = corpora.read_manifest(path, drop_unmapped=True)
    other = again(corpus)
    pd.testing.assert_frame_equal(other.table, corpus.table)
    assert (other.name, other.dropped, other.label_map) == (
        corpus.name,
        {"label 'strange' unmapped": 1},
        {"angry": "anger"},
    )
    with pytest.raises(TypeError):
        other.dropped["more"] = 1


@pytest.mark.parametrize("kind", ["nothing", "folder", "dangling link"])
def test_files_need_not_exist_where_reading_tells(folder, kind):
    if kind == "folder":
        (folder / "c.wav").mkdir()
    elif kind == "dangling link":
        (folder / "c.wav").symlink_to("nowhere.wav")
    text = "file,label\na.wav,anger\nc.wav,sadness\n"
    path = _manifest(folder, text)
    with pytest.raises(CorpusError, match="must_exist=False and then on_error='drop'"):
        corpora.read_manifest(path)
    with pytest.raises(CorpusError, match=r"c\.wav"):
        corpora.read("own", path)
    for found in (
        corpora.read_manifest(path, must_exist=False),
        corpora.read("own", path, must_exist=False),
    ):
        assert len(found) == 2
    (folder / "a.wav").unlink()
    # Where none is there, the manifest stands in a wrong folder.
    with pytest.raises(CorpusError) as caught:
        corpora.read_manifest(path, must_exist=False)
    assert "must_exist" not in str(caught.value)


@pytest.mark.skipif(os.sep != "/", reason="folders may be separated so here")
def test_folders_as_windows_writes_them_get_advice(folder):
    path = _manifest(folder, "file,label\nsub\\a.wav,anger\n")
    with pytest.raises(CorpusError, match="separate folders by / and not by"):
        corpora.read_manifest(path)
