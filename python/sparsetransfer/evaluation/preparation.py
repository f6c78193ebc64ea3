"""From a study's configuration to its corpora, features and protocol."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from sparsetransfer.evaluation.config import CorpusEntry, StudyConfig
from sparsetransfer.evaluation.designs import Design
from sparsetransfer.evaluation.domain import Domain, common_classes
from sparsetransfer.evaluation.joining import join
from sparsetransfer.evaluation.methods import wants_spectrograms
from sparsetransfer.evaluation.protocol import EvaluationProtocol
from sparsetransfer.exceptions import CorpusError

if TYPE_CHECKING:
    from sparsetransfer.corpora import Corpus

__all__ = ["FeatureProgress", "prepare", "read_entry"]

_BANDS = 40
"""Mel bands of the spectrograms."""

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
            name=entry.name,
            table=entry.table,
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

    Log-mel spectrograms of 40 bands are computed if one of the methods reads them.

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
    spectrograms = any(wants_spectrograms(method) for method in config.make_methods())
    domains = []
    for corpus in corpora:
        if corpus.name not in used:
            continue
        chosen = _restrict(corpus, classes)
        unreadable: Literal["drop", "raise"] = "drop" if config.drop_unreadable else "raise"
        tables = [
            features.extract(
                chosen,
                feature_set,
                cache=cache,
                n_jobs=n_jobs,
                on_error=unreadable,
                progress=_step(progress, f"{feature_set.id} of {corpus.name}"),
            )
            for feature_set in sets
        ]
        with tempfile.TemporaryDirectory() as scratch:
            frames = None
            if spectrograms:
                frames = features.extract_sequences(
                    chosen,
                    cache or scratch,
                    features.LogMel(_BANDS),
                    n_jobs=n_jobs,
                    on_error=unreadable,
                    progress=_step(progress, f"spectrograms of {corpus.name}"),
                )
            parts = [join(chosen, table, frames, unreadable=unreadable) for table in tables]
        domains.append(_with_views(parts))
    return domains, protocol


def _step(progress: FeatureProgress | None, what: str) -> Callable[[int, int], None]:
    def step(done: int, total: int) -> None:
        if progress is not None:
            progress(what, done, total)

    return step


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
