"""How active and how pleasant an emotion is: the documented map from categories to dimensions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sparsetransfer._labels import labelled
from sparsetransfer._messages import listing

__all__ = ["AFFECT", "EMODB_AFFECT", "affect_of", "ratings_of"]

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

EMODB_AFFECT: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "anger": (0.61, -0.47),
        "boredom": (-0.42, -0.15),
        "disgust": (-0.22, -0.48),
        "fear": (0.36, -0.44),
        "happiness": (0.37, 0.35),
        "neutral": (-0.16, 0.00),
        "sadness": (-0.67, -0.44),
    }
)
"""Class means of published ratings of the 535 utterances of EMO-DB, from 1 to 5 mapped to -1 to 1.

The ratings are those of S. Das et al., "Continuous metric learning for transferable speech emotion
recognition and embedding across low-resource languages", NLDL 2022, arXiv:2203.14867, in their
repository (``data_labels/EMO_DB.csv``). They know how EMO-DB's classes sound: where EMO-DB is the
target they are no prior of it. Beside `AFFECT`, sadness and boredom are calmer and less unpleasant,
and disgust is calm.
"""


def affect_of(
    emotions: Iterable[object], mapping: Mapping[str, tuple[float, float]] = AFFECT
) -> NDArray[np.float64]:
    """Return activation and valence of emotions.

    `emotions`: names; None, NaN and -1 stand for unknown. `mapping`: activation and valence of each
    name. Returns (n, 2): NaN for unknown emotions. Raises ValueError if a name is not in the
    mapping; all such names are listed.

    Examples
    --------
    >>> from sparsetransfer.deep.affect import affect_of
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


def ratings_of(
    known: NDArray[np.bool_],
    is_source: NDArray[np.bool_],
    labels: NDArray[Any] | None,
    dimensions: ArrayLike | None,
    affect: Mapping[str, tuple[float, float]],
) -> NDArray[np.float64]:
    """Return activation and valence of the source: those given, else those of its known labels."""
    rated = np.full((len(known), 2), np.nan)
    if dimensions is not None:
        given = np.asarray(dimensions, dtype=np.float64)
        if given.shape != rated.shape or np.isinf(given).any():
            raise ValueError(
                f"dimensions must be finite or NaN, of shape {rated.shape}, got {given.shape}"
            )
        rated[is_source] = given[is_source]
    elif labels is not None:
        rated[known] = affect_of(labels[known].tolist(), affect)
    return rated
