"""Progress lines, options that all commands share, and commands that list and begin things."""

import io
import json
import tomllib

import pytest
from typer.testing import CliRunner

from sparsetransfer import _progress
from sparsetransfer.cli import progress
from sparsetransfer.cli.application import application
from sparsetransfer.evaluation import read_config
from sparsetransfer.evaluation.methods.registry import DEFAULT_METHODS, available_methods


def invoke(*arguments, **environment):
    return CliRunner().invoke(application, [str(part) for part in arguments], env=environment)


def test_plain_progress_writes_the_first_the_last_and_few_between():
    now = [0.0]
    stream = io.StringIO()
    bars = _progress.PlainBars(stream, seconds=5.0, clock=lambda: now[0])
    task = bars.add_task("features", total=100)
    for done in range(1, 101):
        now[0] = 0.2 * done
        bars.update(task, completed=done)
    lines = stream.getvalue().splitlines()
    assert lines[0] == "features"
    assert lines[1:-1] == [f"features: {25 * n} of 100, {5 * n} s" for n in (1, 2, 3)]
    assert lines[-1] == "features: 100 of 100, 20 s"


def test_progress_is_plain_where_the_error_stream_is_no_terminal(capsys):
    with progress.working() as bars:
        bars.update(bars.add_task("work", total=2), completed=2)
    with progress.counting("count") as count:
        count(3, 3)
    with progress.working(quiet=True) as bars:
        bars.update(bars.add_task("silent", total=2), completed=2)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "silent" not in printed.err
    assert "\x1b" not in printed.err
    assert "work: 2 of 2" in printed.err
    assert "count: 3 of 3" in printed.err


@pytest.mark.parametrize("option", ["--mmd", "--laplacian", "--alpha", "--n-components"])
def test_an_option_that_no_method_uses_is_an_error(option, tmp_path):
    finished = invoke("evaluate", "--methods", "svm", option, 4, "--cache", tmp_path)
    assert finished.exit_code == 2
    assert f"{option}: no method uses it, got methods svm" in " ".join(finished.stderr.split())
    assert not list(tmp_path.iterdir()), "nothing was synthesised before the error"


def test_mmd_is_for_transfer_only(tmp_path):
    finished = invoke("evaluate", "--methods", "sparse-coding", "--mmd", 4, "--cache", tmp_path)
    assert finished.exit_code == 2
    assert "add transfer-sparse-coding" in " ".join(finished.stderr.split())


@pytest.mark.parametrize("width", [60, 80, 120])
def test_methods_are_listed_at_any_width(width):
    finished = invoke("methods", "list", COLUMNS=str(width))
    assert finished.exit_code == 0
    lines = finished.stdout.splitlines()
    assert max(map(len, lines)) <= width
    first = [line[2:].split(" ")[0] for line in lines]
    assert set(available_methods()) <= set(first)
    marked = [line[2:].split(" ")[0] for line in lines if line.startswith("* ")]
    assert set(DEFAULT_METHODS) <= set(marked)


def test_methods_as_json_and_one_described():
    rows = json.loads(invoke("methods", "list", "--json").stdout)
    assert [row["name"] for row in rows] == list(available_methods())
    assert all(row["description"] for row in rows)
    finished = invoke("methods", "describe", "transfer-sparse-coding")
    assert "mmd = 60.0" in finished.stdout
    assert invoke("methods", "describe", "magic").exit_code == 2


def test_a_new_study_file_is_one_that_can_be_read(tmp_path):
    file = tmp_path / "mine.toml"
    finished = invoke("study", "init", file)
    assert finished.exit_code == 0
    assert str(file) in finished.stdout
    text = file.read_text()
    (tmp_path / "recordings" / "emodb").mkdir(parents=True)
    (tmp_path / "recordings" / "own.csv").write_text("file,label,speaker\n")
    config = read_config(file)
    assert [entry.name for entry in config.corpora] == ["emodb", "own"]
    # What is commented out can be used, too.
    commented = ("[", "mmd", "method", "estimator", "params", "label_map")
    lines = [
        line.removeprefix("# ") if line[2:].startswith(commented) else line
        for line in text.splitlines()
    ]
    more = '"recommended", "transfer-sparse-coding", "strong", "forest"]'
    file.write_text("\n".join(lines).replace('"recommended"]', more))
    config = read_config(file)
    assert config.settings["strong"]["mmd"] == 600.0
    assert {"forest", "transfer-sparse-coding"} <= set(config.settings)
    assert dict(config.corpora[1].label_map) == {"wut": "anger", "freude": "happiness"}
    refused = invoke("study", "init", file)
    assert refused.exit_code == 2
    assert "exists" in refused.stderr


@pytest.mark.parametrize(
    ("name", "shown"), [("my study.toml", "'my study.toml'"), ("a\nb", "FILE")]
)
def test_a_new_study_file_may_have_any_name(tmp_path, monkeypatch, name, shown):
    monkeypatch.chdir(tmp_path)
    finished = invoke("study", "init", name)
    assert f"evaluate --config {shown}\n" in finished.stdout
    text = (tmp_path / name).read_text()
    assert f"evaluate --config {shown} --output" in text
    tomllib.loads(text)


@pytest.mark.parametrize("option", ["--features", "--feature-set"])
def test_feature_sets_are_named_by_one_option_in_all_commands(option, tmp_path):
    (tmp_path / "own.csv").write_text("file,label,speaker\n")
    finished = invoke(
        "fit", tmp_path / "own.csv", "-o", tmp_path / "m.st", option, "functionals,wide"
    )
    assert finished.exit_code == 2
    assert "--features: without --target there is one feature set" in " ".join(
        finished.stderr.split()
    )
