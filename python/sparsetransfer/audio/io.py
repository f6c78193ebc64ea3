"""Reading one recording as a mono signal at a stated rate."""

import math
import os
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from sparsetransfer.audio.recording import Recording, duration, open_recording
from sparsetransfer.exceptions import CorpusError

__all__ = ["load"]

_LONG = 1 << 23  # frames from which the rate is changed block by block: minutes, not utterances
_SLACK = 0.01  # seconds by which a segment may end after the file: tables round their times


def load(
    path: str | os.PathLike[str],
    *,
    sample_rate: int = 16000,
    start: float | None = None,
    end: float | None = None,
) -> NDArray[np.float32]:
    """Read a recording, or a part of it, as a mono signal.

    Channels are averaged; the rate is changed by soxr ("HQ", band-limited, linear phase); the
    level is not touched.

    Parameters
    ----------
    path : path-like
        Audio file of any bit depth, rate and number of channels, in a format that libsndfile reads
        and in which a truncated file can be told from a whole one.
    sample_rate : int, default=16000
        Rate of the result in Hz, positive.
    start, end : float, optional
        Part to read, in seconds from the beginning of the file; the whole file by default. NaN
        is taken like None, which is how a table spells it.

    Returns
    -------
    ndarray of float32, shape (n_samples,)
        The signal; full scale is 1, at least one sample.

    Raises
    ------
    CorpusError
        If the file is missing, no regular file, not audio, truncated, without samples or with NaN
        or infinite samples, or if the part lies outside the file. The message names the file.
    ValueError
        If `sample_rate` is not positive.

    Examples
    --------
    >>> import soundfile, tempfile, os
    >>> folder = tempfile.TemporaryDirectory()
    >>> name = os.path.join(folder.name, "tone.wav")
    >>> soundfile.write(name, np.zeros((48000, 2)), 48000)
    >>> load(name, sample_rate=16000, end=0.5).shape
    (8000,)
    >>> folder.cleanup()
    """
    if sample_rate <= 0:
        raise ValueError(f"sample_rate must be positive (Hz), got {sample_rate}")
    name = os.fspath(path)
    first_second, last_second = _bounds(name, start, end)
    with open_recording(path) as recording:
        blocks = _mono_blocks(recording, first_second, last_second)
        signal = _at_rate(blocks, recording.sample_rate, sample_rate)
    if signal.size == 0:
        raise CorpusError(f"'{name}' holds less than one sample at {sample_rate} Hz")
    return np.ascontiguousarray(signal, dtype=np.float32)


def _bounds(name: str, start: float | None, end: float | None) -> tuple[float, float]:
    """Return the part in seconds, (0, inf) for all."""
    first = 0.0 if start is None or math.isnan(start) else float(start)
    last = math.inf if end is None or math.isnan(end) else float(end)
    if not 0.0 <= first < last:
        raise CorpusError(f"'{name}': segment must have 0 <= start < end, got [{first}, {last}) s")
    return first, last


def _mono_blocks(
    recording: Recording, first_second: float, last_second: float
) -> Iterator[NDArray[np.float32]]:
    """Read the part in blocks, averaging channels; refuse a part outside the recording."""
    name, rate, n_frames = recording.name, recording.sample_rate, recording.n_frames
    if n_frames == 0:
        raise CorpusError(f"'{name}' holds no samples")
    first = round(first_second * rate)
    last = None if math.isinf(last_second) else round(last_second * rate)
    if n_frames is not None:
        _check_inside(recording, first, last, n_frames)
    position = first
    for block in recording.blocks(first, last):
        position += len(block)
        yield block.mean(axis=1)
    if n_frames is None:
        if position == first:  # nothing was there: where it ends has to be found out
            position = round(duration(name) * rate)
        _check_inside(recording, first, last, position)


def _check_inside(recording: Recording, first: int, last: int | None, n_frames: int) -> None:
    rate = recording.sample_rate
    if first >= n_frames or (last is not None and last > n_frames + _SLACK * rate):
        until = math.inf if last is None else last / rate
        raise CorpusError(
            f"'{recording.name}': segment [{first / rate:g}, {until:g}) s lies outside the file "
            f"({n_frames / rate:.3f} s)"
        )


def _at_rate(blocks: Iterator[NDArray[np.float32]], rate: int, wanted: int) -> NDArray[np.float32]:
    """Change the rate: at once up to some minutes, then block by block, holding one rate only."""
    import soxr

    held: list[NDArray[np.float32]] = []
    n_held = 0
    for block in blocks:
        held.append(block)
        n_held += block.size
        if rate != wanted and n_held > _LONG:
            break
    else:
        signal = np.concatenate(held)
        if rate != wanted:
            signal = soxr.resample(signal, rate, wanted, quality="HQ")
        return np.asarray(signal)
    resampler = soxr.ResampleStream(rate, wanted, 1, dtype="float32", quality="HQ")
    done = [resampler.resample_chunk(held.pop(0)) for _ in range(len(held))]
    done.extend(resampler.resample_chunk(block) for block in blocks)
    done.append(resampler.resample_chunk(np.zeros(0, np.float32), last=True))
    return np.concatenate(done)
