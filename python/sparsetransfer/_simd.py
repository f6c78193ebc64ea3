"""Choose the compiled level of the extension that this processor can run.

A published wheel carries the whole extension once per x86-64 level, a build from source the level
of the machine that built it. ``SPARSETRANSFER_SIMD`` (``v2``, ``v3``, ``v4`` or ``plain``) overrides
the choice.
"""

import importlib
import importlib.util
import os
import sys
from types import ModuleType

LEVELS: tuple[str, ...] = ("plain", "v2", "v3", "v4")


def built() -> tuple[str, ...]:
    """Return the levels this installation was compiled for, lowest first."""
    return tuple(
        level for level in LEVELS if importlib.util.find_spec(f"sparsetransfer._core_{level}")
    )


def _choose() -> str:
    available = built()
    wanted = os.environ.get("SPARSETRANSFER_SIMD")
    if wanted:
        if wanted not in available:
            raise ImportError(
                f"SPARSETRANSFER_SIMD={wanted!r}: this installation has the levels "
                f"{', '.join(available)}"
            )
        return wanted
    # Only here, and so behind the check of the interpreter: another may not load it.
    from sparsetransfer import _cpu

    runnable = LEVELS[: LEVELS.index(_cpu.level()) + 1]
    usable = [level for level in available if level in runnable]
    if not usable:
        raise ImportError(
            f"this processor offers the instruction set level {_cpu.level()!r}, but this "
            f"installation was compiled for {', '.join(available)} only: install a published wheel, "
            "or build from source on this machine, or elsewhere with "
            '-Ccmake.define.SPARSETRANSFER_SIMD_LEVELS="v2;v3;v4"'
        )
    return usable[-1]


def _check_interpreter() -> None:
    """Raise ImportError in a sub-interpreter, where loading the core would deadlock."""
    for name in ("_interpreters", "_xxsubinterpreters"):  # from Python 3.13 on, and before
        if importlib.util.find_spec(name) is not None:
            interpreters = importlib.import_module(name)
            if interpreters.get_current() != interpreters.get_main():
                raise ImportError(
                    "sparsetransfer cannot be imported in a sub-interpreter of Python, because its "
                    "core and NumPy keep one state per process: import it in the main interpreter, "
                    "or work in processes (under mod_wsgi: WSGIApplicationGroup %{GLOBAL})"
                )
            return


def load() -> ModuleType:
    """Import the chosen level and make it known as ``sparsetransfer._core``."""
    _check_interpreter()
    core = importlib.import_module(f"sparsetransfer._core_{_choose()}")
    sys.modules["sparsetransfer._core"] = core
    return core
