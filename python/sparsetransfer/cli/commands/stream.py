"""``sparsetransfer predict MODEL -``: the standard input, window by window."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from sparsetransfer.recognition import Recogniser
    from sparsetransfer.recognition.recordings.recognise import RecordingAnswer

__all__ = ["FORMATS", "predict_stream"]

FORMATS: dict[str, np.dtype[Any]] = {"s16": np.dtype("<i2"), "f32": np.dtype("<f4")}
"""Samples of raw streams, little-endian, one channel."""

_WIDEST = 4  # bytes of a sample

_BLOCK = 0.02
"""Seconds that are read at a time: a window is answered at most so long after its end."""


def predict_stream(
    recogniser: Recogniser,
    *,
    window: float,
    hop: float,
    rate: int | None = None,
    sample_format: str = "s16",
) -> None:
    """Print a line of JSON about every window of the standard input as soon as it ends.

    `window` and `hop` are in seconds. Without `rate`, the Hz of raw samples whose format is a key
    of `FORMATS`, the input is a WAV file; one that is none or holds no samples is a ValueError.
    """
    from sparsetransfer.recognition import recognise_stream

    source = sys.stdin.buffer
    if rate is None:
        rate, blocks = _wav(source)
    else:
        blocks = _raw(source, FORMATS[sample_format], round(rate * _BLOCK) or 1)
    ended = [time.perf_counter()]
    found = recognise_stream(recogniser, _timed(blocks, ended), rate, window=window, hop=hop)
    empty = True
    for start, end, answer in found:
        empty = False
        entry = _entry(recogniser, start, end, answer)
        entry["latency"] = round(time.perf_counter() - ended[0], 4)
        print(json.dumps(entry), flush=True)
    if empty:
        raise ValueError("the standard input holds no samples")


def _timed(blocks: Iterator[NDArray[Any]], ended: list[float]) -> Iterator[NDArray[Any]]:
    """Pass blocks on, and note when the last one was there."""
    for block in blocks:
        ended[0] = time.perf_counter()
        yield block


def _entry(
    recogniser: Recogniser, start: float, end: float, answer: RecordingAnswer
) -> dict[str, Any]:
    entry: dict[str, Any] = {"start": start, "end": end}
    if answer.failure:
        return entry | {
            "status": "failed",
            "reason": answer.failure.removeprefix(f"'{answer.file}'").lstrip(": "),
            "emotion": None,
            "probabilities": None,
            "entropy": None,
            "speech": None,
            "flags": list(answer.flags),
        }
    shares = dict(zip(recogniser.classes_, answer.probabilities, strict=True))
    return entry | {
        "status": "ok",
        "reason": None,
        "emotion": max(shares, key=shares.__getitem__),
        "probabilities": shares,
        "entropy": answer.entropy,
        "speech": answer.speech,
        "flags": list(answer.flags),
    }


def _raw(source: BinaryIO, kind: np.dtype[Any], count: int) -> Iterator[NDArray[Any]]:
    while content := source.read(count * kind.itemsize):
        whole = content[: len(content) // kind.itemsize * kind.itemsize]
        if whole:
            yield _scaled(np.frombuffer(whole, kind))[:, None]


def _wav(source: BinaryIO) -> tuple[int, Iterator[NDArray[Any]]]:
    import wave

    try:
        reader = wave.open(source, "rb")  # noqa: SIM115  (the stream is not ours to close)
    except (wave.Error, EOFError) as error:
        raise ValueError(
            f"the standard input is no WAV file of integers ({str(error) or 'it is empty, or ends in its header'}); raw samples "
            "need --rate, and --format f32 for floats"
        ) from error
    rate, channels, width = reader.getframerate(), reader.getnchannels(), reader.getsampwidth()
    if width > _WIDEST:
        raise ValueError(
            f"the standard input is a WAV file of {8 * width} bits a sample; expected at most 32"
        )

    def blocks() -> Iterator[NDArray[Any]]:
        while content := reader.readframes(round(rate * _BLOCK) or 1):
            whole = content[: len(content) // (width * channels) * width * channels]
            yield _integers(whole, width).reshape(-1, channels)

    return rate, blocks()


def _integers(content: bytes, width: int) -> NDArray[Any]:
    """Decode little-endian integers of some bytes each."""
    if width == 1:
        return (np.frombuffer(content, np.uint8).astype(np.float32) - 128) / 128
    if width == 3:
        padded = np.zeros((len(content) // 3, 4), np.uint8)
        padded[:, 1:] = np.frombuffer(content, np.uint8).reshape(-1, 3)
        content, width = padded.tobytes(), 4
    return _scaled(np.frombuffer(content, f"<i{width}"))


def _scaled(samples: NDArray[Any]) -> NDArray[Any]:
    if samples.dtype.kind == "f":
        return samples.astype(np.float32)
    return (samples / -float(np.iinfo(samples.dtype).min)).astype(np.float32)
