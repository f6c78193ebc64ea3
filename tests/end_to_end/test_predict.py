"""A model from recordings, and recordings of any length through it."""

import csv
import json
import tracemalloc
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
    from sparsetransfer.evaluation import load_model, recognise

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
    from sparsetransfer.evaluation import load_model, recognise

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
        ((model, noise, "--hop", "0"), "window and hop must be positive"),
    ):
        finished = invoke("predict", *arguments)
        assert finished.exit_code == 2
        assert message in " ".join(finished.stderr.split())


@pytest.mark.parametrize("level", [0.0, 0.25, 1e-5])
def test_recordings_without_a_signal_are_refused(model, tmp_path, level):
    from sparsetransfer.evaluation import load_model, recognise

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
    with table.open(newline="") as lines:
        rows = {row["file"]: row for row in csv.DictReader(lines)}
    assert [rows[str(file)]["status"] for file in (good[0], bad, good[1])] == ["ok", "failed", "ok"]
    assert "cannot be read" in rows[str(bad)]["reason"]
    assert rows[str(bad)]["emotion"] == ""
    content = json.loads(everything.read_text())["files"]
    assert [file["status"] for file in content] == ["ok", "failed", "ok"]
    assert content[1]["probabilities"] is None


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
