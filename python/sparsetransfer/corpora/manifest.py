"""Reading a corpus from a CSV manifest."""

import csv
import logging
import math
import os
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from sparsetransfer.corpora.corpus import Corpus
from sparsetransfer.corpora.emotions import map_labels, synonyms
from sparsetransfer.exceptions import CorpusError

__all__ = ["read_manifest"]

_log = logging.getLogger(__name__)

_ALIASES = {"path": "file", "emotion": "label"}
_GENDERS = {"female": "f", "male": "m"}


def read_manifest(
    path: str | os.PathLike[str],
    *,
    name: str | None = None,
    label_map: Mapping[str, str] | None = None,
    drop_unmapped: bool = False,
) -> Corpus:
    """
    Read a corpus from a CSV manifest.

    Parameters
    ----------
    path : path-like
        CSV file in UTF-8 with a header. Required columns: ``file`` (or ``path``; relative to the
        manifest's folder) and ``label`` (or ``emotion``). Optional: ``speaker``, ``corpus``,
        ``start`` and ``end`` (seconds, empty for the whole file), ``gender`` ("f", "m", or spelt
        out), ``language``, ``sentence``. Other columns are ignored.
    name : str, optional
        Name of the corpus. By default the one of the column ``corpus``, else the name of the
        manifest's folder. If the column names several corpora, the rows of this one are read.
    label_map : mapping of str to str, optional
        Label to emotion; adds to `synonyms` and wins over it. Without it labels are looked up
        regardless of case.
    drop_unmapped : bool, default=False
        Drop rows whose label is in no map, counted in `Corpus.dropped`, instead of refusing the
        manifest.

    Returns
    -------
    Corpus
        The rows in the manifest's order.

    Raises
    ------
    CorpusError
        If the manifest is missing, empty, malformed or lacks a column, a file does not exist, a
        segment has no length, a label is in no map, or several corpora are named and `name` is
        none of them. The message lists every offender.
    """
    manifest = Path(path).expanduser().absolute()
    rows = _rows(manifest)
    rows, name = _one_corpus(rows, manifest, name)
    _check_files(rows, manifest)
    known = synonyms()
    raw = [row["label"] for row in rows]
    for label in set(raw):
        if label.lower() in known:
            known.setdefault(label, known[label.lower()])
    known |= label_map or {}
    emotions, unmapped = map_labels(
        raw, known, drop_unmapped=drop_unmapped, where=f"manifest '{manifest}'"
    )
    dropped = {f"label '{label}' unmapped": count for label, count in unmapped.items()}
    table = pd.DataFrame(rows)
    table["label"] = emotions
    for column in ("start", "end"):
        table[column] = [_seconds(row, column, manifest) for row in rows]
    table = table[table["label"].notna()]
    for reason, count in dropped.items():
        _log.info("%s: %d rows left out: %s", name, count, reason)
    used = {label: known[label] for label in sorted(set(raw)) if label in known}
    return Corpus(name, table, dropped, used)


def _rows(manifest: Path) -> list[dict[str, str]]:
    """Read the rows, with aliases resolved and absolute paths."""
    try:
        with open(manifest, encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            header = [column.strip().lower() for column in next(reader, [])]
            columns = [_ALIASES.get(column, column) for column in header]
            lines = [(reader.line_num, cells) for cells in reader if any(map(str.strip, cells))]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CorpusError(f"manifest '{manifest}' cannot be read: {error}") from error
    absent = [f"'{name}'" for name in ("file", "label") if name not in columns]
    if absent:
        raise CorpusError(
            f"manifest '{manifest}' lacks the columns {', '.join(absent)}; it has {header}"
        )
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice:
        raise CorpusError(f"manifest '{manifest}' has more than one column for {twice}")
    crooked = [str(line) for line, cells in lines if len(cells) != len(columns)]
    if crooked:
        raise CorpusError(
            f"manifest '{manifest}': expected {len(columns)} fields, other numbers in the lines "
            f"{', '.join(crooked)}"
        )
    if not lines:
        raise CorpusError(f"manifest '{manifest}' has no rows")
    rows = [dict(zip(columns, map(str.strip, cells), strict=True)) for _, cells in lines]
    for row in rows:
        row["gender"] = _GENDERS.get(row.get("gender", "").lower(), row.get("gender", "").lower())
        row["file"] = os.path.normpath(manifest.parent / row["file"]) if row["file"] else ""
    return rows


def _one_corpus(
    rows: list[dict[str, str]], manifest: Path, name: str | None
) -> tuple[list[dict[str, str]], str]:
    """Choose the rows of one corpus."""
    found = sorted({row.get("corpus", "") for row in rows})
    if len(found) == 1:
        return rows, name or found[0] or manifest.parent.name
    if name is None or name not in found:
        raise CorpusError(
            f"manifest '{manifest}' names several corpora, {', '.join(map(repr, found))}: "
            f"name must be one of them, got {name!r}"
        )
    return [row for row in rows if row["corpus"] == name], name


def _check_files(rows: list[dict[str, str]], manifest: Path) -> None:
    """Refuse rows without file or label and files that do not exist."""
    bare = [
        str(number) for number, row in enumerate(rows, 1) if not row["file"] or not row["label"]
    ]
    if bare:
        raise CorpusError(
            f"manifest '{manifest}': no file or no label in the rows {', '.join(bare)}"
        )
    missing = [
        file for file in dict.fromkeys(row["file"] for row in rows) if not os.path.isfile(file)
    ]
    if missing:
        listed = ", ".join(f"'{file}'" for file in missing)
        raise CorpusError(f"manifest '{manifest}': {len(missing)} files do not exist: {listed}")


def _seconds(row: Mapping[str, str], column: str, manifest: Path) -> float:
    """Return a time of the row in seconds, NaN for none."""
    text = row.get(column, "")
    try:
        value = float(text) if text else math.nan
    except ValueError:
        value = -1.0
    if math.isinf(value) or value < 0:
        raise CorpusError(
            f"manifest '{manifest}': {column} of '{row['file']}' must be seconds >= 0, got '{text}'"
        )
    return value
