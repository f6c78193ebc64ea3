"""Short texts of results for a prompt and a notebook."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

__all__ = ["Displayed", "extent"]


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
