"""What feature sets derive from mel spectra: filters, cepstrum, flux."""

import functools

import numpy as np
from numpy.typing import NDArray

from sparsetransfer.features.level import SAMPLE_RATE

__all__ = ["cepstrum", "flux", "mel_filters"]


@functools.cache
def mel_filters(
    n_fft: int, n_mels: int, lowest: float, *, htk: bool = False
) -> NDArray[np.float32]:
    """
    Make triangular filters up to half the sampling rate.

    Parameters
    ----------
    n_fft : int
        Length of the transform.
    n_mels : int
        Number of filters.
    lowest : float
        Begin of the first filter in Hz.
    htk : bool, default=False
        HTK's scale with triangles of height 1, instead of Slaney's scale and equal areas.

    Returns
    -------
    ndarray of float32, shape (n_mels, 1 + n_fft // 2)
        The filters; shared, not to be written to.
    """
    import librosa

    filters: NDArray[np.float32] = librosa.filters.mel(
        sr=SAMPLE_RATE,
        n_fft=n_fft,
        n_mels=n_mels,
        fmin=lowest,
        fmax=SAMPLE_RATE / 2,
        htk=htk,
        norm=None if htk else "slaney",
    )
    return filters


def cepstrum(logs: NDArray[np.float64], n_coefficients: int) -> NDArray[np.float64]:
    """
    Transform log mel bands by an orthonormal DCT.

    Parameters
    ----------
    logs : ndarray of float64, shape (n_mels, n_frames)
        Logarithms of mel bands.
    n_coefficients : int
        How many to return.

    Returns
    -------
    ndarray of float64, shape (n_coefficients, n_frames)
        Coefficients from 1 on; 0, which is the level, is left out.
    """
    from scipy import fft

    return np.asarray(fft.dct(logs, type=2, norm="ortho", axis=0)[1 : n_coefficients + 1])


def flux(mels: NDArray[np.float64]) -> NDArray[np.float64]:
    """
    Measure the distance of every spectrum from the one before.

    Parameters
    ----------
    mels : ndarray of float64, shape (n_mels, n_frames)
        Power of mel bands, positive.

    Returns
    -------
    ndarray of float64, shape (n_frames,)
        Euclidean distance of amplitude spectra with unit sum; the first frame has none: 0.
    """
    amplitudes = np.sqrt(mels)
    amplitudes /= amplitudes.sum(axis=0)
    steps = np.sqrt(np.sum(np.diff(amplitudes, axis=1) ** 2, axis=0))
    return np.concatenate([[0.0], steps])
