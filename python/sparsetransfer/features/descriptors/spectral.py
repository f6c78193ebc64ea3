"""What feature sets derive from mel spectra: filters, cepstrum, flux."""

import functools

import numpy as np
from numpy.typing import NDArray

from sparsetransfer.features.descriptors.level import SAMPLE_RATE

__all__ = ["cepstrum", "flux", "mel_filters"]


# Slaney's scale: 15 mel per 1000 Hz up to there, beyond it 27 mel per factor of 6.4.
_BREAK = 1000.0  # Hz
_BREAK_MEL = 15.0
_LOG_STEP = np.log(6.4) / 27.0


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
