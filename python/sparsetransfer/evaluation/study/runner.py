"""Run every method on every task with every seed, and score it afterwards."""

from __future__ import annotations

import importlib.metadata
import logging
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

import sparsetransfer
from sparsetransfer._validation import check_callable
from sparsetransfer.evaluation.data.dataset import Dataset, select_classes
from sparsetransfer.evaluation.data.folds import speaker_folds
from sparsetransfer.evaluation.methods.base import (
    CheckedMethod,
    Method,
    Tuning,
    wanted_frames,
    wanted_views,
    wants_spectrograms,
)
from sparsetransfer.evaluation.protocol.designs import Task
from sparsetransfer.evaluation.protocol.protocol import EvaluationProtocol
from sparsetransfer.evaluation.protocol.splits import Split, splits
from sparsetransfer.evaluation.scoring.discrepancy import (
    Discrepancy,
    measure_discrepancy,
    project_2d,
)
from sparsetransfer.evaluation.scoring.metrics import no_scores, score, speaker_bootstrap
from sparsetransfer.evaluation.study.jobs import Job, JobResult, execute
from sparsetransfer.evaluation.study.results import CorpusSummary, MethodSummary
from sparsetransfer.evaluation.study.run_result import Projection, RunResult, Timing
from sparsetransfer.evaluation.study.store import CellStore, cell_key
from sparsetransfer.evaluation.study.study import Study
from sparsetransfer.exceptions import CorpusError

__all__ = ["Progress", "run"]

logger = logging.getLogger(__name__)

Progress = Callable[[int, int, str], None]
"""Called with cells done, cells in all and what was just done."""


@dataclass
class _Plan:
    """A cell that is to be filled, fold by fold."""

    task: Task
    method: Method
    seed: int
    key: str
    folds: list[tuple[NDArray[np.intp], tuple[str, ...]]] = field(default_factory=list)
    """Per fold the positions of the target rows, and the labels of the source rows."""
    done: dict[int, JobResult] = field(default_factory=dict)


def run(
    domains: Sequence[Dataset],
    methods: Sequence[Method],
    protocol: EvaluationProtocol,
    *,
    n_jobs: int = 1,
    executor: Executor | None = None,
    store: CellStore | None = None,
    progress: Progress | None = None,
) -> Study:
    """Evaluate methods by a protocol.

    Parameters
    ----------
    domains : sequence of Dataset
        The corpora that the design of the protocol names, in any order. Labels of a target are used
        to choose the rows of `protocol.classes` and to score predictions, and are not passed to any
        method.
    methods : sequence of Method
        Methods, in the order of the tables.
    protocol : EvaluationProtocol
        The rules.
    n_jobs : int, default=1
        Number of processes. Results do not depend on it.
    executor : concurrent.futures.Executor, optional
        Runs the jobs instead; what it sends to other processes is pickled. Of threads it may have
        one: warnings and the number of BLAS threads belong to the process.
    store : CellStore, optional
        Cells found there are not computed again; cells that are finished are saved there.
    progress : callable, optional
        Called in this process as ``progress(done, total, text)``.

    Returns
    -------
    Study
        All figures. Two runs with equal arguments differ in the timings of the cells only. A cell
        whose method raises a ValueError or an ArithmeticError has no figures but a `refusal`; it is
        not saved in `store`, so that the next run tries it again.

    Raises
    ------
    ValueError
        If names do not match the protocol, a method cannot follow it, `n_jobs` is not positive, or
        every method refuses every task.
    CorpusError
        If corpora have other feature sets, or lack classes or speakers.
    DomainError
        If a speaker or a recording is on both sides of a split, or must not be normalised so.

    Notes
    -----
    BLAS runs on one thread while a method runs: the last bits of its sums depend on the number of
    threads.
    """
    check_callable(progress, "progress")
    if n_jobs < 1:
        raise ValueError(f"n_jobs must be at least 1, got {n_jobs}")
    _check(domains, methods, protocol)
    known = {
        name: select_classes(_named(domains, name), protocol.classes)
        for name in protocol.design.names
    }
    tasks = protocol.design.tasks()
    before: dict[str, Discrepancy] = {}
    pictures: dict[str, Projection] = {}
    remarks: dict[str, tuple[str, ...]] = {}
    checked = [method for method in methods if isinstance(method, CheckedMethod)]
    faults: dict[str, list[ValueError]] = {method.name: [] for method in checked}
    # All tasks are looked at before any method runs, so that faults of corpora and of settings show
    # at once.
    for task in tasks:
        folds = list(splits(task, known, protocol, protocol.seeds[0]))
        for fold in folds:
            speaker_folds(
                fold.source.labels, fold.source.speakers, n_folds=protocol.n_folds, seed=0
            )
        for method in checked:
            try:
                for fold in folds:
                    method.check(len(fold.source.labels), len(fold.target))
            except ValueError as error:
                faults[method.name].append(error)
        before[task.name] = _distance(folds)
        pictures[task.name] = _feature_picture(folds[0], known[task.target])
        remarks[task.name] = tuple(dict.fromkeys(note for fold in folds for note in fold.notes))
    for errors in faults.values():
        # What fits some tasks runs on these, and refuses the others in their turn.
        if len(errors) == len(tasks):
            raise errors[0]
    plans = [
        _Plan(task, method, seed, _key(protocol, task, method, seed, known))
        for task in tasks
        for method in methods
        for seed in protocol.seeds
    ]
    cells = _fill(plans, known, protocol, n_jobs, executor, store, progress)
    return Study(
        protocol=protocol,
        corpora=tuple(CorpusSummary.of(domain) for domain in known.values()),
        methods=tuple(MethodSummary(m.name, m.description, m.settings()) for m in methods),
        cells=tuple(cells),
        before=before,
        feature_pictures=pictures,
        remarks=remarks,
        versions=_versions(),
    )


def _named(domains: Sequence[Dataset], name: str) -> Dataset:
    return next(domain for domain in domains if domain.name == name)


def _key(
    protocol: EvaluationProtocol,
    task: Task,
    method: Method,
    seed: int,
    known: Mapping[str, Dataset],
) -> str:
    involved = dict.fromkeys((*task.sources, task.target))
    return cell_key(protocol, task, method, seed, [known[name] for name in involved])


def _check(
    domains: Sequence[Dataset], methods: Sequence[Method], protocol: EvaluationProtocol
) -> None:
    have, want = sorted(domain.name for domain in domains), sorted(protocol.design.names)
    if have != want:
        raise ValueError(f"domains must be the corpora of the protocol, {want}, got {have}")
    names = [method.name for method in methods]
    if not names or len(set(names)) != len(names):
        raise ValueError(f"methods must be given, with different names, got {names}")
    adapting = [method.name for method in methods if method.adapts]
    if protocol.setting == "inductive" and adapting:
        raise ValueError(
            f"the inductive setting excludes {', '.join(adapting)}: unlabelled rows of the target "
            "take part in what they learn"
        )
    readers = [method.name for method in methods if wants_spectrograms(method)]
    sets = sorted({domain.spectrogram_set for domain in domains})
    if readers and (len(sets) > 1 or not sets[0]):
        raise CorpusError(
            f"{', '.join(readers)} read spectrograms, of one set for all corpora, got {sets}; "
            "`prepare` computes them"
        )
    for method in methods:
        frames = wanted_frames(method)
        without = [d.name for d in domains if frames and frames not in d.frames]
        if without:
            raise CorpusError(
                f"{method.name} reads frames {frames!r}, which {', '.join(without)} lack; "
                "`prepare` computes them"
            )
    for domain in domains:
        for method in methods:
            absent = [name for name in wanted_views(method) if name not in domain.named]
            if absent:
                raise CorpusError(
                    f"{method.name} asks for views {absent}, corpus {domain.name!r} has "
                    f"{list(domain.named)}; `prepare` computes them"
                )
        if domain.feature_sets != protocol.feature_sets:
            raise CorpusError(
                f"corpus {domain.name!r} has the feature sets {list(domain.feature_sets)}, the "
                f"protocol asks for {list(protocol.feature_sets)}"
            )
        if domain.feature_names != domains[0].feature_names:
            raise CorpusError(
                f"corpora {domains[0].name!r} and {domain.name!r} have other feature columns"
            )


def _distance(folds: Sequence[Split]) -> Discrepancy:
    with threadpool_limits(1, user_api="blas"):
        parts = [measure_discrepancy(fold.source.features, fold.target.features) for fold in folds]
    return _mean_distance(parts)


def _mean_distance(parts: Sequence[Discrepancy]) -> Discrepancy:
    return Discrepancy(
        linear=float(np.mean([part.linear for part in parts])),
        gaussian=float(np.mean([part.gaussian for part in parts])),
    )


def _feature_picture(fold: Split, target: Dataset) -> Projection:
    with threadpool_limits(1, user_api="blas"):
        points = project_2d(fold.source.features, fold.target.features)
    return Projection(
        *points, tuple(fold.source.labels.tolist()), tuple(target.labels[fold.rows].tolist())
    )


def _fill(
    plans: Sequence[_Plan],
    known: Mapping[str, Dataset],
    protocol: EvaluationProtocol,
    n_jobs: int,
    executor: Executor | None,
    store: CellStore | None,
    progress: Progress | None,
) -> list[RunResult]:
    cells: dict[int, RunResult] = {}
    for number, plan in enumerate(plans):
        found = None if store is None else store.load(plan.key)
        if found is not None:
            cells[number] = found
    if cells and progress is not None:
        progress(len(cells), len(plans), "found")
    left = [number for number in range(len(plans)) if number not in cells]
    jobs = _jobs(plans, left, known, protocol)
    for done in execute(jobs, n_jobs, executor):
        number, fold = done.number
        plan = plans[number]
        plan.done[fold] = done
        if len(plan.done) < len(plan.folds):
            continue
        cell = _cell(plan, known[plan.task.target], protocol)
        plan.done.clear()
        for text in (*cell.warnings, *([f"refused: {cell.refusal}"] if cell.refusal else [])):
            logger.warning("%s, %s, seed %d: %s", cell.task, cell.method, cell.seed, text)
        cells[number] = cell
        # What was refused is tried again by a run that continues.
        if store is not None and not cell.refusal:
            store.save(plan.key, cell)
        if progress is not None:
            progress(len(cells), len(plans), f"{cell.task}: {cell.method}")
    filled = [cells[number] for number in range(len(plans))]
    if all(cell.refusal for cell in filled):
        first = filled[0]
        raise ValueError(f"{first.task}: method {first.method!r}: {first.refusal}")
    return filled


def _jobs(
    plans: Sequence[_Plan],
    left: Sequence[int],
    known: Mapping[str, Dataset],
    protocol: EvaluationProtocol,
) -> Iterator[Job]:
    at: tuple[Task, int] | None = None
    folds: list[Split] = []
    for number in left:
        plan = plans[number]
        if (plan.task, plan.seed) != at:
            at, folds = (plan.task, plan.seed), list(splits(plan.task, known, protocol, plan.seed))
        plan.folds = [(fold.rows, tuple(fold.source.labels.tolist())) for fold in folds]
        tuning = Tuning(protocol.c_grid, protocol.n_folds, plan.seed, protocol.selection)
        for position, fold in enumerate(folds):
            yield Job((number, position), plan.method, fold.source, fold.target, tuning)


def _cell(plan: _Plan, target: Dataset, protocol: EvaluationProtocol) -> RunResult:
    done = [plan.done[position] for position in range(len(plan.folds))]
    cell = RunResult(
        task=plan.task.name,
        target=target.name,
        method=plan.method.name,
        seed=plan.seed,
        predictions=(),
        scores=no_scores(protocol.classes),
        interval=(float("nan"), float("nan")),
        diagnostics={},
        after=None,
        picture=None,
        warnings=tuple(dict.fromkeys(text for part in done for text in part.warnings)),
        timing=Timing(
            wall=sum(part.wall for part in done),
            cpu=sum(part.cpu for part in done),
            peak=max(part.peak for part in done),
        ),
        refusal="; ".join(dict.fromkeys(part.refusal for part in done if part.refusal)),
    )
    if cell.refusal:
        return cell
    predictions = np.full(len(target), "", dtype=object)
    for (rows, _), part in zip(plan.folds, done, strict=True):
        predictions[rows] = part.output.predictions
    found = predictions.astype(np.str_)
    first = done[0]
    diagnostics = dict(first.output.diagnostics)
    if len(done) > 1:
        diagnostics["folds"] = [dict(part.output.diagnostics) for part in done]
    after = [part.after for part in done if part.after is not None]
    picture = None
    if first.points is not None:
        rows, source_labels = plan.folds[0]
        picture = Projection(*first.points, source_labels, tuple(target.labels[rows].tolist()))
    return replace(
        cell,
        predictions=tuple(found.tolist()),
        scores=score(target.labels, found, protocol.classes),
        interval=_interval(target, found, protocol, plan.seed),
        diagnostics=diagnostics,
        after=_mean_distance(after) if after else None,
        picture=picture,
    )


def _interval(
    target: Dataset, predictions: NDArray[np.str_], protocol: EvaluationProtocol, seed: int
) -> tuple[float, float]:
    if (target.speakers == "").any():
        return float("nan"), float("nan")
    return speaker_bootstrap(
        target.labels,
        predictions,
        target.speakers,
        protocol.classes,
        rng=np.random.default_rng(seed),
        n_resamples=protocol.n_resamples,
        confidence=protocol.confidence,
    )


def _versions() -> dict[str, str]:
    libraries = ("numpy", "scipy", "scikit-learn")
    found = {"python": platform.python_version(), "sparsetransfer": sparsetransfer.__version__}
    for name in libraries:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
