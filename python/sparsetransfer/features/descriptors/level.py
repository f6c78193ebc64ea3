"""Descriptors of a frame's samples without a spectrum: energy, sign changes, and their floors."""

import numpy as np
from numpy.typing import NDArray

from sparsetransfer.features.descriptors.framing import Grid

__all__ = ["DYNAMIC_RANGE", "SAMPLE_RATE", "centred", "log_energy", "mean_square", "zero_crossings"]

SAMPLE_RATE = 16000
"""Rate at which recordings are analysed, in Hz."""

# Floors keep logarithms finite. They follow the level of the recording, so that a quiet recording
# has the descriptors of a loud one; the absolute ones, below 16-bit resolution, serve silence.
_SILENCE = 1e-12  # mean square, full scale 1

DYNAMIC_RANGE = 1e-8
"""Floor of the energy, relative to the loudest frame: 80 dB in power."""


def centred(signal: NDArray[np.float32]) -> NDArray[np.float32]:
    """Remove the mean of a signal.

    `signal` (n_samples,): at least one finite sample. Returns (n_samples,): a copy without constant
    offset, float64 if the signal is and float32 otherwise. Raises ValueError if the signal is not
    one row of floating-point samples, is empty, or holds NaN or infinity.
    """
    if signal.ndim != 1 or signal.dtype.kind != "f" or signal.size == 0:
        raise ValueError(
            "signal must be a non-empty array of floating-point samples, shape (n_samples,), got "
            f"{signal.dtype} of shape {signal.shape}; mix channels down and scale integers to "
            "full scale 1"
        )
    if signal.dtype not in (np.float32, np.float64):
        signal = signal.astype(np.float32)
    mean = np.mean(signal, dtype=np.float64)
    if not np.isfinite(mean):
        wrong = np.flatnonzero(~np.isfinite(signal))
        raise ValueError(
            f"signal must be finite, got {wrong.size} samples that are NaN or infinite, the first "
            f"at sample {wrong[0]}; repair or leave out this recording"
        )
    return signal - mean.astype(np.float32)


def mean_square(piece: NDArray[np.float32], grid: Grid, length: int) -> NDArray[np.float64]:
    """Compute the mean square of every frame of a piece of `Grid.blocks`, `length` samples each."""
    frames = grid.frames(piece.astype(np.float64), length)
    return np.asarray(np.einsum("ij,ij->i", frames, frames) / length)


def log_energy(mean_squares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute ln(RMS) from mean squares of all frames, over a floor 80 dB below the loudest."""
    loudest = float(mean_squares.max())
    return np.asarray(0.5 * np.log(mean_squares + DYNAMIC_RANGE * loudest + _SILENCE))


def zero_crossings(piece: NDArray[np.float32], grid: Grid, length: int) -> NDArray[np.float64]:
    """Count the sign changes per sample, 0 to 1, of every frame of a piece of `Grid.blocks`."""
    signs = np.signbit(grid.span(piece, length))
    changes = np.concatenate([[0], np.cumsum(signs[1:] != signs[:-1])])
    counts = changes[length - 1 :: grid.hop] - changes[: 1 - length : grid.hop]
    return np.asarray(counts / (length - 1))
