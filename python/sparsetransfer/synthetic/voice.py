"""Who speaks, how, and through what: the parameters of the synthesiser."""

from __future__ import annotations

from dataclasses import dataclass

from sparsetransfer._validation import check_integer, check_real

__all__ = ["SAMPLE_RATE", "Prosody", "Recording", "Voice"]

SAMPLE_RATE = 16_000
"""Sampling rate of everything synthesised, in hertz."""


def _check(owner: Voice | Prosody | Recording, ranges: dict[str, tuple[float, float]]) -> None:
    for field, (low, high) in ranges.items():
        name = f"{type(owner).__name__}.{field}"
        check_real(getattr(owner, field), name, minimum=low, maximum=high)


@dataclass(frozen=True)
class Voice:
    """A speaker: larynx and vocal tract.

    Parameters
    ----------
    pitch : float, default=120
        Habitual fundamental frequency in hertz, in [50, 500].
    formant_scale : float, default=1
        Factor on all formant frequencies, the inverse of the relative vocal-tract length:
        about 1 for a man, 1.17 for a woman; in [0.7, 1.6].
    open_quotient : float, default=0.6
        Share of a period in which the glottis is open, in [0.3, 0.9].
    tilt : float, default=0
        Slope added to the spectrum of the source above 300 Hz, in dB per octave, in [-12, 12].
    jitter : float, default=0.005
        Standard deviation of the relative period length, in [0, 0.1].
    shimmer : float, default=0.03
        Standard deviation of the relative pulse amplitude, in [0, 0.5].
    breathiness : float, default=0.01
        Root mean square of the breath noise relative to the peak of a pulse, in [0, 1].

    Raises
    ------
    TypeError
        If a value is not a number.
    ValueError
        If a value is not finite or out of its range.
    """

    pitch: float = 120.0
    formant_scale: float = 1.0
    open_quotient: float = 0.6
    tilt: float = 0.0
    jitter: float = 0.005
    shimmer: float = 0.03
    breathiness: float = 0.01

    def __post_init__(self) -> None:
        _check(
            self,
            {
                "pitch": (50, 500),
                "formant_scale": (0.7, 1.6),
                "open_quotient": (0.3, 0.9),
                "tilt": (-12, 12),
                "jitter": (0, 0.1),
                "shimmer": (0, 0.5),
                "breathiness": (0, 1),
            },
        )


@dataclass(frozen=True)
class Prosody:
    """A manner of speaking, relative to the voice that speaks.

    Parameters
    ----------
    pitch : float, default=0
        Shift of the mean fundamental frequency, in semitones, in [-12, 24].
    pitch_range : float, default=2
        Standard deviation of accents and drift around the mean, in semitones, in [0, 10].
    pitch_slope : float, default=-2
        Linear change of pitch from the first to the last sample, in semitones, in [-24, 24].
    rate : float, default=1
        Speaking rate; durations are divided by it; in [0.3, 3].
    energy : float, default=0
        Root mean square of the speech (pauses excluded) in dB relative to -26 dB full scale, in
        [-40, 20].
    emphasis : float, default=3
        How much louder an accented vowel is than the others, in dB, in [0, 12].
    tilt : float, default=0
        Added to ``Voice.tilt``: positive is brighter (more effort); dB per octave, in [-12, 12].
    jitter, shimmer, breathiness : float, default=0
        Added to the ones of the voice, in [0, 0.1], [0, 0.5] and [0, 1].
    articulation : float, default=1
        Distance of the vowels from the neutral vowel as a factor, in [0, 2].
    pause : float, default=0.05
        Mean length of the pause between two words, in seconds, in [0, 1].

    Raises
    ------
    TypeError
        If a value is not a number.
    ValueError
        If a value is not finite or out of its range.
    """

    pitch: float = 0.0
    pitch_range: float = 2.0
    pitch_slope: float = -2.0
    rate: float = 1.0
    energy: float = 0.0
    emphasis: float = 3.0
    tilt: float = 0.0
    jitter: float = 0.0
    shimmer: float = 0.0
    breathiness: float = 0.0
    articulation: float = 1.0
    pause: float = 0.05

    def __post_init__(self) -> None:
        _check(
            self,
            {
                "pitch": (-12, 24),
                "pitch_range": (0, 10),
                "pitch_slope": (-24, 24),
                "rate": (0.3, 3),
                "energy": (-40, 20),
                "emphasis": (0, 12),
                "tilt": (-12, 12),
                "jitter": (0, 0.1),
                "shimmer": (0, 0.5),
                "breathiness": (0, 1),
                "articulation": (0, 2),
                "pause": (0, 1),
            },
        )


@dataclass(frozen=True)
class Recording:
    """A place and a microphone.

    Parameters
    ----------
    low_cut, high_cut : float, default=60 and 7500
        Second-order Butterworth band edges of the microphone in hertz, in [10, 1000] and
        [1000, 7900].
    presence : float, default=0
        Height of the microphone's resonance, in dB, in [-20, 20].
    presence_frequency : float, default=3000
        Centre of that resonance, in hertz, in [100, 7000].
    reverberation : float, default=0.2
        Time in which the room's echo falls by 60 dB, in seconds, in [0.01, 2].
    wetness : float, default=0.05
        Energy of the echo relative to the direct sound, in [0, 2].
    room : int, default=0
        Which room: recordings with the same number share one impulse response.
    noise : float, default=-66
        Root mean square of the background noise in dB full scale, in [-120, -20].
    noise_slope : float, default=-3
        Spectral slope of the noise above 100 Hz, in dB per octave, in [-12, 6].
    gain : float, default=0
        Recording level, in dB, in [-40, 20].

    Raises
    ------
    TypeError
        If a value is not a number.
    ValueError
        If a value is not finite or out of its range.
    """

    low_cut: float = 60.0
    high_cut: float = 7500.0
    presence: float = 0.0
    presence_frequency: float = 3000.0
    reverberation: float = 0.2
    wetness: float = 0.05
    room: int = 0
    noise: float = -66.0
    noise_slope: float = -3.0
    gain: float = 0.0

    def __post_init__(self) -> None:
        _check(
            self,
            {
                "low_cut": (10, 1000),
                "high_cut": (1000, 7900),
                "presence": (-20, 20),
                "presence_frequency": (100, 7000),
                "reverberation": (0.01, 2),
                "wetness": (0, 2),
                "noise": (-120, -20),
                "noise_slope": (-12, 6),
                "gain": (-40, 20),
            },
        )
        check_integer(self.room, "Recording.room", minimum=0)
