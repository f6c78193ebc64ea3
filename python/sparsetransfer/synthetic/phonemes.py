"""Phonemes and their articulation: formants, noise bands and durations.

Formants are those of an adult man (``Voice.formant_scale`` 1), rounded from published averages.

References
----------
G. E. Peterson and H. L. Barney, "Control methods used in a study of the vowels", J. Acoust. Soc.
Am. 24, 1952. https://doi.org/10.1121/1.1906875

D. H. Klatt, "Software for a cascade/parallel formant synthesizer", J. Acoust. Soc. Am. 67, 1980.
https://doi.org/10.1121/1.383940
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from sparsetransfer.synthetic.voice import Prosody

__all__ = ["PHONEMES", "VOWELS", "Phoneme", "Segment", "articulate"]


class Phoneme(NamedTuple):
    """What the vocal tract does for one phoneme.

    ``formants`` in hertz, ``duration`` in seconds, ``voicing`` and ``noise`` are amplitudes of the
    two sources, ``centre`` and ``width`` in hertz shape the noise, ``zero`` in hertz is the
    antiresonance of a nasal (0: none), ``closure`` in seconds precedes the burst of a plosive.
    """

    formants: tuple[float, float, float, float]
    duration: float
    voicing: float = 1.0
    noise: float = 0.0
    centre: float = 4000.0
    width: float = 4000.0
    zero: float = 0.0
    closure: float = 0.0


VOWELS: dict[str, tuple[float, float, float, float]] = {
    "i": (280, 2250, 2900, 3500),
    "e": (400, 2000, 2600, 3500),
    "E": (550, 1800, 2500, 3500),
    "a": (730, 1250, 2500, 3500),
    "O": (570, 850, 2450, 3400),
    "o": (420, 800, 2400, 3400),
    "u": (310, 750, 2300, 3300),
    "y": (280, 1850, 2150, 3300),
    "2": (400, 1550, 2200, 3300),
    "@": (500, 1450, 2450, 3450),
}
"""First four formants of the vowels, in hertz; the names are SAMPA."""

_LABIAL = (300.0, 900.0, 2250.0, 3350.0)
_ALVEOLAR = (300.0, 1700.0, 2650.0, 3500.0)
_PALATAL = (290.0, 2000.0, 2500.0, 3400.0)
_VELAR = (300.0, 1500.0, 2150.0, 3350.0)

_CONSONANTS: dict[str, Phoneme] = {
    "p": Phoneme(_LABIAL, 0.025, 0.0, 0.25, 1000, 2500, closure=0.06),
    "t": Phoneme(_ALVEOLAR, 0.025, 0.0, 0.35, 4200, 2500, closure=0.06),
    "k": Phoneme(_VELAR, 0.030, 0.0, 0.35, 1800, 900, closure=0.06),
    "b": Phoneme(_LABIAL, 0.010, 0.3, 0.15, 1000, 2500, closure=0.05),
    "d": Phoneme(_ALVEOLAR, 0.010, 0.3, 0.2, 3800, 2500, closure=0.05),
    "g": Phoneme(_VELAR, 0.012, 0.3, 0.2, 1800, 900, closure=0.05),
    "f": Phoneme(_LABIAL, 0.09, 0.0, 0.12, 4500, 6000),
    "s": Phoneme(_ALVEOLAR, 0.10, 0.0, 0.3, 5800, 1800),
    "S": Phoneme(_PALATAL, 0.10, 0.0, 0.3, 3200, 1500),
    "x": Phoneme(_VELAR, 0.09, 0.0, 0.22, 1600, 1000),
    "h": Phoneme(VOWELS["@"], 0.06, 0.0, 0.12, 1500, 3000),
    "v": Phoneme(_LABIAL, 0.06, 0.4, 0.06, 4500, 6000),
    "z": Phoneme(_ALVEOLAR, 0.07, 0.4, 0.14, 5800, 1800),
    "m": Phoneme((270, 1000, 2200, 3300), 0.07, 0.6, zero=1000),
    "n": Phoneme((270, 1500, 2400, 3400), 0.065, 0.6, zero=1600),
    "N": Phoneme((270, 1900, 2300, 3300), 0.07, 0.6, zero=2600),
    "l": Phoneme((350, 1150, 2700, 3400), 0.06, 0.7),
    "r": Phoneme((400, 1300, 1750, 3300), 0.045, 0.6),
    "j": Phoneme((280, 2200, 2900, 3500), 0.055, 0.8),
    "w": Phoneme((300, 700, 2250, 3300), 0.06, 0.8),
}

PHONEMES: dict[str, Phoneme] = {
    **{symbol: Phoneme(formants, 0.105) for symbol, formants in VOWELS.items()},
    **_CONSONANTS,
}
"""Every phoneme by its one-letter SAMPA symbol."""


@dataclass(frozen=True)
class Segment:
    """A stretch of constant articulation; the synthesiser smooths from one to the next.

    ``duration`` in seconds, the rest as in `Phoneme`; ``accented`` marks the vowels that carry an
    accent of pitch and loudness, ``pause`` a silence that does not count as speech.
    """

    duration: float
    formants: tuple[float, float, float, float]
    voicing: float = 0.0
    noise: float = 0.0
    centre: float = 4000.0
    width: float = 4000.0
    zero: float = 0.0
    accented: bool = False
    pause: bool = False


def articulate(text: str, prosody: Prosody, rng: np.random.Generator) -> list[Segment]:
    """Convert a text of phoneme symbols to segments with durations.

    `text`: one symbol of `PHONEMES` per phoneme; spaces separate words, whose first vowel is
    accented. `prosody`: its ``rate``, ``pause`` and ``articulation`` are used here. `rng`: varies
    durations (by 8 %) and pauses. Raises ValueError if `text` has no phoneme, or a symbol that is
    none.
    """
    unknown = sorted(set(text) - set(PHONEMES) - {" "})
    if unknown:
        raise ValueError(f"text has unknown phonemes {unknown}; known: {''.join(PHONEMES)}")
    words = text.split()
    if not words:
        raise ValueError(f"text must hold at least one phoneme, got {text!r}")
    segments: list[Segment] = []
    for position, word in enumerate(words):
        if position:
            length = prosody.pause * rng.gamma(2.0, 0.5)
            segments.append(Segment(length, segments[-1].formants, pause=True))
        accent = next((i for i, symbol in enumerate(word) if symbol in VOWELS), -1)
        for i, symbol in enumerate(word):
            stretch = float(np.exp(0.08 * rng.standard_normal())) / prosody.rate
            segments += _segments(symbol, stretch, i == accent, prosody.articulation)
    last = segments[-1]
    segments[-1] = replace(last, duration=1.4 * last.duration)
    return segments


def _segments(symbol: str, stretch: float, accented: bool, articulation: float) -> list[Segment]:
    phoneme = PHONEMES[symbol]
    if symbol in VOWELS:
        neutral = np.array(VOWELS["@"])
        f1, f2, f3, f4 = neutral + articulation * (np.array(phoneme.formants) - neutral)
        length = phoneme.duration * stretch * (1.25 if accented else 0.9)
        return [Segment(length, (f1, f2, f3, f4), voicing=1.0, accented=accented)]
    release = Segment(
        phoneme.duration * (stretch if not phoneme.closure else 1.0),
        phoneme.formants,
        phoneme.voicing,
        phoneme.noise,
        phoneme.centre,
        phoneme.width,
        phoneme.zero,
    )
    if not phoneme.closure:
        return [release]
    closure = Segment(phoneme.closure * stretch, phoneme.formants, voicing=0.4 * phoneme.voicing)
    return [closure, release]
