"""``sparsetransfer corpora``."""

import numpy as np
import soundfile
from typer.testing import CliRunner

from sparsetransfer import corpora
from sparsetransfer.cli.application import application


def _run(*arguments):
    runner = CliRunner(env={"COLUMNS": "300"})
    return runner.invoke(application, ["corpora", *map(str, arguments)])


def test_list_names_every_corpus_with_its_numbers():
    finished = _run("list")
    assert finished.exit_code == 0
    rows = {line.split()[0]: line for line in finished.output.splitlines() if line.strip()}
    assert set(corpora.names()) <= set(rows)
    assert " 535 " in rows["emodb"]
    assert " ? " in rows["afew"]


def test_check_tells_what_is_wrong(tmp_path):
    rng = np.random.default_rng(0)
    for number, name in enumerate(["03a01Fa", "08b02Wb", "08b03Wb"]):
        signal = 0.1 * rng.standard_normal(4000) if number else np.zeros(4000)
        soundfile.write(tmp_path / f"{name}.wav", signal, 16000)
    (tmp_path / "16a01Lb.wav").write_bytes((tmp_path / "08b02Wb.wav").read_bytes())
    (tmp_path / "notes.wav").write_bytes(b"")
    finished = _run("check", "emodb", tmp_path)
    assert finished.exit_code == 1
    for text in (
        "CC0-1.0",
        "bilderbar",
        "4 found, 535 published",
        "anger: 2 of 127",
        "fear: 0 of 69",
        "missing speakers: 7",
        "extra files: 1",
        "duplicates: 1",
        "near-silent: 1",
        "missing: 531",
        "not complete",
    ):
        assert text in finished.output, text


def test_files_of_one_kind_are_counted_beyond_ten(tmp_path):
    (tmp_path / "03a01Fa.wav").write_bytes(b"x")
    for number in range(12):
        (tmp_path / f"notes{number:02}.wav").write_bytes(b"")
    short = _run("check", "emodb", tmp_path, "--no-levels").output
    assert "notes09.wav" in short
    assert "notes10.wav" not in short
    assert "and 2 more" in short
    assert "notes11.wav" in _run("check", "emodb", tmp_path, "--no-levels", "--all").output


def test_nothing_to_read_is_one_line(tmp_path):
    finished = _run("check", "emodb", tmp_path)
    assert finished.exit_code == 2
    assert "no audio file" in finished.output


def test_every_kind_of_file_that_is_left_out_has_a_reason_and_a_count(tmp_path):
    rng = np.random.default_rng(0)
    names = [*("03-01-05-01-01-01-01", "03-02-05-01-01-01-01", "03-02-04-01-01-01-01")]
    for name in (*names, "01-01-05-01-01-01-01", "01-02-05-01-01-01-01", "other"):
        soundfile.write(tmp_path / f"{name}.wav", 0.1 * rng.standard_normal(4000), 16000)
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / f"{names[0]}.wav").write_bytes((tmp_path / f"{names[0]}.wav").read_bytes())
    (tmp_path / "01-01-05-01-01-01-01.mp4").write_bytes(b"video")
    output = _run("check", "ravdess", tmp_path, "--no-levels").output
    _, _, listed = output.partition("left out: ")
    assert listed.splitlines()[:7] == [
        "7",
        "  name outside the scheme: 1",
        "  modality 01 (video with sound): 1",
        "  modality 01, channel 02 (video with sound, song): 1",
        "  channel 02 (song): 2",
        "  identical copy: 1",
        "  format .mp4, to be converted: 1",
    ]
