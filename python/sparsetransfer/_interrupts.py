"""How a command ends that a signal stops: with one line and the exit status of a shell."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # without the import of typing, which takes longer than all of the rest
    from typing import NoReturn

__all__ = ["Terminated", "interruption", "is_command", "leave", "status_and_word"]


class Terminated(KeyboardInterrupt):
    """The process was asked to end by SIGTERM, as by ``kill``, a container or a batch system."""


def interruption(end: BaseException | None) -> KeyboardInterrupt | None:
    """Return the signal that an error comes from, if it does.

    Parameters
    ----------
    end : BaseException or None
        The error.

    Returns
    -------
    KeyboardInterrupt or None
        The first in its chain. Commands raise ``from None`` once they have said what happened.
    """
    while end is not None and not isinstance(end, KeyboardInterrupt):
        end = end.__cause__ or (None if end.__suppress_context__ else end.__context__)
    return end


def status_and_word(cause: KeyboardInterrupt) -> tuple[int, str]:
    """Return the exit status, as a shell counts it, and what is printed."""
    return (143, "terminated") if isinstance(cause, Terminated) else (130, "interrupted")


def leave(cause: KeyboardInterrupt) -> NoReturn:
    """End the process with one line on the standard error.

    Parameters
    ----------
    cause : KeyboardInterrupt
        The signal.

    Raises
    ------
    SystemExit
        Always.
    """
    status, word = status_and_word(cause)
    print(word, file=sys.stderr)
    raise SystemExit(status) from None


def is_command() -> bool:
    """Return whether this process is the command line, not a program that uses the package."""
    program = sys.orig_argv[1:]
    while program and program[0].startswith("-") and program[0] not in ("-m", "-c"):
        del program[: 2 if program[0] in ("-W", "-X") else 1]
    if program[:1] == ["-m"]:
        return program[1:2] == ["sparsetransfer"]
    name = program[0].replace("\\", "/").rpartition("/")[2] if program else ""
    return name.removesuffix(".exe").removesuffix("-script.py") == "sparsetransfer"
