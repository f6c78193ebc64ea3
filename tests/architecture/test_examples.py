"""The examples in README and docstrings run and say what they print."""

import doctest
import importlib
import pkgutil
import re
import runpy
from pathlib import Path

import pytest

import sparsetransfer

ROOT = Path(__file__).parents[2]
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(sparsetransfer.__path__, "sparsetransfer.")
    if "._core_" not in module.name and not module.name.endswith(("._cpu", ".__main__"))
)


@pytest.mark.parametrize("name", ["sparsetransfer", *MODULES])
def test_docstring_examples(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if name.startswith(("sparsetransfer.deep", "sparsetransfer._networks")):
        pytest.importorskip("torch", reason="neither the extra 'deep' nor 'speaker' is installed")
    failed, _ = doctest.testmod(importlib.import_module(name), optionflags=OPTIONS)
    assert failed == 0


def python_blocks():
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        blocks = re.findall(r"```python\n(.+?)\n```", path.read_text(encoding="utf-8"), re.DOTALL)
        if blocks:
            yield pytest.param("\n".join(blocks), id=path.relative_to(ROOT).as_posix())


@pytest.mark.parametrize("program", list(python_blocks()))
def test_page_examples(program, tmp_path, monkeypatch):
    """The blocks of one page are one program."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "example.py"
    path.write_text(program, encoding="utf-8")
    runpy.run_path(str(path))
