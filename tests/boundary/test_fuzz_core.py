"""No argument of `_core`, of whatever shape, makes it touch memory that is not the argument's.

``SPARSETRANSFER_FUZZ_CALLS=1000000`` makes so many calls instead of the ten thousand of every day.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sparsetransfer import _core

CALLS = int(os.environ.get("SPARSETRANSFER_FUZZ_CALLS", "10000"))
PROGRAM = Path(__file__).with_name("fuzz_core.py")
# glibc's malloc then ends a process that wrote past a block of its own, too.
CHECKED = {"LD_PRELOAD": "libc_malloc_debug.so.0", "MALLOC_CHECK_": "3"}


@pytest.mark.skipif(sys.platform != "linux", reason="guard pages by mmap and mprotect")
def test_no_call_crashes(tmp_path):
    log = tmp_path / "current call"
    try:
        finished = subprocess.run(
            [sys.executable, str(PROGRAM), str(log), str(CALLS)],
            capture_output=True,
            text=True,
            timeout=60 + CALLS / 100,
            check=False,
            env={**os.environ, **CHECKED},
        )
        failure = finished.returncode and f"exit status {finished.returncode}: {finished.stderr}"
    except subprocess.TimeoutExpired:
        failure = "did not end"
    assert not failure, f"{log.read_bytes().rstrip(bytes(1)).decode()}\n{failure}"
    answered = CALLS - int(finished.stdout.split()[2])
    assert answered > 0.4 * CALLS  # most calls get through the checks


@pytest.mark.skipif(sys.platform != "linux", reason="guard pages by mmap and mprotect")
@pytest.mark.parametrize("at_end", [True, False])
def test_a_guard_page_ends_a_process_that_touches_it(at_end):
    program = (
        "import ctypes, numpy as np, fuzz_core\n"
        f"array = fuzz_core.Guarded().array(np.ones(3), {at_end})\n"
        f"ctypes.memset(array.ctypes.data + {24 if at_end else -1}, 0, 1)"
    )
    finished = subprocess.run([sys.executable, "-c", program], cwd=PROGRAM.parent, check=False)
    assert finished.returncode < 0


@pytest.mark.parametrize("algorithm", list(_core.Algorithm.__members__.values()))
@pytest.mark.parametrize("name", ["weights", "ridge"])
@pytest.mark.parametrize("wrong", [-1e-300, -np.inf, np.inf, np.nan])
def test_penalties_that_are_none_are_refused(algorithm, name, wrong):
    rng = np.random.default_rng(0)
    D, X = rng.normal(size=(5, 6)), rng.normal(size=(4, 6))
    settings = _core.CodingSettings(
        alpha=0.1, tolerance=1e-9, max_iterations=100, algorithm=algorithm
    )
    values = np.ones({"weights": 5, "ridge": 4}[name])
    values[-1] = wrong
    for call in (
        lambda **extras: _core.lasso(X, D, settings, np.zeros((4, 5)), n_threads=1, **extras),
        lambda **extras: _core.lasso_gram(
            D @ D.T, X @ D.T, settings, np.zeros((4, 5)), n_threads=1, **extras
        ),
    ):
        call(**{name: np.ones(len(values))})
        with pytest.raises(ValueError, match=f"{name} must be finite and not negative"):
            call(**{name: values})
