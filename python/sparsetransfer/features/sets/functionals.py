"""The feature set "functionals": statistics of descriptors over an utterance."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from sparsetransfer.features.descriptors.descriptors import DESCRIPTORS, describe
from sparsetransfer.features.sets.base import CONTOURS, UtteranceStatistics
from sparsetransfer.features.sets.prosody import (
    PITCH,
    TEMPO,
    VOICED,
    pitch_statistics,
    tempo_statistics,
)
from sparsetransfer.features.sets.statistics import DELTA_FUNCTIONALS, FUNCTIONALS

__all__ = ["Functionals"]


class Functionals(UtteranceStatistics):
    """Statistics of spectrum, energy, voice and tempo over one utterance.

    The descriptors of `describe` are smoothed over three frames, cut to the stretch from the
    first to the last frame within 30 dB of the loud ones (95th percentile of the energy), and
    summarised by `FUNCTIONALS`; their time derivatives (regression over five frames) by
    `DELTA_FUNCTIONALS`. The fundamental frequency is summarised on a semitone scale over voiced
    frames. Cutting away the silence at both ends matters most between corpora: how much of it a
    recording has is a habit of its makers.

    `id`, `sample_rate`, `names`, `units`, `parameters`: as of every `FeatureSet`; derivatives are
    named ``<descriptor>_delta_<functional>`` and are per second.

    Only ``log_energy`` depends on the recording level, and only in its location statistics.

    Examples
    --------
    >>> functionals = Functionals()
    >>> functionals.id, functionals.names[0], functionals.units[0]
    ('functionals-1', 'log_energy_mean', 'ln(RMS), full scale 1')
    """

    id: ClassVar[str] = "functionals-1"
    parameters: ClassVar[dict[str, str]] = {
        "frames": "25 ms every 10 ms, centred; 40 ms for f0 and voicing",
        "spectrum": "Hann window, 512 points",
        "mel": "26 bands 50-8000 Hz, Slaney scale and norm; 13 means of two, minus their mean",
        "mfcc": "1 to 12 of the 26 bands, power, orthonormal DCT, no lifter",
        "contrast": "peak against valley in 5 octave bands from 125 Hz and the rest",
        "rolloff": "frequency below which lies 85 % of the power",
        "f0": "YIN, 62.5-500 Hz, median of 5 frames, frames with voicing >= 0.6",
        **CONTOURS,
    }

    _descriptors = DESCRIPTORS
    _static = FUNCTIONALS
    _delta = DELTA_FUNCTIONALS
    _further = PITCH | TEMPO

    def _compute(self, signal: NDArray[np.float32]) -> NDArray[np.float64]:
        frames = describe(signal)
        contours, part = self._summarise(frames.values, frames.hop)
        voiced = (frames["voicing"] >= VOICED)[part]
        return np.concatenate(
            [
                contours,
                pitch_statistics(frames.f0[part], voiced),
                tempo_statistics(voiced, len(frames.f0), frames.hop),
            ]
        )
