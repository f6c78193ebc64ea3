"""From a study's configuration to its corpora, features and protocol."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from sparsetransfer.evaluation.config import CorpusEntry, StudyConfig
from sparsetransfer.evaluation.designs import Design
from sparsetransfer.evaluation.domain import Domain, common_classes
from sparsetransfer.evaluation.joining import join
from sparsetransfer.evaluation.protocol import EvaluationProtocol
from sparsetransfer.exceptions import CorpusError

if TYPE_CHECKING:
    from sparsetransfer.corpora import Corpus

__all__ = ["FeatureProgress", "prepare", "read_entry"]

FeatureProgress = Callable[[str, int, int], None]
"""Called with what is being computed, how much of it is done and how much there is."""


def read_entry(entry: CorpusEntry, *, drop_unmapped: bool = False) -> Corpus:
    """Read the corpus of an entry.

    Parameters
    ----------
    entry : CorpusEntry
        Where it is.
    drop_unmapped : bool, default=False
        Whether labels that nobody maps are dropped and counted.

    Returns
    -------
    Corpus
        The corpus, under the name of the entry.

    Raises
    ------
    CorpusError
        If it cannot be read.
    """
    from sparsetransfer import corpora

    if entry.reader == "manifest":
        corpus = corpora.read_manifest(
            entry.path,
            label_map=entry.label_map,
            drop_unmapped=drop_unmapped,
        )
    else:
        corpus = corpora.read(
            entry.reader, entry.path, label_map=entry.label_map, drop_unmapped=drop_unmapped
        )
    return replace(corpus, name=entry.name)


def prepare(
    config: StudyConfig,
    *,
    cache: str | os.PathLike[str] | None = None,
    n_jobs: int | None = None,
    progress: FeatureProgress | None = None,
) -> tuple[list[Domain], EvaluationProtocol]:
    """Read the corpora of a study and compute their features.

    Parameters
    ----------
    config : StudyConfig
        The study.
    cache : path-like, optional
        Folder of features, as in `features.extract`.
    n_jobs : int, optional
        Processes for features; all CPUs by default.
    progress : callable, optional
        Called as ``progress(what, done, total)``.

    Returns
    -------
    domains : list of Domain
        The corpora, restricted to the classes.
    protocol : EvaluationProtocol
        The rules.

    Raises
    ------
    ValueError
        If the configuration contradicts itself.
    CorpusError
        If a corpus cannot be read or used.
    """
    from sparsetransfer import features

    corpora = [read_entry(entry, drop_unmapped=config.drop_unmapped) for entry in config.corpora]
    sets = [features.feature_set(name) for name in config.feature_sets]
    classes = common_classes(corpora) if config.classes is None else config.classes
    names = [corpus.name for corpus in corpora]
    design = dict(config.design)
    if design["kind"] != "source-to-target":
        design["corpora"] = names
    protocol = EvaluationProtocol.from_dict(
        {
            "design": design,
            "classes": list(classes),
            "feature_sets": [feature_set.id for feature_set in sets],
            "normalisation": config.normalisation,
            "setting": config.setting,
            "selection": config.selection,
            "seeds": list(config.seeds),
            "n_folds": config.n_folds,
            "n_resamples": config.n_resamples,
        }
    )
    used = set(Design.from_dict(design).names)
    domains = []
    for corpus in corpora:
        if corpus.name not in used:
            continue
        parts = []
        for chosen in sets:

            def step(done: int, total: int, what: str = f"{chosen.id} of {corpus.name}") -> None:
                if progress is not None:
                    progress(what, done, total)

            table = features.extract(
                _restrict(corpus, classes),
                chosen,
                cache=cache,
                n_jobs=n_jobs,
                on_error="drop" if config.drop_unreadable else "raise",
                progress=step,
            )
            parts.append(
                join(
                    _restrict(corpus, classes),
                    table,
                    unreadable="drop" if config.drop_unreadable else "raise",
                )
            )
        domains.append(_with_views(parts))
    return domains, protocol


def _restrict(corpus: Corpus, classes: Sequence[str]) -> Corpus:
    # A corpus may lack a class of the others; the runner asks for all classes in the sources.
    present = [name for name in classes if name in corpus.classes]
    return corpus.restrict(present or classes)


def _with_views(parts: Sequence[Domain]) -> Domain:
    first = parts[0]
    for other in parts[1:]:
        if not np.array_equal(first.files, other.files):
            raise CorpusError(
                f"corpus {first.name!r}: {first.feature_set} and {other.feature_set} are not known "
                "for the same recordings"
            )
    return replace(first, views={part.feature_set: part.features for part in parts[1:]})
