"""The README's commands are the ones that the checks run; pictures and pages name what exists."""

import importlib.util
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def commands():
    specification = importlib.util.spec_from_file_location(
        "readme_commands", Path(__file__).with_name("readme_commands.py")
    )
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module.readme_commands()


def test_both_commands_start_from_nothing_and_stand_on_one_line(commands):
    for command in commands.values():
        assert "\n" not in command
        assert command.startswith('python3 -m venv .venv && .venv/bin/pip install ".[')


def test_the_commands_name_extras_and_scripts_that_exist(commands):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for command in commands.values():
        extra = command.split('".[', 1)[1].split(']"', 1)[0]
        assert extra in project["optional-dependencies"]
    assert f" && .venv/bin/{project['name']} evaluate" in commands["job"]
    assert project["name"] in project["scripts"]
    assert commands["tests"].endswith("&& .venv/bin/python -m pytest")


def test_continuous_integration_runs_the_test_command_from_the_readme():
    script = (ROOT / ".ci/run").read_text(encoding="utf-8")
    assert 'test_command=$("$tools/python" tests/architecture/readme_commands.py tests)' in script
    assert 'bash -c "$test_command"' in script


def test_the_picture_names_every_package():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    picture = readme.split("```\nhigh ", 1)[1].split("```", 1)[0]
    packages = {path.parent.name for path in (ROOT / "python/sparsetransfer").glob("*/__init__.py")}
    folders = {path.name for path in (ROOT / "cpp/src").iterdir() if path.is_dir()}
    assert packages | folders <= set(re.findall(r"\w+", picture))


def test_how_to_add_names_files_and_names_that_exist():
    page = (ROOT / "docs/extending/index.md").read_text(encoding="utf-8")
    words = [word for word in re.findall(r"`([\w./]+)`", page) if "NAME" not in word]
    paths = [word for word in words if word.startswith(("cpp/", "python/", "tests/"))]
    assert len(paths) > 5
    assert [path for path in paths if not (ROOT / path).exists()] == []
    sources = "".join(
        path.read_text(encoding="utf-8")
        for folder in ("cpp", "python")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in (".hpp", ".cpp", ".py")
    )
    names = [word for word in words if re.fullmatch(r"\w+", word)]
    assert [name for name in names if not re.search(rf"\b{name}\b", sources)] == []
