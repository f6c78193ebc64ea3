"""What feature sets derive from spectra: mel bands, cepstrum, flux, contrast and pitch classes."""

import functools

import numpy as np
from numpy.typing import NDArray

from sparsetransfer.features.descriptors.level import SAMPLE_RATE

__all__ = [
    "cepstrum",
    "chroma_filters",
    "flux",
    "mel_filters",
    "spectral_contrast",
    "tonal_centroid",
]

# Slaney's scale: 15 mel per 1000 Hz up to there, beyond it 27 mel per factor of 6.4.
_BREAK = 1000.0  # Hz
_BREAK_MEL = 15.0
_LOG_STEP = np.log(6.4) / 27.0

_EXTREME_SHARE = 0.02  # of a band's bins, at either end of their order
_LEAST_POWER = 1e-10
_CONTRAST_RANGE = 80.0  # dB

_PITCH_CLASSES = 12
_LOWEST_A = 27.5  # Hz
_CHROMA_CENTRE = 5.0  # octaves above the lowest A
_CHROMA_WIDTH = 2.0  # octaves


@functools.cache
def mel_filters(
    n_fft: int, n_mels: int, lowest: float, *, htk: bool = False
) -> NDArray[np.float32]:
    r"""Compute triangular filters up to half the sampling rate.

    `n_fft`: length of the transform, even. `n_mels`: number of filters. `lowest`: begin of the
    first filter in Hz. `htk`: HTK's scale with triangles of height 1, instead of Slaney's scale and
    equal areas. Returns (n_mels, 1 + n_fft // 2): the filters; shared, read-only.

    Filter :math:`i` rises from the edge :math:`e_i` to 1 at :math:`e_{i+1}` and falls to 0 at
    :math:`e_{i+2}`, linearly in Hz; Slaney's is multiplied by :math:`2 / (e_{i+2} - e_i)`. The
    edges are evenly spaced in mel: :math:`2595 \log_{10}(1 + f / 700)` (HTK), or
    :math:`3 f / 200` up to 1000 Hz and :math:`15 + 27 \ln(f / 1000) / \ln 6.4` above (Slaney).

    References
    ----------
    S. Young et al.: The HTK Book, version 3.4. Cambridge University, 2006, section 5.4, eq. 5.13.
    M. Slaney: Auditory Toolbox, version 2. Interval Research, technical report 1998-010, 1998.
    """
    highest = SAMPLE_RATE / 2
    frequencies = np.linspace(0.0, highest, 1 + n_fft // 2)
    ends = _to_mel(np.array([lowest, highest]), htk)
    edges = _from_mel(np.linspace(ends[0], ends[1], n_mels + 2), htk)[:, None]
    rise = (frequencies - edges[:-2]) / np.diff(edges[:-1], axis=0)
    fall = (edges[2:] - frequencies) / np.diff(edges[1:], axis=0)
    filters = np.maximum(0.0, np.minimum(rise, fall)).astype(np.float32)
    if not htk:
        filters *= 2.0 / (edges[2:] - edges[:-2])
    filters.flags.writeable = False
    return filters


def _to_mel(frequencies: NDArray[np.float64], htk: bool) -> NDArray[np.float64]:
    """Convert Hz to mel."""
    if htk:
        return np.asarray(2595.0 * np.log10(1.0 + frequencies / 700.0))
    above = _BREAK_MEL + np.log(np.maximum(frequencies, _BREAK) / _BREAK) / _LOG_STEP
    return np.where(frequencies < _BREAK, frequencies * (_BREAK_MEL / _BREAK), above)


def _from_mel(mels: NDArray[np.float64], htk: bool) -> NDArray[np.float64]:
    """Convert mel to Hz, the inverse of `_to_mel`."""
    if htk:
        return np.asarray(700.0 * (10.0 ** (mels / 2595.0) - 1.0))
    above = _BREAK * np.exp(_LOG_STEP * (mels - _BREAK_MEL))
    return np.where(mels < _BREAK_MEL, mels * (_BREAK / _BREAK_MEL), above)


def cepstrum(logs: NDArray[np.float64], n_coefficients: int) -> NDArray[np.float64]:
    """Transform log mel bands by an orthonormal DCT.

    `logs` (n_mels, n_frames): logarithms of mel bands. `n_coefficients`: how many to return.
    Returns (n_coefficients, n_frames): coefficients from 1 on; 0, which is the level, is left out.
    """
    from scipy import fft

    return np.asarray(fft.dct(logs, type=2, norm="ortho", axis=0)[1 : n_coefficients + 1])


def flux(mels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Measure the distance of every spectrum from the one before.

    `mels` (n_mels, n_frames): power of mel bands, positive. Returns (n_frames,): Euclidean distance
    of amplitude spectra with unit sum; the first frame has none: 0.
    """
    amplitudes = np.sqrt(mels)
    amplitudes /= amplitudes.sum(axis=0)
    steps = np.sqrt(np.sum(np.diff(amplitudes, axis=1) ** 2, axis=0))
    return np.concatenate([[0.0], steps])


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


@functools.cache
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
        n_extreme = max(round(_EXTREME_SHARE * (end - begin)), 1)
        bands.append((begin, end - (band < n_octaves), n_extreme))
    return bands


def _decibels(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Convert to decibels, no further below the maximum than the given range."""
    logs = 10.0 * np.log10(np.maximum(values.astype(np.float64), _LEAST_POWER))
    return np.asarray(np.maximum(logs, logs.max() - _CONTRAST_RANGE))


@functools.cache
def chroma_filters(n_fft: int, sample_rate: int) -> NDArray[np.float32]:
    r"""Make the filters that collect a power spectrum by pitch classes.

    `n_fft`: length of the transform in samples, even. `sample_rate`: in Hz. Returns (12, 1 + n_fft
    // 2): one row per pitch class from C on; shared, read-only.

    With the height :math:`h_k` of bin :math:`k` in semitones above 27.5 Hz, its difference
    :math:`\delta_{ck}` to pitch class :math:`c` taken into [-6, 6), and the distance
    :math:`b_k = \max(h_{k+1} - h_k, 1)` of neighbouring bins, the filters are
    :math:`\exp(-\frac12 (2 \delta_{ck} / b_k)^2)`, scaled to unit norm over the classes and
    weighted by :math:`\exp(-\frac12 ((h_k / 12 - 5) / 2)^2)`, which is largest at 880 Hz. The bin
    of 0 Hz, which has no pitch, counts as one and a half octaves below the first.

    References
    ----------
    D. P. W. Ellis: Chroma feature analysis and synthesis. 2007,
    https://www.ee.columbia.edu/~dpwe/resources/matlab/chroma-ansyn/.
    """
    bins = np.arange(1, n_fft) * (sample_rate / n_fft)
    height = _PITCH_CLASSES * np.log2(bins / _LOWEST_A)
    height = np.concatenate([[height[0] - 1.5 * _PITCH_CLASSES], height])
    spacing = np.append(np.maximum(np.diff(height), 1.0), 1.0)
    half = _PITCH_CLASSES / 2
    away = (height - np.arange(_PITCH_CLASSES)[:, None] + half) % _PITCH_CLASSES - half
    bumps = np.exp(-0.5 * (2.0 * away / spacing) ** 2)
    bumps /= np.linalg.norm(bumps, axis=0)
    bumps *= np.exp(-0.5 * ((height / _PITCH_CLASSES - _CHROMA_CENTRE) / _CHROMA_WIDTH) ** 2)
    from_c = np.roll(bumps, -3, axis=0)  # class 0 so far is A, three semitones below C
    filters: NDArray[np.float32] = from_c[:, : 1 + n_fft // 2].astype(np.float32)
    filters.flags.writeable = False
    return filters


def tonal_centroid(chroma: NDArray[np.float64]) -> NDArray[np.float64]:
    r"""Project pitch classes onto the circles of fifths, minor thirds and major thirds.

    `chroma` (12, n_frames): non-negative energies of the pitch classes from C on, not all 0 in any
    frame. Returns (6, n_frames): sine and cosine on each circle, between -1 and 1, and -1/2 and 1/2
    for major thirds.

    With the shares :math:`p_c` of the classes, the rows are :math:`r \sum_c p_c \sin(c \phi)` and
    :math:`r \sum_c p_c \cos(c \phi)` for :math:`(\phi, r)` of :math:`(7 \pi / 6, 1)`,
    :math:`(3 \pi / 2, 1)` and :math:`(2 \pi / 3, 1/2)`.

    References
    ----------
    C. Harte, M. Sandler, M. Gasser: Detecting harmonic change in musical audio. ACM AMCMM 2006,
    eq. 1 and 2, doi:10.1145/1178723.1178727.
    """
    rows = []
    for step, radius in ((7 / 6, 1.0), (3 / 2, 1.0), (2 / 3, 0.5)):
        angle = np.pi * step * np.arange(_PITCH_CLASSES)
        rows += [radius * np.sin(angle), radius * np.cos(angle)]
    return np.asarray(np.array(rows) @ (chroma / chroma.sum(axis=0)))
