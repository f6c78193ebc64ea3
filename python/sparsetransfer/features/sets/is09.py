"""The feature set "is09-style": the contours and functionals of the 2009 emotion challenge."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from sparsetransfer.features.descriptors.contours import bridged
from sparsetransfer.features.descriptors.framing import Grid
from sparsetransfer.features.descriptors.level import (
    SAMPLE_RATE,
    centred,
    log_energy,
    mean_square,
    zero_crossings,
)
from sparsetransfer.features.descriptors.pitch import fundamental, periodicity
from sparsetransfer.features.descriptors.spectral import cepstrum, mel_filters
from sparsetransfer.features.descriptors.spectrum import power_spectrum, spectral_floor
from sparsetransfer.features.sets.base import CONTOURS, UtteranceStatistics
from sparsetransfer.features.sets.prosody import SEMITONES, VOICED, semitones
from sparsetransfer.features.sets.statistics import CHALLENGE_FUNCTIONALS

__all__ = ["ChallengeStyle"]

_GRID = Grid()
_WINDOW = 400  # 25 ms
_N_FFT = 512
_N_MELS = 26
_N_MFCC = 12
_PREEMPHASIS = np.float32(0.97)

_DESCRIPTORS: dict[str, str] = {
    "log_energy": "ln(RMS), full scale 1",
    "zero_crossings": "sign changes per sample",
    "voicing": "correlation over one period, 0 to 1",
    "f0": SEMITONES,
} | {f"mfcc{i}": "ln(mel magnitude), orthonormal DCT" for i in range(1, _N_MFCC + 1)}


class ChallengeStyle(UtteranceStatistics):
    """Sixteen contours and their derivatives by twelve functionals: 384 columns.

    The descriptors and functionals are those of the Interspeech 2009 Emotion Challenge [1]_:
    energy, zero-crossing rate, voicing, fundamental frequency, MFCC 1 to 12; smoothed over three
    frames; mean, standard deviation, skewness, kurtosis, extrema with range and positions, linear
    regression. Computed by this package, not by openSMILE, and deliberately different where that
    transfers better between corpora: the silence before and after the speech is cut away, energy
    is logarithmic, and the fundamental frequency is in semitones and bridged over unvoiced
    frames instead of zero in them.

    `id`, `sample_rate`, `names`, `units`, `parameters`: as of every `FeatureSet`; derivatives are
    named ``<descriptor>_delta_<functional>`` and are per second.

    Only the location of ``log_energy`` depends on the recording level. Positions and slopes are
    relative to the length of the speech. Memory beside the signal is bounded by the block size of
    the time grid and 32 numbers per 10 ms.

    References
    ----------
    .. [1] B. Schuller, S. Steidl, A. Batliner: The INTERSPEECH 2009 Emotion Challenge.
       Interspeech 2009, pp. 312-315, doi:10.21437/Interspeech.2009-103.

    Examples
    --------
    >>> style = ChallengeStyle()
    >>> style.id, len(style.names), style.names[0]
    ('is09-style-1', 384, 'log_energy_mean')
    """

    id: ClassVar[str] = "is09-style-1"
    parameters: ClassVar[dict[str, str]] = {
        "frames": "25 ms every 10 ms, centred; 40 ms for f0 and voicing",
        "spectrum": "pre-emphasis 0.97, Hamming window, 512 points",
        "mfcc": "1 to 12 of 26 HTK mel bands 0-8000 Hz, magnitudes, no lifter",
        "f0": "YIN, 62.5-500 Hz, median of 5 frames, bridged where voicing < 0.6",
        **CONTOURS,
    }

    _descriptors = _DESCRIPTORS
    _static = _delta = CHALLENGE_FUNCTIONALS

    def _compute(self, signal: NDArray[np.float32]) -> NDArray[np.float64]:
        return self._summarise(_contours(signal), _GRID.hop / SAMPLE_RATE)[0]


def _contours(signal: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the descriptors of every frame, one per row."""
    signal = centred(signal)
    bright = signal.copy()
    bright[1:] -= _PREEMPHASIS * signal[:-1]
    pieces = list(_GRID.blocks(signal))
    energies = np.concatenate([mean_square(piece, _GRID, _WINDOW) for piece in pieces])
    loudest = float(energies.max())
    f0 = [fundamental(piece, _GRID, SAMPLE_RATE) for piece in pieces]
    voicing = np.concatenate(
        [periodicity(piece, _GRID, of, SAMPLE_RATE) for piece, of in zip(pieces, f0, strict=True)]
    )
    height = bridged(semitones(np.concatenate(f0)), voicing >= VOICED)
    return np.vstack(
        [
            log_energy(energies)[None],
            np.concatenate([zero_crossings(piece, _GRID, _WINDOW) for piece in pieces])[None],
            voicing[None],
            height[None],
            np.concatenate([_cepstrum(piece, loudest) for piece in _GRID.blocks(bright)], axis=1),
        ]
    )


def _cepstrum(bright: NDArray[np.float32], loudest: float) -> NDArray[np.float64]:
    """Return MFCC 1 to 12 of a block of the pre-emphasised signal."""
    power = power_spectrum(bright, _GRID, _N_FFT, name="hamming", length=_WINDOW)
    magnitude = np.sqrt(power + spectral_floor(loudest, "hamming", _WINDOW))
    mels = (mel_filters(_N_FFT, _N_MELS, 0.0, htk=True) @ magnitude).astype(np.float64)
    return cepstrum(np.log(mels), _N_MFCC)
