"""Join the recordings of a corpus to their feature rows."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from sparsetransfer import audio
from sparsetransfer.evaluation.domain import Domain, listing
from sparsetransfer.exceptions import CorpusError

if TYPE_CHECKING:
    import pandas as pd

    from sparsetransfer.corpora import Corpus
    from sparsetransfer.features import FeatureTable, SequenceTable

__all__ = ["join"]


def _key(file: object, start: object, end: object) -> tuple[str, float | None, float | None]:
    # NaN differs from itself and would never join; None stands for "whole file" instead.
    def bound(value: Any) -> float | None:
        return None if value is None or math.isnan(value) else float(value)

    return str(file), bound(start), bound(end)


def _identifiers(keys: Sequence[tuple[str, float | None, float | None]]) -> list[str]:
    files = [key[0] for key in keys]
    root = os.path.commonpath([os.path.dirname(file) for file in files])
    named = []
    for file, start, end in keys:
        name = PurePath(os.path.relpath(file, root) if root else file).as_posix()
        if start is not None or end is not None:
            name += f"#t={0.0 if start is None else start:g},{'' if end is None else f'{end:g}'}"
        named.append(name)
    return named


def _digests(keys: Sequence[tuple[str, float | None, float | None]]) -> list[str]:
    of_file = {file: audio.content_hash(file) for file in {key[0] for key in keys}}
    return [
        of_file[file] if start is None and end is None else f"{of_file[file]}:{start}:{end}"
        for file, start, end in keys
    ]


def _keys(index: pd.DataFrame) -> list[tuple[str, float | None, float | None]]:
    return [_key(*row) for row in zip(index["file"], index["start"], index["end"], strict=True)]


def _failures(table: pd.DataFrame) -> dict[str, str]:
    return {str(f): str(e) for f, e in zip(table["file"], table["error"], strict=True)}


def join(
    corpus: Corpus,
    table: FeatureTable,
    spectrograms: SequenceTable | None = None,
    *,
    unreadable: Literal["raise", "drop"] = "raise",
) -> Domain:
    """Join a corpus to its feature rows by file, start and end.

    Parameters
    ----------
    corpus : Corpus
        Recordings with labels and speakers.
    table : FeatureTable
        Features of the same recordings, in any order.
    spectrograms : SequenceTable, optional
        Spectrograms of the same recordings, in any order; they are read into memory.
    unreadable : {"raise", "drop"}, default="raise"
        What to do when a recording could not be read: refuse the corpus, or leave the recording
        out and list it in `Domain.failures`.

    Returns
    -------
    Domain
        The joined rows, in the order of `corpus`.

    Raises
    ------
    CorpusError
        If a recording has no feature row or more than one, a feature row has no recording, or
        recordings could not be read and `unreadable` is "raise".
    """
    rows = corpus.table
    wanted, found = _keys(rows), _keys(table.index)
    failures = _failures(table.failures)
    frames = None
    if spectrograms is not None:
        frames = {key: row for row, key in enumerate(_keys(spectrograms.index))}
        failures = _failures(spectrograms.failures) | failures
    if failures and unreadable == "raise":
        first = next(iter(failures.values()))
        raise CorpusError(
            f"corpus {corpus.name!r}: {len(failures)} recordings cannot be read: "
            f"{listing(failures)} (first reason: {first})"
        )
    position = {key: row for row, key in enumerate(found)}
    if len(position) != len(found) or len(set(wanted)) != len(wanted):
        raise CorpusError(f"corpus {corpus.name!r}: a recording is listed more than once")
    strangers = sorted({key[0] for key in found} - {key[0] for key in wanted})
    missing = [key for key in wanted if key not in position and key[0] not in failures]
    if strangers or missing or len(set(found) - set(wanted)):
        raise CorpusError(
            f"corpus {corpus.name!r} and its features do not list the same recordings; without "
            f"features: {listing(key[0] for key in missing) or 'none'}; "
            f"only in the features: {listing(strangers) or 'other segments'}"
        )
    if frames is not None:
        blind = sorted({key[0] for key in wanted if key not in frames and key[0] not in failures})
        if blind:
            raise CorpusError(f"corpus {corpus.name!r}: no spectrograms of {listing(blind)}")
    kept = [
        row
        for row, key in enumerate(wanted)
        if key in position and (frames is None or key in frames)
    ]
    if not kept:
        raise CorpusError(f"corpus {corpus.name!r}: no recording could be read")
    keys = [wanted[row] for row in kept]
    speakers, labels = rows["speaker"].to_list(), rows["label"].to_list()
    return Domain(
        name=corpus.name,
        features=np.asarray(table.values, dtype=np.float64)[[position[key] for key in keys]],
        labels=np.array([labels[row] for row in kept], dtype=np.str_),
        speakers=np.array([speakers[row] for row in kept], dtype=np.str_),
        files=np.array(_identifiers(keys), dtype=np.str_),
        feature_names=tuple(table.names),
        feature_set=table.feature_set,
        digests=np.array(_digests(keys), dtype=np.str_),
        dropped=corpus.dropped,
        failures=tuple(sorted((Path(file).name, error) for file, error in failures.items())),
        spectrograms=()
        if spectrograms is None or frames is None
        else tuple(np.array(spectrograms[frames[key]]) for key in keys),
        spectrogram_set="" if spectrograms is None else spectrograms.feature_set,
    )
