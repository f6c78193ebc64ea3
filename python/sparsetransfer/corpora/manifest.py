"""Reading a corpus from a manifest."""

import logging
import math
import os
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from sparsetransfer._files import is_lfs_pointer
from sparsetransfer._messages import listing
from sparsetransfer._validation import check_flags
from sparsetransfer.audio.files import find_files
from sparsetransfer.audio.segments import seconds
from sparsetransfer.corpora.corpus import Corpus
from sparsetransfer.corpora.emotions import check_label_map, map_labels, synonyms
from sparsetransfer.corpora.rows import FORMATS, manifest_in, manifest_rows
from sparsetransfer.exceptions import CorpusError

__all__ = ["UNLABELLED", "read_manifest", "read_unlabelled"]

UNLABELLED = "unlabelled"
"""Label of every recording of `read_unlabelled`."""


_log = logging.getLogger(__name__)

_LEAVE_OUT = "; to leave them out: must_exist=False and then on_error='drop'"

_GENDERS = {"female": "f", "male": "m"}


def read_manifest(
    path: str | os.PathLike[str],
    *,
    name: str | None = None,
    table: str | None = None,
    label_map: Mapping[str, str] | None = None,
    drop_unmapped: bool = False,
    must_exist: bool = True,
) -> Corpus:
    r"""Read a corpus from a manifest.

    Parameters
    ----------
    path : path-like
        Text table with a header (``.csv``, ``.tsv``; fields separated by commas, semicolons or
        tabs; UTF-8, UTF-16 with a byte order mark, or CP1252), Parquet file, JSON Lines (``.jsonl``,
        ``.ndjson``), the header ``db.yaml`` of an audformat database, or a folder with one of these, called ``manifest``
        but for the last. Required columns: ``file`` (or ``path``; relative to the manifest's
        folder) and ``label`` (or ``emotion``). Optional: ``speaker``, ``corpus``, ``start`` and
        ``end`` (seconds, empty for the whole file), ``gender`` ("f", "m", or spelt out),
        ``language``, ``sentence``, ``split``, ``activation`` (or ``arousal``), ``valence``.
        Other columns are ignored. Parquet and audformat need the extra ``data``.
    name : str, optional
        Name of the corpus. By default the one of the column ``corpus``, else the name of the
        manifest's folder. If the column names several corpora, the rows of this one are read.
    table : str, optional
        Table of an audformat database that holds the labels, if several could.
    label_map : mapping of str to str, optional
        Label to emotion; adds to `synonyms` and wins over it. Without it labels are looked up
        regardless of case.
    drop_unmapped : bool, default=False
        Drop rows without a label or whose label is in no map, counted in `Corpus.dropped`, instead
        of refusing the manifest.
    must_exist : bool, default=True
        Refuse the manifest if a file does not exist. Without it that is left to reading, where
        `features.extract` with ``on_error="drop"`` leaves out and lists such files; one file has to
        be there.

    Returns
    -------
    Corpus
        The rows in the manifest's order.

    Raises
    ------
    CorpusError
        If the manifest is missing, empty, malformed or lacks a column, a file does not exist, a
        segment has no length, a label is in no map, or several corpora are named and `name` is
        none of them. The message counts the offenders and names
        the first.

    Examples
    --------
    >>> from pathlib import Path
    >>> _ = Path("own.csv").write_text("file,label,speaker\na.wav,angry,s1\nb.wav,sad,s2\n")
    >>> for name in ("a.wav", "b.wav"):
    ...     Path(name).touch()
    >>> corpus = read_manifest("own.csv", name="own")
    >>> corpus.classes, corpus.speakers
    (('anger', 'sadness'), ('s1', 's2'))
    """
    check_flags(drop_unmapped=drop_unmapped, must_exist=must_exist)
    check_label_map(label_map or {})
    manifest = Path(os.path.expanduser(path)).absolute()
    if manifest.is_dir():
        manifest = manifest_in(manifest) or manifest / "manifest.csv"
    rows = _rows(manifest, table)
    rows, name = _one_corpus(rows, manifest, name)
    rows, n_unlabelled = _checked_rows(rows, manifest, drop_unmapped, must_exist)
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
    if n_unlabelled:
        dropped["no label"] = n_unlabelled
    frame = pd.DataFrame(rows, dtype=object)
    frame["label"] = emotions
    wrong: list[str] = []
    for column in ("start", "end", "activation", "valence"):
        frame[column] = [_number(row, column, wrong) for row in rows]
    if wrong:
        raise CorpusError(f"manifest '{manifest}': {listing(wrong)}")
    frame = frame[frame["label"].notna()]
    for reason, count in dropped.items():
        _log.info("%s: %d rows left out: %s", name, count, reason)
    used = {label: known[label] for label in sorted(set(raw)) if label in known}
    return Corpus(name, frame, dropped, used)


def read_unlabelled(
    path: str | os.PathLike[str], *, name: str | None = None, table: str | None = None
) -> Corpus:
    """Read recordings that nobody labelled: a folder, a manifest, or one file.

    Parameters
    ----------
    path : path-like
        Folder with recordings at any depth, and no manifest or one; a manifest as for
        `read_manifest`, whose column ``label`` is not read and may be absent; or an audio file.
    name : str, optional
        Name of the corpus; by default that of the folder, or of the file without its ending.
    table : str, optional
        Table of an audformat database.

    Returns
    -------
    Corpus
        The recordings, each with the label `UNLABELLED`. Of a manifest, speakers and segments are
        kept. Files need not exist: reading them will tell.

    Raises
    ------
    CorpusError
        If there is no such path, no recording in it, or a manifest is malformed.

    Examples
    --------
    >>> from pathlib import Path
    >>> Path("calls").mkdir()
    >>> Path("calls/monday.wav").touch()
    >>> read_unlabelled("calls").classes == (UNLABELLED,)
    True
    """
    place = Path(path).expanduser().absolute()
    manifest = manifest_in(place) if place.is_dir() else place
    if manifest is None:
        frame = pd.DataFrame({"file": [str(file) for file in find_files(place)]}, dtype=object)
    elif manifest.suffix.lower() in (*FORMATS, ".yaml"):
        rows = manifest_rows(manifest, table, ("file",))
        nameless = [number for number, row in enumerate(rows, 1) if not row["file"]]
        if nameless:
            raise CorpusError(f"manifest '{manifest}': no file in the rows {listing(nameless)}")
        wrong: list[str] = []
        columns = {
            "file": [os.path.normpath(manifest.parent / row["file"]) for row in rows],
            "speaker": [row.get("speaker", "") for row in rows],
            "start": [_number(row, "start", wrong) for row in rows],
            "end": [_number(row, "end", wrong) for row in rows],
        }
        if wrong:
            raise CorpusError(f"manifest '{manifest}': {listing(wrong)}")
        frame = pd.DataFrame(columns, dtype=object)
    elif place.exists():
        frame = pd.DataFrame({"file": [str(place)]}, dtype=object)
    else:
        raise CorpusError(f"'{place}' does not exist; expected a folder, a manifest or a recording")
    default = place.name if place.is_dir() else place.stem
    return Corpus(name or default or "recordings", frame.assign(label=UNLABELLED))


def _rows(manifest: Path, table: str | None) -> list[dict[str, str]]:
    """Read the rows, with genders as "f" and "m" and absolute paths."""
    rows = manifest_rows(manifest, table)
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
            f"manifest '{manifest}' names several corpora, {listing(map(repr, found))}: "
            f"name must be one of them, got {name!r} (on the command line, choose one with NAME=FILE)"
        )
    return [row for row in rows if row["corpus"] == name], name


def _checked_rows(
    rows: list[dict[str, str]], manifest: Path, drop_unlabelled: bool, must_exist: bool
) -> tuple[list[dict[str, str]], int]:
    """Return the rows with a label; refuse rows without a file and files that do not exist."""
    nameless = [number for number, row in enumerate(rows, 1) if not row["file"]]
    if nameless:
        raise CorpusError(f"manifest '{manifest}': no file in the rows {listing(nameless)}")
    bare = [number for number, row in enumerate(rows, 1) if not row["label"]]
    if bare and not drop_unlabelled:
        raise CorpusError(
            f"manifest '{manifest}': no label in {len(bare)} rows: {listing(bare)}; drop them with "
            "drop_unmapped=True"
        )
    labelled = [row for row in rows if row["label"]]
    files = dict.fromkeys(row["file"] for row in labelled)
    irregular = [f"'{file}'" for file in files if not os.path.isfile(file)]
    if not must_exist and len(irregular) < len(files):
        return labelled, len(bare)
    missing = [f"'{file}'" for file in files if not os.path.exists(file)]
    advice = _LEAVE_OUT if len(irregular) < len(files) else ""
    if missing:
        raise CorpusError(
            f"manifest '{manifest}': {len(missing)} files do not exist: {listing(missing)}; names "
            "are relative to the manifest's folder"
            + (
                ""
                if all(map(str.isascii, missing))
                else "; save the manifest as UTF-8 if it is not"
            )
            + ("; separate folders by / and not by \\" if "\\" in missing[0] else "")
            + advice
        )
    if irregular:
        raise CorpusError(
            f"manifest '{manifest}': {len(irregular)} of {len(files)} recordings are no regular "
            f"files: {listing(irregular)}{advice}"
        )
    # Where some are there, reading the others will tell: they may be dropped then.
    if files and all(map(is_lfs_pointer, files)):
        raise CorpusError(
            f"manifest '{manifest}': all {len(files)} recordings are Git LFS pointers, not audio: "
            f"{listing(files)}; run `git lfs pull` in the clone"
        )
    return labelled, len(bare)


def _number(row: Mapping[str, str], column: str, wrong: list[str]) -> float:
    """Return a number of the row, NaN for none; note what is no number."""
    text = row.get(column, "")
    times = column in ("start", "end")
    try:
        value = float(seconds([text])[0] if times and "day" in text else text or "nan")
    except ValueError:
        value = math.inf
    # Python reads 0_4 as 4.
    if "_" in text or math.isinf(value) or (times and value < 0):
        expected = "seconds >= 0" if times else "a number"
        wrong.append(f"{column} of '{row['file']}' must be {expected}, got '{text}'")
    return value
