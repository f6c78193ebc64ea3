"""Reading one recording as a mono signal at a stated rate."""

import math
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sparsetransfer.exceptions import CorpusError

if TYPE_CHECKING:
    import soundfile

__all__ = ["load"]

_BLOCK = 1 << 18  # frames per read: a header that promises too much allocates nothing
_LONG = 1 << 23  # frames from which the rate is changed block by block: minutes, not utterances
_UNKNOWN_LENGTH = 1 << 48  # libsndfile reports a huge count for streams of unstated length
_SLACK = 0.01  # seconds by which a segment may end after the file: tables round their times


def load(
    path: str | os.PathLike[str],
    *,
    sample_rate: int = 16000,
    start: float | None = None,
    end: float | None = None,
) -> NDArray[np.float32]:
    """
    Read a recording, or a part of it, as a mono signal.

    Channels are averaged; the rate is changed by soxr ("HQ", band-limited, linear phase); the
    level is not touched.

    Parameters
    ----------
    path : path-like
        Audio file in any format, bit depth, rate and number of channels that libsndfile reads.
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
        If the file is missing, not audio, truncated, without samples or with NaN or infinite
        samples, or if the part lies outside the file. The message names the file.
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
    import soundfile

    if sample_rate <= 0:
        raise ValueError(f"sample_rate must be positive (Hz), got {sample_rate}")
    name = os.fspath(path)
    first_second, last_second = _bounds(name, start, end)
    if not os.path.isfile(name):
        raise CorpusError(f"'{name}' does not exist or is not a file")
    try:
        with soundfile.SoundFile(name) as stream:
            blocks = _mono_blocks(stream, name, first_second, last_second)
            signal = _at_rate(blocks, int(stream.samplerate), sample_rate)
    except (soundfile.LibsndfileError, RuntimeError, OSError) as error:
        raise CorpusError(f"'{name}' cannot be read as audio: {error}") from error
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
    stream: "soundfile.SoundFile", name: str, first_second: float, last_second: float
) -> Iterator[NDArray[np.float32]]:
    """Read the part in blocks, averaging channels; check it against what the header promises."""
    rate, promised = int(stream.samplerate), int(stream.frames)
    if promised == 0:
        raise CorpusError(f"'{name}' holds no samples")
    known = promised < _UNKNOWN_LENGTH
    first = round(first_second * rate)
    last = promised if math.isinf(last_second) else round(last_second * rate)
    if known and (first >= promised or last > promised + _SLACK * rate):
        raise CorpusError(
            f"'{name}': segment [{first_second}, {last_second}) s lies outside the file "
            f"({promised / rate:.3f} s)"
        )
    last = min(last, promised)
    if first:
        stream.seek(first)
    left = last - first
    while left > 0:
        block = stream.read(min(_BLOCK, left), dtype="float32", always_2d=True)
        if not len(block):
            break
        left -= len(block)
        mono = block.mean(axis=1)
        if not np.isfinite(mono).all():
            raise CorpusError(f"'{name}' holds NaN or infinite samples")
        yield mono
    if left == last - first:
        raise CorpusError(f"'{name}' holds no samples")
    if known and left:
        raise CorpusError(
            f"'{name}' is truncated: {last - first - left} of {last - first} frames can be read"
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
