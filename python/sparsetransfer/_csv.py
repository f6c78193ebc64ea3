"""CSV without formula injection."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence

__all__ = ["csv_cell", "csv_text"]

_FORMULA = re.compile(r"[=+\-@\t\r]")


def csv_cell(value: object) -> object:
    """Escape a text that spreadsheet programs would execute as a formula, by an apostrophe.

    Parameters
    ----------
    value : object
        A cell. Numbers, also those in a text, stay as they are.

    Returns
    -------
    object
        The cell.
    """
    if not isinstance(value, str) or not _FORMULA.match(value):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value


def csv_text(rows: Iterable[Sequence[object]]) -> str:
    """Write rows as CSV with line feeds, escaped by `csv_cell`.

    Parameters
    ----------
    rows : iterable of sequence
        The cells, row by row.

    Returns
    -------
    str
        The lines.
    """
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(map(csv_cell, row) for row in rows)
    return stream.getvalue()
