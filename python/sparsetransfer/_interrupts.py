"""How a command ends that a signal stops: with one line and the exit status of a shell."""

from __future__ import annotations

import os
import signal
import sys
from _thread import get_ident

TYPE_CHECKING = False
if TYPE_CHECKING:  # without the import of typing, which takes longer than all of the rest
    from types import FrameType, TracebackType
    from typing import NoReturn

__all__ = [
    "Terminated",
    "end_at_once",
    "held_back",
    "ignore_signals",
    "interruption",
    "is_command",
    "leave",
    "raise_signals",
    "status_and_word",
]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_main_thread = get_ident()
_n_held = 0
_waiting: type[KeyboardInterrupt] | None = None


class Terminated(KeyboardInterrupt):
    """The process was asked to end by SIGTERM, as by ``kill``, a container or a batch system."""


def interruption(end: BaseException | None) -> KeyboardInterrupt | None:
    """Return the signal that an error comes from, if it does.

    `end`: the error. Returns: the first in its chain. Commands raise ``from None`` once they have
    said what happened.
    """
    while end is not None and not isinstance(end, KeyboardInterrupt):
        end = end.__cause__ or (None if end.__suppress_context__ else end.__context__)
    return end


def status_and_word(cause: KeyboardInterrupt) -> tuple[int, str]:
    """Return the exit status, as a shell counts it, and what is printed."""
    return (143, "terminated") if isinstance(cause, Terminated) else (130, "interrupted")


def leave(cause: KeyboardInterrupt) -> NoReturn:
    """End the process with one line on the standard error.

    `cause`: the signal. Raises SystemExit: always.
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


def end_at_once() -> None:
    """End a command by Ctrl-C and SIGTERM at once and with one line, from now on.

    So it is from the first statement of the package, before it imports what takes time, and after
    the first signal. Of a program that uses the package no signal is handled, here and below.
    """
    _handle(_end)


def raise_signals() -> None:
    """Raise `KeyboardInterrupt` and `Terminated` at Ctrl-C and SIGTERM; a second one ends at once."""
    _handle(_raise)


def ignore_signals() -> None:
    """Stop handling signals: the command is done, and Python would die of them while it ends."""
    _handle(signal.SIG_IGN)


def _handle(handler: object) -> None:
    for number in _SIGNALS if is_command() else ():
        # A shell starts what runs in the background with Ctrl-C ignored, and so does nohup.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)  # type: ignore[arg-type]


def _end(number: int, frame: FrameType | None) -> NoReturn:
    status, word = status_and_word(_kind(number)())
    os.write(2, f"{word}\n".encode())
    os._exit(status)


def _raise(number: int, frame: FrameType | None) -> None:
    global _waiting
    end_at_once()
    if _n_held:
        _waiting = _kind(number)
    else:
        raise _kind(number)


def _kind(number: int) -> type[KeyboardInterrupt]:
    return KeyboardInterrupt if number == signal.SIGINT else Terminated


class held_back:
    """Hold signals of a command back while a short block tidies up, and raise them after it."""

    def __enter__(self) -> None:
        global _n_held
        if get_ident() == _main_thread:  # the only one that handles signals
            _n_held += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        global _n_held, _waiting
        if get_ident() != _main_thread:
            return
        _n_held -= 1
        if _waiting is not None and not _n_held:
            waiting, _waiting = _waiting, None
            raise waiting


end_at_once()
