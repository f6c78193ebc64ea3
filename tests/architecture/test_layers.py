"""Imports and includes go down; the Python layers stand in pyproject.toml, the C++ ones here."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Low to high; folders of one layer are siblings and do not know each other.
CPP_LAYERS = (
    ("numerics",),
    ("sparse_coding", "mmd", "graph"),
    ("dictionary",),
    ("transfer",),
)
BASE_HEADERS = {"types.hpp", "status.hpp", "checks.hpp"}
STANDARD_HEADER = re.compile(r"[a-z_]+")
POSIX_HEADERS = {"pthread.h", "sys/mman.h"}
LINT_IMPORTS = """
import sys
from importlinter.cli import lint_imports
sys.exit(lint_imports(no_cache=True, no_logo=True))
"""


def lint_imports(folder):
    return subprocess.run(
        [sys.executable, "-c", LINT_IMPORTS],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_python_imports_go_down():
    finished = lint_imports(ROOT)
    assert finished.returncode == 0, finished.stdout


def test_an_import_that_goes_up_is_noticed(tmp_path):
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    upside_down = text.replace('  "_validation",\n', "").replace(
        '  "exceptions",\n]', '  "exceptions",\n  "_validation",\n]'
    )
    assert upside_down != text
    (tmp_path / "pyproject.toml").write_text(upside_down, encoding="utf-8")
    finished = lint_imports(tmp_path)
    assert finished.returncode != 0
    assert "_validation -> sparsetransfer._threads" in finished.stdout


def layer_of(folder):
    for number, folders in enumerate(CPP_LAYERS):
        if folder in folders:
            return number
    raise AssertionError(f"cpp folder {folder!r} has no layer: add it to CPP_LAYERS")


def is_allowed(folder, quote, target):
    if quote == "<":
        standard = STANDARD_HEADER.fullmatch(target) or target in POSIX_HEADERS
        return bool(standard) or target.startswith("Eigen/")
    parts = target.split("/")
    if len(parts) == 1:
        return True  # a private header in the same folder
    if parts[0] != "sparsetransfer":
        return False
    if len(parts) == 2:
        return parts[1] in BASE_HEADERS
    return folder != "" and (parts[1] == folder or layer_of(parts[1]) < layer_of(folder))


def include_violations(folder, text):
    """List the includes of a core file in `folder` that go up, sideways or outside."""
    includes = re.findall(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', text, re.MULTILINE)
    return [target for quote, target in includes if not is_allowed(folder, quote, target)]


def core_files():
    for base in (ROOT / "cpp/include/sparsetransfer", ROOT / "cpp/src"):
        for path in sorted([*base.rglob("*.hpp"), *base.rglob("*.cpp")]):
            relative = path.relative_to(base)
            folder = relative.parts[0] if len(relative.parts) > 1 else ""
            yield pytest.param(path, folder, id=relative.as_posix())


@pytest.mark.parametrize(("path", "folder"), list(core_files()))
def test_core_includes_go_down(path, folder):
    assert not include_violations(folder, path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("folder", "line"),
    [
        ("mmd", '#include "sparsetransfer/transfer/learn.hpp"'),
        ("mmd", '#include "sparsetransfer/graph/laplacian.hpp"'),
        ("numerics", '#include "sparsetransfer/mmd/linear.hpp"'),
        ("", '#include "sparsetransfer/numerics/gram.hpp"'),
        ("mmd", '#include "../transfer/learn.hpp"'),
        ("transfer", "#include <pybind11/pybind11.h>"),
        ("transfer", "#include <Python.h>"),
        ("transfer", "#include <omp.h>"),
    ],
)
def test_a_wrong_include_is_noticed(folder, line):
    assert include_violations(folder, line)


@pytest.mark.parametrize(
    ("folder", "line"),
    [
        ("transfer", '#include "sparsetransfer/mmd/linear.hpp"'),
        ("dictionary", '#include "sparsetransfer/dictionary/atoms.hpp"'),
        ("mmd", '#include "sparsetransfer/numerics/gram.hpp"'),
        ("mmd", '#include "sparsetransfer/types.hpp"'),
        ("mmd", '#include "gaussian_tile.hpp"'),
        ("mmd", "#include <Eigen/Core>"),
        ("mmd", "#include <vector>"),
    ],
)
def test_a_right_include_is_allowed(folder, line):
    assert not include_violations(folder, line)


def test_bindings_release_the_gil_by_the_guard_that_knows_about_exit():
    bindings = (ROOT / "cpp/bindings").glob("bind_*.cpp")
    assert not [path.name for path in bindings if "gil_scoped" in path.read_text(encoding="utf-8")]
