"""The examples in README and docstrings run and say what they print."""

import doctest
import importlib
import inspect
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


def public_functions():
    """Yield package and function of all that `__all__` of the public packages names."""
    for module in pkgutil.iter_modules(sparsetransfer.__path__):
        if module.ispkg and not module.name.startswith("_") and module.name != "cli":
            try:
                package = importlib.import_module(f"sparsetransfer.{module.name}")
            except ModuleNotFoundError:
                continue  # an extra that is not installed
            for name in package.__all__:
                if inspect.isfunction(function := getattr(package, name)):
                    yield module.name, function


def without_example(functions, programs):
    """Name the functions that neither their docstring nor a program calls."""
    return [
        f"{package}.{function.__name__}"
        for package, function in functions
        if f"{function.__name__}("
        not in "\n".join(re.findall(r"(?:>>>|\.\.\.) (.+)", function.__doc__))
        and not re.search(rf"(?<!def )\b{function.__name__}\(", programs)
    ]


def test_every_public_function_has_an_example_that_runs():
    """In its docstring, on a page, or in the gallery, which the documentation executes."""
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "examples").glob("plot_*.py")]
    texts += [program.values[0] for program in python_blocks()]
    assert without_example(public_functions(), "\n".join(texts)) == []


def test_a_function_without_an_example_is_named():
    def lonely():
        """Return nothing.

        >>> other(1)
        """

    def shown():
        """Return nothing.

        >>> shown()
        """

    pairs = [("here", lonely), ("here", shown)]
    assert without_example(pairs, "def lonely(): pass") == ["here.lonely"]
    assert without_example(pairs, "x = lonely()") == []


def python_blocks():
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        blocks = re.findall(r"```python\n(.+?)\n```", path.read_text(encoding="utf-8"), re.DOTALL)
        if blocks:
            yield pytest.param("\n".join(blocks), id=path.relative_to(ROOT).as_posix())


@pytest.mark.parametrize("program", list(python_blocks()))
def test_page_examples(program, tmp_path, monkeypatch):
    """The blocks of one page are one program."""
    if "import torch" in program:
        pytest.importorskip("torch", reason="the extra 'deep' is not installed")
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "example.py"
    path.write_text(program, encoding="utf-8")
    runpy.run_path(str(path))
