"""The layout of EmoBox: what is written is read back as its documentation says."""

import dataclasses
import errno
import json
import os

import numpy as np
import pytest
import sklearn.metrics
import soundfile
from typer.testing import CliRunner

from sparsetransfer import _files as files
from sparsetransfer import corpora, evaluation
from sparsetransfer.cli.application import application
from sparsetransfer.evaluation import StudyConfig, prepare
from sparsetransfer.evaluation.data.joining import identifiers
from sparsetransfer.evaluation.protocol.splits import splits
from sparsetransfer.evaluation.study.prepare import read_corpora
from sparsetransfer.evaluation.study.results import CorpusSummary
from sparsetransfer.reporting import emobox, read, write, write_emobox
from sparsetransfer.reporting.folder import WorkFolder

FIELDS = {
    "key": str,
    "dataset": str,
    "wav": str,
    "type": str,
    "sample_rate": int,
    "num_frame": int,
    "task": str,
    "length": float,
    "emo": str,
    "channel": int,
}
"""Those of the published metadata."""

RATE = 8000


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """Two corpora as manifests: six speakers, three emotions, the second one in segments."""
    root = tmp_path_factory.mktemp("recordings")
    rng = np.random.default_rng(0)
    for name in ("studio", "field"):
        lines = ["file,start,end,label,speaker"]
        for speaker in range(6):
            for number, label in enumerate(["anger", "neutral", "sadness"]):
                place = root / name / f"s{speaker}" / f"{speaker}{label}.wav"
                place.parent.mkdir(parents=True, exist_ok=True)
                samples = rng.normal(scale=0.05 * (1 + number), size=RATE + 100 * number)
                soundfile.write(place, samples, RATE)
                times = "0.25,0.75" if name == "field" else ","
                lines.append(f"{name}/s{speaker}/{place.name},{times},{label},{speaker}")
        (root / f"{name}.csv").write_text("\n".join(lines) + "\n")
    return root


def _study(recordings, design, methods=("majority", "svm"), **changes):
    config = StudyConfig(
        corpora=tuple(
            evaluation.CorpusEntry(name, str(recordings / f"{name}.csv"), "manifest")
            for name in ("studio", "field")
        ),
        design=design,
        methods=methods,
        n_resamples=20,
        n_folds=3,
        **changes,
    )
    domains, protocol = prepare(config, n_jobs=1)
    return config, domains, evaluation.run(domains, config.make_methods(), protocol)


@pytest.fixture(scope="module")
def within(recordings):
    return _study(recordings, {"kind": "speaker-k-fold", "n_folds": 3}, seeds=(3, 4))


@pytest.fixture(scope="module")
def between(recordings):
    return _study(recordings, {"kind": "ordered-pairs"})


def _lines(place):
    return [json.loads(line) for line in place.read_text(encoding="utf-8").splitlines()]


def test_metadata_have_the_published_fields(between, recordings, tmp_path):
    config, domains, study = between
    place = write_emobox(study, read_corpora(config)[0], tmp_path / "out")
    for domain in domains:
        folder = place / "data" / domain.name
        rows = _lines(folder / f"{domain.name}.jsonl")
        assert len({row["key"] for row in rows}) == len(rows) == len(domain)
        assert [row["emo"] for row in rows] == domain.labels.tolist()
        for row in rows:
            times = {"start_time", "end_time"} if domain.name == "field" else set()
            assert set(row) == set(FIELDS) | times
            assert {name: type(row[name]) for name in FIELDS} == FIELDS
            assert row["dataset"] == domain.name
            assert (row["type"], row["task"], row["channel"]) == ("raw", "category", 1)
            start, inside, *rest = row["wav"].split("/")
            assert (start, inside) == ("downloads", domain.name)
            about = soundfile.info(recordings.joinpath(domain.name, *rest))
            assert row["sample_rate"] == about.samplerate
            seconds = 0.5 if times else about.duration
            assert row["length"] == pytest.approx(seconds)
            assert row["num_frame"] == round(seconds * RATE)
        short = json.loads((folder / f"{domain.name}.json").read_text())
        assert list(short) == [row["key"] for row in rows]
        for row in rows:
            left = set(row) - {"key", "type", "sample_rate", "num_frame", "task"}
            assert short[row["key"]] == {name: row[name] for name in left}
        labels = json.loads((folder / "label_map.json").read_text())
        assert labels == {name: name for name in study.protocol.classes}
        assert not list(folder.glob("fold_*"))


@pytest.mark.parametrize("seed", [None, 4])
def test_folds_are_those_of_the_study(within, tmp_path, seed):
    config, domains, study = within
    place = write_emobox(study, read_corpora(config)[0], tmp_path / "out", seed=seed)
    by_name = {domain.name: domain for domain in domains}
    for task in study.tasks:
        domain, folder = by_name[task.target], place / "data" / task.target
        keys = [row["key"] for row in _lines(folder / f"{domain.name}.jsonl")]
        speakers = dict(zip(keys, domain.speakers.tolist(), strict=True))
        made = list(splits(task, by_name, study.protocol, 3 if seed is None else seed))
        assert len(list(folder.glob("fold_*"))) == len(made) == 3
        tested = []
        for number, split in enumerate(made, start=1):
            sides = {}
            for side in ("train", "test"):
                stem = folder / f"fold_{number}" / f"{domain.name}_{side}_fold_{number}"
                sides[side] = [row["key"] for row in _lines(stem.with_suffix(".jsonl"))]
                assert list(json.loads(stem.with_suffix(".json").read_text())) == sides[side]
            assert sides["test"] == [keys[row] for row in split.rows]
            assert set(sides["train"]) == set(keys) - set(sides["test"])
            parts = [{speakers[key] for key in side} for side in sides.values()]
            assert not parts[0] & parts[1]
            tested += sides["test"]
        assert sorted(tested) == sorted(keys)


@pytest.mark.parametrize("kind", ["within", "between"])
def test_predictions_and_scores_are_what_emoeval_computes(kind, request, tmp_path):
    config, _, study = request.getfixturevalue(kind)
    place = write_emobox(study, read_corpora(config)[0], tmp_path / "out")
    number = json.loads((place / "label2idx.json").read_text())
    assert list(number) == list(study.protocol.classes)
    answers, scores = _lines(place / "predictions.jsonl"), _lines(place / "scores.jsonl")
    heads = [("task", "method", "seed", "fold"), ("task", "method", "seed")][kind == "between"]
    assert len(scores) == len(study.tasks) * 2 * (3 if kind == "within" else 1)
    for figures in scores:
        here = [row for row in answers if all(row[name] == figures[name] for name in heads)]
        truth, predicted = ([row[name] for row in here] for name in ("label", "pred"))
        assert figures["num"] == len(here) > 0
        metrics = sklearn.metrics
        assert figures["wa"] == pytest.approx(metrics.accuracy_score(truth, predicted))
        assert figures["ua"] == pytest.approx(
            metrics.recall_score(
                truth, predicted, labels=sorted(set(truth)), average="macro", zero_division=0
            )
        )
        for average in ("micro", "macro"):
            expected = metrics.f1_score(truth, predicted, average=average, zero_division=0)
            assert figures[f"{average}_f1"] == pytest.approx(expected)
        expected = metrics.confusion_matrix(truth, predicted, labels=list(number.values()))
        assert figures["confusion"] == expected.tolist()
    for task in study.tasks:
        keys = [row["key"] for row in _lines(place / f"data/{task.target}/{task.target}.jsonl")]
        cell = study.cell(task.name, "svm")
        told = {
            row["key"]: row["pred"]
            for row in answers
            if (row["task"], row["method"]) == (task.name, "svm")
        }
        assert told == {k: number[p] for k, p in zip(keys, cell.predictions, strict=True)}


def test_names_that_repeat_are_told_apart_by_their_path(recordings, tmp_path):
    lines = ["file,label,speaker"]
    for speaker in range(3):
        for label in ("anger", "neutral"):
            place = tmp_path / f"s{speaker}" / f"{label}.wav"
            place.parent.mkdir(exist_ok=True)
            soundfile.write(place, np.sin(np.arange(RATE) * (1 + speaker)), RATE)
            lines.append(f"{place},{label},{speaker}")
    (tmp_path / "same.csv").write_text("\n".join(lines))
    entries = [
        evaluation.CorpusEntry("same", str(tmp_path / "same.csv"), "manifest"),
        evaluation.CorpusEntry("studio", str(recordings / "studio.csv"), "manifest"),
    ]
    config = StudyConfig(tuple(entries), {"kind": "ordered-pairs"}, methods=("majority",))
    domains, protocol = prepare(config, n_jobs=1)
    study = evaluation.run(domains, config.make_methods(), protocol)
    place = write_emobox(study, read_corpora(config)[0], tmp_path / "out")
    keys = [row["key"] for row in _lines(place / "data/same/same.jsonl")]
    assert min(keys) == "same-s0/anger.wav"
    assert len(set(keys)) == 6


PUBLISHED = {
    "emodb-03a02Wb": (33978, 2.123625, "anger"),
    "emodb-16b03Ea": (95421, 5.9638125, "disgust"),
    "emodb-09b10Aa": (26497, 1.6560625, "fear"),
}
"""From EmoBox's list data/emodb/fold_1/emodb_test_fold_1.jsonl: num_frame, length, emo."""


def test_recordings_of_emodb_are_described_as_emobox_does():
    root = os.environ.get("SPARSETRANSFER_DATA")
    if not root:
        pytest.skip("SPARSETRANSFER_DATA does not name a folder with the real corpora")
    corpus = corpora.read("emodb", os.path.join(root, "emodb"))
    table = corpus.table
    files = tuple(identifiers(table[["file", "start", "end"]]))
    summary = CorpusSummary(
        "emodb", "", {}, files, tuple(table["label"]), tuple(table["speaker"]), {}, ()
    )
    found = {row["key"]: row for row in emobox._records(summary, corpus)}
    for key, (frames, seconds, label) in PUBLISHED.items():
        row = found[key]
        assert (row["num_frame"], row["length"], row["emo"]) == (frames, seconds, label)
        assert (row["sample_rate"], row["channel"], row["dataset"]) == (16000, 1, "emodb")


def test_what_does_not_belong_together_is_refused(between, tmp_path):
    config, _, study = between
    both, _ = read_corpora(config)
    with pytest.raises(ValueError, match=r"seed must be one of \[0\], got 7"):
        write_emobox(study, both, tmp_path / "out", seed=7)
    with pytest.raises(ValueError, match="none named field"):
        write_emobox(study, both[:1], tmp_path / "out")
    few = corpora.Corpus("field", both[1].table.iloc[:5])
    with pytest.raises(ValueError, match="'field' has other recordings than in the study: no s"):
        write_emobox(study, [both[0], few], tmp_path / "out")
    assert not (tmp_path / "out").exists()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").touch()
    with pytest.raises(FileExistsError, match="is not empty"):
        write_emobox(study, both, tmp_path / "out")
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["mine.txt"]


def test_a_full_disk_leaves_nothing_half_written(between, tmp_path, monkeypatch):
    config, _, study = between
    both, _ = read_corpora(config)
    written = []

    def full(path, text):
        written.append(path)
        if len(written) > 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        files.write_text(path, text)

    monkeypatch.setattr(emobox, "write_text", full)
    with pytest.raises(OSError, match="No space left"):
        write_emobox(study, both, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
    monkeypatch.undo()
    assert (write_emobox(study, both, tmp_path / "out") / "scores.jsonl").is_file()


def test_a_name_that_no_folder_can_have_is_refused(between, tmp_path):
    config, _, study = between
    both, _ = read_corpora(config)
    renamed = dataclasses.replace(study.corpora[0], name="../up")
    strange = dataclasses.replace(study, corpora=(renamed, study.corpora[1]))
    with pytest.raises(ValueError, match=r"'\.\./up' has a name that no folder can have"):
        write_emobox(strange, [dataclasses.replace(both[0], name="../up"), both[1]], tmp_path / "o")
    assert not (tmp_path / "o").exists()


def test_the_command_exports_a_report(between, tmp_path):
    config, _, study = between
    write(study, tmp_path / "report")
    WorkFolder(tmp_path / "report", config).save("0" * 24, study.cells[0])
    command = ["study", "export", str(tmp_path / "report"), str(tmp_path / "out")]
    done = CliRunner().invoke(application, command)
    assert done.exit_code == 0, done.output
    expected = write_emobox(read(tmp_path / "report"), read_corpora(config)[0], tmp_path / "twin")
    names = sorted(path.relative_to(expected) for path in expected.rglob("*") if path.is_file())
    assert len(names) == 3 + 2 * 3
    for name in names:
        assert (tmp_path / "out" / name).read_bytes() == (expected / name).read_bytes()
    again = CliRunner().invoke(application, command)
    assert again.exit_code != 0
    assert "is not empty" in again.output


def test_a_refused_task_is_listed_with_its_reason(between, tmp_path):
    config, _, study = between
    first, *others = study.cells
    refused = dataclasses.replace(first, predictions=(), scores=None, refusal="too few samples")
    partly = dataclasses.replace(study, cells=(refused, *others))
    place = write_emobox(partly, read_corpora(config)[0], tmp_path / "out")
    head = {"task": first.task, "method": first.method, "seed": first.seed}
    assert _lines(place / "refused.jsonl") == [{**head, "reason": "too few samples"}]
    assert len(_lines(place / "scores.jsonl")) == len(others)
    whole = write_emobox(study, read_corpora(config)[0], tmp_path / "whole")
    assert not (whole / "refused.jsonl").exists()
