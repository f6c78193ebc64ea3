"""Sequences of frames of many utterances, one file each, for models that read them in turn."""

import dataclasses
import functools
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sparsetransfer._files import reading
from sparsetransfer._messages import listing
from sparsetransfer._validation import check_callable, check_choice
from sparsetransfer.audio import load
from sparsetransfer.audio.files import content_hash
from sparsetransfer.corpora import Corpus
from sparsetransfer.exceptions import CorpusError
from sparsetransfer.features.cache import Cache
from sparsetransfer.features.pool import compute_all, n_workers
from sparsetransfer.features.sets.speaker import SpeakerFrames
from sparsetransfer.features.sets.spectrogram import FilterBank, LogMel

__all__ = ["SequenceTable", "extract_sequences"]

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, eq=False)
class SequenceTable:
    """Where the sequences of a corpus lie.

    ``table[row]`` reads one: an array of shape (n_frames, len(names)), mapped into memory; float32
    where this package computed it, otherwise of the type that its file has.

    `index`: ``file``, ``start``, ``end`` of every row, in the order of the corpus. `paths`: the
    ``.npy`` file of every row. `lengths` (n_utterances,): frames of every row. `names`: name of
    every column. `feature_set`: name and version of what was computed. `failures`: ``file``,
    ``start``, ``end``, ``error`` of the utterances that were dropped.
    """

    index: pd.DataFrame
    paths: tuple[Path, ...]
    lengths: NDArray[np.intp]
    names: tuple[str, ...]
    feature_set: str
    failures: pd.DataFrame

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, row: int) -> NDArray[Any]:
        with reading(self.paths[row]) as place:
            return np.asarray(np.lib.format.open_memmap(place, mode="r"))


def extract_sequences(
    corpus: Corpus,
    folder: str | os.PathLike[str],
    spectrogram: LogMel | FilterBank | SpeakerFrames | None = None,
    *,
    n_jobs: int | None = None,
    on_error: str = "raise",
    progress: Callable[[int, int], None] | None = None,
) -> SequenceTable:
    """Compute the spectrogram or frames of every utterance of a corpus, each into a file of its own.

    Parameters
    ----------
    corpus : Corpus
        The utterances.
    folder : path-like
        Where the files go, by content of the audio, segment and `spectrogram`. What is there is
        not computed again.
    spectrogram : LogMel, FilterBank or SpeakerFrames, optional
        What to compute; a spectrogram of 64 bands by default.
    n_jobs : int, optional
        Processes at most; None or -1 is every CPU this process may use.
    on_error : {"raise", "drop"}, default="raise"
        What to do about utterances that cannot be read.
    progress : callable, optional
        Called with the number of finished utterances and of all.

    Returns
    -------
    SequenceTable
        One row per readable utterance, in the order of the corpus.

    Raises
    ------
    CorpusError
        If utterances cannot be read and `on_error` is "raise", or if none can; lists them all.
    ValueError
        If `on_error` or `n_jobs` is none of the above.

    Examples
    --------
    >>> from sparsetransfer import corpora, synthetic
    >>> from sparsetransfer.features import LogMel
    >>> manifest, _ = synthetic.make_corpora("synthetic", n_speakers=2, n_sentences=1)
    >>> table = extract_sequences(corpora.read_manifest(manifest), "frames", LogMel(40), n_jobs=1)
    >>> len(table), table[0].shape[1]
    (8, 40)
    """
    check_callable(progress, "progress")
    chosen = spectrogram or LogMel()
    check_choice(on_error, "on_error", ("raise", "drop"))
    workers = n_workers(n_jobs)
    store = Cache(folder, chosen.id, len(chosen.names), sequences=True)
    rows = [
        (row, str(file), float(start), float(end))
        for row, (file, start, end) in enumerate(
            zip(corpus.table["file"], corpus.table["start"], corpus.table["end"], strict=True)
        )
    ]
    found: dict[int, tuple[Path, int]] = {}
    errors: dict[int, str] = {}
    compute = functools.partial(_compute, chosen=chosen, store=store)
    for done, (row, path, result) in enumerate(compute_all(rows, compute, workers), 1):
        if isinstance(result, str):
            errors[row] = result
            _log.warning("%s: %s", corpus.name, result)
        else:
            found[row] = (path, result)
        if progress is not None:
            progress(done, len(rows))
    if errors and (on_error == "raise" or not found):
        listed = listing(errors[row] for row in sorted(errors))
        raise CorpusError(
            f"corpus '{corpus.name}': {len(errors)} of {len(rows)} utterances have no "
            f"spectrogram: {listed}"
        )
    index = corpus.table[["file", "start", "end"]]
    failures = index.iloc[sorted(errors)].reset_index(drop=True)
    failures["error"] = pd.Series([errors[row] for row in sorted(errors)], dtype=str)
    kept = sorted(found)
    return SequenceTable(
        index=index.iloc[kept].reset_index(drop=True),
        paths=tuple(found[row][0] for row in kept),
        lengths=np.array([found[row][1] for row in kept], dtype=np.intp),
        names=chosen.names,
        feature_set=chosen.id,
        failures=failures,
    )


def _compute(
    item: tuple[int, str, float, float], chosen: LogMel | FilterBank | SpeakerFrames, store: Cache
) -> tuple[int, Path, int | str]:
    """Compute one utterance into its file; return the number of frames or the error."""
    row, file, start, end = item
    try:
        path = store.path(content_hash(file), start, end)
        values = store.load(path)
        if values is None:
            signal = load(file, sample_rate=chosen.sample_rate, start=start, end=end)
            values = chosen.compute(signal)
            store.save(path, values)
    except CorpusError as error:
        return row, Path(file), str(error)
    return row, path, len(values)
