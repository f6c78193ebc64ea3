"""The two embedded domains: language, habits of expression, people and studio of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from sparsetransfer.synthetic.emotions import EMOTIONS
from sparsetransfer.synthetic.voice import Prosody, Recording, Voice

__all__ = [
    "ROOM",
    "SOURCE",
    "STUDIO",
    "TARGET",
    "Language",
    "Speaker",
    "SpeechDomain",
    "draw_speaker",
    "draw_text",
]


@dataclass(frozen=True)
class Language:
    """A phoneme inventory: strings of one-letter symbols, and syllables per word."""

    name: str
    onsets: str
    vowels: str
    codas: str
    coda_share: float


@dataclass(frozen=True)
class SpeechDomain:
    """Everything the recordings of one corpus share."""

    name: str
    language: Language
    habits: Mapping[str, Prosody]
    recording: Recording
    strength: float
    """Mean strength of expression; 1 is the full habit."""


SOURCE = SpeechDomain(
    name="synthetic-source",
    language=Language("synthetic-a", "ptkbdgmnslrf", "aeiou", "nslr", 0.25),
    habits={
        "anger": Prosody(
            pitch=3.0, pitch_range=2.6, pitch_slope=-3.5, rate=1.15, energy=5.0, emphasis=5.0,
            tilt=2.5, jitter=0.006, shimmer=0.04, articulation=1.15, pause=0.04,
        ),
        "happiness": Prosody(
            pitch=5.0, pitch_range=4.2, pitch_slope=0.5, rate=1.03, energy=2.5, emphasis=4.0,
            tilt=1.2, jitter=0.002, shimmer=0.02, breathiness=0.004, articulation=1.1, pause=0.05,
        ),
        "neutral": Prosody(pause=0.06),
        "sadness": Prosody(
            pitch=-0.8, pitch_range=1.3, pitch_slope=-2.5, rate=0.85, energy=-4.0, emphasis=1.8,
            tilt=-1.8, jitter=0.004, shimmer=0.03, breathiness=0.02, articulation=0.85, pause=0.12,
        ),
    },
    recording=Recording(
        low_cut=60, high_cut=7600, presence=3, presence_frequency=4000, reverberation=0.12,
        wetness=0.02, room=1, noise=-68, noise_slope=-2,
    ),
    strength=1.4,
)  # fmt: skip
"""A clean studio; expressive actors."""

TARGET = SpeechDomain(
    name="synthetic-target",
    language=Language("synthetic-b", "tkgdbvzSxhmnNjwl", "iyE2@aOu", "NxSmt", 0.4),
    habits={
        "anger": Prosody(
            pitch=1.8, pitch_range=2.0, pitch_slope=-5.0, rate=0.93, energy=4.2, emphasis=6.0,
            tilt=1.6, jitter=0.008, shimmer=0.05, articulation=1.15, pause=0.09,
        ),
        "happiness": Prosody(
            pitch=3.5, pitch_range=3.2, pitch_slope=1.0, rate=1.2, energy=3.4, emphasis=3.0,
            tilt=1.5, jitter=0.003, shimmer=0.02, breathiness=0.006, articulation=1.05, pause=0.04,
        ),
        "neutral": Prosody(pitch_range=1.8, pause=0.06),
        "sadness": Prosody(
            pitch=1.6, pitch_range=1.6, pitch_slope=-3.5, rate=0.94, energy=-2.6, emphasis=2.0,
            tilt=-1.0, jitter=0.006, shimmer=0.04, breathiness=0.025, articulation=0.9, pause=0.1,
        ),
    },
    recording=Recording(
        low_cut=120, high_cut=4800, presence=5, presence_frequency=2000, reverberation=0.35,
        wetness=0.15, room=2, noise=-54, noise_slope=-4, gain=-3,
    ),
    strength=1.3,
)  # fmt: skip
"""A reverberant room with a small microphone; other habits, other sounds."""

STUDIO = replace(SOURCE, name="synthetic-studio", strength=0.6)
"""The studio, with people who show emotions less than actors do."""

ROOM = replace(TARGET, name="synthetic-room", habits=SOURCE.habits, strength=0.6)
"""The room and its sounds, with the habits and the strength of the studio."""


@dataclass(frozen=True)
class Speaker:
    """A person of a corpus: voice, neutral manner, and strength per emotion."""

    gender: str
    voice: Voice
    neutral: Prosody
    strength: Mapping[str, float]


def draw_speaker(domain: SpeechDomain, number: int, rng: np.random.Generator) -> Speaker:
    """Draw a speaker of a domain; even numbers are women, odd ones men."""
    female = number % 2 == 0
    voice = Voice(
        pitch=float((205 if female else 118) * np.exp(0.1 * np.clip(rng.standard_normal(), -2, 2))),
        formant_scale=float((1.16 if female else 1.0) * np.exp(0.03 * rng.standard_normal())),
        open_quotient=float(np.clip(0.6 + 0.05 * rng.standard_normal(), 0.45, 0.75)),
        tilt=float(np.clip(rng.standard_normal(), -3, 3)),
        jitter=float(rng.uniform(0.003, 0.009)),
        shimmer=float(rng.uniform(0.02, 0.05)),
        breathiness=float(rng.uniform(0.005, 0.02) * (1.4 if female else 1.0)),
    )
    usual = domain.habits["neutral"]
    neutral = Prosody(
        pitch_range=usual.pitch_range * float(np.exp(0.15 * rng.standard_normal())),
        pitch_slope=usual.pitch_slope + float(rng.standard_normal()),
        rate=float(np.clip(1 + 0.06 * rng.standard_normal(), 0.8, 1.2)),
        energy=float(1.5 * rng.standard_normal()),
        pause=usual.pause,
    )
    strength = {
        emotion: domain.strength * float(np.clip(1 + 0.15 * rng.standard_normal(), 0.5, 1.5))
        for emotion in EMOTIONS
    }
    return Speaker("female" if female else "male", voice, neutral, strength)


def draw_text(language: Language, rng: np.random.Generator) -> str:
    """Draw a sentence of two or three words, six syllables in all, from a language."""
    words = []
    for n_syllables in rng.permutation([1, 2, 3] if rng.random() < 0.5 else [3, 3]):
        word = ""
        for _ in range(n_syllables):
            word += _pick(language.onsets, rng) + _pick(language.vowels, rng)
            if rng.random() < language.coda_share:
                word += _pick(language.codas, rng)
        words.append(word)
    return " ".join(words)


def _pick(symbols: str, rng: np.random.Generator) -> str:
    return symbols[int(rng.integers(len(symbols)))]
