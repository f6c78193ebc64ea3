"""Fundamental frequency by YIN and a measure of how periodic a frame is."""

import numpy as np
from numpy.typing import NDArray

from sparsetransfer.features.framing import Grid

__all__ = ["F0_MAX", "F0_MIN", "fundamental", "periodicity"]

F0_MIN = 62.5
"""Lowest fundamental frequency that is looked for, in Hz."""

F0_MAX = 500.0
"""Highest fundamental frequency that is looked for, in Hz."""

_SILENT = 1e-12  # energy (sum of squares) far below what one step of 16 bit has


def fundamental(piece: NDArray[np.float32], grid: Grid, sample_rate: int) -> NDArray[np.float64]:
    """
    Estimate the fundamental frequency of every frame by YIN.

    Parameters
    ----------
    piece : ndarray of float32
        A piece made by `Grid.blocks`.
    grid : Grid
        The time grid; its longest frame is analysed and holds two periods of `F0_MIN`.
    sample_rate : int
        In Hz.

    Returns
    -------
    ndarray of float64, shape (n_frames,)
        Frequencies in Hz; a guess where the frame is not periodic, which `periodicity` tells.

    References
    ----------
    A. de Cheveigné, H. Kawahara: YIN, a fundamental frequency estimator for speech and music.
    J. Acoust. Soc. Am. 111(4), 2002, doi:10.1121/1.1458024.
    """
    import librosa

    estimate: NDArray[np.float64] = librosa.yin(
        piece,
        fmin=F0_MIN,
        fmax=F0_MAX,
        sr=sample_rate,
        frame_length=grid.longest,
        hop_length=grid.hop,
        center=False,
    )
    return np.clip(estimate, F0_MIN, F0_MAX)


def periodicity(
    piece: NDArray[np.float32],
    grid: Grid,
    frequencies: NDArray[np.float64],
    sample_rate: int,
) -> NDArray[np.float64]:
    r"""
    Correlate every frame with itself one period later.

    Parameters
    ----------
    piece : ndarray of float32
        A piece made by `Grid.blocks`.
    grid : Grid
        The time grid.
    frequencies : ndarray of float64, shape (n_frames,)
        Fundamental frequency of every frame in Hz, between `F0_MIN` and `F0_MAX`.
    sample_rate : int
        In Hz.

    Returns
    -------
    ndarray of float64, shape (n_frames,)
        Between 0 (noise, silence) and 1 (strictly periodic); independent of the level.

    Notes
    -----
    With the period :math:`\tau` and :math:`a_i = x_i`, :math:`b_i = x_{i+\tau}` over the part of
    the frame for which both exist at the longest period, the measure is
    :math:`\max(0, \sum a_i b_i / \sqrt{\sum a_i^2 \sum b_i^2})`.
    """
    frames = grid.frames(piece, grid.longest)
    lags = np.rint(sample_rate / frequencies).astype(np.intp)
    width = grid.longest - int(np.ceil(sample_rate / F0_MIN))
    starts = np.arange(len(frames)) * grid.hop + lags
    later = np.lib.stride_tricks.sliding_window_view(piece, width)[starts]
    now = frames[:, :width]
    product = np.einsum("ij,ij->i", now, later, dtype=np.float64)
    energy = np.einsum("ij,ij->i", now, now, dtype=np.float64)
    energy *= np.einsum("ij,ij->i", later, later, dtype=np.float64)
    silent = energy < _SILENT**2
    return np.clip(np.where(silent, 0.0, product / np.sqrt(np.where(silent, 1.0, energy))), 0, 1)
