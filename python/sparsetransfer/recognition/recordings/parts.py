"""Stretches of recordings: cut, examined for what their signal is like, and put together."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sparsetransfer.exceptions import CorpusError
from sparsetransfer.features.descriptors.contours import smoothed, speech_share
from sparsetransfer.features.descriptors.level import log_energy

if TYPE_CHECKING:
    from sparsetransfer.corpora import Corpus

__all__ = [
    "WHOLE",
    "Part",
    "as_corpus",
    "corpus_rows",
    "cut_long",
    "examined",
    "joined",
    "known_speakers",
    "parts_of",
    "usable_recordings",
]

WHOLE = 30.0
"""Length in seconds up to which a recording is recognised as a whole."""

_SILENCE = 2.0**-15
_LEAST = 0.025
_LEAST_HOP = 0.001
_SHORT = 0.5
_FULL_SCALE = 0.99
_RUN = 3
_CLIPPED = 0.01
_FRAME = 0.01
_NO_SPEECH = 0.05


@dataclass(frozen=True)
class Part:
    """A stretch of a file, with what its signal is like."""

    file: str
    start: float
    end: float
    whole: bool
    flags: tuple[str, ...] = ()
    failure: str = ""
    speech: float = math.nan


def cut_long(corpus: Corpus) -> Corpus:
    """Split recordings longer than `WHOLE` seconds into windows of 4 s, every 2 s.

    Rows that are segments already stay, and so do recordings that cannot be opened.
    """
    parts = [part for row in corpus_rows(corpus) for part in parts_of(*row, WHOLE, 4.0, 2.0)]
    return as_corpus(corpus.name, parts)


def joined(corpora: Sequence[Corpus]) -> Corpus:
    """Join recordings of several corpora to one, each once."""
    import pandas as pd

    together = pd.concat([corpus.table for corpus in corpora], ignore_index=True)
    table = together.drop_duplicates(["file", "start", "end"], ignore_index=True)
    return replace(corpora[0], name=" + ".join(corpus.name for corpus in corpora), table=table)


def corpus_rows(corpus: Corpus) -> Iterator[tuple[str, float, float]]:
    """Yield file, start and end in seconds of every row; NaN means the whole file."""
    table = corpus.table
    yield from zip(table["file"], table["start"], table["end"], strict=True)


def parts_of(
    file: str, start: float, end: float, whole: float, window: float, hop: float
) -> list[Part]:
    """Split one row of a corpus longer than `whole` seconds; a failure is noted in its part.

    A `window` below 0.025 s or a `hop` below 0.001 s is a ValueError.
    """
    from sparsetransfer import audio

    if not (_LEAST <= window < math.inf and _LEAST_HOP <= hop < math.inf):
        raise ValueError(
            f"window must be at least {_LEAST} s and hop at least {_LEAST_HOP} s, got {window} and "
            f"{hop}"
        )
    try:
        length = audio.duration(file)
    except CorpusError as error:
        return [Part(file, start, end, True, failure=str(error))]
    if not math.isnan(start):
        return [Part(file, start, length if math.isnan(end) else end, False)]
    if length < _LEAST:
        reason = (
            f"'{file}': {1000 * length:.3g} ms are too short to recognise, expected at least "
            f"{1000 * _LEAST:g} ms"
        )
        return [Part(file, 0.0, length, True, ("too short",), reason)]
    if length <= whole:
        return [Part(file, 0.0, length, True)]
    last = length - window
    starts = [*np.arange(0.0, last, hop).tolist(), last] if last > 0 else [0.0]
    return [Part(file, begin, min(begin + window, length), len(starts) == 1) for begin in starts]


def known_speakers(corpora: Sequence[Corpus]) -> dict[str, str]:
    """Return the speaker of each file, where that is known and one alone."""
    found: dict[str, set[str]] = {}
    for corpus in corpora:
        for file, speaker in zip(corpus.table["file"], corpus.table["speaker"], strict=True):
            found.setdefault(file, set()).add(speaker)
    return {
        file: min(names) for file, names in found.items() if len(names) == 1 and "" not in names
    }


def as_corpus(name: str, parts: Sequence[Part]) -> Corpus:
    """Return unlabelled recordings with one row per part."""
    import pandas as pd

    from sparsetransfer.corpora import Corpus
    from sparsetransfer.corpora.manifest import UNLABELLED

    table = pd.DataFrame(
        {
            "file": pd.Series([part.file for part in parts], dtype=object),
            "start": [math.nan if part.whole else part.start for part in parts],
            "end": [math.nan if part.whole else part.end for part in parts],
            "label": UNLABELLED,
        }
    )
    return Corpus(name, table)


def examined(part: Part) -> Part:
    """Decode a part at its own rate, block by block, and say what its signal is like."""
    from sparsetransfer.audio.recording import open_recording

    if part.failure:
        return part
    low, high, clipped, count = math.inf, -math.inf, 0, 0
    activity = _Activity()
    try:
        with open_recording(part.file) as recording:
            first = 0 if part.whole else round(part.start * recording.sample_rate)
            last = None if part.whole else round(part.end * recording.sample_rate)
            for block in recording.blocks(first, last):
                mono = block.mean(axis=1)
                activity.add(mono, max(1, round(_FRAME * recording.sample_rate)))
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
    flags, speech = [], activity.speech()
    if part.end - part.start < _SHORT:
        flags.append("too short")
    elif speech < _NO_SPEECH:
        flags.append("no speech")
    if clipped > _CLIPPED * count:
        flags.append("clipped")
    return replace(part, flags=tuple(flags), speech=speech)


class _Activity:
    """The energy of a signal that comes in blocks, frame by frame."""

    def __init__(self) -> None:
        self._rest = np.empty(0, dtype=np.float32)
        self._squares: list[NDArray[np.float64]] = []

    def add(self, samples: NDArray[np.float32], length: int) -> None:
        """Add samples, in frames of a length."""
        joined = np.concatenate([self._rest, samples])
        count = len(joined) // length
        frames = joined[: count * length].reshape(count, length)
        self._squares.append(frames.var(axis=1, dtype=np.float64))  # without a constant offset
        self._rest = joined[count * length :]

    def speech(self) -> float:
        """Return the fraction of the frames, of 30 ms each 10 ms, that is speech."""
        squares = np.concatenate(self._squares)
        if not squares.size:
            return math.nan
        return speech_share(log_energy(smoothed(squares[None])[0]))


def _in_runs(loud: NDArray[np.bool_]) -> int:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], loud, [False]])))
    lengths = edges[1::2] - edges[::2]
    return int(lengths[lengths >= _RUN].sum())


def usable_recordings(corpus: Corpus) -> tuple[Corpus, dict[str, str]]:
    """Select the recordings that something can be learned from.

    The others are returned with the reason: they cannot be read, are silent, or shorter than 25 ms.
    A CorpusError is raised if none is left.
    """
    parts = [
        examined(part) for row in corpus_rows(corpus) for part in parts_of(*row, math.inf, 4.0, 2.0)
    ]
    failures = {part.file: part.failure for part in parts if part.failure}
    kept = [row for row, part in enumerate(parts) if not part.failure]
    if not kept:
        first = next(iter(failures.values()), "it is empty")
        raise CorpusError(f"target {corpus.name!r}: no recording can be used: {first}")
    return replace(corpus, table=corpus.table.iloc[kept].reset_index(drop=True)), failures
