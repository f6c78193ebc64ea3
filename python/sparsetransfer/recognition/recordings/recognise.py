"""Recordings through a recogniser: windows, flags and one answer per file, in bounded memory."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING

from sparsetransfer._validation import check_callable
from sparsetransfer.evaluation.data.dataset import Dataset
from sparsetransfer.evaluation.study.prepare import describe
from sparsetransfer.exceptions import CorpusError
from sparsetransfer.recognition.linear import Window, aggregate_windows
from sparsetransfer.recognition.recogniser import Recogniser
from sparsetransfer.recognition.recordings.parts import (
    WHOLE,
    Part,
    as_corpus,
    corpus_rows,
    examined,
    parts_of,
)

if TYPE_CHECKING:
    from sparsetransfer.corpora import Corpus
    from sparsetransfer.features import FeatureSet
    from sparsetransfer.recognition.recordings.journal import Journal

__all__ = ["FLAGS", "RecordingAnswer", "name_views", "recognise_recordings"]

FLAGS = (
    "silent",
    "too short",
    "clipped",
    "no speech",
    "unlike the training and target data",
    "views disagree",
)
"""Why an answer is doubtful."""

_OF_MODEL = FLAGS[-2:]
"""Those that the model sees, not the signal."""

_CHUNK = 128
"""Windows that are described at a time."""


@dataclass(frozen=True)
class RecordingAnswer:
    """What a recogniser says about one file.

    `file`: path. `windows`: in order; windows of silence are left out. `probabilities`: of the
    file, as `aggregate_windows` joins its windows; flagged windows do not vote unless all are.
    Empty if the file failed. `flags`: out of `FLAGS`: of the file if it failed, else those that all
    its windows have. `failure`: why there is no answer; empty if there is one.
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

    @property
    def speech(self) -> float:
        """Fraction of the windows that is speech by its energy, NaN without any."""
        lengths = [window.end - window.start for window in self.windows]
        parts = zip(lengths, self.windows, strict=True)
        return sum(n * w.speech for n, w in parts) / sum(lengths) if lengths else math.nan


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
    journal: Journal | None = None,
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
    journal : Journal, optional
        Answers of an earlier process, which are not computed again; new ones are added.

    Yields
    ------
    RecordingAnswer
        One per file, in order, with `file`, `windows`, `probabilities` and their `entropy`,
        `speech`, `flags`, and `failure`, which is empty where there is an answer. A file that
        cannot be read costs its own answer only. 128 windows are in memory at a time.

    Raises
    ------
    ValueError
        If `window` or `hop` is not positive, or a feature set is of another version now.
    """
    check_callable(progress, "progress")
    chosen = [recogniser.feature_set(name) for name in feature_sets]
    found = tuple(each.id for each in chosen)
    if found != recogniser.feature_set_ids:
        raise ValueError(
            f"the model was fitted on {', '.join(recogniser.feature_set_ids)}, this version "
            f"computes {', '.join(found)}; fit it again"
        )
    described = dict(zip(feature_sets, chosen, strict=True))
    segments: dict[str, list[tuple[float, float]]] = {}
    for file, start, end in corpus_rows(corpus):
        segments.setdefault(file, []).append((start, end))
    done = (
        {} if journal is None else {f: a for f, s in segments.items() if (a := journal.known(f, s))}
    )

    def answers() -> Iterator[tuple[Part, Window | None]]:
        waiting: list[Part] = []
        rows = ((f, *times) for f, s in segments.items() if f not in done for times in s)
        for row in rows:
            for part in parts_of(*row, whole, window, hop):
                waiting.append(examined(part))
                if len(waiting) == _CHUNK:
                    yield from _answered(recogniser, waiting, described, cache, n_jobs)
                    waiting = []
        yield from _answered(recogniser, waiting, described, cache, n_jobs)

    groups = groupby(answers(), key=lambda pair: pair[0].file)
    for number, file in enumerate(segments, start=1):
        answer = done.get(file)
        if answer is None:
            answer = _joined(file, list(next(groups)[1]))
            if journal is not None:
                journal.add(answer, segments[file])
        yield answer
        if progress is not None:
            progress(number, len(segments))


def _joined(file: str, parts: Sequence[tuple[Part, Window | None]]) -> RecordingAnswer:
    windows = tuple(window for _, window in parts if window is not None)
    # Silence beside speech costs its own windows; damage is a matter of the whole file.
    failed = [part for part, _ in parts if part.failure and "silent" not in part.flags]
    if failed or not windows:
        first = (failed or [part for part, _ in parts])[0]
        return RecordingAnswer(file, (), (), first.flags, first.failure)
    voters = [window for window in windows if not window.flags] or list(windows)
    shared = [flag for flag in FLAGS if all(flag in window.flags for window in windows)]
    return RecordingAnswer(file, windows, aggregate_windows(voters), tuple(shared))


def _answered(
    recogniser: Recogniser,
    parts: Sequence[Part],
    sets: Mapping[str, FeatureSet],
    cache: str | os.PathLike[str] | None,
    n_jobs: int | None,
) -> Iterator[tuple[Part, Window | None]]:
    usable = [part for part in parts if not part.failure]
    windows: dict[int, Window] = {}
    reasons: dict[int, str] = {}
    for numbers, domain in _described(usable, sets, cache, n_jobs, reasons):
        found = recogniser.answer(name_views(domain, list(sets)))
        for row, number in enumerate(numbers):
            part = usable[number]
            marks = (found.unlike[row], found.views_disagree[row])
            flags = part.flags + tuple(
                name for name, doubtful in zip(_OF_MODEL, marks, strict=True) if doubtful
            )
            shares = tuple(found.probabilities[row].tolist())
            windows[number] = Window(part.start, part.end, shares, flags, part.speech)
    number = -1
    for part in parts:
        number += not part.failure
        if part.failure:
            yield part, None
        elif number in windows:
            yield part, windows[number]
        else:
            yield replace(part, failure=reasons[number]), None


def name_views(domain: Dataset, names: Sequence[str]) -> Dataset:
    """Name the feature sets of a corpus, for methods that ask for views by name."""
    views = (domain.features, *domain.views.values())
    return replace(domain, named=dict(zip(names, views, strict=True)))


def _described(
    parts: Sequence[Part],
    sets: Mapping[str, FeatureSet],
    cache: str | os.PathLike[str] | None,
    n_jobs: int | None,
    reasons: dict[int, str],
) -> Iterator[tuple[list[int], Dataset]]:
    """Yield numbers of parts and their rows; of parts that fail after all, note the reason."""
    numbers = list(range(len(parts)))
    if not numbers:
        return
    try:
        corpus = as_corpus("recordings", parts)
        yield numbers, describe(corpus, list(sets.values()), cache=cache, n_jobs=n_jobs)
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
