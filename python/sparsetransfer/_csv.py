"""CSV without formula injection, and the separators that programs write."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterable, Sequence

__all__ = ["csv_cell", "csv_separator", "csv_text", "plain_cell"]

# The wide forms are formulas to East Asian versions of spreadsheet programs.
_FORMULA = re.compile(r"'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_ESCAPED = re.compile(r"'+[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_SEPARATORS = ",;\t"


def csv_cell(value: object) -> object:
    """Escape a text that spreadsheet programs would execute as a formula, by an apostrophe.

    `value`: a cell. Numbers, also those in a text, stay as they are. Returns: the cell;
    `plain_cell` returns what it was.
    """
    if not isinstance(value, str) or not _FORMULA.match(value):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value


def plain_cell(text: str) -> str:
    """Remove the apostrophe that `csv_cell` put before a text."""
    return text[1:] if _ESCAPED.match(text) else text


def csv_separator(header: str, wanted: Collection[str]) -> str:
    """Return the separator of a table: comma, semicolon or tab.

    `header`: the line with the names of the columns. `wanted`: names, in lower case, of which a
    table has some. Returns: the one that shows most of the names; of equals the one that stands
    there most.
    """

    def rank(separator: str) -> tuple[int, int]:
        names = [name.strip().strip('"').lower() for name in header.split(separator)]
        return sum(name in wanted for name in names), header.count(separator)

    return max(_SEPARATORS, key=rank)


def csv_text(rows: Iterable[Sequence[object]]) -> str:
    """Write rows as CSV with line feeds, escaped by `csv_cell`."""
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(map(csv_cell, row) for row in rows)
    return stream.getvalue()
