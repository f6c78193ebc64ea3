"""How each emotion is spoken, and how differently people speak it.

The directions (anger: loud, bright, fast; happiness: high, wide, lively; sadness: low, soft, slow,
breathy) follow the reviews below; the sizes are chosen so that the emotions overlap.

References
----------
I. R. Murray and J. L. Arnott, "Toward the simulation of emotion in synthetic speech", J. Acoust.
Soc. Am. 93, 1993. https://doi.org/10.1121/1.405558

P. N. Juslin and P. Laukka, "Communication of emotions in vocal expression and music performance",
Psychol. Bull. 129, 2003. https://doi.org/10.1037/0033-2909.129.5.770
"""

from __future__ import annotations

import numpy as np

from sparsetransfer.synthetic.voice import Prosody

__all__ = ["EMOTIONS", "express"]

EMOTIONS = ("anger", "happiness", "neutral", "sadness")
"""The emotions of the embedded corpora, in the order of their labels."""

# variation from one utterance to the next, as a standard deviation
_SPREAD = {
    "pitch": 0.7,
    "pitch_range": 0.4,
    "pitch_slope": 1.2,
    "rate": 0.05,
    "energy": 1.0,
    "emphasis": 0.8,
    "tilt": 0.4,
    "jitter": 0.002,
    "shimmer": 0.015,
    "breathiness": 0.004,
    "articulation": 0.05,
    "pause": 0.01,
}
# with voices of 95 to 250 Hz these keep the pitch between 30 and 950 Hz
_BOUNDS = {
    "pitch": (-4.0, 8.0),
    "pitch_range": (0.0, 5.0),
    "pitch_slope": (-6.0, 6.0),
    "rate": (0.5, 2.0),
    "energy": (-15.0, 12.0),
    "emphasis": (0.0, 12.0),
    "tilt": (-8.0, 8.0),
    "articulation": (0.5, 1.5),
    "jitter": (0.0, 0.05),
    "shimmer": (0.0, 0.3),
    "breathiness": (0.0, 0.3),
    "pause": (0.0, 0.5),
}


def express(
    own: Prosody, usual: Prosody, emotion: Prosody, strength: float, rng: np.random.Generator
) -> Prosody:
    """Sample random prosody of an emotion that is expressed with a given strength.

    `own`: the speaker's neutral manner. `usual`, `emotion`: the neutral manner and the emotion's,
    as people of that corpus have it. `strength`: factor on the difference between the two, which is
    added to `own`. `rng`: source of the variation between utterances. Returns: its values stay
    within their ranges.
    """
    values = {}
    for name, spread in _SPREAD.items():
        change = strength * (getattr(emotion, name) - getattr(usual, name))
        value = getattr(own, name) + change + spread * rng.standard_normal()
        low, high = _BOUNDS.get(name, (-np.inf, np.inf))
        values[name] = float(min(high, max(low, value)))
    return Prosody(**values)
