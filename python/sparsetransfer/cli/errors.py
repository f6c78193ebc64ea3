"""Errors of the user as one line and exit status 2."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import typer

__all__ = ["USER_ERROR", "one_line_errors"]

USER_ERROR = 2
"""Exit status for input that cannot be used, as for wrong options."""

logger = logging.getLogger(__name__)

_HINTS = {
    "label_map={...}": "--label-map",
    "drop_unmapped=True": "--drop-unmapped",
    "on_error='drop'": "--drop-unreadable",
}
"""Arguments that messages of the library advise, and the options that stand for them."""


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn errors about input and missing extras into a line on standard error, exit status 2."""
    try:
        yield
    except (ValueError, OSError, ModuleNotFoundError) as error:
        # CorpusError and DomainError are ValueErrors. The traceback is for --verbose.
        logger.debug("where the error came from", exc_info=True)
        text = "; ".join(line.strip() for line in str(error).splitlines() if line.strip())
        for argument, option in _HINTS.items():
            text = text.replace(argument, option)
        typer.secho("error: ", fg=typer.colors.RED, bold=True, nl=False, err=True)
        typer.echo(text or type(error).__name__, err=True)
        raise typer.Exit(USER_ERROR) from None
