"""From a task and its corpora to what a method is given, fold by fold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import LeaveOneGroupOut

from sparsetransfer.evaluation.data.dataset import Dataset, select_rows
from sparsetransfer.evaluation.data.folds import Fold, assert_disjoint, check_folds, speaker_folds
from sparsetransfer.evaluation.data.normalisation import normalise, speaker_doubt, standardise
from sparsetransfer.evaluation.data.rows import LabelledRows, UnlabelledRows
from sparsetransfer.evaluation.protocol.designs import Task
from sparsetransfer.evaluation.protocol.protocol import EvaluationProtocol
from sparsetransfer.exceptions import CorpusError

__all__ = ["Split", "folds_within", "splits"]


@dataclass(frozen=True, eq=False)
class Split:
    """One fold of a task: what is learned from, what is recognised, and where that belongs.

    `target`: rows to recognise; there is no field for their labels, on purpose. `rows` (n_target,):
    their positions in the target corpus. `notes`: what the normalisation had to decide.
    """

    source: LabelledRows
    target: UnlabelledRows
    rows: NDArray[np.intp]
    notes: tuple[str, ...] = ()


def splits(
    task: Task, domains: Mapping[str, Dataset], protocol: EvaluationProtocol, seed: int
) -> Iterator[Split]:
    """Yield the folds of a task.

    `task`: sources and target. `domains`: corpora by name, restricted to the classes of the
    protocol. `protocol`: the rules. `seed`: seed of the assignment of speakers to folds, within a
    corpus.
    Yields: one between corpora; one per fold of speakers within a corpus. Raises DomainError if a
    speaker or a recording is on both sides, or speakers must not be normalised. Raises CorpusError
    if speakers are unknown or a training part lacks classes.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsetransfer.evaluation import Dataset, EvaluationProtocol, OrderedPairs
    >>> domains = {
    ...     name: Dataset(
    ...         name=name,
    ...         features=np.arange(24.0).reshape(12, 2),
    ...         labels=np.tile(["anger", "sadness"], 6),
    ...         speakers=np.repeat(["s1", "s2", "s3"], 4),
    ...         files=np.array([f"{number}.wav" for number in range(12)]),
    ...         feature_names=("f0", "energy"),
    ...         feature_set="own-1",
    ...     )
    ...     for name in ("studio", "field")
    ... }
    >>> protocol = EvaluationProtocol(
    ...     OrderedPairs(tuple(domains)), ("anger", "sadness"), ("own-1",), n_folds=3
    ... )
    >>> task = protocol.design.tasks()[0]
    >>> (split,) = splits(task, domains, protocol, seed=0)  # one between corpora
    >>> len(split.rows), hasattr(split.target, "labels")
    (12, False)
    """
    if task.n_folds is None:
        yield _between([domains[name] for name in task.sources], domains[task.target], protocol)
        return
    domain = domains[task.target]
    folds = folds_within(domain.name, domain.labels, domain.speakers, task.n_folds, seed)
    for train, test in folds:
        yield _within(domain, train, test, protocol)


def folds_within(
    name: str, labels: NDArray[np.str_], speakers: NDArray[np.str_], n_folds: int, seed: int
) -> list[Fold]:
    """Split the rows of one corpus into folds of speakers.

    `name`: the corpus, for messages. `labels`, `speakers` (n,): label and speaker of each row.
    `n_folds`: `Task.n_folds`: 0 for one fold per speaker. `seed`: seed of the assignment of
    speakers to folds. Returns (list of (train, test)): row indices. Raises CorpusError if a speaker
    is unknown, or there are too few.
    """
    if n_folds:
        return speaker_folds(labels, speakers, n_folds=n_folds, seed=seed)
    if (speakers == "").any():
        raise CorpusError(f"corpus {name!r}: the speaker of every recording must be known")
    if len(set(speakers.tolist())) < 3:
        # One is held out; parameters are then chosen across the others.
        raise CorpusError(f"corpus {name!r}: fewer than three speakers cannot be left out")
    folds = list(LeaveOneGroupOut().split(labels, groups=speakers))
    check_folds(folds, speakers)
    return folds


def _between(sources: list[Dataset], target: Dataset, protocol: EvaluationProtocol) -> Split:
    assert_disjoint(sources, target)
    trained = {label for domain in sources for label in domain.counts()}
    absent = [name for name in protocol.classes if name not in trained]
    if absent:
        raise CorpusError(
            f"no source of the target {target.name!r} has the classes {', '.join(absent)}"
        )
    of_sources, of_target, objections = normalise(
        sources, target, protocol.normalisation, n_classes=len(protocol.classes)
    )
    return Split(
        _labelled(sources, of_sources),
        _unlabelled(target, of_target),
        np.arange(len(target)),
        _notes(sources, objections, protocol),
    )


def _within(
    domain: Dataset,
    train: NDArray[np.intp],
    test: NDArray[np.intp],
    protocol: EvaluationProtocol,
) -> Split:
    known, unknown = select_rows(domain, train), select_rows(domain, test)
    assert_disjoint([known], unknown)
    notes: tuple[str, ...] = ()
    scope = protocol.normalisation
    if scope in ("corpus", "robust"):
        # Over the whole corpus: a fold may be a single speaker.
        whole, _, _ = normalise([domain], domain, scope, n_classes=len(protocol.classes))
        of_known, of_unknown = ([view[rows] for view in whole[0]] for rows in (train, test))
    else:
        sides, of_unknown, objections = normalise(
            [known], unknown, scope, n_classes=len(protocol.classes)
        )
        of_known = sides[0]
        notes = _notes([known], objections, protocol)
        if objections:
            views = [standardise(view) for view in domain.matrices]
            of_known, of_unknown = ([view[rows] for view in views] for rows in (train, test))
    return Split(_labelled([known], [of_known]), _unlabelled(unknown, of_unknown), test, notes)


def _notes(
    sources: list[Dataset], objections: dict[str, str], protocol: EvaluationProtocol
) -> tuple[str, ...]:
    """Return notes on corpora that are not, or should not be, normalised per speaker."""
    notes = [f"{name} is normalised per corpus: {why}" for name, why in objections.items()]
    if protocol.normalisation in ("speaker", "speaker-or-corpus"):
        for domain in sources:
            doubt = speaker_doubt(domain, len(protocol.classes))
            if doubt and domain.name not in objections:
                notes.append(f"{domain.name} is normalised per speaker, but {doubt}")
    return tuple(notes)


def _labelled(domains: list[Dataset], normalised: list[list[NDArray[np.float64]]]) -> LabelledRows:
    joined = [np.vstack(parts) for parts in zip(*normalised, strict=True)]
    features, views, named = _sorted(domains[0], joined)
    return LabelledRows(
        features=features,
        labels=np.concatenate([domain.labels for domain in domains]),
        speakers=np.concatenate([domain.speaker_keys for domain in domains]),
        corpora=np.concatenate(
            [np.full(len(domain), number) for number, domain in enumerate(domains, start=1)]
        ),
        views=views,
        spectrograms=tuple(part for domain in domains for part in domain.spectrograms),
        named=named,
        frames={
            name: tuple(part for domain in domains for part in domain.frames[name])
            for name in domains[0].frames
        },
    )


def _unlabelled(domain: Dataset, normalised: list[NDArray[np.float64]]) -> UnlabelledRows:
    features, views, named = _sorted(domain, normalised)
    return UnlabelledRows(
        features, domain.speaker_keys, views, domain.spectrograms, named, domain.frames
    )


_Views = dict[str, NDArray[np.float64]]


def _sorted(
    domain: Dataset, matrices: list[NDArray[np.float64]]
) -> tuple[NDArray[np.float64], _Views, _Views]:
    """Split matrices, in the order of `Dataset.matrices`, into features, views and named views."""
    count = 1 + len(domain.views)
    views = dict(zip(domain.views, matrices[1:count], strict=True))
    return matrices[0], views, dict(zip(domain.named, matrices[count:], strict=True))
