"""The feature set "functionals": statistics of librosa descriptors over an utterance."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from sparsetransfer.features.descriptors import DESCRIPTORS, SAMPLE_RATE, describe
from sparsetransfer.features.statistics import (
    DELTA_FUNCTIONALS,
    FUNCTIONALS,
    PITCH_FUNCTIONALS,
    apply,
    unit,
)

__all__ = ["Functionals"]

_SPEECH_RANGE = 0.5 * np.log(10.0) * 3.0  # 30 dB, in ln(RMS)
_FEWEST_FRAMES = 3
_VOICED = 0.6  # periodicity from which a frame counts as voiced
_SEMITONE_REFERENCE = 55.0  # Hz
_STEP_LIMIT = 3.0  # semitones per frame; a larger step is an octave error, not a voice
_WIDTH = 5  # frames of the regression that gives time derivatives

_PITCH_UNIT = "semitones above 55 Hz"
_STEP_UNIT = "semitones per frame"
_PITCH_STEPS = {
    "std": _STEP_UNIT,
    "mean_abs": _STEP_UNIT,
    "p5": _STEP_UNIT,
    "p95": _STEP_UNIT,
    "rising": "share of voiced steps",
}
_TEMPO = {
    "voiced_share": "share of the frames from first to last speech",
    "voiced_rate": "voiced stretches per second",
    "voiced_length": "seconds per voiced stretch",
    "speech_share": "share of the recording",
    "duration": "ln(s) from first to last speech",
}


class Functionals:
    r"""
    Statistics of spectrum, energy, voice and tempo over one utterance.

    The descriptors of `describe` are smoothed over three frames, cut to the stretch from the
    first to the last frame within 30 dB of the loud ones (95th percentile of the energy), and
    summarised by `FUNCTIONALS`; their time derivatives (regression over five frames) by
    `DELTA_FUNCTIONALS`. The fundamental frequency is summarised on a semitone scale over voiced
    frames. Cutting away the silence at both ends matters most between corpora: how much of it a
    recording has is a habit of its makers.

    Attributes
    ----------
    id : str
        Name and version; the version changes whenever any value may.
    sample_rate : int
        Rate of the signals in Hz.
    names : tuple of str
        Name of every column: ``<descriptor>_<functional>``, ``<descriptor>_delta_<functional>``.
    units : tuple of str
        Unit of every column; derivatives are per second.

    Notes
    -----
    Only ``log_energy`` depends on the recording level, and only in its location statistics.

    Examples
    --------
    >>> functionals = Functionals()
    >>> functionals.id, functionals.names[0], functionals.units[0]
    ('functionals-1', 'log_energy_mean', 'ln(RMS), full scale 1')
    """

    id: ClassVar[str] = "functionals-1"
    sample_rate: ClassVar[int] = SAMPLE_RATE

    def __init__(self) -> None:
        columns = _columns()
        self.names = tuple(columns)
        self.units = tuple(columns.values())

    def compute(self, signal: NDArray[np.float32]) -> NDArray[np.float64]:
        """
        Compute the features of one utterance.

        Parameters
        ----------
        signal : ndarray of float32, shape (n_samples,)
            Mono signal at `sample_rate`, full scale 1, at least one finite sample.

        Returns
        -------
        ndarray of float64, shape (len(names),)
            One finite value per column, whatever the signal: for silence and for less than three
            voiced frames the affected columns are 0.
        """
        import librosa

        frames = describe(signal)
        values = _smoothed(frames.values)
        derivatives = librosa.feature.delta(values, width=_WIDTH, mode="nearest") / frames.hop
        speech = _speech(values[0])
        first, last = np.flatnonzero(speech)[[0, -1]]
        part = slice(first, last + 1)
        voiced = (frames["voicing"] >= _VOICED)[part]
        return np.concatenate(
            [
                apply(values[:, part], FUNCTIONALS).ravel(),
                apply(derivatives[:, part], DELTA_FUNCTIONALS).ravel(),
                _pitch(frames.f0[part], voiced),
                _tempo(voiced, len(speech), frames.hop),
            ]
        )


def _columns() -> dict[str, str]:
    """Return name and unit of all columns, in the order in which `compute` joins them."""
    columns: dict[str, str] = {}
    for name, of in DESCRIPTORS.items():
        columns |= {f"{name}_{what}": unit(what, of) for what in FUNCTIONALS}
    for name, of in DESCRIPTORS.items():
        per_second = f"{of}, per second"
        columns |= {f"{name}_delta_{what}": unit(what, per_second) for what in DELTA_FUNCTIONALS}
    columns |= {f"f0_{what}": unit(what, _PITCH_UNIT) for what in PITCH_FUNCTIONALS}
    columns |= {f"f0_step_{what}": of for what, of in _PITCH_STEPS.items()}
    return columns | _TEMPO


def _smoothed(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the running mean over three frames."""
    padded = np.pad(values, ((0, 0), (1, 1)), mode="edge")
    return (padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]) / 3.0


def _speech(log_energy: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Mark the frames that are loud enough to be speech; all of them if they are too few."""
    loud = log_energy >= np.percentile(log_energy, 95) - _SPEECH_RANGE
    return loud if loud.sum() >= _FEWEST_FRAMES else np.ones_like(loud)


def _pitch(f0: NDArray[np.float64], voiced: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Summarise the fundamental frequency over voiced frames and its steps between them."""
    from scipy import ndimage

    height = 12.0 * np.log2(ndimage.median_filter(f0, 5, mode="nearest") / _SEMITONE_REFERENCE)
    location = np.zeros(len(PITCH_FUNCTIONALS))
    if voiced.sum() >= _FEWEST_FRAMES:
        location = apply(height[voiced][None], PITCH_FUNCTIONALS)[0]
    steps = np.diff(height)[voiced[1:] & voiced[:-1]]
    movement = np.zeros(len(_PITCH_STEPS))
    if steps.size >= _FEWEST_FRAMES:
        steps = np.clip(steps, -_STEP_LIMIT, _STEP_LIMIT)
        movement = np.append(
            apply(steps[None], ("std", "mean_abs", "p5", "p95"))[0], np.mean(steps > 0)
        )
    return np.concatenate([location, movement])


def _tempo(voiced: NDArray[np.bool_], n_frames: int, hop: float) -> NDArray[np.float64]:
    """Summarise how speech is spread over time."""
    duration = voiced.size * hop
    stretches = int(np.sum(voiced[1:] & ~voiced[:-1])) + int(voiced[0])
    return np.array(
        [
            voiced.mean(),
            stretches / duration,
            voiced.sum() * hop / max(stretches, 1),
            voiced.size / n_frames,
            np.log(duration),
        ]
    )
