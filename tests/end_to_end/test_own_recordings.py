"""From a labelled corpus and a folder of unlabelled recordings to predictions."""

import csv
import json
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from sparsetransfer.cli.application import application
from sparsetransfer.evaluation import make_methods
from sparsetransfer.evaluation.methods.base import wanted_views
from sparsetransfer.recognition import Recogniser

pytest.importorskip("safetensors", reason="models are files of safetensors")


def invoke(*arguments):
    return CliRunner().invoke(application, [str(part) for part in arguments])


def test_predictions_are_those_of_the_evaluation(
    adapted, corpora, calls, cache, evaluate, tmp_path
):
    # A process of its own, as a user has it.
    arguments = [
        "predict",
        adapted,
        calls,
        "--json",
        tmp_path / "a.json",
        "--csv",
        tmp_path / "a.csv",
    ]
    command = "from sparsetransfer.cli import main; main()"
    subprocess.run(
        [sys.executable, "-c", command, *map(str, arguments)], check=True, capture_output=True
    )
    files = json.loads((tmp_path / "a.json").read_text())["files"]
    found = [max(file["probabilities"], key=file["probabilities"].get) for file in files]
    report = tmp_path / "report"
    sets = Recogniser.load(adapted).feature_set_names
    finished = evaluate(
        *("--source", corpora[0], "--target", corpora[1], "--methods", "multi-view"),
        *("--features", ",".join(sets), "--output", report),
    )
    assert finished.exit_code == 0, finished.output
    from sparsetransfer import reporting

    study = reporting.read(report)
    of_file = dict(
        zip(sorted(p.name for p in corpora[1].parent.glob("*.wav")), range(len(files)), strict=True)
    )
    by_number = {int(file["file"][-7:-4]): label for file, label in zip(files, found, strict=True)}
    from sparsetransfer.corpora import read_manifest

    names = [file.rsplit("/", 1)[1] for file in read_manifest(corpora[1]).table["file"]]
    expected = dict(zip(names, study.cells[0].predictions, strict=True))
    assert {name: by_number[number] for name, number in of_file.items()} == expected
    with (tmp_path / "a.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert all(0 <= float(row["entropy"]) <= np.log2(4) for row in rows)
    assert {row["start"] for row in rows} == {"0.0"}


def test_bad_files_cost_their_rows_and_flags_say_what_is_doubtful(adapted, calls, tmp_path):
    folder = tmp_path / "mixed"
    folder.mkdir()
    good = min(calls.rglob("*.wav"))
    signal, rate = soundfile.read(good)
    shutil.copy(good, folder / "a-good.wav")
    (folder / "b-bad.wav").write_bytes(b"this is no sound")
    soundfile.write(folder / "c-silent.wav", 0 * signal, rate)
    soundfile.write(folder / "d-short.wav", signal[: rate // 3], rate)
    soundfile.write(
        folder / "e-clipped.wav", np.clip(20 * signal / np.abs(signal).max(), -1, 1), rate
    )
    soundfile.write(folder / "f-click.wav", signal[:100], rate)
    noise = np.random.default_rng(0).standard_normal(2 * rate)
    soundfile.write(folder / "g-noise.wav", 0.1 * noise, rate)
    table = tmp_path / "table.csv"
    finished = invoke("predict", adapted, folder, tmp_path / "missing.wav", "--csv", table)
    assert finished.exit_code == 1
    with table.open(newline="") as lines:
        rows = {row["file"].rsplit("/", 1)[1][:1]: row for row in csv.DictReader(lines)}
    assert [rows[name]["status"] for name in "abcdefgm"] == [
        *("ok", "failed", "failed", "ok", "ok", "failed", "ok", "failed")
    ]
    assert rows["a"]["flag"] == ""
    assert rows["c"]["flag"] == "silent"
    assert "too short" in rows["d"]["flag"]
    assert "clipped" in rows["e"]["flag"]
    assert rows["f"]["flag"] == "too short"
    assert "unlike" in rows["g"]["flag"]
    assert "no speech" in rows["g"]["flag"]
    assert float(rows["g"]["speech"]) < 0.05
    assert 0.3 < float(rows["a"]["speech"]) <= 1
    assert rows["b"]["speech"] == ""


def test_flagged_windows_do_not_vote(adapted, calls, tmp_path):
    good = min(calls.rglob("*.wav"))
    signal, rate = soundfile.read(good)
    noise = 0.1 * np.random.default_rng(0).standard_normal(len(signal))
    soundfile.write(tmp_path / "half.wav", np.concatenate([signal, noise]), rate)
    seconds = len(signal) / rate
    options = ("--window", seconds, "--hop", seconds)
    finished = invoke(
        "predict", adapted, tmp_path / "half.wav", *options, "--json", tmp_path / "a.json"
    )
    assert finished.exit_code == 0, finished.output
    (file,) = json.loads((tmp_path / "a.json").read_text())["files"]
    first, second = file["windows"]
    assert first["flags"] == []
    assert "no speech" in second["flags"]
    assert second["speech"] < 0.05
    assert first["speech"] > 0.3
    assert file["probabilities"] == pytest.approx(first["probabilities"])
    assert file["flags"] == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "no audio file below"),
        ({"a.wav": "speech"}, "1 recordings are too few to adapt to, expected at least 5; fit"),
        ({"a.wav": "speech", "b.wav": "junk"}, "at least 5 (1 more cannot be read: "),
        ({f"{i}.wav": "silence" for i in range(6)}, "nothing but silence"),
        ({f"{i}.wav": "junk" for i in range(6)}, "no recording can be used"),
    ],
    ids=["empty", "one", "one-read", "silent", "junk"],
)
def test_targets_that_cannot_be_used(corpora, calls, cache, content, message, tmp_path):
    folder = tmp_path / "target"
    folder.mkdir()
    good = min(calls.rglob("*.wav"))
    for name, kind in content.items():
        if kind == "speech":
            shutil.copy(good, folder / name)
        elif kind == "silence":
            soundfile.write(folder / name, np.zeros(16_000), 16_000)
        else:
            (folder / name).write_bytes(b"junk")
    finished = invoke(
        "fit", corpora[0], "--target", folder, "-o", tmp_path / "m.st", "--cache", cache
    )
    assert finished.exit_code == 2
    assert message in " ".join(finished.stderr.split())
    assert not (tmp_path / "m.st").exists()
    assert "functionals-1 of" not in finished.stderr  # refused before the work


def test_a_target_that_is_the_source_is_found(corpora, cache, tmp_path):
    finished = invoke(
        *("fit", corpora[0], "--target", corpora[0].parent, "-o", tmp_path / "m.st"),
        *("--cache", cache),
    )
    assert finished.exit_code == 2
    assert "the same audio is in source and target" in " ".join(finished.stderr.split())


def test_methods_that_cannot_be_used_say_so_before_any_work(corpora, tmp_path):
    for arguments, message in (
        (("--target", tmp_path / "missing", "--method", "majority"), "can be evaluated and not"),
        (("--target", tmp_path / "missing", "--method", "nonsense"), "unknown methods"),
        (("--method", "multi-view"), "--target"),
        (("--feature-set", "frame-codes(log-mel)"), "learned on a target, too"),
    ):
        finished = invoke("fit", "emodb=nowhere", *arguments, "-o", tmp_path / "m.st")
        assert finished.exit_code == 2
        assert message in " ".join(finished.stderr.split())


def test_unreadable_recordings_of_the_target_are_left_out(corpora, calls, cache, tmp_path):
    folder = tmp_path / "target"
    shutil.copytree(calls, folder)
    (folder / "broken.wav").write_bytes(b"junk")
    place = tmp_path / "m.st"
    finished = invoke(
        *("fit", corpora[0], "--target", folder, "-o", place, "--cache", cache),
        *("--method", "transfer-sparse-coding", "--feature-set", "functionals"),
    )
    # The dictionary has more atoms than these small corpora have recordings.
    assert finished.exit_code == 2
    finished = invoke(
        *("fit", corpora[0], "--target", folder, "-o", place, "--cache", cache),
        *("--method", "coral", "--feature-set", "functionals"),
    )
    assert finished.exit_code == 0, finished.output
    assert "1 target recordings left out" in finished.stderr
    left_out = Recogniser.load(place).about_["left_out"]
    assert [name.rsplit("/", 1)[1] for name in left_out] == ["broken.wav"]


def test_a_manifest_without_labels_is_a_target(corpora, calls, cache, tmp_path):
    files = sorted(calls.rglob("*.wav"))
    for number, header in enumerate(("file", "file,label")):
        manifest = tmp_path / f"own{number}.csv"
        comma = "," if "," in header else ""
        manifest.write_text("\n".join([header, *(f"{file}{comma}" for file in files)]) + "\n")
        place = tmp_path / f"m{number}.st"
        finished = invoke(
            *("fit", corpora[0], "--target", manifest, "-o", place, "--cache", cache),
            *("--method", "ridge", "--feature-set", "functionals"),
            *("--report", tmp_path / "report"),
        )
        assert "ridge learned anger" in (tmp_path / "report" / "predictions.html").read_text()
        assert finished.exit_code == 0, finished.output
        assert Recogniser.load(place).about_["target"]["recordings"] == len(files)


@pytest.mark.parametrize("features", [(), ("--features", "functionals")])
def test_the_method_is_chosen_by_what_is_installed(corpora, calls, cache, features, tmp_path):
    (recommended,) = make_methods(["recommended"])
    if not features and any("speaker" in view for view in wanted_views(recommended)):
        pytest.skip("networks are tested below, with small dictionaries")
    place = tmp_path / "m.st"
    arguments = ("fit", corpora[0], "--target", calls, "-o", place, "--cache", cache)
    finished = invoke(*arguments, *features)
    assert finished.exit_code == 0, finished.output
    name = "multi-view-safeguarded" if features else "recommended"
    said = " ".join(finished.stderr.split())
    assert f"method {name}: {make_methods([name])[0].description}" in said
    recogniser = Recogniser.load(place)
    assert recogniser.about_["method"]["name"] == name
    expected = ("functionals",) if features else wanted_views(recommended)
    assert recogniser.feature_set_names == expected


@pytest.fixture
def few_atoms(monkeypatch):
    """Limit the dictionaries of frame codes to 24 atoms."""
    from sparsetransfer.evaluation.data import frame_codes

    usual = frame_codes.FrameCodes.parse

    def parse(name):
        found = usual(name)
        small = {"n_components": 24, "n_dictionaries": 2, "max_frames": 2000, "n_whitened": 16}
        return None if found is None else replace(found, **small)

    monkeypatch.setattr(frame_codes.FrameCodes, "parse", staticmethod(parse))


@pytest.mark.parametrize(
    "method",
    [
        *("frame-codes", "frame-codes-transfer", "multi-view"),
        pytest.param(
            "recommended",
            marks=pytest.mark.skipif(
                "frame-codes(speaker)" not in wanted_views(make_methods(["recommended"])[0]),
                reason="weights of a speaker network are not installed",
            ),
        ),
    ],
)
def test_codes_of_frames_are_deployed_as_they_are_evaluated(
    method, corpora, cache, evaluate, few_atoms, tmp_path
):
    place = tmp_path / "calls.st"
    sets = ("--feature-set", "functionals,frame-codes(log-mel)") if method == "multi-view" else ()
    arguments = ("--target", corpora[1], "--method", method, "-o", place, "--cache", cache)
    finished = invoke("fit", corpora[0], *arguments, *sets)
    assert finished.exit_code == 0, finished.output
    report = tmp_path / "report"
    finished = evaluate(
        *("--source", corpora[0], "--target", corpora[1], "--methods", method),
        *("--features", sets[1] if sets else "functionals", "--output", report),
    )
    assert finished.exit_code == 0, finished.output
    from sparsetransfer import reporting
    from sparsetransfer.corpora import read_manifest

    expected = reporting.read(report).cells[0].predictions
    # A new process has neither the small dictionaries nor a cache: all is in the file.
    arguments = ["predict", place, corpora[1], "--json", tmp_path / "a.json"]
    command = "from sparsetransfer.cli import main; main()"
    subprocess.run(
        [sys.executable, "-c", command, *map(str, arguments)], check=True, capture_output=True
    )
    files = json.loads((tmp_path / "a.json").read_text())["files"]
    assert [file["file"] for file in files] == read_manifest(corpora[1]).table["file"].tolist()
    found = [max(file["probabilities"], key=file["probabilities"].get) for file in files]
    assert found == list(expected)


def test_codes_of_new_recordings_are_those_that_were_fitted(corpora, cache, few_atoms, tmp_path):
    from sparsetransfer import corpora as readers
    from sparsetransfer.evaluation.study.prepare import describe, describe_adaptation
    from sparsetransfer.recognition import ModelError

    name = "frame-codes(log-mel)"
    source, target = (readers.read_manifest(path) for path in corpora)
    known, unknown, codes = describe_adaptation([source], target, [name], cache=cache)
    recogniser = Recogniser("ridge").fit(
        known, unknown, feature_set_names=[name], frame_codes=codes
    )
    place = tmp_path / "calls.st"
    recogniser.save(place)
    loaded = Recogniser.load(place)
    again = describe(target, [loaded.feature_set(name)])
    np.testing.assert_allclose(again.features, unknown.features, rtol=0, atol=1e-5)
    assert loaded.feature_set(name).id == unknown.feature_set
    # Frames of another version have other meanings.
    other = replace(codes[name], id=codes[name].id.replace("log-mel", "log-mal"))
    with pytest.raises(ValueError, match="were learned on frames log-mal"):
        describe(target, [other])
    # Dictionaries of other sizes do not describe what the model reads.
    recogniser.frame_codes_ = {"other": codes[name]}
    recogniser.save(place)
    with pytest.raises(ModelError, match="'other' does not fit the model"):
        Recogniser.load(place)
