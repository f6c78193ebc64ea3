"""A running signal through a recogniser, one window at a time."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sparsetransfer.recognition.recogniser import Recogniser
from sparsetransfer.recognition.recordings.recognise import RecordingAnswer, recognise_recordings

__all__ = ["recognise_stream"]


def recognise_stream(
    recogniser: Recogniser,
    blocks: Iterable[NDArray[np.floating[Any]]],
    sample_rate: int,
    *,
    window: float = 4.0,
    hop: float = 2.0,
) -> Iterator[tuple[float, float, RecordingAnswer]]:
    """Recognise the windows of a signal as soon as they end.

    Parameters
    ----------
    recogniser : Recogniser
        Fitted.
    blocks : iterable of ndarray of shape (n, n_channels)
        The signal in order, full scale 1, in blocks of any length.
    sample_rate : int
        In Hz.
    window, hop : float
        Length and step of the windows in seconds, at least one sample.

    Yields
    ------
    start, end : float
        The window, in seconds from the first sample.
    answer : RecordingAnswer
        About the window; its failure says why there is none, for example silence.

    Raises
    ------
    ValueError
        If `window` or `hop` is shorter than a sample or not finite.

    Notes
    -----
    Windows are those of a recording of the same signal: one ends with the signal, and a signal
    shorter than a window is one. Memory holds one window.
    """
    if not (math.isfinite(window) and math.isfinite(hop) and min(window, hop) * sample_rate >= 1):
        raise ValueError(f"window and hop must be positive (s), got {window} and {hop}")
    size, step = round(window * sample_rate), round(hop * sample_rate)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "window.wav"

        def answered(begin: int, part: NDArray[Any]) -> tuple[float, float, RecordingAnswer]:
            answer = _answer(recogniser, place, part, sample_rate)
            return begin / sample_rate, (begin + len(part)) / sample_rate, answer

        # `recent` begins at sample `origin`; windows are asked for up to sample `covered`.
        recent: NDArray[Any] | None = None
        origin = start = covered = 0
        for block in blocks:
            recent = block if recent is None else np.concatenate([recent, block])
            while start + size <= origin + len(recent):
                yield answered(start, recent[start - origin : start - origin + size])
                covered = start + size
                start += step
            total = origin + len(recent)
            kept = min(max(origin, min(start, total - size)), total)
            recent, origin = recent[kept - origin :], kept
        if recent is not None and origin + len(recent) > covered:
            begin = max(0, origin + len(recent) - size)
            yield answered(begin, recent[begin - origin :])


def _answer(
    recogniser: Recogniser, place: Path, part: NDArray[Any], sample_rate: int
) -> RecordingAnswer:
    """Recognise a window by the way of any recording: what is said of both is the same."""
    import pandas as pd
    import soundfile

    from sparsetransfer.corpora import Corpus
    from sparsetransfer.corpora.manifest import UNLABELLED

    soundfile.write(place, part, sample_rate, subtype="FLOAT")
    corpus = Corpus(
        "stream", pd.DataFrame({"file": [str(place)], "label": UNLABELLED}, dtype=object)
    )
    (answer,) = recognise_recordings(
        recogniser, corpus, recogniser.feature_set_names, whole=math.inf, n_jobs=1
    )
    return answer
