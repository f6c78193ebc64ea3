"""Feature tables as files: written for others, and read however others made them."""

import hashlib
import logging
import os
import re
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sparsetransfer._csv import csv_cell, csv_separator, plain_cell
from sparsetransfer._files import check_file, existing_file, reading, replacing
from sparsetransfer._messages import listing, missing_extra
from sparsetransfer.audio.segments import canonical_bounds, seconds
from sparsetransfer.exceptions import CorpusError
from sparsetransfer.features.arff import read_arff
from sparsetransfer.features.sequences import SequenceTable
from sparsetransfer.features.table import FeatureTable

__all__ = ["check_table_path", "read_sequences", "read_table", "write_table"]

_log = logging.getLogger(__name__)

_INDEX = ["file", "start", "end"]
_FILE_ALIASES = ("file", "filename", "path", "name")
_SET_KEY = "feature_set"

# What a manifest says of an utterance must never become a feature of it.
_NOT_FEATURES = {
    "label", "emotion", "class", "target", "speaker", "gender", "sex", "age", "language",
    "sentence", "split", "fold", "corpus", "dataset", "activation", "arousal", "valence",
    "dominance", "frametime", "frameindex",
}  # fmt: skip

_NAMELESS = re.compile(r"Unnamed: \d+$")
"""What pandas calls a column without a name: mostly the number of the row, which tells the label of
a sorted table."""

# Numbers, also with a decimal comma, and what is none in the spellings of Windows.
_NEARLY_NUMBERS = re.compile(
    r"\s*[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:e[+-]?\d+)?\s*|.*#(?:IND|INF|[QS]NAN)\d*|[+-]?nan\(.*\)",
    re.IGNORECASE,
)


def read_table(
    path: str | os.PathLike[str],
    *,
    index: str | os.PathLike[str] | None = None,
    root: str | os.PathLike[str] | None = None,
    feature_set: str | None = None,
) -> FeatureTable:
    r"""Read features that were computed elsewhere.

    Parameters
    ----------
    path : path-like
        ``.csv`` (separated by commas, semicolons or tabs), ``.parquet``, ``.arff`` or ``.npy``. A
        column ``file`` (or ``filename``, ``path``,
        ``name``) names the recording, ``start`` and ``end`` the segment, in seconds or as the time
        differences that audformat writes. All other numeric columns are features, except those that
        tell of label, speaker and the like (``label``, ``emotion``, ``class``, ``speaker``,
        ``arousal``, ...), which are left out, as are columns of text.
    index : path-like, optional
        CSV file with ``file``, ``start``, ``end`` of the rows; needed for ``.npy`` and for nothing
        else.
    root : path-like, optional
        Folder that relative file names start from; the table's own by default.
    feature_set : str, optional
        Name and version of the features. By default what `write_table` wrote into a Parquet file,
        else the table's name.

    Returns
    -------
    FeatureTable
        Rows in the order of the file, without failures.

    Raises
    ------
    CorpusError
        If the file is missing or malformed, has no feature or no file column, lists a segment twice
        or has values that are not finite, or if most cells of a column are numbers and some are
        none. The message lists every offender.
    ValueError
        If `index` is given for a format that needs none, or missing for one that does.

    Examples
    --------
    >>> from pathlib import Path
    >>> _ = Path("table.csv").write_text("file,energy\na.wav,0.5\nb.wav,0.25\n")
    >>> read_table("table.csv").values
    array([[0.5 ],
           [0.25]])
    """
    place = Path(os.path.expanduser(path)).absolute()
    ending = place.suffix.lower()
    if (ending == ".npy") != (index is not None):
        raise ValueError("index must be given for .npy tables, and only for them")
    if ending != ".npy" and ending not in _READERS:
        known = ", ".join([*_READERS, ".npy"])
        raise CorpusError(f"feature table '{place}': expected a file in {known}")
    try:
        if index is None:
            frame = _READERS[ending](existing_file(place))
        else:
            frame = _read_array(place, Path(os.path.expanduser(index)).absolute())
        name = feature_set or frame.attrs.get(_SET_KEY) or place.stem
        base = place.parent if root is None else Path(os.path.expanduser(root)).absolute()
        return _table(frame, place, base, str(name))
    except CorpusError:
        raise
    except UnicodeDecodeError as error:
        raise CorpusError(f"feature table '{place}' is not UTF-8; save it as UTF-8") from error
    except Exception as error:  # decoders of foreign bytes raise almost anything
        raise CorpusError(f"feature table '{place}' cannot be read: {error}") from error


def read_sequences(path: str | os.PathLike[str]) -> SequenceTable:
    """Read where sequences lie that were computed elsewhere, and check each.

    `path`: a CSV file with columns ``file``, optionally ``start`` and ``end``, and ``sequence``: a
    ``.npy`` file of shape (n_frames, n_features). Relative names start from its folder. Returns:
    rows in the order of the file. Its feature set holds a digest of all values. Raises CorpusError
    if the file is malformed, or sequences cannot be read, are empty, of unequal width or not
    finite; lists them all.
    """
    place = Path(os.path.expanduser(path)).absolute()
    try:
        frame = _read_csv(existing_file(place))
    except CorpusError:
        raise
    except (OSError, ValueError) as error:
        raise CorpusError(f"table of sequences '{place}' cannot be read: {error}") from error
    index, _ = _index(frame, place, place.parent)
    if "sequence" not in frame.columns or not len(frame):
        raise CorpusError(
            f"table of sequences '{place}': expected rows with a column 'sequence', got "
            f"{len(frame)} rows with {listing(frame.columns)}"
        )
    if (empty := frame["sequence"].isna()).any():
        raise CorpusError(
            f"table of sequences '{place}': row {int(empty.to_numpy().argmax()) + 1} names no sequence"
        )
    paths = tuple(place.parent / str(cell) for cell in frame["sequence"])
    digest, lengths, faults, width = hashlib.sha256(), [], [], 0
    for each in paths:
        try:
            with reading(each):
                values = np.lib.format.open_memmap(each, mode="r")
        except (OSError, ValueError) as error:
            faults.append(str(error))
            continue
        if values.ndim != 2 or values.dtype.kind not in "fiu" or not values.size:
            faults.append(
                f"{each}: {values.dtype} of shape {values.shape}, no (n_frames, n_features)"
            )
        elif values.shape[1] != (width := width or values.shape[1]):
            faults.append(f"{each}: {values.shape[1]} columns, the first has {width}")
        elif not np.isfinite(values).all():
            faults.append(f"{each}: values that are not finite")
        else:
            digest.update(f"{values.dtype.str} {values.shape}".encode())
            digest.update(np.ascontiguousarray(values).data)
            lengths.append(len(values))
    if faults:
        raise CorpusError(f"table of sequences '{place}': {listing(faults)}")
    return SequenceTable(
        index=index,
        paths=paths,
        lengths=np.array(lengths, dtype=np.intp),
        names=tuple(f"x{number}" for number in range(width)),
        feature_set=f"{place.stem}-{digest.hexdigest()[:8]}",
        failures=pd.DataFrame({column: [] for column in (*_INDEX, "error")}),
    )


def check_table_path(path: str | os.PathLike[str]) -> None:
    """Check, before features are computed, that `write_table` can write a table after it.

    It raises what `write_table` would: ValueError for a suffix other than ``.csv`` and
    ``.parquet``, ModuleNotFoundError without pyarrow, OSError if no such file can be written.
    """
    ending = Path(path).suffix.lower()
    if ending not in (".csv", ".parquet"):
        raise ValueError(f"path must end in .csv or .parquet, got '{Path(path).name}'")
    if ending == ".parquet" and find_spec("pyarrow") is None:
        raise missing_extra("a table in Parquet", "data")
    check_file(path)


def write_table(table: FeatureTable, path: str | os.PathLike[str]) -> None:
    """Write a feature table for others to read.

    Parameters
    ----------
    table : FeatureTable
        The features.
    path : path-like
        ``.csv`` (numbers in full precision; names of files and columns that a spreadsheet would
        take for formulas get an apostrophe, which `read_table` removes) or ``.parquet``; written
        aside and moved into place. Missing folders are made. Bytes of a file name that are no
        text are written as escapes.

    Raises
    ------
    ValueError, ModuleNotFoundError, OSError
        As `check_table_path`.

    Examples
    --------
    >>> from sparsetransfer import corpora, features, synthetic
    >>> manifest, _ = synthetic.make_corpora("synthetic", n_speakers=2, n_sentences=1)
    >>> table = features.extract(corpora.read_manifest(manifest), n_jobs=1)
    >>> write_table(table, "table.csv")
    >>> bool((read_table("table.csv").values == table.values).all())
    True
    """
    check_table_path(path)
    values = pd.DataFrame(table.values, columns=table.names)
    frame = pd.concat([table.index, values], axis=1)
    frame["file"] = [
        str(file).encode("utf-8", errors="backslashreplace").decode() for file in frame["file"]
    ]
    frame.attrs = {_SET_KEY: table.feature_set}
    with replacing(path) as aside:
        if aside.suffix.lower() == ".csv":
            frame["file"] = frame["file"].map(csv_cell)
            frame.columns = frame.columns.map(csv_cell)
            frame.to_csv(aside, index=False)
        else:
            frame.to_parquet(aside, index=False)


def _read_csv(place: Path) -> pd.DataFrame:
    with open(place, encoding="utf-8-sig") as stream:
        header = stream.readline()
    separator = csv_separator(header, {*_INDEX, *_FILE_ALIASES})
    # Without index_col pandas takes the first cells of longer rows for an index, and shifts the rest.
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(place, encoding="utf-8-sig", sep=separator, index_col=False)
    except pd.errors.ParserWarning as error:
        raise CorpusError(
            f"table '{place}': rows have more cells than the header has names; name every column, "
            "and write numbers with a decimal point or in quotes"
        ) from error
    frame.columns = frame.columns.map(plain_cell)
    for column in frame.columns:
        if column.lower() in _FILE_ALIASES:
            frame[column] = frame[column].map(
                lambda cell: plain_cell(str(cell)), na_action="ignore"
            )
    _refuse_spoilt(frame, place)
    return frame


def _refuse_spoilt(frame: pd.DataFrame, place: Path) -> None:
    """Raise an error for feature columns that a few cells turn into text."""
    named = {*_NOT_FEATURES, *_INDEX, *_FILE_ALIASES}
    spoilt = []
    for column in frame.select_dtypes(exclude="number").columns:
        cells = [str(cell) for cell in frame[column].dropna()]
        n_near = sum(_NEARLY_NUMBERS.fullmatch(cell) is not None for cell in cells)
        if n_near > len(cells) / 2 and column.lower() not in named:
            wrong = pd.to_numeric(pd.Series(cells), errors="coerce").isna().argmax()
            spoilt.append(f"'{column}' (for example {cells[wrong]!r})")
    if spoilt:
        raise CorpusError(
            f"feature table '{place}': no numbers in {listing(spoilt)}; write numbers with a decimal "
            "point and without units, leave out rows without a value, or leave out the column"
        )


def _read_parquet(place: Path) -> pd.DataFrame:
    frame = pd.read_parquet(place)
    # audformat keeps file, start and end in the row index
    return frame.reset_index() if frame.index.names != [None] else frame


_READERS: dict[str, Callable[[Path], pd.DataFrame]] = {
    ".csv": _read_csv,
    ".parquet": _read_parquet,
    ".arff": read_arff,
}


def _read_array(place: Path, index: Path) -> pd.DataFrame:
    """Read an array and its index."""
    with reading(place, CorpusError):
        values = np.array(np.lib.format.open_memmap(place, mode="r"))
    with reading(index, CorpusError):
        rows = _read_csv(index)
    if values.ndim != 2 or len(values) != len(rows) or values.dtype.kind not in "fiu":
        raise CorpusError(
            f"feature table '{place}': expected numbers with {len(rows)} rows, as many as "
            f"'{index}', got {values.dtype} of shape {values.shape}"
        )
    width = len(str(values.shape[1] - 1))
    columns = [f"x{i:0{width}d}" for i in range(values.shape[1])]
    known = [column for column in rows.columns if column.lower() in {*_INDEX, *_FILE_ALIASES}]
    return pd.concat([rows[known], pd.DataFrame(values, columns=columns)], axis=1)


def _index(frame: pd.DataFrame, place: Path, base: Path) -> tuple[pd.DataFrame, str]:
    """Return file, start and end of all rows, and the column that names the file."""
    lower = {str(column).lower(): column for column in frame.columns}
    alias = next((lower[what] for what in _FILE_ALIASES if what in lower), None)
    if alias is None:
        raise CorpusError(
            f"feature table '{place}' has no column that names the file "
            f"({', '.join(_FILE_ALIASES)}); it has {listing(frame.columns)}"
        )
    nameless = np.flatnonzero(frame[alias].isna() | (frame[alias] == "")) + 1
    if len(nameless):
        raise CorpusError(f"feature table '{place}': no file in the rows {listing(nameless)}")
    # openSMILE's own program puts names between apostrophes
    files = [
        os.path.normpath(base / re.sub(r"^'(.+)'$", r"\1", str(file))) for file in frame[alias]
    ]
    index = pd.DataFrame({"file": files})
    try:
        bounds = [
            seconds(frame[lower[column]]) if column in lower else np.full(len(frame), np.nan)
            for column in ("start", "end")
        ]
    except (ValueError, TypeError) as error:
        raise CorpusError(
            f"feature table '{place}': start and end must be seconds or time differences: {error}"
        ) from error
    index["start"], index["end"] = canonical_bounds(*bounds)
    twice = index[index.duplicated(_INDEX)]["file"]
    if len(twice):
        raise CorpusError(
            f"feature table '{place}': listed more than once: {listing(dict.fromkeys(twice))}"
        )
    return index, alias


def _table(frame: pd.DataFrame, place: Path, base: Path, name: str) -> FeatureTable:
    """Separate index and feature columns, and validate both."""
    index, alias = _index(frame, place, base)
    values, names = _features(frame.drop(columns=[alias]), place)
    bad = index["file"][~np.isfinite(values).all(axis=1)].tolist()
    if bad:
        raise CorpusError(
            f"feature table '{place}': values that are not finite in {len(bad)} rows: "
            f"{listing(bad)}"
        )
    failures = pd.DataFrame({column: [] for column in (*_INDEX, "error")})
    return FeatureTable(values, names, index, name, failures)


def _features(frame: pd.DataFrame, place: Path) -> tuple[NDArray[np.float64], list[str]]:
    """Choose the columns that are features."""
    numeric = frame.select_dtypes("number", exclude="timedelta").columns
    chosen = [
        name
        for name in numeric
        if str(name).lower() not in {*_NOT_FEATURES, *_INDEX} and not _NAMELESS.match(str(name))
    ]
    left = [str(name) for name in frame.columns if name not in chosen and name not in _INDEX]
    if left:
        _log.info("feature table '%s': no features: %s", place, listing(left))
    if not chosen:
        raise CorpusError(f"feature table '{place}' has no numeric column that is a feature")
    return frame[chosen].to_numpy(dtype=np.float64), [str(name) for name in chosen]
