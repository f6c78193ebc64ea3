"""Join the recordings of a corpus to their feature rows."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from sparsetransfer._messages import listing
from sparsetransfer.audio.files import content_hash
from sparsetransfer.audio.segments import match_segments
from sparsetransfer.evaluation.data.dataset import Dataset
from sparsetransfer.evaluation.data.rows import Spectrograms
from sparsetransfer.exceptions import CorpusError

if TYPE_CHECKING:
    import pandas as pd

    from sparsetransfer.corpora import Corpus
    from sparsetransfer.features.sequences import SequenceTable
    from sparsetransfer.features.table import FeatureTable

__all__ = ["identifiers", "join"]


def identifiers(index: pd.DataFrame) -> list[str]:
    """Name the rows of a corpus as `Dataset.files` does, from ``file``, ``start`` and ``end``."""
    files = index["file"].to_list()
    root = os.path.commonpath([os.path.dirname(file) for file in files])
    named = []
    for file, start, end in index.itertuples(index=False):
        name = PurePath(os.path.relpath(file, root) if root else file).as_posix()
        if not math.isnan(start):
            name += f"#t={start:g},{'' if math.isnan(end) else f'{end:g}'}"
        named.append(name)
    return named


def _digests(index: pd.DataFrame) -> list[str]:
    of_file = {file: content_hash(file) for file in index["file"].unique()}
    return [
        of_file[file] if math.isnan(start) else f"{of_file[file]}:{start}:{end}"
        for file, start, end in index.itertuples(index=False)
    ]


def _failures(table: pd.DataFrame) -> dict[str, str]:
    return {str(f): str(e) for f, e in zip(table["file"], table["error"], strict=True)}


def join(
    corpus: Corpus,
    table: FeatureTable,
    spectrograms: SequenceTable | None = None,
    frames: Sequence[SequenceTable] = (),
    *,
    unreadable: Literal["raise", "drop"] = "raise",
) -> Dataset:
    """Join a corpus to its feature rows by file, start and end, however these are spelt.

    Parameters
    ----------
    corpus : Corpus
        Recordings with labels and speakers.
    table : FeatureTable
        Features of the same recordings, in any order.
    spectrograms : SequenceTable, optional
        Spectrograms of the same recordings, in any order; they are read into memory.
    frames : sequence of SequenceTable, default=()
        Further frames of the same recordings, likewise.
    unreadable : {"raise", "drop"}, default="raise"
        What to do when a recording could not be read: refuse the corpus, or leave the recording
        out and list it in `Dataset.failures`.

    Returns
    -------
    Dataset
        The joined rows, in the order of `corpus`.

    Raises
    ------
    CorpusError
        If a recording has no feature row or more than one, a feature row has no recording, or
        recordings could not be read and `unreadable` is "raise".

    Examples
    --------
    >>> from sparsetransfer import corpora, features, synthetic
    >>> manifest, _ = synthetic.make_corpora("synthetic", n_speakers=2, n_sentences=1)
    >>> corpus = corpora.read_manifest(manifest)
    >>> domain = join(corpus, features.extract(corpus, n_jobs=1))
    >>> len(domain), domain.feature_set
    (8, 'functionals-1')
    """
    wanted = corpus.table[["file", "start", "end"]]
    failures = _failures(table.failures)
    sequences = [*([] if spectrograms is None else [spectrograms]), *frames]
    for other in sequences:
        failures = _failures(other.failures) | failures
    if failures and unreadable == "raise":
        first = next(iter(failures.values()))
        raise CorpusError(
            f"corpus {corpus.name!r}: {len(failures)} recordings cannot be read: "
            f"{listing(failures)} (first reason: {first})"
        )
    try:
        rows = match_segments(wanted, table.index)
        places = {part.feature_set: match_segments(wanted, part.index) for part in sequences}
    except ValueError as error:
        raise CorpusError(f"corpus {corpus.name!r}: {error}") from error
    readable = ~wanted["file"].isin(list(failures)).to_numpy()
    missing = wanted["file"][(rows < 0) & readable]
    unused = np.setdiff1d(np.arange(len(table.index)), rows)
    if len(missing) or len(unused):
        strangers = sorted(set(table.index["file"].iloc[unused]) - set(wanted["file"]))
        lost = any(not os.path.exists(file) for file in strangers)
        raise CorpusError(
            f"corpus {corpus.name!r} and its features do not list the same recordings; without "
            f"features: {listing(missing) or 'none'}; only in the features: "
            f"{listing(strangers) or ('other segments' if len(unused) else 'none')}"
            + ("; read_table(..., root=FOLDER) sets the folder of relative names" if lost else "")
        )
    for name, found in places.items():
        blind = sorted(set(wanted["file"][(found < 0) & readable]))
        if blind:
            raise CorpusError(f"corpus {corpus.name!r}: no {name} of {listing(blind)}")
    kept = np.flatnonzero(np.all([rows >= 0, *(found >= 0 for found in places.values())], axis=0))
    if not kept.size:
        raise CorpusError(f"corpus {corpus.name!r}: no recording could be read")
    index, facts = wanted.iloc[kept], corpus.table.iloc[kept]
    return Dataset(
        name=corpus.name,
        features=np.asarray(table.values, dtype=np.float64)[rows[kept]],
        labels=facts["label"].to_numpy(dtype=np.str_),
        speakers=facts["speaker"].to_numpy(dtype=np.str_),
        files=np.array(identifiers(index), dtype=np.str_),
        feature_names=tuple(table.names),
        feature_set=table.feature_set,
        digests=np.array(_digests(index), dtype=np.str_),
        dropped=corpus.dropped,
        failures=tuple(sorted((Path(file).name, error) for file, error in failures.items())),
        spectrograms=()
        if spectrograms is None
        else _read(spectrograms, places[spectrograms.feature_set][kept]),
        spectrogram_set="" if spectrograms is None else spectrograms.feature_set,
        frames={part.feature_set: _read(part, places[part.feature_set][kept]) for part in frames},
    )


def _read(table: SequenceTable, rows: NDArray[np.intp]) -> Spectrograms:
    return tuple(np.array(table[row]) for row in rows)
