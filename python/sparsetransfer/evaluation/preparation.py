"""From a study's configuration to its corpora, features and protocol."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from sparsetransfer.evaluation.config import CorpusEntry, StudyConfig
from sparsetransfer.evaluation.designs import Design
from sparsetransfer.evaluation.domain import Domain, common_classes
from sparsetransfer.evaluation.joining import join
from sparsetransfer.evaluation.methods import wanted_frames, wanted_views, wants_spectrograms
from sparsetransfer.evaluation.protocol import EvaluationProtocol
from sparsetransfer.evaluation.views import Extraction, FeatureProgress, feature_tables, is_learned
from sparsetransfer.exceptions import CorpusError

if TYPE_CHECKING:
    from sparsetransfer.corpora import Corpus

__all__ = ["describe", "prepare", "read_entry"]

_BANDS = 40
"""Mel bands of the spectrograms."""


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

    Log-mel spectrograms of 40 bands and the filter bank of the speaker network CAM++ are computed if
    one of the methods reads them, and views that methods ask for by name.

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

    every = [read_entry(entry, drop_unmapped=config.drop_unmapped) for entry in config.corpora]
    classes = common_classes(every) if config.classes is None else config.classes
    design = dict(config.design)
    if design["kind"] != "source-to-target":
        design["corpora"] = [corpus.name for corpus in every]
    used = set(Design.from_dict(design).names)
    corpora = [_restrict(corpus, classes) for corpus in every if corpus.name in used]
    methods = config.make_methods()
    named = tuple(dict.fromkeys(view for method in methods for view in wanted_views(method)))
    if config.setting == "inductive":
        learned = [
            name for name in (*config.feature_sets, *named) if is_learned(name, config.features)
        ]
        if learned:
            raise ValueError(
                f"the inductive setting excludes {', '.join(learned)}: unlabelled frames of the "
                "target take part in the dictionaries"
            )
    extraction = Extraction(cache, n_jobs, "drop" if config.drop_unreadable else "raise", progress)
    tables = {
        name: feature_tables(name, corpora, config.features, extraction)
        for name in dict.fromkeys((*config.feature_sets, *named))
    }
    protocol = EvaluationProtocol.from_dict(
        {
            "design": design,
            "classes": list(classes),
            "feature_sets": [tables[name][0].feature_set for name in config.feature_sets],
            "normalisation": config.normalisation,
            "setting": config.setting,
            "selection": config.selection,
            "seeds": list(config.seeds),
            "n_folds": config.n_folds,
            "n_resamples": config.n_resamples,
        }
    )
    spectrograms = any(wants_spectrograms(method) for method in methods)
    frame_sets = sorted({wanted_frames(method) for method in methods} - {""})
    if set(frame_sets) - {features.FilterBank.id}:
        raise ValueError(
            f"methods read frames {frame_sets}, of which {features.FilterBank.id!r} alone is known"
        )
    wanted: list[features.LogMel | features.FilterBank] = []
    wanted += [features.LogMel(_BANDS, trim=True)] if spectrograms else []
    wanted += [features.FilterBank() for _ in frame_sets]
    domains = []
    for number, corpus in enumerate(corpora):
        with tempfile.TemporaryDirectory() as scratch:
            sequences = [
                features.extract_sequences(
                    corpus,
                    cache or scratch,
                    what,
                    n_jobs=n_jobs,
                    on_error=extraction.unreadable,
                    progress=extraction.step(f"{what.id} of {corpus.name}"),
                )
                for what in wanted
            ]
            spectra = sequences.pop(0) if spectrograms else None
            parts = {
                name: join(corpus, of[number], spectra, sequences, unreadable=extraction.unreadable)
                for name, of in tables.items()
            }
        domains.append(_with_views(parts, config.feature_sets, named))
    return domains, protocol


def describe(
    corpus: Corpus,
    feature_sets: Sequence[str],
    *,
    cache: str | os.PathLike[str] | None = None,
    n_jobs: int | None = None,
    unreadable: Literal["raise", "drop"] = "raise",
    progress: FeatureProgress | None = None,
) -> Domain:
    """Compute feature sets of one corpus.

    Parameters
    ----------
    corpus : Corpus
        The recordings.
    feature_sets : sequence of str
        Names that `features.feature_set` knows, at least one; the second and later ones are views.
    cache : path-like, optional
        Folder of features, as in `features.extract`.
    n_jobs : int, optional
        Processes; all CPUs by default.
    unreadable : {"raise", "drop"}, default="raise"
        What to do about recordings that cannot be read.
    progress : callable, optional
        Called as ``progress(what, done, total)``.

    Returns
    -------
    Domain
        The rows of all feature sets.

    Raises
    ------
    ValueError
        If a name is not known, or the set is learned on several corpora.
    CorpusError
        If recordings cannot be read, or none can.
    """
    learned = [name for name in feature_sets if is_learned(name, {})]
    if learned:
        raise ValueError(
            f"feature sets {', '.join(learned)} are learned on the corpora of a study; they do not "
            "describe recordings of one corpus"
        )
    extraction = Extraction(cache, n_jobs, unreadable, progress)
    parts = {
        name: join(corpus, feature_tables(name, [corpus], {}, extraction)[0], unreadable=unreadable)
        for name in feature_sets
    }
    return _with_views(parts, feature_sets, ())


def _restrict(corpus: Corpus, classes: Sequence[str]) -> Corpus:
    # A corpus may lack a class of the others; the runner asks for all classes in the sources.
    present = [name for name in classes if name in corpus.classes]
    return corpus.restrict(present or classes)


def _with_views(parts: Mapping[str, Domain], sets: Sequence[str], named: Sequence[str]) -> Domain:
    first = parts[sets[0]]
    for other in parts.values():
        if not np.array_equal(first.files, other.files):
            raise CorpusError(
                f"corpus {first.name!r}: {first.feature_set} and {other.feature_set} are not known "
                "for the same recordings"
            )
    return replace(
        first,
        views={parts[name].feature_set: parts[name].features for name in sets[1:]},
        named={name: parts[name].features for name in named},
    )
