"""Recordings through a recogniser: windows, flags and one answer per file, in bounded memory."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sparsetransfer.evaluation.domain import Domain
from sparsetransfer.evaluation.preparation import describe
from sparsetransfer.evaluation.recogniser import Window, overall
from sparsetransfer.exceptions import CorpusError
from sparsetransfer.recognition.recogniser import Recogniser

if TYPE_CHECKING:
    from sparsetransfer.corpora import Corpus

__all__ = [
    "FLAGS",
    "WHOLE",
    "RecordingAnswer",
    "cut_long",
    "name_views",
    "recognise_recordings",
    "usable_recordings",
]

WHOLE = 30.0
"""Length in seconds up to which a recording is recognised as a whole."""

FLAGS = (
    "silent",
    "too short",
    "clipped",
    "unlike the training and target data",
    "views disagree",
)
"""Why an answer is doubtful."""

_SILENCE = 2.0**-15
_LEAST = 0.025
_SHORT = 0.5
_FULL_SCALE = 0.99
_RUN = 3
_CLIPPED = 0.01
_CHUNK = 128
"""Windows that are described at a time."""


@dataclass(frozen=True)
class RecordingAnswer:
    """What a recogniser says about one file.

    Parameters
    ----------
    file : str
        Path.
    windows : tuple of Window
        In order; windows of silence are left out.
    probabilities : tuple of float
        Of the file, as `overall` joins its windows; flagged windows do not vote unless all are.
        Empty if the file failed.
    flags : tuple of str
        Out of `FLAGS`: of the file if it failed, else those that all its windows have.
    failure : str
        Why there is no answer; empty if there is one.
    """

    file: str
    windows: tuple[Window, ...]
    probabilities: tuple[float, ...]
    flags: tuple[str, ...]
    failure: str = ""

    @property
    def entropy(self) -> float:
        """Entropy of the probabilities in bits, NaN without any."""
        shares = [share for share in self.probabilities if share > 0]
        return -sum(p * math.log2(p) for p in shares) if shares else math.nan


@dataclass(frozen=True)
class _Part:
    """A stretch of a file, with what its signal is like."""

    file: str
    start: float
    end: float
    whole: bool
    flags: tuple[str, ...] = ()
    failure: str = ""


def cut_long(
    corpus: Corpus, *, whole: float = WHOLE, window: float = 4.0, hop: float = 2.0
) -> Corpus:
    """Cut recordings that are longer than a length into windows.

    Parameters
    ----------
    corpus : Corpus
        Recordings; rows that are segments already stay.
    whole : float, default=30.0
        Length in seconds up to which a recording stays whole.
    window, hop : float
        Length and step of the windows in seconds, > 0.

    Returns
    -------
    Corpus
        The same recordings; those that cannot be opened stay whole.

    Raises
    ------
    ValueError
        If `window` or `hop` is not positive.
    """
    parts = [part for row in _rows(corpus) for part in _parts(*row, whole, window, hop)]
    return _as_corpus(corpus.name, parts)


def _rows(corpus: Corpus) -> Iterator[tuple[str, float, float]]:
    table = corpus.table
    yield from zip(table["file"], table["start"], table["end"], strict=True)


def _parts(
    file: str, start: float, end: float, whole: float, window: float, hop: float
) -> list[_Part]:
    from sparsetransfer import audio

    if not (window > 0 and hop > 0 and math.isfinite(window) and math.isfinite(hop)):
        raise ValueError(f"window and hop must be positive (s), got {window} and {hop}")
    try:
        length = audio.duration(file)
    except CorpusError as error:
        return [_Part(file, start, end, True, failure=str(error))]
    if not math.isnan(start):
        return [_Part(file, start, length if math.isnan(end) else end, False)]
    if length < _LEAST:
        reason = (
            f"'{file}': {1000 * length:.3g} ms are too short to recognise, expected at least "
            f"{1000 * _LEAST:g} ms"
        )
        return [_Part(file, 0.0, length, True, ("too short",), reason)]
    if length <= whole:
        return [_Part(file, 0.0, length, True)]
    last = length - window
    starts = [*np.arange(0.0, last, hop).tolist(), last] if last > 0 else [0.0]
    return [_Part(file, begin, min(begin + window, length), len(starts) == 1) for begin in starts]


def _as_corpus(name: str, parts: Sequence[_Part]) -> Corpus:
    import pandas as pd

    from sparsetransfer.corpora import UNLABELLED, Corpus

    table = pd.DataFrame(
        {
            "file": [part.file for part in parts],
            "start": [math.nan if part.whole else part.start for part in parts],
            "end": [math.nan if part.whole else part.end for part in parts],
            "label": UNLABELLED,
        }
    )
    return Corpus(name, table)


def _examined(part: _Part) -> _Part:
    """Decode a part at its own rate, block by block, and say what its signal is like."""
    from sparsetransfer.audio.recording import open_recording

    if part.failure:
        return part
    low, high, clipped, count = math.inf, -math.inf, 0, 0
    try:
        with open_recording(part.file) as recording:
            first = 0 if part.whole else round(part.start * recording.sample_rate)
            last = None if part.whole else round(part.end * recording.sample_rate)
            for block in recording.blocks(first, last):
                mono = block.mean(axis=1)
                low, high = min(low, float(mono.min())), max(high, float(mono.max()))
                clipped += sum(_in_runs(column) for column in np.abs(block.T) >= _FULL_SCALE)
                count += block.size
    except (CorpusError, OSError) as error:
        return replace(part, failure=str(error))
    if high - low <= _SILENCE:
        return replace(
            part,
            flags=("silent",),
            failure=f"'{part.file}': nothing but silence, there is no speech to recognise",
        )
    flags = []
    if part.end - part.start < _SHORT:
        flags.append("too short")
    if clipped > _CLIPPED * count:
        flags.append("clipped")
    return replace(part, flags=tuple(flags))


def _in_runs(loud: NDArray[np.bool_]) -> int:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], loud, [False]])))
    lengths = edges[1::2] - edges[::2]
    return int(lengths[lengths >= _RUN].sum())


def usable_recordings(corpus: Corpus) -> tuple[Corpus, dict[str, str]]:
    """Leave out recordings that nothing can be learned from.

    Parameters
    ----------
    corpus : Corpus
        Recordings to adapt to.

    Returns
    -------
    corpus : Corpus
        Those with a signal.
    failures : dict of str to str
        The others, and why: they cannot be read, are silent, or shorter than 25 ms.

    Raises
    ------
    CorpusError
        If none is left.
    """
    parts = [_examined(part) for row in _rows(corpus) for part in _parts(*row, math.inf, 4.0, 2.0)]
    failures = {part.file: part.failure for part in parts if part.failure}
    kept = [row for row, part in enumerate(parts) if not part.failure]
    if not kept:
        first = next(iter(failures.values()), "it is empty")
        raise CorpusError(f"target {corpus.name!r}: no recording can be used: {first}")
    return replace(corpus, table=corpus.table.iloc[kept].reset_index(drop=True)), failures


def recognise_recordings(
    recogniser: Recogniser,
    corpus: Corpus,
    feature_sets: Sequence[str],
    *,
    whole: float = WHOLE,
    window: float = 4.0,
    hop: float = 2.0,
    cache: str | os.PathLike[str] | None = None,
    n_jobs: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[RecordingAnswer]:
    """Recognise files one after another.

    Parameters
    ----------
    recogniser : Recogniser
        Fitted.
    corpus : Corpus
        The recordings, as `sparsetransfer.corpora.read_unlabelled` reads them.
    feature_sets : sequence of str
        Names of the feature sets of the recogniser.
    whole : float, default=30.0
        Length in seconds up to which a recording is recognised as a whole; longer ones are in
        windows.
    window, hop : float
        Length and step of windows in seconds.
    cache : path-like, optional
        Folder of features.
    n_jobs : int, optional
        Processes; all CPUs by default.
    progress : callable, optional
        Called with the number of recognised files and of all.

    Yields
    ------
    RecordingAnswer
        One per file, in order. A file that cannot be read costs its own answer only. 128 windows
        are in memory at a time.

    Raises
    ------
    ValueError
        If `window` or `hop` is not positive, or a feature set is of another version now.
    """
    from sparsetransfer import features

    found = tuple(features.feature_set(name).id for name in feature_sets)
    if found != recogniser.feature_set_ids:
        raise ValueError(
            f"the model was fitted on {', '.join(recogniser.feature_set_ids)}, this version "
            f"computes {', '.join(found)}; fit it again"
        )
    files = list(dict.fromkeys(corpus.table["file"]))

    def answers() -> Iterator[tuple[_Part, Window | None]]:
        waiting: list[_Part] = []
        for row in _rows(corpus):
            for part in _parts(*row, whole, window, hop):
                waiting.append(_examined(part))
                if len(waiting) == _CHUNK:
                    yield from _answered(recogniser, waiting, feature_sets, cache, n_jobs)
                    waiting = []
        yield from _answered(recogniser, waiting, feature_sets, cache, n_jobs)

    groups = groupby(answers(), key=lambda pair: pair[0].file)
    for done, (file, group) in enumerate(groups, start=1):
        yield _joined(file, list(group))
        if progress is not None:
            progress(done, len(files))


def _joined(file: str, parts: Sequence[tuple[_Part, Window | None]]) -> RecordingAnswer:
    windows = tuple(window for _, window in parts if window is not None)
    # Silence beside speech costs its own windows; damage is a matter of the whole file.
    failed = [part for part, _ in parts if part.failure and "silent" not in part.flags]
    if failed or not windows:
        first = (failed or [part for part, _ in parts])[0]
        return RecordingAnswer(file, (), (), first.flags, first.failure)
    voters = [window for window in windows if not window.flags] or list(windows)
    shared = [flag for flag in FLAGS if all(flag in window.flags for window in windows)]
    return RecordingAnswer(file, windows, overall(voters), tuple(shared))


def _answered(
    recogniser: Recogniser,
    parts: Sequence[_Part],
    sets: Sequence[str],
    cache: str | os.PathLike[str] | None,
    n_jobs: int | None,
) -> Iterator[tuple[_Part, Window | None]]:
    usable = [part for part in parts if not part.failure]
    windows: dict[int, Window] = {}
    reasons: dict[int, str] = {}
    for numbers, domain in _described(usable, sets, cache, n_jobs, reasons):
        found = recogniser.answer(name_views(domain, sets))
        for row, number in enumerate(numbers):
            part = usable[number]
            marks = (found.unlike[row], found.views_disagree[row])
            flags = part.flags + tuple(
                name for name, doubtful in zip(FLAGS[3:], marks, strict=True) if doubtful
            )
            shares = tuple(found.probabilities[row].tolist())
            windows[number] = Window(part.start, part.end, shares, flags)
    number = -1
    for part in parts:
        number += not part.failure
        if part.failure:
            yield part, None
        elif number in windows:
            yield part, windows[number]
        else:
            yield replace(part, failure=reasons[number]), None


def name_views(domain: Domain, names: Sequence[str]) -> Domain:
    """Give the feature sets of a corpus names besides, for methods that ask for views by name.

    Parameters
    ----------
    domain : Domain
        Rows of the feature sets `names`.
    names : sequence of str
        Their names.

    Returns
    -------
    Domain
        The same rows under these names, too.
    """
    views = (domain.features, *domain.views.values())
    return replace(domain, named=dict(zip(names, views, strict=True)))


def _described(
    parts: Sequence[_Part],
    sets: Sequence[str],
    cache: str | os.PathLike[str] | None,
    n_jobs: int | None,
    reasons: dict[int, str],
) -> Iterator[tuple[list[int], Domain]]:
    """Yield numbers of parts and their rows; of parts that fail after all, note the reason."""
    numbers = list(range(len(parts)))
    if not numbers:
        return
    try:
        corpus = _as_corpus("recordings", parts)
        yield numbers, describe(corpus, sets, cache=cache, n_jobs=n_jobs)
    except CorpusError as error:
        if len(parts) == 1:
            reasons[0] = str(error)
            return
        for number, part in enumerate(parts):
            alone: dict[int, str] = {}
            for _, domain in _described([part], sets, cache, 1, alone):
                yield [number], domain
            if alone:
                reasons[number] = alone[0]
