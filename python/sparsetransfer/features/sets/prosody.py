"""Statistics of pitch and tempo over one utterance."""

import numpy as np
from numpy.typing import NDArray

from sparsetransfer.features.descriptors.contours import FEWEST_FRAMES
from sparsetransfer.features.sets.statistics import PITCH_FUNCTIONALS, apply, columns

__all__ = [
    "PITCH",
    "SEMITONES",
    "TEMPO",
    "VOICED",
    "pitch_statistics",
    "semitones",
    "tempo_statistics",
]

VOICED = 0.6
"""Periodicity from which a frame counts as voiced."""

_SEMITONE_REFERENCE = 55.0  # Hz
_STEP_LIMIT = 3.0  # semitones per frame; a larger step is an octave error, not a voice

SEMITONES = "semitones above 55 Hz"
"""Unit of `semitones`."""

_STEP_UNIT = "semitones per frame"
_PITCH_STEPS = {
    "std": _STEP_UNIT,
    "mean_abs": _STEP_UNIT,
    "p5": _STEP_UNIT,
    "p95": _STEP_UNIT,
    "rising": "share of voiced steps",
}

PITCH: dict[str, str] = columns({"f0": SEMITONES}, PITCH_FUNCTIONALS) | {
    f"f0_step_{what}": of for what, of in _PITCH_STEPS.items()
}
"""Name and unit of what `pitch_statistics` returns."""

TEMPO: dict[str, str] = {
    "voiced_share": "share of the frames from first to last speech",
    "voiced_rate": "voiced stretches per second",
    "voiced_length": "seconds per voiced stretch",
    "speech_share": "share of the recording",
    "duration": "ln(s) from first to last speech",
}
"""Name and unit of what `tempo_statistics` returns."""


def semitones(f0: NDArray[np.float64]) -> NDArray[np.float64]:
    """Convert a contour of fundamental frequencies to semitones.

    `f0` (n_frames,): in Hz. Returns (n_frames,): semitones above 55 Hz, after a median over five
    frames that mends single octave errors.
    """
    from scipy import ndimage

    height = ndimage.median_filter(f0, 5, mode="nearest")
    return np.asarray(12.0 * np.log2(height / _SEMITONE_REFERENCE))


def pitch_statistics(f0: NDArray[np.float64], voiced: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Summarise the fundamental frequency over voiced frames and its steps between them.

    `f0` (n_frames,): in Hz. `voiced` (n_frames,): where it means something. Returns (len(PITCH),):
    values of `PITCH`; 0 for less than three voiced frames.
    """
    height = semitones(f0)
    location = np.zeros(len(PITCH_FUNCTIONALS))
    if voiced.sum() >= FEWEST_FRAMES:
        location = apply(height[voiced][None], PITCH_FUNCTIONALS)[0]
    steps = np.diff(height)[voiced[1:] & voiced[:-1]]
    movement = np.zeros(len(_PITCH_STEPS))
    if steps.size >= FEWEST_FRAMES:
        steps = np.clip(steps, -_STEP_LIMIT, _STEP_LIMIT)
        movement = np.append(
            apply(steps[None], ("std", "mean_abs", "p5", "p95"))[0], np.mean(steps > 0)
        )
    return np.concatenate([location, movement])


def tempo_statistics(voiced: NDArray[np.bool_], n_frames: int, hop: float) -> NDArray[np.float64]:
    """Summarise how speech is spread over time.

    `voiced` (n_speech_frames,): the frames from first to last speech. `n_frames`: frames of the
    whole recording. `hop`: distance of the frames in seconds. Returns (len(TEMPO),): values of
    `TEMPO`.
    """
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
