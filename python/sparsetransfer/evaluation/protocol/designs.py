"""Which corpora train and which are recognised: the designs of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

__all__ = [
    "DESIGNS",
    "Design",
    "LeaveOneCorpusOut",
    "LeaveOneSpeakerOut",
    "OrderedPairs",
    "SourceToTarget",
    "SpeakerKFold",
    "Task",
]


@dataclass(frozen=True)
class Task:
    """One row of a table: a target, and what is learned from.

    `sources`: corpora whose labels are learned from. `target`: corpus to recognise. Within one
    corpus it is the only source as well, and speakers are held out fold by fold. `n_folds`: none
    between corpora. Within a corpus the number of folds of speakers; 0 for one fold per speaker.
    """

    sources: tuple[str, ...]
    target: str
    n_folds: int | None = None

    @property
    def name(self) -> str:
        """Name in tables, for example ``emodb → urdu``."""
        if self.n_folds is None:
            return f"{' + '.join(self.sources)} → {self.target}"
        if self.n_folds == 0:
            return f"{self.target}, speaker by speaker"
        return f"{self.target}, {self.n_folds} folds of speakers"


def _distinct(title: str, names: tuple[str, ...], least: int) -> tuple[str, ...]:
    names = tuple(names)
    if len(names) < least or len(set(names)) != len(names) or "" in names:
        raise ValueError(
            f"{title} must be at least {least} corpora, without repetition, got {list(names)}"
        )
    return names


@dataclass(frozen=True)
class Design:
    """What all designs have in common; use one of the subclasses."""

    kind: ClassVar[str] = ""

    @property
    def names(self) -> tuple[str, ...]:
        """All corpora that take part."""
        return tuple(
            dict.fromkeys(n for task in self.tasks() for n in (*task.sources, task.target))
        )

    def tasks(self) -> tuple[Task, ...]:
        """Return the rows of the table, in order."""
        raise NotImplementedError

    @staticmethod
    def from_dict(content: Mapping[str, Any]) -> Design:
        """Restore what `as_dict` gave.

        Parameters
        ----------
        content : mapping
            Kind and fields.

        Returns
        -------
        Design
            An equal design.

        Raises
        ------
        ValueError
            If the kind is unknown or the fields are not its own.
        """
        kind = str(content.get("kind"))
        if kind not in DESIGNS:
            raise ValueError(f"design must be one of {', '.join(DESIGNS)}, got {kind!r}")
        fields = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in content.items()
            if name != "kind"
        }
        try:
            return DESIGNS[kind](**fields)
        except TypeError as error:
            raise ValueError(f"design {kind!r}: {error}") from error

    def as_dict(self) -> dict[str, Any]:
        """Return kind and fields as plain JSON values."""
        fields = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}
        return {"kind": self.kind, **fields}


@dataclass(frozen=True)
class SourceToTarget(Design):
    """All sources together against every target: with several sources, the multi-source case.

    Parameters
    ----------
    sources, targets : tuple of str
        Names of corpora.

    Raises
    ------
    ValueError
        If a list is empty or repeats a name, or a name stands in both.

    Examples
    --------
    >>> [task.name for task in SourceToTarget(("emodb", "nemo"), ("urdu",)).tasks()]
    ['emodb + nemo → urdu']
    """

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    kind: ClassVar[str] = "source-to-target"

    def __post_init__(self) -> None:
        for title in ("sources", "targets"):
            object.__setattr__(self, title, _distinct(title, getattr(self, title), 1))
        both = sorted(set(self.sources) & set(self.targets))
        if both:
            raise ValueError(f"corpora that are source and target at once: {', '.join(both)}")

    def tasks(self) -> tuple[Task, ...]:
        """Return one task per target."""
        return tuple(Task(self.sources, target) for target in self.targets)


@dataclass(frozen=True)
class _OfCorpora(Design):
    corpora: tuple[str, ...]
    least: ClassVar[int] = 2

    def __post_init__(self) -> None:
        object.__setattr__(self, "corpora", _distinct("corpora", self.corpora, self.least))


@dataclass(frozen=True)
class OrderedPairs(_OfCorpora):
    """Every corpus as the source of every other: N × (N - 1) tasks.

    Parameters
    ----------
    corpora : tuple of str
        Names of at least two corpora.

    Raises
    ------
    ValueError
        If there are fewer than two, or a name is repeated.
    """

    kind: ClassVar[str] = "ordered-pairs"

    def tasks(self) -> tuple[Task, ...]:
        """Return one task per ordered pair, by source."""
        return tuple(Task((s,), t) for s in self.corpora for t in self.corpora if s != t)


@dataclass(frozen=True)
class LeaveOneCorpusOut(_OfCorpora):
    """Every corpus is recognised from all others together.

    Parameters
    ----------
    corpora : tuple of str
        Names of at least two corpora.

    Raises
    ------
    ValueError
        If there are fewer than two, or a name is repeated.
    """

    kind: ClassVar[str] = "leave-one-corpus-out"

    def tasks(self) -> tuple[Task, ...]:
        """Return one task per corpus."""
        return tuple(
            Task(tuple(name for name in self.corpora if name != target), target)
            for target in self.corpora
        )


@dataclass(frozen=True)
class LeaveOneSpeakerOut(_OfCorpora):
    """Within every corpus, each speaker is recognised from the others.

    Parameters
    ----------
    corpora : tuple of str
        Names of at least one corpus.

    Raises
    ------
    ValueError
        If there is none, or a name is repeated.
    """

    kind: ClassVar[str] = "leave-one-speaker-out"
    least: ClassVar[int] = 1

    def tasks(self) -> tuple[Task, ...]:
        """Return one task per corpus."""
        return tuple(Task((name,), name, 0) for name in self.corpora)


@dataclass(frozen=True)
class SpeakerKFold(_OfCorpora):
    """Within every corpus, folds of whole speakers.

    Parameters
    ----------
    corpora : tuple of str
        Names of at least one corpus.
    n_folds : int, default=5
        Folds, at least 2; fewer speakers give fewer folds.

    Raises
    ------
    ValueError
        If there is no corpus, a name is repeated, or there are too few folds.
    """

    n_folds: int = 5
    kind: ClassVar[str] = "speaker-k-fold"
    least: ClassVar[int] = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.n_folds < 2:
            raise ValueError(f"n_folds must be at least 2, got {self.n_folds}")

    def tasks(self) -> tuple[Task, ...]:
        """Return one task per corpus."""
        return tuple(Task((name,), name, self.n_folds) for name in self.corpora)


DESIGNS: Mapping[str, type[Design]] = {
    design.kind: design
    for design in (
        SourceToTarget,
        OrderedPairs,
        LeaveOneCorpusOut,
        LeaveOneSpeakerOut,
        SpeakerKFold,
    )
}
"""Designs by name."""
