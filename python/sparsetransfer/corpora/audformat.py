"""Databases in audEERING's audformat: a header ``db.yaml`` and tables beside it."""

from pathlib import Path
from typing import Any

import pandas as pd

from sparsetransfer._messages import listing, missing_extra
from sparsetransfer.exceptions import CorpusError

__all__ = ["read_audformat"]

_LABELS = ("emotion", "label")
_OPTIONAL = ("speaker", "gender", "language", "sentence", "split", "activation", "valence")
_OTHER_NAMES = {"arousal": "activation", "transcription": "sentence", "sex": "gender"}
_OF_SPEAKERS = ("gender", "sex", "language")


def read_audformat(header: Path, table: str | None) -> list[dict[str, str]]:
    """
    Read the labels of a database and what it knows of their files.

    Parameters
    ----------
    header : Path
        The database's ``db.yaml``.
    table : str, optional
        The table with a column ``emotion`` or ``label``; needed if several have one.

    Returns
    -------
    list of dict
        Text by column. ``speaker``, ``language`` and the like are taken from the same table, from
        any other table about the same files, or from what the scheme says of the speakers.

    Raises
    ------
    CorpusError
        If the database cannot be read, or no table fits.
    ModuleNotFoundError
        If the extra ``data`` is not installed.
    """
    try:
        import audformat
    except ModuleNotFoundError as error:
        raise missing_extra("an audformat database", "data") from error
    try:
        database = audformat.Database.load(str(header.parent), name=header.stem, load_data=True)
    except Exception as error:  # a foreign parser: whatever it raises is about the file
        raise CorpusError(f"'{header}' cannot be read as an audformat database: {error}") from error
    name = _chosen(database, table, header)
    frame = database[name].get()
    label = next(column for column in _LABELS if column in frame.columns)
    rows = pd.DataFrame({"label": frame[label].astype(object)})
    for column, values in _facts(database, name, frame).items():
        rows[column] = values.astype(object).to_numpy()
    rows = rows.reset_index()
    if "start" in rows:  # a segment from 0 on, without an end, is how it spells a whole file
        whole = rows["end"].isna() & (rows["start"] == pd.Timedelta(0))
        for column in ("start", "end"):
            seconds = rows[column].dt.total_seconds()
            rows[column] = seconds.where(~whole)
    text = rows.astype(object).where(rows.notna(), "").astype(str)
    return [{str(key): value for key, value in row.items()} for row in text.to_dict("records")]


def _chosen(database: Any, table: str | None, header: Path) -> str:
    """Choose the table with the labels."""
    fitting = [
        name
        for name in database.tables
        if any(column in database[name].columns for column in _LABELS)
    ]
    if table is None and len(fitting) == 1:
        return str(fitting[0])
    if table not in fitting:
        raise CorpusError(
            f"'{header}': table must be one of those with a column {' or '.join(_LABELS)}, "
            f"{listing(map(repr, fitting)) or 'of which there is none'}; got {table!r} "
            "(on the command line, choose one with db.yaml#TABLE)"
        )
    return str(table)


def _facts(database: Any, name: str, frame: pd.DataFrame) -> dict[str, "pd.Series[Any]"]:
    """Collect what is known of the files, in the order of `frame`."""
    files = frame.index.get_level_values("file")
    facts: dict[str, pd.Series[Any]] = {}
    for other in (name, *(key for key in database.tables if key != name)):
        part = database[other]
        if other != name and not part.is_filewise:
            continue
        for column in part.columns:
            known_as = _OTHER_NAMES.get(column, column)
            if known_as not in _OPTIONAL or known_as in facts:
                continue
            values = part[column].get()
            facts[known_as] = values if other == name else pd.Series(values.reindex(files))
            if known_as == "speaker":
                for fact in _OF_SPEAKERS:
                    told = _of_speakers(part[column], fact)
                    as_fact = _OTHER_NAMES.get(fact, fact)
                    if told is not None and as_fact not in facts:
                        facts[as_fact] = told if other == name else pd.Series(told.reindex(files))
    return facts


def _of_speakers(column: Any, fact: str) -> "pd.Series[Any] | None":
    """Return what the scheme says of the speakers, if it says that."""
    try:
        values: pd.Series[Any] = column.get(map=fact)
    except (ValueError, KeyError):
        return None
    return values
