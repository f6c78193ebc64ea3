"""One corpus as the solvers see it: feature rows joined to labels and speakers."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sparsetransfer._labels import label_array, missing_labels, names_array
from sparsetransfer._messages import listing
from sparsetransfer.evaluation.data.rows import Spectrograms
from sparsetransfer.exceptions import CorpusError

__all__ = ["Dataset", "common_classes", "select_classes", "select_rows", "views_first"]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Feature rows of one corpus with label, speaker and recording of each row.

    Parameters
    ----------
    name : str
        Name of the corpus. Speakers are identified by corpus name and speaker together.
    features : ndarray of shape (n, d), float64
        One finite row per recording, before any normalisation.
    labels : ndarray of shape (n,), str
        Emotion of each row; never empty or missing.
    speakers : ndarray of shape (n,), str
        Speaker of each row; the empty string means unknown, which a target may be but a source
        may not.
    files : ndarray of shape (n,), str
        Unique identifier of each row: the path below the corpus folder, followed by
        ``#t=start,end`` (in seconds) where the row is a part of its file.
    feature_names : tuple of str
        Names of the d columns.
    feature_set : str
        Name and version of the feature set.
    digests : ndarray of shape (n,), str, optional
        Hash of the audio behind each row; rows of equal hash are the same recording. The empty
        string means unknown.
    dropped : mapping of str to int, default={}
        What was left out on the way, by reason, with the number of recordings.
    failures : tuple of (str, str), default=()
        Recordings left out because they could not be read, with the reason.
    views : mapping of str to ndarray of shape (n, d_view), default={}
        The same recordings in further feature sets, by name and version, finite.
    spectrograms : sequence of ndarray of shape (n_frames, n_bands), float32, default=()
        The same recordings as frames, finite, for methods that read them; one per row, or none.
    spectrogram_set : str, default=""
        Name and version of the spectrograms.
    named : mapping of str to ndarray of shape (n, d_view), default={}
        The same recordings in the views that methods ask for by name, finite.
    frames : mapping of str to sequence of ndarray of shape (n_frames, n_columns), default={}
        The same recordings in further sets of frames, by name and version, float32, finite.

    Raises
    ------
    CorpusError
        If there are no rows, shapes disagree, a feature is not finite, a label is empty or two
        rows have the same identifier.
    """

    name: str
    features: NDArray[np.float64]
    labels: NDArray[np.str_]
    speakers: NDArray[np.str_]
    files: NDArray[np.str_]
    feature_names: tuple[str, ...]
    feature_set: str
    digests: NDArray[np.str_] | None = None
    dropped: Mapping[str, int] = field(default_factory=dict)
    failures: tuple[tuple[str, str], ...] = ()
    views: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    spectrograms: Spectrograms = ()
    spectrogram_set: str = ""
    named: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    frames: Mapping[str, Spectrograms] = field(default_factory=dict)

    def __post_init__(self) -> None:
        features = np.array(self.features, dtype=np.float64, order="C")
        if features.ndim != 2 or features.shape[0] == 0 or features.shape[1] == 0:
            raise CorpusError(
                f"corpus {self.name!r}: features must have at least one row and one column, "
                f"got shape {features.shape}"
            )
        columns = {"labels": self.labels, "speakers": self.speakers, "files": self.files}
        if self.digests is not None:
            columns["digests"] = self.digests
        for title, column in columns.items():
            values = label_array(column, title) if title == "labels" else names_array(column)
            values = np.where(missing_labels(values), "", values).astype(np.str_)
            if values.shape != (features.shape[0],):
                raise CorpusError(
                    f"corpus {self.name!r}: {title} must have one entry for each of the "
                    f"{features.shape[0]} feature rows, got shape {values.shape}"
                )
            values.flags.writeable = False
            object.__setattr__(self, title, values)
        if len(self.feature_names) != features.shape[1]:
            raise CorpusError(
                f"corpus {self.name!r}: {len(self.feature_names)} feature names for "
                f"{features.shape[1]} columns"
            )
        features.flags.writeable = False
        object.__setattr__(self, "features", features)
        object.__setattr__(self, "feature_names", tuple(self.feature_names))
        # Not mapping proxies: domains travel to other processes.
        object.__setattr__(self, "dropped", dict(self.dropped))
        if self.feature_set in self.views:
            raise CorpusError(
                f"corpus {self.name!r}: the feature set {self.feature_set!r} stands twice"
            )
        object.__setattr__(self, "views", self._checked_views(self.views))
        object.__setattr__(self, "named", self._checked_views(self.named))
        spectrograms = self._checked_frames(self.spectrograms, self.spectrogram_set)
        object.__setattr__(self, "spectrograms", spectrograms)
        frames = {name: self._checked_frames(parts, name) for name, parts in self.frames.items()}
        object.__setattr__(self, "frames", frames)
        self._check_rows()

    def _checked_frames(self, given: Spectrograms, name: str) -> Spectrograms:
        checked = tuple(np.asarray(part, dtype=np.float32) for part in given)
        if not checked:
            return checked
        if len(checked) != len(self) or not name:
            raise CorpusError(
                f"corpus {self.name!r}: {len(checked)} spectrograms named "
                f"{name!r} for {len(self)} rows, expected a name and one per row"
            )
        shapes = {part.shape[1:] for part in checked}
        if len(shapes) > 1 or any(part.ndim != 2 or part.size == 0 for part in checked):
            raise CorpusError(
                f"corpus {self.name!r}: spectrograms must have shape (n_frames, n_bands) with the "
                f"same bands, got {listing(sorted({str(part.shape) for part in checked}))}"
            )
        pairs = zip(self.files, checked, strict=True)
        broken = [file for file, part in pairs if not np.isfinite(part).all()]
        if broken:
            raise CorpusError(
                f"corpus {self.name!r}: NaN or infinite values in the spectrograms of "
                f"{len(broken)} recordings: {listing(broken)}"
            )
        return checked

    def _checked_views(
        self, views: Mapping[str, NDArray[np.float64]]
    ) -> dict[str, NDArray[np.float64]]:
        checked = {}
        for name, view in views.items():
            values = np.array(view, dtype=np.float64, order="C")
            if not name:
                raise CorpusError(f"corpus {self.name!r}: a view has no name")
            if values.ndim != 2 or values.shape[0] != len(self) or values.shape[1] == 0:
                raise CorpusError(
                    f"corpus {self.name!r}: the view {name!r} must have {len(self)} rows and at "
                    f"least one column, got shape {values.shape}"
                )
            broken = ~np.isfinite(values).all(axis=1)
            if broken.any():
                raise CorpusError(
                    f"corpus {self.name!r}: NaN or infinite values of {name!r} in "
                    f"{int(broken.sum())} recordings: {listing(self.files[broken])}"
                )
            values.flags.writeable = False
            checked[name] = values
        return checked

    def _check_rows(self) -> None:
        broken = ~np.isfinite(self.features).all(axis=1)
        if broken.any():
            raise CorpusError(
                f"corpus {self.name!r}: NaN or infinite features in {int(broken.sum())} "
                f"recordings: {listing(self.files[broken])}"
            )
        if (self.labels == "").any():
            raise CorpusError(
                f"corpus {self.name!r}: no label for {listing(self.files[self.labels == ''])}"
            )
        repeated = [file for file, count in Counter(self.files.tolist()).items() if count > 1]
        if repeated:
            raise CorpusError(
                f"corpus {self.name!r}: listed more than once: {listing(sorted(repeated))}"
            )

    def __len__(self) -> int:
        return int(self.features.shape[0])

    @property
    def feature_sets(self) -> tuple[str, ...]:
        """Names of the feature set and of the views, in this order."""
        return (self.feature_set, *self.views)

    @property
    def matrices(self) -> tuple[NDArray[np.float64], ...]:
        """All that is normalised: the features, the views and the named views."""
        return (self.features, *self.views.values(), *self.named.values())

    @property
    def speaker_keys(self) -> NDArray[np.str_]:
        """Identity of each row's speaker across corpora, ``name/speaker``; empty if unknown."""
        keys = [f"{self.name}/{speaker}" if speaker else "" for speaker in self.speakers]
        return np.array(keys, dtype=np.str_)

    @property
    def classes(self) -> tuple[str, ...]:
        """Labels that occur, in alphabetical order."""
        return tuple(self.counts())

    @property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits that change with any row, label or feature (not spectrogram)."""
        digest = hashlib.sha256()
        words = [self.name, *self.feature_sets, *self.feature_names]
        for column in (self.labels, self.speakers, self.files):
            words += column.tolist()
        digest.update(json.dumps(words).encode())
        for view in (self.features, *self.views.values()):
            digest.update(np.ascontiguousarray(view, dtype="<f8").tobytes())
        return digest.hexdigest()[:16]

    def view_fingerprint(self, names: Sequence[str]) -> str:
        """Return sixteen hexadecimal digits that change with any value of some named views."""
        digest = hashlib.sha256(json.dumps(list(names)).encode())
        for name in names:
            digest.update(np.ascontiguousarray(self.named[name], dtype="<f8").tobytes())
        return digest.hexdigest()[:16]

    @property
    def spectrogram_fingerprint(self) -> str:
        """Sixteen hexadecimal digits that change with any spectrogram."""
        return _fingerprint(self.spectrogram_set, self.spectrograms)

    def frame_fingerprint(self, name: str) -> str:
        """Return sixteen hexadecimal digits that change with any frame of a set."""
        return _fingerprint(name, self.frames[name])

    def counts(self) -> dict[str, int]:
        """Return the number of rows per label, labels in alphabetical order."""
        return dict(sorted(Counter(self.labels.tolist()).items()))


def _fingerprint(name: str, parts: Spectrograms) -> str:
    digest = hashlib.sha256(name.encode())
    for part in parts:
        digest.update(np.ascontiguousarray(part, dtype="<f4").tobytes())
    return digest.hexdigest()[:16]


class _Labelled(Protocol):
    """What a corpus and a domain have in common."""

    @property
    def name(self) -> str: ...

    @property
    def classes(self) -> tuple[str, ...]: ...


def common_classes(corpora: Sequence[_Labelled]) -> tuple[str, ...]:
    """Return the labels of every corpus in alphabetical order; fewer than two are a CorpusError."""
    classes = sorted(set.intersection(*(set(corpus.classes) for corpus in corpora)))
    if len(classes) < 2:
        have = "; ".join(f"{corpus.name}: {', '.join(corpus.classes)}" for corpus in corpora)
        raise CorpusError(
            "recognition across corpora needs at least two classes that occur in every corpus, "
            f"found {', '.join(classes) or 'none'} ({have})"
        )
    return tuple(classes)


def select_classes(domain: Dataset, classes: Sequence[str]) -> Dataset:
    """Select the rows of some classes, in their order, and count the others as dropped.

    No row left is a CorpusError.
    """
    keep = np.flatnonzero(np.isin(domain.labels, list(classes)))
    if not len(keep):
        raise CorpusError(
            f"corpus {domain.name!r} has none of the classes {', '.join(classes)}; "
            f"it has {', '.join(domain.counts())}"
        )
    lost = Counter(domain.dropped)
    out = np.delete(domain.labels, keep).tolist()
    lost.update(f"class {label!r} not asked for" for label in out)
    return replace(select_rows(domain, keep), dropped=dict(sorted(lost.items())))


def views_first(domain: Dataset, names: Sequence[str]) -> Dataset:
    """Select named views as the feature sets of a corpus, for a method that is fitted for use."""
    absent = [name for name in names if name not in domain.named]
    if absent:
        raise CorpusError(
            f"corpus {domain.name!r} has no views {absent}, it has {list(domain.named)}; "
            "`prepare` computes those that methods name"
        )
    named = {name: domain.named[name] for name in names}
    if not named:
        return replace(domain, named={})
    first, *rest = named
    columns = tuple(f"{first} {column}" for column in range(named[first].shape[1]))
    return replace(
        domain,
        features=named[first],
        feature_names=columns,
        feature_set=first,
        views={name: named[name] for name in rest},
        named=named,
    )


def select_rows(domain: Dataset, rows: NDArray[np.intp]) -> Dataset:
    """Select rows of a corpus in the given order; `dropped` and `failures` stay as they are."""
    return replace(
        domain,
        features=domain.features[rows],
        labels=domain.labels[rows],
        speakers=domain.speakers[rows],
        files=domain.files[rows],
        digests=None if domain.digests is None else domain.digests[rows],
        views={name: view[rows] for name, view in domain.views.items()},
        spectrograms=tuple(domain.spectrograms[row] for row in rows if domain.spectrograms),
        named={name: view[rows] for name, view in domain.named.items()},
        frames={name: tuple(parts[row] for row in rows) for name, parts in domain.frames.items()},
    )
