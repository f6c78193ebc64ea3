"""`import sparsetransfer` is quick and brings nothing optional with it."""

import subprocess
import sys
from pathlib import Path

import pytest

import sparsetransfer

HEAVY = ("matplotlib", "pandas", "torch", "sklearn", "scipy", "soundfile", "rich")
SLOW = ("librosa", "numba", "scipy.signal", "scipy.stats", "sklearn", "matplotlib", "torch")


def run(program):
    finished = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return finished.stdout.strip()


@pytest.mark.parametrize("module", ["sparsetransfer", "sparsetransfer.cli.application"])
def test_import_brings_nothing_heavy(module):
    """The command line, too, starts with NumPy and typer alone."""
    if ".cli" in module:
        pytest.importorskip("typer", reason="the extra 'speech' is not installed")
    loaded = run(f"import {module}, sys; print([m for m in {HEAVY!r} if m in sys.modules])")
    assert loaded == "[]"


def test_features_are_computed_without_what_is_slow_to_import():
    program = (
        "import sys, numpy as np\n"
        "from sparsetransfer import features\n"
        "for name in ('functionals', 'is09-style', 'wide'):\n"
        "    features.feature_set(name).compute(np.zeros(800, np.float32))\n"
        f"print([m for m in {SLOW!r} if m in sys.modules])"
    )
    assert run(program) == "[]"


def test_import_changes_no_state_of_the_process():
    changed = run(
        "import os, signal, sys, warnings, threading\n"
        "def state():\n"
        "    return (dict(os.environ), list(warnings.filters), threading.active_count(),\n"
        "            signal.getsignal(signal.SIGINT), sys.getswitchinterval())\n"
        "before = state()\n"
        "import sparsetransfer\n"
        "print(state() != before)"
    )
    assert changed == "False"


def test_every_public_name_is_documented():
    for name in sparsetransfer.__all__:
        assert name == "__version__" or f"`{name}`" in sparsetransfer.__doc__


def test_every_public_subpackage_is_named():
    here = Path(sparsetransfer.__file__).parent
    public = {
        path.stem
        for path in here.iterdir()
        if ((path / "__init__.py").exists() or path.suffix == ".py")
        and not path.stem.startswith("_")
    }
    assert public - {"cli"} <= set(sparsetransfer.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = sparsetransfer.nothing


def test_the_deep_systems_name_their_extra_where_pytorch_is_absent():
    error = run(
        "import sys\n"
        "sys.modules['torch'] = None\n"
        "try:\n"
        "    import sparsetransfer.deep\n"
        "except ImportError as error:\n"
        "    print(error)"
    )
    assert "sparsetransfer[deep]" in error


@pytest.mark.parametrize("package", ["features", "corpora"])
def test_what_needs_pandas_names_the_extra(package):
    message = run(
        "import sys; sys.modules['pandas'] = None\n"
        f"try:\n    import sparsetransfer.{package}\n"
        "except ModuleNotFoundError as error:\n    print(error)"
    )
    assert message == (
        f"sparsetransfer.{package} needs the extra 'speech': pip install \"sparsetransfer[speech]\""
    )
