"""The feature set "wide": about 1,500 statistics of spectrum, harmony, voice and tempo."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from sparsetransfer.features.descriptors.contours import FEWEST_FRAMES
from sparsetransfer.features.descriptors.voice import jitter
from sparsetransfer.features.descriptors.wide import HOP, WIDE_DESCRIPTORS, describe_wide
from sparsetransfer.features.sets.base import CONTOURS, UtteranceStatistics
from sparsetransfer.features.sets.prosody import (
    PITCH,
    TEMPO,
    VOICED,
    pitch_statistics,
    tempo_statistics,
)
from sparsetransfer.features.sets.statistics import apply, columns

__all__ = ["Wide"]

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
