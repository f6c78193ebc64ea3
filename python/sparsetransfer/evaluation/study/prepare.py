"""From a study's configuration to its corpora, features and protocol."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from sparsetransfer._messages import listing
from sparsetransfer.evaluation.data.dataset import Dataset, common_classes
from sparsetransfer.evaluation.data.frame_codes import FrameCodes, FrameCodeSet
from sparsetransfer.evaluation.data.joining import join
from sparsetransfer.evaluation.data.views import (
    Extraction,
    FeatureProgress,
    extract_table,
    feature_tables,
    frame_code_tables,
    is_learned,
)
from sparsetransfer.evaluation.methods.base import wanted_frames, wanted_views, wants_spectrograms
from sparsetransfer.evaluation.protocol.designs import Design
from sparsetransfer.evaluation.protocol.protocol import EvaluationProtocol
from sparsetransfer.evaluation.study.config import CorpusEntry, StudyConfig
from sparsetransfer.exceptions import CorpusError

if TYPE_CHECKING:
    from sparsetransfer.corpora import Corpus
    from sparsetransfer.features import FeatureSet

__all__ = ["describe", "describe_adaptation", "prepare", "read_corpora", "read_entry"]

_BANDS = 40
"""Mel bands of the spectrograms."""


def read_entry(
    entry: CorpusEntry, *, drop_unmapped: bool = False, must_exist: bool = True
) -> Corpus:
    r"""Read the corpus of an entry, under its name; what cannot be read is a CorpusError.

    Examples
    --------
    >>> from pathlib import Path
    >>> _ = Path("own.csv").write_text("file,label,speaker\na.wav,wut,s1\n")
    >>> Path("a.wav").touch()
    >>> read_entry(CorpusEntry("own", "own.csv", "manifest", {"wut": "anger"})).classes
    ('anger',)
    """
    from sparsetransfer import corpora

    if entry.reader == "manifest":
        corpus = corpora.read_manifest(
            entry.path,
            name=entry.name,
            table=entry.table,
            label_map=entry.label_map,
            drop_unmapped=drop_unmapped,
            must_exist=must_exist,
        )
    else:
        corpus = corpora.read(
            entry.reader,
            entry.path,
            label_map=entry.label_map,
            drop_unmapped=drop_unmapped,
            must_exist=must_exist,
        )
    return replace(corpus, name=entry.name)


def read_corpora(config: StudyConfig) -> tuple[list[Corpus], tuple[str, ...]]:
    """Read the corpora of a study's design, restricted to the classes; return the classes, too."""
    every = [
        read_entry(entry, drop_unmapped=config.drop_unmapped, must_exist=not config.drop_unreadable)
        for entry in config.corpora
    ]
    classes = common_classes(every) if config.classes is None else config.classes
    absent = [name for name in classes if not any(name in corpus.classes for corpus in every)]
    if absent:
        found = sorted({name for corpus in every for name in corpus.classes})
        raise CorpusError(
            f"no corpus has the classes {listing(absent)}; they have {listing(found)}"
        )
    used = set(_design(config, [corpus.name for corpus in every]).names)
    return [_restrict(corpus, classes) for corpus in every if corpus.name in used], classes


def _design(config: StudyConfig, names: Sequence[str]) -> Design:
    design = dict(config.design)
    if design["kind"] != "source-to-target":
        design["corpora"] = list(names)
    return Design.from_dict(design)


def prepare(
    config: StudyConfig,
    *,
    cache: str | os.PathLike[str] | None = None,
    n_jobs: int | None = None,
    progress: FeatureProgress | None = None,
) -> tuple[list[Dataset], EvaluationProtocol]:
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
    domains : list of Dataset
        The corpora, restricted to the classes.
    protocol : EvaluationProtocol
        The rules.

    Raises
    ------
    ValueError
        If the configuration contradicts itself.
    CorpusError
        If a corpus cannot be read or used.

    Examples
    --------
    >>> from sparsetransfer import synthetic
    >>> manifests = synthetic.make_corpora("synthetic", n_speakers=2, n_sentences=1)
    >>> config = StudyConfig(
    ...     corpora=tuple(
    ...         CorpusEntry(name, str(path), "manifest")
    ...         for name, path in zip(("studio", "field"), manifests, strict=True)
    ...     ),
    ...     design={"kind": "ordered-pairs"},
    ... )

    >>> domains, protocol = prepare(config, n_jobs=1)
    >>> [domain.name for domain in domains], protocol.feature_sets
    (['studio', 'field'], ('functionals-1',))
    """
    from sparsetransfer import features

    corpora, classes = read_corpora(config)
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
    # Rules that nothing can be evaluated by are refused before features are computed.
    protocol = EvaluationProtocol.from_dict(
        {
            "design": _design(config, [entry.name for entry in config.corpora]).as_dict(),
            "classes": list(classes),
            "feature_sets": list(config.feature_sets),
            "normalisation": config.normalisation,
            "setting": config.setting,
            "selection": config.selection,
            "seeds": list(config.seeds),
            "n_folds": config.n_folds,
            "n_resamples": config.n_resamples,
        }
    )
    extraction = Extraction(cache, n_jobs, "drop" if config.drop_unreadable else "raise", progress)
    tables = {
        name: feature_tables(name, corpora, config.features, extraction)
        for name in dict.fromkeys((*config.feature_sets, *named))
    }
    computed = tuple(tables[name][0].feature_set for name in config.feature_sets)
    protocol = replace(protocol, feature_sets=computed)
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
    feature_sets: Sequence[str | FeatureSet],
    *,
    cache: str | os.PathLike[str] | None = None,
    n_jobs: int | None = None,
    unreadable: Literal["raise", "drop"] = "raise",
    progress: FeatureProgress | None = None,
) -> Dataset:
    """Compute feature sets of one corpus.

    Parameters
    ----------
    corpus : Corpus
        The recordings.
    feature_sets : sequence of str or FeatureSet
        Names that `features.feature_set` knows, or feature sets, at least one; the second and later
        ones are views.
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
    Dataset
        The rows of all feature sets.

    Raises
    ------
    ValueError
        If a name is not known, or the set is learned on several corpora.
    CorpusError
        If recordings cannot be read, or none can.

    Examples
    --------
    >>> from sparsetransfer import corpora, synthetic
    >>> manifest, _ = synthetic.make_corpora("synthetic", n_speakers=2, n_sentences=1)
    >>> domain = describe(corpora.read_manifest(manifest), ["functionals"], n_jobs=1)
    >>> len(domain), domain.feature_set
    (8, 'functionals-1')
    """
    names = [each if isinstance(each, str) else each.id for each in feature_sets]
    learned = [each for each in feature_sets if isinstance(each, str) and is_learned(each, {})]
    if learned:
        raise ValueError(
            f"feature sets {', '.join(learned)} are learned on the corpora of a study; they do not "
            "describe recordings of one corpus: see describe_adaptation"
        )
    extraction = Extraction(cache, n_jobs, unreadable, progress)
    parts = {}
    for name, each in zip(names, feature_sets, strict=True):
        if isinstance(each, str):
            (table,) = feature_tables(each, [corpus], {}, extraction)
        else:
            table = extract_table(each, corpus, extraction)
        parts[name] = join(corpus, table, unreadable=unreadable)
    return _with_views(parts, names, ())


def describe_adaptation(
    sources: Sequence[Corpus],
    target: Corpus,
    feature_sets: Sequence[str],
    *,
    cache: str | os.PathLike[str] | None = None,
    n_jobs: int | None = None,
    progress: FeatureProgress | None = None,
    unreadable: Literal["raise", "drop"] = "raise",
) -> tuple[list[Dataset], Dataset, dict[str, FrameCodeSet]]:
    """Compute the same feature sets of labelled corpora and of the recordings to adapt to.

    - `sources`: the labelled corpora, at least one.
    - `target`: the recordings to adapt to.
    - `feature_sets`: names that `features.feature_set` knows, or ``frame-codes(FRAMES)``, at least
      one; the second and later ones are views.
    - `cache`, `n_jobs`, `progress`: as in `describe`.
    - `unreadable`: what to do about recordings of a source that cannot be read.

    Returns `sources`: rows of the labelled corpora. `target`: rows of the target; recordings that
    cannot be read are left out. `frame_codes`: of each ``frame-codes(FRAMES)``, the feature set for
    new recordings of the target. Raises ValueError if a name is not known. Raises CorpusError if
    recordings of a source cannot be read and `unreadable` is "raise", or none of the target can.

    Dictionaries of frame codes are learned on the unlabelled frames of all corpora, as in a study
    that lists the same recordings in the same order.

    Examples
    --------
    >>> from sparsetransfer import corpora, synthetic
    >>> manifests = synthetic.make_corpora("synthetic", n_speakers=2, n_sentences=1)
    >>> one, two = (corpora.read_manifest(path) for path in manifests)
    >>> sources, target, codes = describe_adaptation([one], two, ["functionals"], n_jobs=1)
    >>> len(sources), len(target), codes
    (1, 8, {})
    """
    corpora = [*sources, target]
    how = [Extraction(cache, n_jobs, unreadable, progress) for _ in sources]
    how.append(Extraction(cache, n_jobs, "drop", progress))
    parts: list[dict[str, Dataset]] = [{} for _ in corpora]
    frame_codes = {}
    for name in feature_sets:
        codes = FrameCodes.parse(name)
        if codes is None:
            tables = [
                feature_tables(name, [corpus], {}, extraction)[0]
                for corpus, extraction in zip(corpora, how, strict=True)
            ]
        else:
            tables, found = frame_code_tables(codes, corpora, how)
            frame_codes[name] = found[-1]
        for part, corpus, table, extraction in zip(parts, corpora, tables, how, strict=True):
            part[name] = join(corpus, table, unreadable=extraction.unreadable)
    *known, unknown = (_with_views(part, feature_sets, ()) for part in parts)
    return known, unknown, frame_codes


def _restrict(corpus: Corpus, classes: Sequence[str]) -> Corpus:
    # A corpus may lack a class of the others; the runner asks for all classes in the sources.
    present = [name for name in classes if name in corpus.classes]
    return corpus.restrict(present or classes)


def _with_views(parts: Mapping[str, Dataset], sets: Sequence[str], named: Sequence[str]) -> Dataset:
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
