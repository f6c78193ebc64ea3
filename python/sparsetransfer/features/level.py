"""What a frame's samples tell without a spectrum: energy and sign changes, and their floors."""

import functools

import numpy as np
from numpy.typing import NDArray

from sparsetransfer.features.framing import Grid

__all__ = ["SAMPLE_RATE", "log_energy", "mean_square", "spectral_floor", "zero_crossings"]

SAMPLE_RATE = 16000
"""Rate at which recordings are analysed, in Hz."""

# Floors keep logarithms finite. They follow the level of the recording, so that a quiet recording
# has the descriptors of a loud one; the absolute ones, below 16-bit resolution, serve silence. The
# spectrum's is lower, as a bin of a quiet recording holds far less than the whole frame.
_DYNAMIC_RANGE = 1e-8  # 80 dB in power
_SILENCE = 1e-12  # mean square, full scale 1
_SPECTRAL_SILENCE = 1e-20


def mean_square(piece: NDArray[np.float32], grid: Grid, length: int) -> NDArray[np.float64]:
    """
    Take the mean square of every frame.

    Parameters
    ----------
    piece : ndarray of float32
        A piece made by `Grid.blocks`.
    grid : Grid
        The time grid.
    length : int
        Frame length in samples.

    Returns
    -------
    ndarray of float64, shape (n_frames,)
        Mean squares, full scale 1.
    """
    frames = grid.frames(piece, length)
    return np.asarray(np.einsum("ij,ij->i", frames, frames, dtype=np.float64) / length)


def log_energy(mean_squares: NDArray[np.float64]) -> NDArray[np.float64]:
    """
    Take the logarithm of mean squares over a floor 80 dB below the loudest frame.

    Parameters
    ----------
    mean_squares : ndarray of float64, shape (n_frames,)
        Of all frames of a recording.

    Returns
    -------
    ndarray of float64, shape (n_frames,)
        ln(RMS), full scale 1.
    """
    loudest = float(mean_squares.max())
    return np.asarray(0.5 * np.log(mean_squares + _DYNAMIC_RANGE * loudest + _SILENCE))


def zero_crossings(piece: NDArray[np.float32], grid: Grid, length: int) -> NDArray[np.float64]:
    """
    Count the sign changes of every frame.

    Parameters
    ----------
    piece : ndarray of float32
        A piece made by `Grid.blocks`.
    grid : Grid
        The time grid.
    length : int
        Frame length in samples.

    Returns
    -------
    ndarray of float64, shape (n_frames,)
        Sign changes per sample, 0 to 1.
    """
    signs = np.signbit(grid.frames(piece, length))
    return np.asarray(np.mean(signs[:, 1:] != signs[:, :-1], axis=1))


def spectral_floor(loudest: float, window: str, length: int) -> np.float32:
    """
    Tell the power that is added to every bin of a spectrum.

    A white floor gives a silent frame the shape of white noise, not 0 / 0.

    Parameters
    ----------
    loudest : float
        Largest mean square of the recording.
    window : str
        Name of the window.
    length : int
        Length of the window in samples.

    Returns
    -------
    float32
        Power of a bin: white noise 100 dB below the loudest frame. Power of a bin is the mean
        square times the window's energy.
    """
    level = _DYNAMIC_RANGE * loudest + _SPECTRAL_SILENCE
    return np.float32(level * _window_energy(window, length) * 1e-2)


@functools.cache
def _window_energy(window: str, length: int) -> float:
    import librosa

    return float(np.sum(librosa.filters.get_window(window, length) ** 2))
