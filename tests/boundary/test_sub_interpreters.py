"""A sub-interpreter is refused with a reason, and the main interpreter works on."""

import subprocess
import sys

PROGRAM = """
{first}
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
inside = '''
try:
    import sparsetransfer
except ImportError as error:
    print("refused:", error)
else:
    print("imported")
'''
other = interpreters.create()
(getattr(interpreters, "run_string", None) or interpreters.exec)(other, inside)
interpreters.destroy(other)
import sparsetransfer
from sparsetransfer import mmd
print(mmd.gaussian([[0.0]], [[0.0]], bandwidths=1.0).value)
"""


def check(first):
    program = PROGRAM.format(first=first)
    finished = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert finished.returncode == 0, finished.stderr
    refused, value = finished.stdout.splitlines()
    assert refused.startswith("refused: sparsetransfer cannot be imported in a sub-interpreter")
    assert "import it in the main interpreter, or work in processes" in refused
    assert float(value) == 0


def test_a_sub_interpreter_is_refused():
    check("")


def test_a_sub_interpreter_is_refused_after_the_main_one_has_imported():
    check("import sparsetransfer")
