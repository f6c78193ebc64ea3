"""Input that cannot be used ends in one clear line, status 2, and nothing half-written."""

import csv
import shutil

import numpy as np
import pytest
from scipy.io import wavfile


@pytest.fixture
def refused(evaluate, tmp_path):
    """Return a function that runs the command and gives its error line."""

    def run(*arguments):
        output = tmp_path / "report"
        finished = evaluate("--methods", "svm,sparse-coding", "--output", output, *arguments)
        assert finished.exit_code == 2, finished.output
        assert isinstance(finished.exception, SystemExit)
        assert not output.exists()
        (line,) = [text for text in finished.stderr.splitlines() if text.startswith("error: ")]
        return line

    return run


@pytest.fixture
def copy(corpora, tmp_path):
    """Return a function that copies the target's manifest with other rows."""

    def make(change, name="copy"):
        folder = tmp_path / name
        shutil.copytree(corpora[1].parent, folder)
        manifest = folder / "manifest.csv"
        with manifest.open(newline="", encoding="utf-8") as lines:
            rows = [change(row) for row in csv.DictReader(lines)]
        rows = [row for row in rows if row is not None]
        with manifest.open("w", newline="", encoding="utf-8") as lines:
            writer = csv.DictWriter(lines, rows[0].keys(), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        return manifest

    return make


def test_empty_folder(refused, corpora, tmp_path):
    (tmp_path / "empty").mkdir()
    line = refused("--source", f"emodb={tmp_path / 'empty'}", "--target", corpora[1])
    assert "no audio file" in line
    assert "empty" in line


def test_missing_folder(refused, corpora, tmp_path):
    line = refused("--source", f"emodb={tmp_path / 'nowhere'}", "--target", corpora[1])
    assert "nowhere" in line


def test_corrupt_file_is_named_and_can_be_dropped(refused, evaluate, corpora, copy, tmp_path):
    manifest = copy(lambda row: row)
    broken = sorted(manifest.parent.glob("*.wav"))[5]
    broken.write_bytes(b"this is no sound")
    line = refused("--source", corpora[0], "--target", manifest)
    assert broken.name in line
    assert "--drop-unreadable" in line
    output = tmp_path / "dropped"
    finished = evaluate(
        *("--source", corpora[0], "--target", manifest, "--methods", "svm"),
        *("--drop-unreadable", "--output", output),
    )
    assert finished.exit_code == 0, finished.output
    assert broken.name in (output / "report.html").read_text(encoding="utf-8")


def test_not_a_number_in_the_audio(refused, corpora, copy):
    manifest = copy(lambda row: row)
    broken = min(manifest.parent.glob("*.wav"))
    wave = np.zeros(16_000, dtype=np.float32)
    wave[100] = np.nan
    wavfile.write(broken, 16_000, wave)
    assert broken.name in refused("--source", corpora[0], "--target", manifest)


def test_unmapped_label_is_an_error_or_a_declared_drop(refused, evaluate, corpora, copy, tmp_path):
    manifest = copy(lambda row: {**row, "label": "bliss"} if row["label"] == "happiness" else row)
    line = refused("--source", corpora[0], "--target", manifest)
    assert "'bliss' (9)" in line
    assert "--drop-unmapped" in line
    for number, remedy in enumerate((["--drop-unmapped"], ["--label-map", "bliss=happiness"])):
        finished = evaluate(
            *("--source", corpora[0], "--target", manifest, "--methods", "svm"),
            *("--output", tmp_path / f"remedy{number}", *remedy),
        )
        assert finished.exit_code == 0, finished.output
    html = (tmp_path / "remedy0" / "report.html").read_text(encoding="utf-8")
    assert "bliss" in html


def test_one_class(refused, corpora, copy):
    manifest = copy(lambda row: row if row["label"] == "anger" else None)
    assert "at least two classes" in refused("--source", corpora[0], "--target", manifest)
    line = refused("--source", corpora[0], "--target", corpora[1], "--classes", "anger")
    assert "at least two" in line


def test_speaker_in_both_domains(refused, corpora):
    line = refused("--source", corpora[0], "--target", corpora[0])
    assert "source and target at once: synthetic-source" in line


def test_same_recordings_under_another_name(refused, corpora, copy):
    manifest = copy(lambda row: {**row, "corpus": "disguise"})
    line = refused("--source", corpora[1], "--target", manifest)
    assert "the same audio is in source and target" in line


def test_more_atoms_than_recordings(refused, corpora):
    line = refused("--source", corpora[0], "--target", corpora[1], "--n-components", "5000")
    assert "n_components" in line
    assert "5000" in line


def test_one_side_only_and_unknown_names(refused, corpora):
    assert "--target" in refused("--source", corpora[0])
    line = refused("--source", f"nobody={corpora[0].parent.parent}", "--target", corpora[1])
    assert "no reader for a corpus named 'nobody'" in line


def test_unknown_method(evaluate, corpora):
    finished = evaluate("--source", corpora[0], "--target", corpora[1], "--methods", "magic")
    assert finished.exit_code == 2
    assert "unknown methods ['magic']" in finished.stderr


def test_a_folder_with_other_things_is_refused_before_any_work(evaluate, corpora, tmp_path):
    (tmp_path / "thesis.tex").touch()
    finished = evaluate("--source", corpora[0], "--target", corpora[1], "--output", tmp_path)
    assert finished.exit_code == 2
    assert "holds no report" in finished.stderr
    assert (tmp_path / "thesis.tex").exists()
