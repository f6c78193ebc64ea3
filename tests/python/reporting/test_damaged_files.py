"""Files of a report folder that are damaged: one error that names the folder, never a traceback."""

import copy
import json
import random
import shutil

import pytest
from typer.testing import CliRunner

from sparsetransfer import reporting
from sparsetransfer.cli.application import application
from sparsetransfer.evaluation import read_config

FILES = ("results.json", "timings.json", "coordinates.json")
VALUES = (
    *(None, True, -1, 10**30, 1e308, float("nan"), float("inf"), 0.5),
    *("", "\udcff", "`|<b>", "0" * 5000, [], {}, [1], {"a": 1}, [[[[]]]], [None]),
)


def places(content, at=()):
    if at:
        yield at
    if isinstance(content, dict):
        for name, part in content.items():
            yield from places(part, (*at, name))
    elif isinstance(content, list):
        for number, part in enumerate(content[:3]):
            yield from places(part, (*at, number))


def damaged(text, rng):
    """Return a text with one damage, and what it is."""
    how = rng.random()
    if how < 0.1:
        return text[: rng.randrange(len(text))], "truncated"
    if how < 0.15:
        return "[" * 100_000, "nested"
    content = copy.deepcopy(json.loads(text))
    *outer, last = rng.choice(list(places(content)))
    part = content
    for name in outer:
        part = part[name]
    value = rng.choice((*VALUES, "remove", "repeat"))
    if value == "remove":
        del part[last]
    elif value == "repeat" and isinstance(part, list):
        part.append(part[last])
    else:
        part[last] = value
    return json.dumps(content), (*outer, last, value)


@pytest.fixture(scope="module")
def written(study, tmp_path_factory):
    place = tmp_path_factory.mktemp("written") / "report"
    reporting.write(study, place)
    return place


@pytest.fixture
def folder(written, tmp_path):
    return shutil.copytree(written, tmp_path / "report")


def test_damaged_results_are_one_error(folder):
    rng = random.Random(0)
    texts = {name: (folder / name).read_text(encoding="utf-8") for name in FILES}
    refused = 0
    for _ in range(150):
        name = rng.choice(FILES)
        text, what = damaged(texts[name], rng)
        (folder / name).write_text(text, encoding="utf-8")
        shown = CliRunner().invoke(application, ["table", str(folder), "--verbose"])
        if shown.exit_code:
            refused += 1
            assert shown.exit_code == 2, (name, what, shown.exception)
            assert isinstance(shown.exception, SystemExit), (name, what)
            message = shown.stderr.split("error: ")[1]
            assert str(folder) in message.replace("\n", ""), (name, what)
            assert len(message) < 1000, (name, what)
        (folder / name).write_text(texts[name], encoding="utf-8")
    assert refused > 50


@pytest.mark.parametrize(
    ("name", "where", "value"),
    [
        ("results.json", ("cells", 0, "predictions", 0), "remove"),
        ("results.json", ("cells", 0, "predictions", 0), "other"),
        ("results.json", ("cells", 0, "confusion", 0, 0), 999),
        ("results.json", ("cells", 0, "uar_interval", 0), float("inf")),
        ("results.json", ("cells", 0), "remove"),
        ("results.json", ("methods", 0, "name"), 1),
        ("results.json", ("corpora", 0, "labels", 0), "remove"),
        ("timings.json", ("cells", 0, "wall_s"), "1"),
        ("timings.json", ("cells", 0, "cpu_s"), True),
        ("coordinates.json", ("schema_version",), 99),
    ],
)
def test_parts_that_do_not_belong_together_are_refused(folder, name, where, value):
    content = json.loads((folder / name).read_text(encoding="utf-8"))
    part = content
    for step in where[:-1]:
        part = part[step]
    if value == "remove":
        del part[where[-1]]
    else:
        part[where[-1]] = value
    (folder / name).write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ValueError, match="holds a damaged report"):
        reporting.read(folder)


def test_pictures_with_other_numbers_of_labels_are_refused(folder):
    place = folder / "coordinates.json"
    content = json.loads(place.read_text(encoding="utf-8"))
    next(iter(content["features"].values()))["source_labels"].append("anger")
    place.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ValueError, match="holds a damaged report: a picture has"):
        reporting.read(folder)


def test_a_damaged_study_is_one_error(tmp_path):
    for name in "ab":
        (tmp_path / f"{name}.csv").touch()
    config = {
        "schema": "sparsetransfer.config",
        "schema_version": 1,
        "study": {
            "design": "source-to-target",
            "sources": ["a"],
            "targets": ["b"],
            "methods": ["svm", "small"],
            "seeds": [0],
            "n_folds": 5,
            "drop_unmapped": False,
        },
        "corpora": {
            "a": {"path": "a.csv", "reader": "manifest", "label_map": {"x": "anger"}},
            "b": {"path": "b.csv", "reader": "manifest"},
        },
        "methods": {"small": {"method": "ridge"}},
    }
    place, rng, refused = tmp_path / "study.json", random.Random(0), 0
    text = json.dumps(config)
    place.write_text(text)
    read_config(place)
    for _ in range(1000):
        changed, what = damaged(text, rng)
        place.write_text(changed)
        message = ""
        try:
            read_config(place)
        except ValueError as error:
            message = str(error)
        refused += bool(message)
        assert not message or (str(place) in message and len(message) < 1500), what
    assert refused > 500
