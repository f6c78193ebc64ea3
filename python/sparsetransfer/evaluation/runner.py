"""Run every method on every target with every seed, and score it afterwards."""

from __future__ import annotations

import importlib.metadata
import logging
import platform
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import joblib
import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

import sparsetransfer
from sparsetransfer.evaluation.discrepancy import Discrepancy, measure, project
from sparsetransfer.evaluation.domain import Domain, select_classes
from sparsetransfer.evaluation.folds import assert_disjoint, speaker_folds
from sparsetransfer.evaluation.methods import Method, MethodOutput, Tuning
from sparsetransfer.evaluation.metrics import score
from sparsetransfer.evaluation.normalisation import standardise
from sparsetransfer.evaluation.protocol import CrossCorpusProtocol
from sparsetransfer.evaluation.rows import LabelledRows, UnlabelledRows
from sparsetransfer.evaluation.statistics import speaker_bootstrap
from sparsetransfer.evaluation.study import Cell, MethodCard, Picture, Study, Timing
from sparsetransfer.exceptions import CorpusError

__all__ = ["Progress", "run"]

logger = logging.getLogger(__name__)

Progress = Callable[[int, int, str], None]
"""Called with cells done, cells in all and what was just done."""


@dataclass(frozen=True, eq=False)
class _Job:
    """What travels to a worker. There is no field for target labels, on purpose."""

    method: Method
    source: LabelledRows
    target: UnlabelledRows
    tuning: Tuning


@dataclass(frozen=True, eq=False)
class _Done:
    output: MethodOutput
    after: Discrepancy | None
    picture: Picture | None
    warnings: tuple[str, ...]
    wall: float
    cpu: float


def run(
    sources: Sequence[Domain],
    targets: Sequence[Domain],
    methods: Sequence[Method],
    protocol: CrossCorpusProtocol,
    *,
    n_jobs: int = 1,
    progress: Progress | None = None,
) -> Study:
    """Evaluate methods across corpora.

    Parameters
    ----------
    sources : sequence of Domain
        Labelled corpora; together they are the training set.
    targets : sequence of Domain
        Corpora to recognise, one at a time. Their labels are used to choose the rows of
        `protocol.classes` and to score predictions, and are not passed to any method.
    methods : sequence of Method
        Methods, in the order of the tables.
    protocol : CrossCorpusProtocol
        The rules; its names must be those of `sources` and `targets`.
    n_jobs : int, default=1
        Number of processes that run cells. Results do not depend on it.
    progress : callable, optional
        Called in this process as ``progress(done, total, text)``.

    Returns
    -------
    Study
        All figures. Two runs with equal arguments differ in `Study.timings` only.

    Raises
    ------
    ValueError
        If names do not match the protocol or `n_jobs` is not positive.
    CorpusError
        If corpora have other feature sets, or lack classes or speakers.
    DomainError
        If a target shares a speaker or a recording with a source.

    Notes
    -----
    Features are z-scored per corpus, over the rows of the evaluated classes. BLAS runs on one
    thread while a method runs: the last bits of its sums depend on the number of threads.
    """
    if n_jobs < 1:
        raise ValueError(f"n_jobs must be at least 1, got {n_jobs}")
    sources = tuple(select_classes(domain, protocol.classes) for domain in sources)
    targets = tuple(select_classes(domain, protocol.classes) for domain in targets)
    _check(sources, targets, methods, protocol)
    source = _pool(sources)
    for seed in protocol.seeds:
        speaker_folds(source.labels, source.speakers, n_folds=protocol.n_folds, seed=seed)
    rows = {target.name: standardise(target.features) for target in targets}
    with threadpool_limits(1, user_api="blas"):
        before = {name: measure(source.features, rows[name]) for name in rows}
        pictures = {name: Picture(*project(source.features, rows[name])) for name in rows}
    plan = [
        (target, method, seed)
        for target in targets
        for method in methods
        for seed in protocol.seeds
    ]
    jobs = [
        _Job(
            method,
            source,
            UnlabelledRows(rows[target.name], target.speaker_keys, _views([target])),
            Tuning(protocol.c_grid, protocol.n_folds, seed, protocol.selection),
        )
        for target, method, seed in plan
    ]
    cells, timings = [], []
    for number, ((target, method, seed), done) in enumerate(
        zip(plan, _execute(jobs, n_jobs), strict=True), start=1
    ):
        for text in done.warnings:
            logger.warning("%s, %s, seed %d: %s", target.name, method.name, seed, text)
        cells.append(_cell(target, method, seed, done, before[target.name], protocol))
        timings.append(Timing(target.name, method.name, seed, done.wall, done.cpu))
        if progress is not None:
            progress(number, len(plan), f"{target.name}: {method.name}")
    return Study(
        protocol=protocol,
        sources=sources,
        targets=targets,
        methods=tuple(MethodCard(m.name, m.description, m.settings()) for m in methods),
        cells=tuple(cells),
        feature_pictures=pictures,
        timings=tuple(timings),
        versions=_versions(),
    )


def _check(
    sources: Sequence[Domain],
    targets: Sequence[Domain],
    methods: Sequence[Method],
    protocol: CrossCorpusProtocol,
) -> None:
    for title, domains, names in (
        ("sources", sources, protocol.sources),
        ("targets", targets, protocol.targets),
    ):
        if tuple(domain.name for domain in domains) != names:
            raise ValueError(
                f"{title} must be the corpora of the protocol, {list(names)}, "
                f"got {[domain.name for domain in domains]}"
            )
    names = tuple(method.name for method in methods)
    if not names or len(set(names)) != len(names):
        raise ValueError(f"methods must be given, with different names, got {list(names)}")
    for domain in (*sources, *targets):
        if domain.feature_set != protocol.feature_set:
            raise CorpusError(
                f"corpus {domain.name!r} has the features {domain.feature_set!r}, the protocol "
                f"asks for {protocol.feature_set!r}"
            )
        if domain.feature_sets != sources[0].feature_sets:
            raise CorpusError(
                f"corpora {sources[0].name!r} and {domain.name!r} have other views: "
                f"{list(sources[0].feature_sets)} and {list(domain.feature_sets)}"
            )
        if domain.feature_names != sources[0].feature_names:
            raise CorpusError(
                f"corpora {sources[0].name!r} and {domain.name!r} have other feature columns"
            )
    trained = {label for domain in sources for label in domain.counts()}
    absent = [name for name in protocol.classes if name not in trained]
    if absent:
        raise CorpusError(f"no source has the classes {', '.join(absent)}")
    for target in targets:
        assert_disjoint(sources, target)


def _pool(sources: Sequence[Domain]) -> LabelledRows:
    return LabelledRows(
        features=np.vstack([standardise(domain.features) for domain in sources]),
        labels=np.concatenate([domain.labels for domain in sources]),
        speakers=np.concatenate([domain.speaker_keys for domain in sources]),
        corpora=np.concatenate(
            [np.full(len(domain), number) for number, domain in enumerate(sources, start=1)]
        ),
        views=_views(sources),
    )


def _views(domains: Sequence[Domain]) -> dict[str, NDArray[np.float64]]:
    return {
        name: np.vstack([standardise(domain.views[name]) for domain in domains])
        for name in domains[0].views
    }


def _execute(jobs: Sequence[_Job], n_jobs: int) -> Iterator[_Done]:
    if n_jobs == 1:
        yield from map(_predict, jobs)
        return
    # No memory maps: the arrays are small, and a killed run would leave the files behind.
    parallel = joblib.Parallel(n_jobs, return_as="generator", max_nbytes=None)
    yield from parallel(joblib.delayed(_predict)(job) for job in jobs)


def _predict(job: _Job) -> _Done:
    wall, cpu = time.perf_counter(), time.process_time()
    with warnings.catch_warnings(record=True) as caught, threadpool_limits(1, user_api="blas"):
        warnings.simplefilter("always")
        output = job.method.predict(job.source, job.target, job.tuning)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        after, picture = None, None
        if output.source_codes is not None and output.target_codes is not None:
            after = measure(output.source_codes, output.target_codes)
            picture = Picture(*project(output.source_codes, output.target_codes))
    texts = [f"{warning.category.__name__}: {warning.message}" for warning in caught]
    return _Done(output, after, picture, tuple(dict.fromkeys(texts)), wall, cpu)


def _cell(
    target: Domain,
    method: Method,
    seed: int,
    done: _Done,
    before: Discrepancy,
    protocol: CrossCorpusProtocol,
) -> Cell:
    predictions = done.output.predictions
    if predictions.shape != target.labels.shape:
        raise ValueError(
            f"method {method.name!r} returned {predictions.shape} predictions for "
            f"{len(target)} target rows"
        )
    interval = (float("nan"), float("nan"))
    if not (target.speakers == "").any():
        interval = speaker_bootstrap(
            target.labels,
            predictions,
            target.speakers,
            protocol.classes,
            rng=np.random.default_rng(seed),
            n_resamples=protocol.n_resamples,
            confidence=protocol.confidence,
        )
    return Cell(
        target=target.name,
        method=method.name,
        seed=seed,
        predictions=tuple(predictions.tolist()),
        scores=score(target.labels, predictions, protocol.classes),
        interval=interval,
        diagnostics=done.output.diagnostics,
        before=before,
        after=done.after,
        picture=done.picture,
        warnings=done.warnings,
    )


def _versions() -> dict[str, Any]:
    libraries = ("numpy", "scipy", "scikit-learn", "librosa")
    found = {"python": platform.python_version(), "sparsetransfer": sparsetransfer.__version__}
    for name in libraries:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
