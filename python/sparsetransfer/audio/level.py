"""How loud a recording is, and whether it was clipped."""

import os

import numpy as np
from numpy.typing import NDArray

from sparsetransfer.audio.recording import open_recording
from sparsetransfer.exceptions import CorpusError

__all__ = ["levels"]


def levels(
    path: str | os.PathLike[str], *, full_scale: float = 0.99, run: int = 3
) -> tuple[float, float, float]:
    """Measure the level of a recording at its own rate, in blocks of bounded memory.

    `path`: audio file. `full_scale`: magnitude from which a sample counts as being at the end of
    the scale. `run`: samples in a row at the end of the scale that make a clipped stretch, at least
    1.
    Returns `peak`: largest magnitude, full scale 1. `clipped`: share of the samples that belong to
    clipped stretches. `rms`: root of the mean square of all samples, full scale 1. Raises
    CorpusError if the file cannot be read or holds no samples.

    Examples
    --------
    >>> import numpy as np
    >>> import soundfile
    >>> soundfile.write("square.wav", np.tile([0.5, -0.5], 4000), 16000)
    >>> levels("square.wav")[0]  # the peak
    0.5
    """
    peak, squares, n_samples, n_clipped = 0.0, 0.0, 0, 0
    with open_recording(path) as recording:
        for block in recording.blocks():
            magnitude = np.abs(block)
            peak = max(peak, float(magnitude.max()))
            squares += float(np.sum(np.square(block, dtype=np.float64)))
            n_samples += block.size
            n_clipped += sum(_in_runs(column >= full_scale, run) for column in magnitude.T)
    if n_samples == 0:
        raise CorpusError(f"'{os.fspath(path)}' holds no samples")
    return peak, n_clipped / n_samples, float(np.sqrt(squares / n_samples))


def _in_runs(loud: NDArray[np.bool_], run: int) -> int:
    """Count the true values that stand in runs of at least a length."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], loud, [False]])))
    lengths = edges[1::2] - edges[::2]
    return int(lengths[lengths >= run].sum())
