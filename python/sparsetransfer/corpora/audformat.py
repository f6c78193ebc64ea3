"""Databases in audEERING's audformat: a header ``db.yaml`` and tables beside it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from sparsetransfer._files import existing_file
from sparsetransfer._messages import listing, missing_extra
from sparsetransfer.exceptions import CorpusError

__all__ = ["read_audformat"]

_LABELS = ("emotion", "label")
_OPTIONAL = ("speaker", "gender", "language", "sentence", "split", "activation", "valence")
_OTHER_NAMES = {"arousal": "activation", "transcription": "sentence", "sex": "gender"}


def read_audformat(header: Path, table: str | None) -> list[dict[str, str]]:
    """Read the labels of a database and what it knows of their files.

    `header`: the database's ``db.yaml``. `table`: the table with a column ``emotion`` or ``label``;
    needed if several have one.
    Returns: text by column. ``speaker``, ``language`` and the like are taken from the same table,
    from any other table about the same files, or from what a scheme or a misc table says of the
    values of such a column, for example of the speakers. Raises CorpusError if the database cannot
    be read, or no table fits. Raises ModuleNotFoundError if the extra ``data`` is not installed.
    """
    try:
        import audformat
    except ModuleNotFoundError as error:
        raise missing_extra("an audformat database", "data") from error
    try:
        with _without_code(header) as place:
            database = audformat.Database.load(str(place), name=header.stem, load_data=True)
    except CorpusError:
        raise
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


@contextmanager
def _without_code(header: Path) -> Iterator[Path]:
    """Yield a folder with the database that runs no code when audformat reads it.

    Its parser of YAML runs what some tags name, and it prefers tables that are pickles.
    """
    import yaml  # which audformat needs

    with header.open("rb") as stream:
        yaml.load(stream, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    beside = [file for file in header.parent.iterdir() if file.name.startswith(f"{header.stem}.")]
    tables = [existing_file(file) for file in beside if file.suffix in (".csv", ".parquet")]
    pickles = [file for file in beside if file.suffix == ".pkl"]
    alone = [f"'{file}'" for file in pickles if file.stem not in {each.stem for each in tables}]
    if alone:
        raise CorpusError(
            f"'{header}' has tables as pickles only, which can run code when they are read: "
            f"{listing(alone)}; write them as .csv or .parquet, for example with "
            "audformat's Database.save"
        )
    if not pickles:
        yield header.parent
        return
    with TemporaryDirectory() as place:
        for file in (header, *tables):
            shutil.copyfile(file, Path(place, file.name))
        yield Path(place)


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
            if column in _LABELS:
                continue
            for fact, values in _told(column, part[column]):
                if fact not in facts:
                    facts[fact] = values if other == name else pd.Series(values.reindex(files))
    return facts


def _told(name: str, column: Any) -> Iterator[tuple[str, "pd.Series[Any]"]]:
    """Yield the facts in a column, then those that its scheme or a misc table has of its values."""
    if _OTHER_NAMES.get(name, name) in _OPTIONAL:
        yield _OTHER_NAMES.get(name, name), column.get()
    scheme = column.scheme
    if scheme is None or not (scheme.uses_table or isinstance(scheme.labels, dict)):
        return
    for fact in (*_OPTIONAL, *_OTHER_NAMES):
        with suppress(ValueError, KeyError):
            yield _OTHER_NAMES.get(fact, fact), column.get(map=fact)
