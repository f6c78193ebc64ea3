"""Spectral contrast: how far the peaks of a frequency band stand above its valleys."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["spectral_contrast"]

_SHARE = 0.02  # of a band's bins, at either end of their order
_LEAST = 1e-10
_RANGE = 80.0  # dB


def spectral_contrast(
    amplitude: NDArray[np.float32], sample_rate: int, lowest: float, n_octaves: int
) -> NDArray[np.float64]:
    r"""Compare the peaks with the valleys of every band of octaves.

    `amplitude` (n_bins, n_frames): amplitude spectra from 0 Hz to half the sampling rate.
    `sample_rate`: in Hz. `lowest`: end of the first band, which begins at 0 Hz, in Hz. `n_octaves`:
    number of the bands above it, one octave each; the last one lasts to the end.
    Returns (n_octaves + 1, n_frames): :math:`10 \log_{10} P_k - 10 \log_{10} V_k` with the mean
    :math:`P_k` of the largest and :math:`V_k` of the smallest two percent of the amplitudes of band
    :math:`k`, at least one.

    The logarithm is taken of amplitudes, so that these are half the decibels of power. Both terms
    are limited to 80 below the largest of all bands and frames of the array. A band overlaps the
    one below it by one bin and leaves its own last bin to the one above.

    References
    ----------
    D.-N. Jiang, L. Lu, H.-J. Zhang, J.-H. Tao, L.-H. Cai: Music type classification by spectral
    contrast feature. IEEE ICME 2002, eq. 1 to 3, doi:10.1109/ICME.2002.1035731.
    """
    valleys, peaks = [], []
    for begin, end, n_extreme in _bands(len(amplitude), sample_rate, lowest, n_octaves):
        ordered = np.sort(amplitude[begin:end], axis=0)
        valleys.append(ordered[:n_extreme].mean(axis=0))
        peaks.append(ordered[-n_extreme:].mean(axis=0))
    return _decibels(np.array(peaks)) - _decibels(np.array(valleys))


def _bands(
    n_bins: int, sample_rate: int, lowest: float, n_octaves: int
) -> list[tuple[int, int, int]]:
    """Return first bin, end and number of extreme bins of every band."""
    frequencies = np.linspace(0.0, sample_rate / 2, n_bins)
    edges = np.concatenate([[0.0], lowest * 2.0 ** np.arange(n_octaves + 1)])
    begins = np.searchsorted(frequencies, edges[:-1], side="left")
    begins[1:] -= 1
    ends = np.searchsorted(frequencies, edges[1:], side="right")
    ends[-1] = n_bins
    bands = []
    for band, (begin, end) in enumerate(zip(begins.tolist(), ends.tolist(), strict=True)):
        n_extreme = max(round(_SHARE * (end - begin)), 1)
        bands.append((begin, end - (band < n_octaves), n_extreme))
    return bands


def _decibels(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Convert to decibels, no further below the maximum than the given range."""
    logs = 10.0 * np.log10(np.maximum(values.astype(np.float64), _LEAST))
    return np.asarray(np.maximum(logs, logs.max() - _RANGE))
