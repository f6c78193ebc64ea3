"""How active and how pleasant an emotion is: the documented map from categories to dimensions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from sparsetransfer._labels import labelled
from sparsetransfer._messages import listing

__all__ = ["AFFECT", "affect_of"]

AFFECT: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "anger": (0.6, -0.5),
        "boredom": (-0.6, -0.6),
        "calm": (-0.5, 0.7),
        "disgust": (0.3, -0.6),
        "fear": (0.6, -0.6),
        "happiness": (0.5, 0.8),
        "neutral": (0.0, 0.0),
        "sadness": (-0.3, -0.6),
        "surprise": (0.7, 0.4),
    }
)
"""Activation and valence, from -1 to 1, of common emotions: this package's convention.

Signs and order follow the ratings of Russell and Mehrabian, "Evidence for a three-factor theory of
emotions", J. Research in Personality 11, 1977; the numbers are rounded, and neutral is the origin.
They stand in for ratings of the utterances, which say more: give those where there are some.
"""


def affect_of(
    emotions: Iterable[object], mapping: Mapping[str, tuple[float, float]] = AFFECT
) -> NDArray[np.float64]:
    """Return activation and valence of emotions.

    Parameters
    ----------
    emotions : iterable of str or None
        Names; None, NaN and -1 stand for unknown.
    mapping : mapping of str to (float, float), default=AFFECT
        Activation and valence of each name.

    Returns
    -------
    numpy.ndarray of shape (n, 2), float64
        NaN for unknown emotions.

    Raises
    ------
    ValueError
        If a name is not in the mapping; all such names are listed.

    Examples
    --------
    >>> from sparsetransfer.deep import affect_of
    >>> affect_of(["sadness", None])
    array([[-0.3, -0.6],
           [ nan,  nan]])
    """
    names = list(emotions)
    unknown = ~labelled(np.array([*names, None], dtype=object)[:-1])
    strange = sorted(
        {str(n) for n, u in zip(names, unknown, strict=True) if not u and n not in mapping}
    )
    if strange:
        raise ValueError(
            f"y has emotions without activation and valence: {listing(strange)}; give "
            f"`dimensions`, or use names out of {', '.join(sorted(mapping))}"
        )
    gap = (np.nan, np.nan)
    rows = [gap if u else mapping[str(n)] for n, u in zip(names, unknown, strict=True)]
    return np.array(rows, dtype=np.float64).reshape(-1, 2)
