"""The interface of a feature set, and the registered ones."""

import functools
import re
from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from sparsetransfer.features.sets.encoder import Encoder
from sparsetransfer.features.sets.functionals import Functionals
from sparsetransfer.features.sets.is09 import ChallengeStyle
from sparsetransfer.features.sets.opensmile import OPENSMILE_SETS, OpenSmile
from sparsetransfer.features.sets.speaker import Speaker
from sparsetransfer.features.sets.wide import Wide

__all__ = ["BatchFeatureSet", "FeatureSet", "feature_set", "names"]


@runtime_checkable
class FeatureSet(Protocol):
    """A named, versioned map from a signal to one row of numbers.

    Attributes
    ----------
    id : str
        Name and version, usable as a file name; cached values are found by it, so it must change
        whenever a value may.
    sample_rate : int
        Rate in Hz of the signals that `compute` takes.
    names : tuple of str
        Name of every column, unique.
    units : tuple of str
        Unit of every column.
    """

    @property
    def id(self) -> str:
        """Name and version, usable as a file name."""
        ...

    @property
    def sample_rate(self) -> int:
        """Rate in Hz of the signals that `compute` takes."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """Name of every column."""
        ...

    @property
    def units(self) -> tuple[str, ...]:
        """Unit of every column."""
        ...

    def compute(self, signal: NDArray[np.float32]) -> NDArray[np.float64]:
        """Compute the features of one utterance.

        Parameters
        ----------
        signal : ndarray of float32, shape (n_samples,)
            Mono signal at `sample_rate`, full scale 1, at least one finite sample.

        Returns
        -------
        ndarray of float64, shape (len(names),)
            One value per column; equal signals give equal values.
        """
        ...


@runtime_checkable
class BatchFeatureSet(FeatureSet, Protocol):
    """A feature set that is faster on several utterances at once; `extract` makes use of it."""

    def compute_many(self, signals: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float64]]:
        """Compute the features of several utterances.

        `signals` (n_samples,): mono signals as for `compute`. Returns (len(names),): what `compute`
        returns for each, but for rounding.
        """
        ...


_ENCODER = "encoder:"
_SPEAKER = {"speaker": "campplus", "speaker-ge2e": "ge2e"}

_KNOWN: dict[str, Callable[[], FeatureSet]] = {
    "functionals": Functionals,
    "is09-style": ChallengeStyle,
    "wide": Wide,
}
_KNOWN.update({name: functools.partial(OpenSmile, name) for name in OPENSMILE_SETS})
_KNOWN.update({name: functools.partial(Speaker, network) for name, network in _SPEAKER.items()})


def names() -> tuple[str, ...]:
    """List the registered feature sets.

    Returns
    -------
    tuple of str
        Names for `feature_set`, sorted. Those that begin with ``opensmile-`` or ``speaker`` need
        the extra of that name, and the latter the weights of a network (see `Speaker`).

    Examples
    --------
    >>> "functionals" in names(), "wide" in names()
    (True, True)
    """
    return tuple(sorted(_KNOWN))


def feature_set(name: str) -> FeatureSet:
    """Return a feature set by name.

    Parameters
    ----------
    name : str
        One of `names`; ``speaker:LAYER`` or ``speaker-ge2e:LAYER+LAYER`` for other layers of a
        `Speaker` network; ``encoder:MODEL`` or ``encoder:MODEL@LAYER`` for an `Encoder`.

    Returns
    -------
    FeatureSet
        The set in its current version.

    Raises
    ------
    ValueError
        If no such set is known.
    ModuleNotFoundError
        If it needs an extra or weights that are not installed.

    Examples
    --------
    >>> feature_set("functionals").id
    'functionals-1'
    """
    if name.startswith(_ENCODER):
        model, at, layer = name.removeprefix(_ENCODER).rpartition("@")
        if at and re.fullmatch(r"-?\d+", layer):
            return Encoder(model, layer=int(layer))
        return Encoder(name.removeprefix(_ENCODER))
    network, colon, layers = name.partition(":")
    if colon and network in _SPEAKER:
        return Speaker(_SPEAKER[network], layers=layers.split("+"))
    if name not in _KNOWN:
        raise ValueError(f"feature_set must be one of {', '.join(names())}, got {name!r}")
    return _KNOWN[name]()
