"""Short texts: offenders in messages, a missing extra, and results at a prompt or in a notebook."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

__all__ = ["Displayed", "extent", "listing", "missing_extra", "shortened"]

_LISTED = 5
"""How many offenders a message spells out before it counts the rest."""

_LONGEST = 300
"""Characters of an offender that a message shows: labels may be whole texts."""


def listing(items: Iterable[object]) -> str:
    """List the first five offenders of a message and count the rest.

    `items`: all offenders. Returns: for example ``a, b, c, d, e and 7 more``.
    """
    every = [str(item) for item in items]
    shown = ", ".join(map(shortened, every[:_LISTED]))
    return shown if len(every) <= _LISTED else f"{shown} and {len(every) - _LISTED} more"


def shortened(text: str) -> str:
    """Shorten a text that is too long for a message, in its middle.

    `text`: any text. Returns: the text, of 301 characters at most.
    """
    half = _LONGEST // 2
    return text if len(text) <= _LONGEST else f"{text[:half]}…{text[-half:]}"


def missing_extra(what: str, extra: str) -> ModuleNotFoundError:
    """Return the error of an optional dependency that is not installed.

    `what`: what needs it, as the subject of a sentence in the singular. `extra`: the extra of this
    package that brings it. Returns: to be raised, with the command that installs it.
    """
    return ModuleNotFoundError(
        f"{what} needs the extra '{extra}': pip install \"sparsetransfer[{extra}]\""
    )


def extent(array: Any) -> str:
    """Return shape and type of an array, for example ``1000 x 256 float32``; ``none`` for None."""
    if array is None:
        return "none"
    return f"{' x '.join(map(str, array.shape))} {array.dtype}"


class Displayed:
    """A result that shows a few lines about itself instead of its arrays."""

    __slots__ = ()

    def _display(self) -> Mapping[str, str]:
        """Return what is shown, by name."""
        raise NotImplementedError

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}: {text}" for name, text in self._display().items())
        return f"<{type(self).__name__} {shown}>"

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><th scope="row" style="text-align: left">{escape(name)}</th>'
            f'<td style="text-align: left">{escape(text)}</td></tr>'
            for name, text in self._display().items()
        )
        return f"<table><caption>{type(self).__name__}</caption><tbody>{rows}</tbody></table>"
