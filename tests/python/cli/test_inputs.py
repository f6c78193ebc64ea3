import importlib
import json
import logging
import os
import sys
from pathlib import Path

import pytest
import typer

from sparsetransfer.cli.errors import one_line_errors
from sparsetransfer.cli.inputs import (
    cache_folder,
    check_outputs,
    parse_label_map,
    read_corpus_entry,
    split_list,
)
from sparsetransfer.evaluation.study.prepare import read_entry
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


@pytest.mark.skipif(sys.platform != "linux", reason="another custom")
def test_cache_follows_the_environment_and_the_option(monkeypatch, tmp_path):
    """The folders in which versions before platformdirs kept their features."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "far"))
    assert cache_folder(None) == tmp_path / "far" / "sparsetransfer"
    assert cache_folder(tmp_path / "chosen") == tmp_path / "chosen"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder(None) == tmp_path / ".cache" / "sparsetransfer"
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize(
    ("system", "folder"),
    [
        ("macos.MacOS", "Library/Caches/sparsetransfer"),
        ("windows.Windows", "AppData/Local/sparsetransfer"),
    ],
)
def test_caches_of_earlier_versions_are_found_on_other_systems(
    monkeypatch, tmp_path, system, folder
):
    module, name = system.split(".")
    directories = getattr(importlib.import_module(f"platformdirs.{module}"), name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(
        "platformdirs.windows.get_win_folder", lambda which: str(tmp_path / "AppData/Local")
    )
    monkeypatch.setattr("platformdirs.PlatformDirs", directories)
    assert cache_folder(None) == tmp_path / folder


@pytest.mark.parametrize("place", ["file", "file/deep", "full"])
def test_a_cache_that_is_no_folder_is_refused(tmp_path, place):
    (tmp_path / "file").touch()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "features").touch()
    with pytest.raises(OSError, match=r"^--cache: .*choose"):
        cache_folder(tmp_path / place)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "cannot be read: Expecting value"),
        (b"{", "cannot be read"),
        (b"[" * 100_000, "cannot be read: maximum recursion"),
        ('{"sad": "sadness"}'.encode("utf-16"), "is not UTF-8; save it"),
        ('{"\xfc": "sadness"}'.encode("cp1252"), "is not UTF-8; save it"),
        (b'["sad"]', "expected a JSON object of strings"),
        (b'{"sad": null}', "expected a JSON object of strings"),
        (b"version https://git-lfs.github.com/spec/v1\noid x\nsize 1\n", "git lfs pull"),
    ],
)
def test_a_label_map_that_cannot_be_used_is_named(tmp_path, content, expected):
    place = tmp_path / "map.JSON"
    place.write_bytes(content)
    with pytest.raises(ValueError, match=rf"^--label-map .*map\.JSON: .*{expected}"):
        parse_label_map([str(place)])
    place.write_bytes(b"\xef\xbb\xbf" + b'{"sad": "sadness"}')
    assert parse_label_map([str(place)]) == {"sad": "sadness"}


def test_an_output_is_neither_an_input_nor_another_output(tmp_path):
    (tmp_path / "model.st").touch()
    (tmp_path / "link.csv").symlink_to("model.st")
    check_outputs({"--csv": tmp_path / "a", "--json": tmp_path / "b", "--report": None}, [])
    check_outputs({"--csv": Path(os.devnull), "--json": Path(os.devnull)}, [])
    with pytest.raises(ValueError, match=r"--csv .*link\.csv' is an input, too"):
        check_outputs({"--csv": tmp_path / "link.csv"}, [tmp_path / "model.st"])
    with pytest.raises(ValueError, match=r"--json .* is --csv, too"):
        check_outputs({"--csv": tmp_path / "a", "--json": tmp_path / "b" / ".." / "a"}, [])


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
