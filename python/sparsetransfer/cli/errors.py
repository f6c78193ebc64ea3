"""Errors of the user as one line and an exit status."""

from __future__ import annotations

import errno
import logging
import os
import re
import sys
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager

import typer

from sparsetransfer._interrupts import raise_signals, status_and_word

__all__ = ["INCOMPLETE", "USER_ERROR", "one_line", "one_line_errors", "say"]

INCOMPLETE = 1
"""Exit status of work that is done as far as the input allows."""

USER_ERROR = 2
"""Exit status for input that cannot be used, as for wrong options."""

logger = logging.getLogger(__name__)

_HINTS = {
    "must_exist=False and then on_error='drop'": "--drop-unreadable",
    "label_map={...}": "--label-map",
    "drop_unmapped=True": "--drop-unmapped",
    "on_error='drop'": "--drop-unreadable",
}
"""Arguments that messages of the library advise, and the options that stand for them."""


def one_line(error: BaseException) -> str:
    """Return what an error says, in one line that speaks of options."""
    text = str(error).removeprefix("root: ")
    if isinstance(error, ImportError):
        text = _missing(error)
    elif isinstance(error, MemoryError):
        text = f"not enough memory: {text or 'use fewer --jobs'}"
    elif isinstance(error, BrokenExecutor):
        text = "a worker process died, perhaps for lack of memory; use fewer --jobs"
    elif isinstance(error, OSError) and error.strerror:
        place = f"'{os.fsdecode(error.filename)}': " if error.filename is not None else ""
        text = f"{place}{error.strerror.lower()}"
        if error.errno == errno.ENOSPC:
            text += "; make room and run it again"
    text = re.sub(r"\[Errno -?\d+\] ", "", text)
    text = "; ".join(line.strip() for line in text.splitlines() if line.strip())
    for argument, option in _HINTS.items():
        text = text.replace(argument, option)
    return text or type(error).__name__


def _missing(error: ImportError) -> str:
    """Name the extra that brings a module."""
    from importlib.metadata import PackageNotFoundError, requires

    text = str(error)
    module = (error.name or "").partition(".")[0]
    if "pip install" in text or not module:
        return text
    try:
        needed = requires("sparsetransfer") or []
    except PackageNotFoundError:
        needed = []
    for line in needed:
        extra = re.search(r"extra == ['\"]([\w-]+)['\"]", line)
        if extra and re.match(rf"{re.escape(module)}\b", line, re.IGNORECASE):
            return f'{text}: pip install "sparsetransfer[{extra[1]}]"'
    return f'{text}: pip install "{module}"'


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Convert foreseeable errors to a line on the standard error and an exit status.

    Input that cannot be used, missing files, missing extras, a full disk and too little memory end
    with status 2, Ctrl-C with 130, SIGTERM with 143. A closed pipe, as after ``| head``, ends the command silently.
    """
    try:
        raise_signals()
        yield
    except BrokenPipeError as error:
        if error.filename is None:
            raise typer.Exit(_without_output()) from None
        _fail(error)
    except KeyboardInterrupt as error:
        status, word = status_and_word(error)
        typer.echo(f"{word}{f'; {error}' if str(error) else ''}", err=True)
        raise typer.Exit(status) from None
    except (ValueError, OSError, ImportError, MemoryError, BrokenExecutor, RecursionError) as error:
        # CorpusError and DomainError are ValueErrors.
        _fail(error)


def _fail(error: BaseException) -> None:
    # The traceback is for --verbose.
    logger.debug("where the error came from", exc_info=error)
    typer.secho("error: ", fg=typer.colors.RED, bold=True, nl=False, err=True)
    typer.echo(one_line(error), err=True)
    raise typer.Exit(USER_ERROR) from None


def say(text: str) -> None:
    """Print a line beside the files that a command writes, which a closed pipe must not cost."""
    try:
        typer.echo(text)
    except BrokenPipeError:
        _without_output()


def _without_output() -> int:
    """Redirect the standard output to the null device; return the exit status of a closed pipe."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 128 + 13
