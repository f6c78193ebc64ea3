"""The feature set "wide": about 1,500 statistics of spectrum, harmony, voice and tempo."""

import dataclasses
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from sparsetransfer import _core
from sparsetransfer.features.descriptors.contours import FEWEST_FRAMES
from sparsetransfer.features.descriptors.framing import Grid
from sparsetransfer.features.descriptors.level import (
    SAMPLE_RATE,
    centred,
    log_energy,
    mean_square,
    zero_crossings,
)
from sparsetransfer.features.descriptors.pitch import fundamental, periodicity
from sparsetransfer.features.descriptors.spectral import (
    cepstrum,
    chroma_filters,
    flux,
    mel_filters,
    spectral_contrast,
    tonal_centroid,
)
from sparsetransfer.features.descriptors.spectrum import power_spectrum, spectral_floor
from sparsetransfer.features.descriptors.voice import harmonicity, jitter, shimmer
from sparsetransfer.features.sets.base import CONTOURS, UtteranceStatistics
from sparsetransfer.features.sets.prosody import (
    PITCH,
    TEMPO,
    VOICED,
    pitch_statistics,
    tempo_statistics,
)
from sparsetransfer.features.sets.statistics import apply, columns

__all__ = ["HOP", "WIDE_DESCRIPTORS", "Wide", "WideFrames", "describe_wide"]

_GRID = Grid(longest=1024)
_VOICE = Grid()  # what fundamental and periodicity analyse: its frames have the same centres
_WINDOW = 400  # 25 ms
_N_FFT = 512
_N_CHROMA_FFT = 1024
_N_MELS = 26
_N_MFCC = 16
_CONTRAST_BANDS = 5
_CONTRAST_FMIN = 125.0
_ROLLOFFS = (0.25, 0.5, 0.85)

HOP = _GRID.hop / SAMPLE_RATE
"""Distance of the frames in seconds."""

WIDE_DESCRIPTORS: dict[str, str] = (
    {"log_energy": "ln(RMS), full scale 1", "zero_crossings": "sign changes per sample"}
    | {f"mfcc{i}": "ln(mel power), orthonormal DCT" for i in range(1, _N_MFCC + 1)}
    | {f"mel{i}": "ln(mel power) minus its mean over bands" for i in range(1, _N_MELS + 1)}
    | {"flux": "distance of unit-sum mel amplitude spectra"}
    | {f"rolloff{round(100 * share)}": "ln(Hz)" for share in _ROLLOFFS}
    | {
        "centroid": "ln(Hz)",
        "bandwidth": "ln(Hz)",
        "flatness": "ln(geometric / arithmetic mean of power)",
        "entropy": "share of the largest possible",
        "tilt": "ln(mel power) per band",
    }
    | {f"contrast{i}": "dB" for i in range(1, _CONTRAST_BANDS + 2)}
    | {f"chroma{i}": "share of the strongest pitch class" for i in range(1, 13)}
    | {f"tonnetz{i}": "tonal centroid, -1 to 1" for i in range(1, 7)}
    | {"voicing": "correlation over one period, 0 to 1", "harmonicity": "dB"}
)
"""Name and unit of every descriptor, in the order of the rows of `WideFrames.values`."""


@dataclasses.dataclass(frozen=True)
class WideFrames:
    """Descriptors of one recording.

    `values` (len(WIDE_DESCRIPTORS), n_frames): one row per descriptor. `f0` (n_frames,):
    fundamental frequency in Hz; a guess where ``voicing`` is low. `voicing` (n_frames,):
    periodicity, 0 to 1. `shimmer` (n_frames,): the two measures of `voice.shimmer`; without meaning
    where ``voicing`` is low.
    """

    values: NDArray[np.float64]
    f0: NDArray[np.float64]
    voicing: NDArray[np.float64]
    shimmer: tuple[NDArray[np.float64], NDArray[np.float64]]


def describe_wide(signal: NDArray[np.float32]) -> WideFrames:
    """Compute the descriptors of a signal.

    `signal` (n_samples,): at 16 kHz, at least one finite sample. A constant offset is removed.
    Returns: the descriptors every 10 ms, all finite. Scaling the signal by a factor shifts
    ``log_energy`` by its logarithm and leaves the others as they are.
    """
    signal = centred(signal)
    pieces = list(_GRID.blocks(signal))
    energies = np.concatenate([mean_square(piece, _GRID, _WINDOW) for piece in pieces])
    loudest = float(energies.max())
    spectral = np.concatenate([_spectral(piece, loudest) for piece in pieces], axis=1)
    mels = spectral[:_N_MELS]
    voices = [_voice(piece) for piece in pieces]
    f0, voicing, local, curved = (np.concatenate(rows) for rows in zip(*voices, strict=True))
    logs = np.log(mels)
    values = np.vstack(
        [
            log_energy(energies)[None],
            np.concatenate([zero_crossings(piece, _GRID, _WINDOW) for piece in pieces])[None],
            cepstrum(logs, _N_MFCC),
            logs - logs.mean(axis=0),
            flux(mels)[None],
            spectral[_N_MELS:],
            voicing[None],
            harmonicity(voicing)[None],
        ]
    )
    return WideFrames(values, f0, voicing, (local, curved))


def _voice(piece: NDArray[np.float32]) -> tuple[NDArray[np.float64], ...]:
    """Return f0, periodicity and both shimmers of a block."""
    inner = _GRID.span(piece, _VOICE.longest)
    f0 = fundamental(inner, _VOICE, SAMPLE_RATE)
    return (
        f0,
        periodicity(inner, _VOICE, f0, SAMPLE_RATE),
        *shimmer(piece, _GRID, f0, SAMPLE_RATE),
    )


def _power(
    piece: NDArray[np.float32], window: int, n_fft: int, loudest: float
) -> NDArray[np.float32]:
    """Return the power spectrum of every frame over its floor."""
    power = power_spectrum(piece, _GRID, n_fft, length=window)
    power += spectral_floor(loudest, "hann", window)
    return power


def _spectral(piece: NDArray[np.float32], loudest: float) -> NDArray[np.float64]:
    """Return mel bands and what else single spectra give, one row each."""
    power = _power(piece, _WINDOW, _N_FFT, loudest)
    mels = (mel_filters(_N_FFT, _N_MELS, 50.0) @ power).astype(np.float64)
    contrast = spectral_contrast(np.sqrt(power), SAMPLE_RATE, _CONTRAST_FMIN, _CONTRAST_BANDS)
    fine = _power(piece, _N_CHROMA_FFT, _N_CHROMA_FFT, loudest)
    chroma = (chroma_filters(_N_CHROMA_FFT, SAMPLE_RATE) @ fine).astype(np.float64)
    chroma /= chroma.max(axis=0)
    tonnetz = tonal_centroid(chroma)
    return np.vstack([mels, _shape(power), _tilt(mels)[None], contrast, chroma, tonnetz])


def _shape(power: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return rolloffs, centroid, bandwidth, flatness and entropy of every frame."""
    frequencies = np.linspace(0.0, SAMPLE_RATE / 2, len(power), dtype=np.float32)
    share = power / power.sum(axis=0)
    reached = _core.running_sums(share.T).T
    centroid = frequencies @ share
    spread = np.maximum(frequencies**2 @ share - centroid**2, 0.0)
    offset = SAMPLE_RATE / _N_FFT  # one bin: the logarithm of a frequency of zero stays finite
    rolloffs = [
        np.log(frequencies[(reached >= part).argmax(axis=0)] + offset) for part in _ROLLOFFS
    ]
    logs = np.log(share)
    rows = [
        *rolloffs,
        np.log(centroid + offset),
        np.log(np.sqrt(spread) + offset),
        logs.mean(axis=0) + np.log(len(power)),
        -np.einsum("ij,ij->j", share, logs) / np.log(len(power)),
    ]
    return np.asarray(rows, dtype=np.float64)


def _tilt(mels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the slope of the regression line through the log mel bands."""
    position = np.arange(len(mels)) - 0.5 * (len(mels) - 1)
    return np.asarray(position @ np.log(mels) / (position @ position))


_STATIC = (
    "mean",
    "std",
    "skewness",
    "kurtosis",
    "p5",
    "p25",
    "p50",
    "p75",
    "p95",
    "iqr",
    "slope",
    "line_error",
    "curvature",
)
_DELTA = ("std", "kurtosis", "p5", "p95", "mean_abs")
_QUALITY = ("mean", "std", "p5", "p25", "p50", "p75", "p95", "iqr")
_QUALITY_UNITS = {
    "jitter": "share of the period, per frame",
    "jitter_curved": "share of the period, per frame",
    "shimmer": "dB per period",
    "shimmer_curved": "dB per period",
}


class Wide(UtteranceStatistics):
    """Statistics of 79 contours and their derivatives, of pitch, voice quality and tempo.

    Mel bands, MFCC, chroma, tonnetz, spectral contrast and shape, voicing and harmonicity are
    smoothed over three frames, cut to the stretch of speech and summarised by 13 functionals
    (moments, percentiles, regression line and parabola); their derivatives by 5. The fundamental
    frequency and jitter- and shimmer-like measures are summarised over voiced frames.

    `id`, `sample_rate`, `names`, `units`, `parameters`: as of every `FeatureSet`; derivatives are
    named ``<descriptor>_delta_<functional>`` and are per second.

    Only the location of ``log_energy`` depends on the recording level. Memory beside the signal
    is bounded by the block size of the time grid and some 160 numbers per 10 ms.

    Examples
    --------
    >>> wide = Wide()
    >>> wide.id, len(wide.names), wide.names[-1]
    ('wide-1', 1476, 'duration')
    """

    id: ClassVar[str] = "wide-1"
    parameters: ClassVar[dict[str, str]] = {
        "frames": "25 ms every 10 ms, centred; 40 ms for f0 and voicing, 64 ms for chroma",
        "spectrum": "Hann window, 512 points; 1024 for chroma",
        "mel": "26 bands 50-8000 Hz, Slaney scale and norm, minus their mean",
        "mfcc": "1 to 16 of the 26 bands, power, orthonormal DCT, no lifter",
        "chroma": "12 pitch classes, A440, largest 1 in every frame; tonnetz from it",
        "contrast": "peak against valley in 5 octave bands from 125 Hz and the rest",
        "f0": "YIN, 62.5-500 Hz, median of 5 frames, frames with voicing >= 0.6",
        **CONTOURS,
    }

    _descriptors = WIDE_DESCRIPTORS
    _static = _STATIC
    _delta = _DELTA
    _further = columns(_QUALITY_UNITS, _QUALITY) | PITCH | TEMPO

    def _compute(self, signal: NDArray[np.float32]) -> NDArray[np.float64]:
        frames = describe_wide(signal)
        contours, part = self._summarise(frames.values, HOP)
        f0 = frames.f0[part]
        voiced = frames.voicing[part] >= VOICED
        quality = [
            *jitter(f0, voiced),
            *(contour[part][voiced] for contour in frames.shimmer),
        ]
        return np.concatenate(
            [
                contours,
                *map(_quality, quality),
                pitch_statistics(f0, voiced),
                tempo_statistics(voiced, len(frames.f0), HOP),
            ]
        )


def _quality(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Summarise a measure of the voiced frames."""
    if values.size < FEWEST_FRAMES:
        return np.zeros(len(_QUALITY))
    return np.asarray(apply(values[None], _QUALITY)[0])
