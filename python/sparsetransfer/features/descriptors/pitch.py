"""Fundamental frequency by YIN and a measure of how periodic a frame is."""

import numpy as np
from numpy.typing import NDArray

from sparsetransfer import _core
from sparsetransfer.features.descriptors.framing import Grid

__all__ = ["F0_MAX", "F0_MIN", "fundamental", "periodicity"]

F0_MIN = 62.5
"""Lowest fundamental frequency that is looked for, in Hz."""

F0_MAX = 500.0
"""Highest fundamental frequency that is looked for, in Hz."""

_THRESHOLD = 0.1
_BATCH = 128  # frames analysed at once: their temporaries stay in the cache and in the heap
_SILENT = 1e-12  # energy (sum of squares) far below what one step of 16 bit has


def fundamental(piece: NDArray[np.float32], grid: Grid, sample_rate: int) -> NDArray[np.float64]:
    r"""Estimate the fundamental frequency of every frame by YIN.

    `piece`: a piece made by `Grid.blocks`. `grid`: the time grid; its longest frame is analysed and
    holds two periods of `F0_MIN`. `sample_rate`: in Hz. Returns (n_frames,): frequencies in Hz; a
    guess where the frame is not periodic, which `periodicity` tells.

    The period is the first local minimum below 0.1 of the normalised difference function

    .. math:: d'_\tau = d_\tau \Big/ \frac{1}{\tau} \sum_{j=1}^{\tau} d_j, \qquad
              d_\tau = \sum_{j=0}^{W-1} (x_j - x_{j+\tau})^2,

    or the global minimum if there is none, refined by a parabola through its neighbours. Beyond
    the frame of :math:`W` samples :math:`x` is 0, where the paper takes the samples that follow,
    and :math:`d_1` is larger by :math:`x_0^2`. Both are as in librosa 0.11, with whose estimates
    these agree.

    References
    ----------
    A. de Cheveigné, H. Kawahara: YIN, a fundamental frequency estimator for speech and music.
    J. Acoust. Soc. Am. 111(4), 2002, eq. 6 and 8 and steps 4 and 5, doi:10.1121/1.1458024.
    """
    shortest = int(np.floor(sample_rate / F0_MAX))
    longest = int(np.ceil(sample_rate / F0_MIN))
    frames = grid.frames(piece, grid.longest)
    periods = [
        _first_minimum(_difference(frames[first : first + _BATCH], shortest, longest), shortest)
        for first in range(0, len(frames), _BATCH)
    ]
    return np.clip(sample_rate / np.concatenate(periods), F0_MIN, F0_MAX)


def _difference(frames: NDArray[np.float32], shortest: int, longest: int) -> NDArray[np.float64]:
    """Return the normalised difference function of periods from shortest to longest."""
    from scipy import fft

    width = frames.shape[1]
    n_fft = fft.next_fast_len(2 * width - 1, real=True)
    power = fft.rfft(frames, n=n_fft)
    parts = power.view(power.real.dtype)  # real and imaginary in turn
    np.square(parts, out=parts)
    parts[:, ::2] += parts[:, 1::2]
    parts[:, 1::2] = 0.0
    correlation = fft.irfft(power, n=n_fft, overwrite_x=True)
    # sum of (x_j - x_{j+tau})^2 = 2 r_0 - (energy of the first tau samples) - 2 r_tau
    first_samples = _core.running_sums(np.square(frames[:, :longest]))
    first_samples[:, 0] = 0.0
    difference = correlation[:, :1] - correlation[:, 1 : longest + 1]
    difference *= 2.0
    difference -= first_samples
    kept = slice(shortest - 1, longest)
    mean = _core.running_sums(difference)[:, kept] / np.arange(float(shortest), longest + 1)
    mean += np.finfo(np.float64).tiny
    return np.asarray(np.divide(difference[:, kept], mean, out=mean))


def _first_minimum(values: NDArray[np.float64], shortest: int) -> NDArray[np.float64]:
    """Return the period of each row's first minimum below the threshold, or of its least value."""
    deep = values < _THRESHOLD
    deep[:, 1:] &= values[:, 1:] < values[:, :-1]
    deep[:, 1:-1] &= values[:, 1:-1] <= values[:, 2:]
    deep[:, 0] &= values[:, 0] < values[:, 1]
    deep[:, -1] = False
    place = np.where(deep.any(axis=1), deep.argmax(axis=1), values.argmin(axis=1))
    row, inner = np.arange(len(values)), np.clip(place, 1, values.shape[1] - 2)
    before, at, after = (values[row, inner + step] for step in (-1, 0, 1))
    bend, slope = before + after - 2.0 * at, (after - before) / 2.0
    steep = (np.abs(slope) >= np.abs(bend)) | (inner != place)
    shift = np.where(steep, 0.0, slope / np.where(steep, 1.0, bend))
    return np.asarray(shortest + place - shift)


def periodicity(
    piece: NDArray[np.float32],
    grid: Grid,
    frequencies: NDArray[np.float64],
    sample_rate: int,
) -> NDArray[np.float64]:
    r"""Correlate every frame with itself one period later.

    `piece`: a piece made by `Grid.blocks`. `grid`: the time grid. `frequencies` (n_frames,):
    fundamental frequency of every frame in Hz, between `F0_MIN` and `F0_MAX`. `sample_rate`: in Hz.
    Returns (n_frames,): between 0 (noise, silence) and 1 (strictly periodic); independent of the
    level.

    With the period :math:`\tau` and :math:`a_i = x_i`, :math:`b_i = x_{i+\tau}` over the part of
    the frame for which both exist at the longest period, the measure is
    :math:`\max(0, \sum a_i b_i / \sqrt{\sum a_i^2 \sum b_i^2})`.
    """
    samples = piece.astype(np.float64)
    lags = np.rint(sample_rate / frequencies).astype(np.intp)
    width = grid.longest - int(np.ceil(sample_rate / F0_MIN))
    starts = np.arange(len(lags)) * grid.hop + lags
    later = np.lib.stride_tricks.sliding_window_view(samples, width)[starts]
    now = grid.frames(samples, grid.longest)[:, :width]
    product = np.einsum("ij,ij->i", now, later)
    energy = np.einsum("ij,ij->i", now, now)
    energy *= np.einsum("ij,ij->i", later, later)
    silent = energy < _SILENT**2
    return np.clip(np.where(silent, 0.0, product / np.sqrt(np.where(silent, 1.0, energy))), 0, 1)
