"""``sparsetransfer features``."""

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from sparsetransfer import features
from sparsetransfer.cli.application import application


def _run(*arguments):
    return CliRunner().invoke(application, ["features", *map(str, arguments)])


@pytest.fixture
def manifest(tmp_path):
    rng = np.random.default_rng(0)
    for name in "ab":
        soundfile.write(tmp_path / f"{name}.wav", 0.1 * rng.standard_normal(4000), 16000)
    path = tmp_path / "manifest.csv"
    path.write_text("file,label\na.wav,anger\nb.wav,sadness\n")
    return path


def test_list_names_every_set():
    finished = _run("list")
    assert finished.exit_code == 0
    for name in features.names():
        assert name in finished.output


def test_describe_tells_parameters_and_every_column():
    finished = _run("describe", "is09-style")
    chosen = features.feature_set("is09-style")
    lines = finished.output.splitlines()
    assert chosen.id in lines[0]
    for column, unit in zip(chosen.names, chosen.units, strict=True):
        assert f"{column}\t{unit}" in lines
    assert len(_run("describe", "is09-style", "--no-columns").output.splitlines()) == 1 + len(
        chosen.parameters
    )
    assert _run("describe", "nothing").exit_code == 2


def test_extract_writes_a_table(manifest, tmp_path):
    out = tmp_path / "table.csv"
    finished = _run("extract", manifest, "is09-style", "-o", out, "--cache", tmp_path / "cache")
    assert finished.exit_code == 0, finished.output
    table = features.read_table(out)
    signal = soundfile.read(tmp_path / "a.wav", dtype="float32")[0]
    np.testing.assert_allclose(
        table.values[0], features.feature_set("is09-style").compute(signal), rtol=1e-12
    )


def test_extract_lists_what_it_dropped(manifest, tmp_path):
    (tmp_path / "a.wav").write_text("no audio")
    arguments = ("extract", manifest, "is09-style", "-o", tmp_path / "t.csv", "--cache", tmp_path)
    assert _run(*arguments).exit_code == 2
    finished = _run(*arguments, "--drop-unreadable")
    assert finished.exit_code == 0
    assert "1 dropped" in finished.output
    assert len(features.read_table(tmp_path / "t.csv")) == 1


def test_missing_recordings_are_dropped_and_listed_like_others(manifest, tmp_path):
    (tmp_path / "a.wav").unlink()
    out = tmp_path / "t.csv"
    arguments = ("extract", manifest, "is09-style", "-o", out, "--cache", tmp_path)
    refused = _run(*arguments)
    assert refused.exit_code == 2
    assert "a.wav" in refused.output
    assert "to leave them out: --drop-unreadable" in refused.output
    finished = _run(*arguments, "--drop-unreadable")
    assert finished.exit_code == 0, finished.output
    assert "1 dropped" in finished.output
    assert "a.wav" in finished.output
    assert len(features.read_table(out)) == 1


def test_unknown_ending_is_refused_before_any_work(manifest, tmp_path):
    finished = _run("extract", manifest, "wide", "-o", tmp_path / "t.xls")
    assert finished.exit_code == 2
    assert ".parquet" in finished.output


def test_weights_of_speaker_networks_are_an_option(manifest, tmp_path, monkeypatch):
    monkeypatch.setenv("SPARSETRANSFER_SPEAKER_WEIGHTS", "")
    nowhere = tmp_path / "nowhere.pt"
    finished = _run(
        "extract", manifest, "speaker", "-o", tmp_path / "t.csv", "--speaker-weights", nowhere
    )
    assert finished.exit_code == 2
    assert str(nowhere) in finished.output
    assert not (tmp_path / "t.csv").exists()
