import json
import logging

import pytest
import typer

from sparsetransfer.cli.errors import one_line_errors
from sparsetransfer.cli.inputs import default_cache, parse_label_map, read_corpus_entry, split_list
from sparsetransfer.evaluation import read_entry
from sparsetransfer.exceptions import CorpusError


def test_lists_and_label_maps(tmp_path):
    assert split_list("anger, sadness,,") == ("anger", "sadness")
    file = tmp_path / "map.json"
    file.write_text(json.dumps({"W": "anger"}))
    assert parse_label_map(["a=anger, b=fear", str(file)]) == {
        "a": "anger",
        "b": "fear",
        "W": "anger",
    }


def test_label_map_with_a_byte_order_mark(tmp_path):
    file = tmp_path / "MAP.JSON"
    file.write_text(json.dumps({"W": "anger"}), encoding="utf-8-sig")
    assert parse_label_map([str(file)]) == {"W": "anger"}


@pytest.mark.parametrize("entry", ["anger", "=anger", "W="])
def test_malformed_label_map(entry):
    with pytest.raises(ValueError, match="RAW=EMOTION"):
        parse_label_map([entry])


@pytest.mark.parametrize("content", ["[1]", '{"W": 3}', "{"])
def test_label_map_file_with_other_content(tmp_path, content):
    file = tmp_path / "map.json"
    file.write_text(content)
    with pytest.raises(ValueError):
        parse_label_map([str(file)])


@pytest.mark.parametrize("form", ["manifest={folder}", "manifest={file}", "{file}", "own={file}"])
def test_every_way_to_name_a_manifest(tmp_path, form):
    (tmp_path / "a.wav").touch()
    file = tmp_path / "manifest.csv"
    file.write_text("file,label,speaker,corpus\na.wav,angry,s1,mine\n")
    text = form.format(folder=tmp_path, file=file)
    entry = read_corpus_entry(text, label_map={}, drop_unmapped=False)
    corpus = read_entry(entry)
    assert entry.name == corpus.name == ("own" if form.startswith("own") else "mine")
    assert entry.reader == "manifest"
    assert corpus.classes == ("anger",)


@pytest.mark.parametrize("text", ["emodb", "emodb=", "=folder"])
def test_malformed_corpus(text):
    with pytest.raises(ValueError, match=r"expected NAME=PATH.*readers are .*emodb"):
        read_corpus_entry(text, label_map={}, drop_unmapped=False)


def test_cache_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache() == tmp_path / "sparsetransfer"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert default_cache().parts[-2:] == (".cache", "sparsetransfer")


def test_errors_become_one_line_that_speaks_of_options(capsys, caplog):
    caplog.set_level(logging.DEBUG)
    with pytest.raises(typer.Exit) as stop, one_line_errors():
        raise CorpusError("no emotion for 'W'\n  (3)\nsay drop_unmapped=True")
    assert stop.value.exit_code == 2
    assert capsys.readouterr().err == "error: no emotion for 'W'; (3); say --drop-unmapped\n"
    assert "CorpusError" in caplog.text


def test_defects_of_the_program_are_not_hidden():
    with pytest.raises(KeyError), one_line_errors():
        raise KeyError("a defect")


def test_one_of_several_corpora_in_a_manifest(tmp_path):
    for name in "abc":
        (tmp_path / f"{name}.wav").touch()
    file = tmp_path / "ALL.CSV"
    file.write_text("file,label,corpus\na.wav,angry,one\nb.wav,sad,two\nc.wav,sad,two\n")
    for name, size in (("one", 1), ("two", 2)):
        entry = read_corpus_entry(f"{name}={file}", label_map={}, drop_unmapped=False)
        corpus = read_entry(entry)
        assert (corpus.name, len(corpus)) == (name, size)
    for text in (f"three={file}", f"manifest={file}"):
        with pytest.raises(CorpusError, match=r"'one', 'two'.*NAME=FILE"):
            read_entry(read_corpus_entry(text, label_map={}, drop_unmapped=False))


def test_one_of_several_audformat_tables(tmp_path):
    for place in (tmp_path, tmp_path / "db.yaml"):
        text = f"mine={place}#emotion.raters"
        entry = read_corpus_entry(text, label_map={}, drop_unmapped=False)
        assert (entry.path, entry.reader) == (str(place), "manifest")
        assert entry.table == "emotion.raters"
    (tmp_path / "a#b").mkdir()
    entry = read_corpus_entry(f"emodb={tmp_path}/a#b", label_map={}, drop_unmapped=False)
    assert (entry.path, entry.reader, entry.table) == (str(tmp_path / "a#b"), "emodb", None)
