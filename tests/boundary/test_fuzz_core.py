"""No argument of `_core`, of whatever shape, makes it touch memory that is not the argument's.

``SPARSETRANSFER_FUZZ_CALLS=1000000`` makes so many calls instead of the ten thousand of every day.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CALLS = int(os.environ.get("SPARSETRANSFER_FUZZ_CALLS", "10000"))
PROGRAM = Path(__file__).with_name("fuzz_core.py")


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
