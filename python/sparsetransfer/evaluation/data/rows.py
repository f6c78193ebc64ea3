"""What a method is given: labelled source rows and unlabelled target rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["LabelledRows", "Spectrograms", "UnlabelledRows", "chosen_views"]

Spectrograms: TypeAlias = tuple[NDArray[np.float32], ...]
"""One array of shape (n_frames, n_bands) per recording; lengths differ."""


class _Rows:
    """What rows with and without labels share."""

    features: NDArray[np.float64]
    views: Mapping[str, NDArray[np.float64]]

    def __len__(self) -> int:
        return len(self.features)

    @property
    def every_view(self) -> tuple[NDArray[np.float64], ...]:
        """The rows in every feature set, the first one first."""
        return (self.features, *self.views.values())

    def matrix(self, *, every_view: bool) -> NDArray[np.float64]:
        """Return the first feature set, or all of them side by side."""
        return np.hstack(self.every_view) if every_view else self.features


@dataclass(frozen=True, eq=False)
class LabelledRows(_Rows):
    """Labelled rows of one or several source corpora.

    Parameters
    ----------
    features : ndarray of shape (n, d)
        Normalised rows of the first feature set.
    labels : ndarray of shape (n,), str
        Labels.
    speakers : ndarray of shape (n,), str
        Speakers, unique across corpora.
    corpora : ndarray of shape (n,), int
        Number of the corpus of each row, from 1.
    views, spectrograms, named, frames
        As in `UnlabelledRows`.
    """

    features: NDArray[np.float64]
    labels: NDArray[np.str_]
    speakers: NDArray[np.str_]
    corpora: NDArray[np.int64]
    views: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    spectrograms: Spectrograms = ()
    named: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    frames: Mapping[str, Spectrograms] = field(default_factory=dict)

    def take(self, rows: NDArray[np.intp]) -> LabelledRows:
        """Return some of the rows."""
        return replace(
            self,
            features=self.features[rows],
            labels=self.labels[rows],
            speakers=self.speakers[rows],
            corpora=self.corpora[rows],
            views={name: view[rows] for name, view in self.views.items()},
            spectrograms=_some(self.spectrograms, rows),
            named={name: view[rows] for name, view in self.named.items()},
            frames={name: _some(parts, rows) for name, parts in self.frames.items()},
        )

    def unlabelled(self) -> UnlabelledRows:
        """Return the rows without their labels."""
        return UnlabelledRows(
            self.features, self.speakers, self.views, self.spectrograms, self.named, self.frames
        )


@dataclass(frozen=True, eq=False)
class UnlabelledRows(_Rows):
    """Rows of a target: all that a method may know of it.

    Parameters
    ----------
    features : ndarray of shape (n, d)
        Normalised rows of the first feature set.
    speakers : ndarray of shape (n,), str
        Speakers, unique across corpora; the empty string means unknown.
    views : mapping of str to ndarray of shape (n, d_view), default={}
        Normalised rows of every further feature set, by its name.
    spectrograms : tuple of ndarray of shape (n_frames, n_bands), default=()
        Spectrograms of the same recordings as they are; none unless a method asks for them.
    named : mapping of str to ndarray of shape (n, d_view), default={}
        Normalised rows of the views that methods of the study ask for by name.
    frames : mapping of str to tuple of ndarray of shape (n_frames, n_columns), default={}
        The same recordings in further sets of frames, by name, if a method asks for them.
    """

    features: NDArray[np.float64]
    speakers: NDArray[np.str_]
    views: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    spectrograms: Spectrograms = ()
    named: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    frames: Mapping[str, Spectrograms] = field(default_factory=dict)

    def join(self, other: UnlabelledRows) -> UnlabelledRows:
        """Return these rows and those of another target below them."""
        return UnlabelledRows(
            np.vstack([self.features, other.features]),
            np.concatenate([self.speakers, other.speakers]),
            {name: np.vstack([view, other.views[name]]) for name, view in self.views.items()},
            self.spectrograms + other.spectrograms,
            {name: np.vstack([view, other.named[name]]) for name, view in self.named.items()},
            {name: parts + other.frames[name] for name, parts in self.frames.items()},
        )

    def labelled(self, labels: NDArray[np.str_]) -> LabelledRows:
        """Return the rows as a source of one corpus, with labels from elsewhere."""
        corpora = np.ones(len(self), dtype=np.int64)
        return LabelledRows(
            self.features,
            labels,
            self.speakers,
            corpora,
            self.views,
            self.spectrograms,
            self.named,
            self.frames,
        )


def chosen_views(
    rows: LabelledRows | UnlabelledRows, names: Sequence[str]
) -> tuple[NDArray[np.float64], ...]:
    """Return the rows in the named views, or in all feature sets of the study if none is named."""
    return tuple(rows.named[name] for name in names) or rows.every_view


def _some(spectrograms: Spectrograms, rows: NDArray[np.intp]) -> Spectrograms:
    return tuple(spectrograms[row] for row in rows) if spectrograms else ()
