"""Measures of the voice that compare neighbouring periods: jitter- and shimmer-like, harmonicity."""

import numpy as np
from numpy.typing import NDArray

from sparsetransfer.features.descriptors.framing import Grid

__all__ = ["harmonicity", "jitter", "shimmer"]

_HARMONICITY = 0.0001  # a correlation this close to 0 or 1 ends the scale at 40 dB
_FACTOR = 1.3  # periods that differ by more are not neighbours but an octave error
_AMPLITUDE_FACTOR = 1.6  # likewise; beyond it lies an onset, or the end of the recording
_SILENT = 1e-20


def harmonicity(voicing: NDArray[np.float64]) -> NDArray[np.float64]:
    r"""Compute how far the periodic part of every frame stands above the rest.

    `voicing` (n_frames,): correlation :math:`r` over one period, 0 to 1. Returns (n_frames,):
    :math:`10 \log_{10}(r / (1 - r))` in dB, between -40 and 40.
    """
    share = np.clip(voicing, _HARMONICITY, 1.0 - _HARMONICITY)
    return np.asarray(10.0 * np.log10(share / (1.0 - share)))


def jitter(
    f0: NDArray[np.float64], voiced: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Measure how irregular the period is from frame to frame.

    `f0` (n_frames,): in Hz. `voiced` (n_frames,): where it means something. Returns `local`:
    :math:`2 |T_t - T_{t-1}| / (T_t + T_{t-1})` where both frames are voiced and their periods
    differ by a factor below 1.3. `curved`: :math:`|T_{t+1} - 2 T_t + T_{t-1}| / T_t` where both of
    its steps count for `local`: a steady glide has none of it.

    The classical measures compare single glottal cycles; these compare periods 10 ms apart.
    """
    period = 1.0 / f0
    steps = np.diff(period)
    ratio = period[1:] / period[:-1]
    near = voiced[1:] & voiced[:-1] & (ratio < _FACTOR) & (ratio > 1.0 / _FACTOR)
    local = np.abs(steps) * 2.0 / (period[1:] + period[:-1])
    curved = np.abs(np.diff(steps)) / period[1:-1]
    return local[near], curved[near[1:] & near[:-1]]


def shimmer(
    piece: NDArray[np.float32], grid: Grid, f0: NDArray[np.float64], sample_rate: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    r"""Measure how irregular the amplitude is from period to period.

    `piece`: a piece made by `Grid.blocks`, with a margin of at least one and a half periods.
    `grid`: the time grid. `f0` (n_frames,): in Hz. `sample_rate`: in Hz.
    Returns `local`, `curved` (n_frames,): with the RMS amplitudes :math:`A_-, A, A_+` of three
    periods around the frame's centre, half the sum of :math:`|20 \log_{10}(A_\pm / A)|`, in dB, and
    :math:`|20 \log_{10}(A^2 / (A_- A_+))|`, in dB, of which a steady decay has none. Amplitudes
    that differ by more than a factor of 1.6 count as differing by that.
    """
    energy = np.concatenate([[0.0], np.cumsum(np.square(piece, dtype=np.float64))])
    period = np.rint(sample_rate / f0).astype(np.intp)
    centre = grid.longest // 2 + np.arange(f0.size) * grid.hop
    begin = centre - period - period // 2
    edges = begin + np.arange(4)[:, None] * period
    power = np.maximum(np.diff(energy[edges], axis=0), 0.0) / period
    level = 10.0 * np.log10(power + _SILENT)
    limit = 20.0 * np.log10(_AMPLITUDE_FACTOR)
    before, after = np.clip(np.diff(level, axis=0), -limit, limit)
    return 0.5 * (np.abs(before) + np.abs(after)), np.abs(after - before)
