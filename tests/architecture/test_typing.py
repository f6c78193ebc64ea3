"""A type checker knows the names of the package that are imported when they are first used."""

import re
from pathlib import Path

import pytest

import sparsetransfer

ROOT = Path(__file__).parents[2]
NAMES = sorted(set(sparsetransfer.__all__) - {"__version__"})


@pytest.fixture(scope="module")
def mypy(tmp_path_factory):
    api = pytest.importorskip("mypy.api")

    def check(program):
        path = tmp_path_factory.mktemp("typing") / "program.py"
        path.write_text(program, encoding="utf-8")
        options = ["--config-file", str(ROOT / "pyproject.toml")]
        return api.run([*options, "--cache-dir", str(ROOT / ".mypy_cache"), str(path)])

    return check


@pytest.fixture(autouse=True)
def sources(monkeypatch):
    monkeypatch.setenv("MYPYPATH", str(ROOT / "python"))


def test_every_name_of_the_package_has_a_type(mypy):
    lines = [f"from sparsetransfer import {name}\nreveal_type({name})" for name in NAMES]
    output, errors, status = mypy("\n".join(lines))
    revealed = re.findall(r'Revealed type is "(.*)"', output)
    assert status == 0, output + errors
    assert len(revealed) == len(NAMES)
    assert not [name for name, kind in zip(NAMES, revealed, strict=True) if kind == "Any"]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("sparsetransfer.nothing", "has no attribute"),
        ("sparsetransfer.TransferSparseCoding(penalty=0.1)", "Unexpected keyword argument"),
        ("sparsetransfer.pack([[0.0]], [0])", "Missing positional argument"),
    ],
)
def test_a_mistake_in_the_use_of_the_package_is_an_error(mypy, line, complaint):
    output, _, status = mypy(f"import sparsetransfer\n\n{line}\n")
    assert status == 1
    assert complaint in output
