"""Short-time power spectra, their windows and their floor."""

import functools

import numpy as np
from numpy.typing import NDArray

from sparsetransfer.features.descriptors.framing import Grid
from sparsetransfer.features.descriptors.level import DYNAMIC_RANGE

__all__ = ["power_spectrum", "spectral_floor", "window"]

# A bin of a quiet recording holds far less than the whole frame, so the spectrum's floor for
# silence lies below that of the energy.
_SPECTRAL_SILENCE = 1e-20
_BATCH = 32  # frames transformed at once: their temporaries stay in the cache and in the heap
_COSINE_WINDOWS = {"hann": 0.5, "hamming": 0.54}


@functools.cache
def window(name: str, length: int) -> NDArray[np.float64]:
    r"""Compute a periodic window, "hann" or "hamming", of `length` samples, read-only.

    :math:`w_n = a - (1 - a) \cos(2 \pi n / N)` with :math:`a` = 0.5 (Hann) or 0.54 (Hamming), what
    `scipy.signal.get_window` returns. That module imports `scipy.stats` and takes half a second.

    References
    ----------
    F. J. Harris: On the use of windows for harmonic analysis with the discrete Fourier transform.
    Proc. IEEE 66(1), 1978, eq. 27 and 30, doi:10.1109/PROC.1978.10837.
    """
    offset = _COSINE_WINDOWS[name]
    phase = np.linspace(-np.pi, np.pi, length + 1)[:-1]
    values = offset + (1.0 - offset) * np.cos(phase)
    values.flags.writeable = False
    return values


def power_spectrum(
    piece: NDArray[np.float32], grid: Grid, n_fft: int, *, name: str = "hann", length: int
) -> NDArray[np.float32]:
    """Compute the power spectrum of every frame.

    `piece`: a piece made by `Grid.blocks`. `grid`: the time grid. `n_fft`: length of the transform
    in samples, even, at most the grid's longest frame. `name`: the window. `length`: length of the
    window in samples, even, at most `n_fft`; zeros continue it at both ends.
    Returns (1 + n_fft // 2, n_frames): squared magnitudes from 0 Hz to half the sampling rate; a
    frame's bins are contiguous.
    """
    from scipy import fft

    frames = grid.frames(piece, n_fft)
    weights = _padded_window(name, length, n_fft)
    power = np.empty((len(frames), 1 + n_fft // 2), dtype=np.float32)
    for first in range(0, len(frames), _BATCH):
        part = slice(first, first + _BATCH)
        spectrum = fft.rfft(frames[part] * weights).astype(np.complex64)
        squares = np.square(spectrum.view(np.float32))
        np.add(squares[:, ::2], squares[:, 1::2], out=power[part])
    return power.T


@functools.cache
def _padded_window(name: str, length: int, n_fft: int) -> NDArray[np.float64]:
    """Return a window that zeros continue to the length of the transform."""
    return np.pad(window(name, length), (n_fft - length) // 2)


def spectral_floor(loudest: float, name: str, length: int) -> np.float32:
    """Compute the power that is added to every bin of a spectrum.

    A white floor gives a silent frame the shape of white noise, not 0 / 0.

    `loudest`: largest mean square of the recording. `name`: the window. `length`: length of the
    window in samples. Returns: power of a bin: white noise 100 dB below the loudest frame. Power of
    a bin is the mean square times the window's energy.
    """
    level = DYNAMIC_RANGE * loudest + _SPECTRAL_SILENCE
    return np.float32(level * np.sum(window(name, length) ** 2) * 1e-2)
