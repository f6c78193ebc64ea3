"""The rows of a manifest, whatever format it has."""

import codecs
import csv
import io
import json
import logging
import math
import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from sparsetransfer._csv import csv_separator, plain_cell
from sparsetransfer._files import existing_file
from sparsetransfer._messages import listing, shortened
from sparsetransfer.corpora.audformat import read_audformat
from sparsetransfer.exceptions import CorpusError

__all__ = ["FORMATS", "manifest_in", "manifest_rows"]

_log = logging.getLogger(__name__)

_MULTIBYTE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}")
"""Characters of UTF-8 beyond ASCII, which hardly ever stand in other encodings."""

_ALIASES = {"path": "file", "emotion": "label", "arousal": "activation"}

_TEXTS = (".csv", ".tsv")
_SEPARATED = " (fields are separated by commas, semicolons or tabs)"

Row = dict[str, str]


def manifest_rows(
    manifest: Path, table: str | None, required: tuple[str, ...] = ("file", "label")
) -> list[Row]:
    """Read the rows of a manifest.

    `manifest`: a file in one of `FORMATS`, or the header ``db.yaml`` of an audformat database.
    `table`: table of an audformat database. `required`: columns that must be there.
    Returns: text by column, with the column names of `COLUMNS`; empty where a value is missing.
    Raises CorpusError if the manifest cannot be read, has no row, or lacks a required column.
    Raises ValueError if `table` is given for another format.
    """
    if not os.path.lexists(manifest):
        name = shortened(str(manifest))
        raise CorpusError(f"manifest '{name}' cannot be read: '{name}' does not exist")
    ending = manifest.suffix.lower()
    if table is not None and ending != ".yaml":
        raise ValueError(f"table is for audformat databases only, got {table!r} for '{manifest}'")
    if ending != ".yaml" and ending not in FORMATS:
        raise CorpusError(
            f"manifest '{manifest}': expected a file in {', '.join(FORMATS)} or an audformat "
            "header db.yaml"
        )
    try:
        existing_file(manifest)
        if ending == ".yaml":
            records = read_audformat(manifest, table)
        else:
            records = FORMATS[ending](manifest, required)
    except CorpusError:
        raise
    except Exception as error:  # decoders of foreign bytes raise almost anything
        raise CorpusError(f"manifest '{manifest}' cannot be read: {error}") from error
    return [_named(record) for record in _with_columns(records, manifest, required)]


def manifest_in(folder: Path) -> Path | None:
    """Find the manifest of a folder.

    It is ``manifest.csv``, ``.tsv``, ``.parquet``, ``.jsonl``, ``.ndjson`` or ``db.yaml``, in this
    order and in any capitals.
    """
    names = [*(f"manifest{ending}" for ending in FORMATS), "db.yaml"]
    try:
        there = {name.lower(): name for name in sorted(os.listdir(folder), reverse=True)}
    except OSError:
        return None
    found = (folder / there[name] for name in names if name in there)
    return next((path for path in found if path.is_file()), None)


def _with_columns(records: list[Row], manifest: Path, required: tuple[str, ...]) -> list[Row]:
    """Check that a manifest has rows and the required columns."""
    present = list(dict.fromkeys(column for record in records for column in record))
    names = [_ALIASES.get(column, column) for column in present]
    absent = [f"'{name}'" for name in required if name not in names]
    if records and absent:
        raise CorpusError(
            f"manifest '{manifest}' lacks the columns {', '.join(absent)}; "
            f"it has {listing(map(repr, present)) or 'none'}"
            + (_SEPARATED if len(present) == 1 and manifest.suffix.lower() in _TEXTS else "")
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise CorpusError(f"manifest '{manifest}' has more than one column for {twice}")
    if not records:
        raise CorpusError(f"manifest '{manifest}' has no rows")
    return records


def _named(record: Mapping[str, str]) -> Row:
    row = {_ALIASES.get(column, column): value for column, value in record.items()}
    return {"file": "", "label": ""} | row


def _text_of(manifest: Path) -> str:
    """Decode a manifest: UTF-8, UTF-16 and UTF-32 with a byte order mark, or plainly CP1252."""
    content = manifest.read_bytes()
    if content.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return content.decode("utf-32")
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if b"\0" not in content and not _MULTIBYTE.search(content):
            with suppress(UnicodeDecodeError):
                text = content.decode("cp1252")
                _log.info("manifest '%s' is read as CP1252", manifest)
                return text
        line = content.count(b"\n", 0, error.start) + 1
        raise CorpusError(
            f"manifest '{manifest}' is neither UTF-8 (line {line}) nor clearly CP1252; save it as "
            "UTF-8, for example with: iconv -f ENCODING -t UTF-8 IN > OUT"
        ) from error
    if "\0" in text:
        raise CorpusError(
            f"manifest '{manifest}' holds null characters, as UTF-16 without a byte order mark "
            "does; save it as UTF-8"
        )
    return text


def _read_csv(manifest: Path, required: tuple[str, ...]) -> list[Row]:
    """Read a table with a header; every line has all fields."""
    text = re.sub(r"\Asep=.\r?\n", "", _text_of(manifest))  # a first line for Excel
    header = text.split("\n", 1)[0]
    separator = csv_separator(header, {"file", "label", *_ALIASES})
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    columns = [plain_cell(column.strip()).lower() for column in next(reader, [])]
    lines = [(reader.line_num, cells) for cells in reader if any(map(str.strip, cells))]
    if len(set(columns)) != len(columns):
        twice = sorted({name for name in columns if columns.count(name) > 1})
        raise CorpusError(f"manifest '{manifest}' has more than one column for {twice}")
    _with_columns([dict.fromkeys(columns, "")], manifest, required)
    crooked = [line for line, cells in lines if len(cells) != len(columns)]
    if crooked:
        raise CorpusError(
            f"manifest '{manifest}': expected {len(columns)} fields, other numbers in the lines "
            f"{listing(crooked)}"
        )
    return [
        {name: plain_cell(cell.strip()) for name, cell in zip(columns, cells, strict=True)}
        for _, cells in lines
    ]


def _read_jsonl(manifest: Path) -> list[Row]:
    """Read one JSON object per line."""
    records: list[Row] = []
    wrong: list[int] = []
    for number, line in enumerate(_text_of(manifest).split("\n"), 1):
        if not line.strip():
            continue
        try:
            content = json.loads(line)
        except (ValueError, RecursionError):
            content = None
        if isinstance(content, dict):
            records.append({str(key).lower(): _text(value) for key, value in content.items()})
        else:
            wrong.append(number)
    if wrong:
        raise CorpusError(f"manifest '{manifest}': no JSON object in the lines {listing(wrong)}")
    return records


def _read_parquet(manifest: Path) -> list[Row]:
    """Read a Parquet table; a named row index counts as columns."""
    import pandas as pd

    frame = pd.read_parquet(manifest)
    if frame.index.names != [None]:
        frame = frame.reset_index()
    frame.columns = [str(column).lower() for column in frame.columns]
    return [
        {str(name): _text(value) for name, value in record.items()}
        for record in frame.to_dict("records")
    ]


def _text(value: Any) -> str:
    """Return a value as a CSV file would hold it; missing ones are empty."""
    if value is None or str(value) in ("nan", "NaT", "<NA>"):
        return ""
    if hasattr(value, "total_seconds"):
        return repr(float(value.total_seconds()))
    if isinstance(value, float) and math.isinf(value):
        return repr(value)
    return str(value).strip()


FORMATS: dict[str, Callable[[Path, tuple[str, ...]], list[Row]]] = {
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".parquet": lambda manifest, _: _read_parquet(manifest),
    ".jsonl": lambda manifest, _: _read_jsonl(manifest),
    ".ndjson": lambda manifest, _: _read_jsonl(manifest),
}
"""Endings of manifests and their readers."""
