"""Methods of a study ranked, with intervals and tests over speakers or tasks."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sparsetransfer.evaluation.scoring.metrics import confusion_matrix, unweighted_average_recall
from sparsetransfer.evaluation.scoring.tests import holm, signed_rank_test
from sparsetransfer.evaluation.study.comparison import BASELINE
from sparsetransfer.evaluation.study.results import StudyResults

__all__ = ["MethodStanding", "Ranking", "rank_methods"]

_EXACT_SPEAKERS = 12
"""Up to so many speakers all exchanges are enumerated."""

_TASKS_FOR_SIGNED_RANKS = 6
"""With fewer tasks the smallest p-value of Wilcoxon's test is above 0.05."""

_TIE = 1e-12


@dataclass(frozen=True)
class MethodStanding:
    """One method over all tasks of a study, and its gain over the baseline.

    Parameters
    ----------
    method : str
        Name.
    uar : float
        Mean UAR over tasks and seeds, 0..1; NaN, with all that follows from it, for a method that
        refused a task.
    interval : tuple of (float, float)
        Its speaker bootstrap interval; NaN where speakers are unknown.
    gain : float
        Mean difference of the UAR to the baseline; NaN for the baseline itself and without one.
    gain_interval : tuple of (float, float)
        Interval of the gain, with the same speakers drawn for both methods.
    p_value : float
        Two-sided p-value of the gain, by the test of the ranking, adjusted by Holm for the number
        of methods; NaN where it cannot be computed.
    wins, losses : int
        Tasks with a higher and lower UAR than the baseline.
    worst_task : str
        The task with the smallest gain; empty for the baseline and without one.
    worst_gain : float
        That gain.
    """

    method: str
    uar: float
    interval: tuple[float, float]
    gain: float
    gain_interval: tuple[float, float]
    p_value: float
    wins: int
    losses: int
    worst_task: str
    worst_gain: float

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values; NaN becomes None."""

        def plain(value: Any) -> Any:
            if isinstance(value, tuple):
                return [plain(part) for part in value]
            return None if isinstance(value, float) and np.isnan(value) else value

        return {name: plain(value) for name, value in asdict(self).items()}


@dataclass(frozen=True)
class Ranking:
    """The methods of a study, best mean UAR first.

    Parameters
    ----------
    standings : tuple of MethodStanding
        One per method; methods with equal UAR in the order of the study.
    baseline : str
        Name of the method that gains refer to; empty if the study has none.
    test : {"speakers", "tasks"}
        Where the p-values come from: answers exchanged speaker by speaker, or Wilcoxon's signed
        rank test over six or more tasks.
    n_speakers : int
        Speakers of all targets together, 0 where they are not known.
    n_tasks : int
        Number of tasks.
    """

    standings: tuple[MethodStanding, ...]
    baseline: str
    test: str
    n_speakers: int
    n_tasks: int


@dataclass(frozen=True)
class _Speakers:
    """Confusion counts of the speakers of one target.

    ``counts`` has shape (tasks of the target, methods, seeds, speakers, k, k); ``places`` holds the
    positions of the tasks in the study.
    """

    places: tuple[int, ...]
    counts: NDArray[np.int64]

    @property
    def number(self) -> int:
        return int(self.counts.shape[3])


def rank_methods(study: StudyResults, baseline: str = BASELINE) -> Ranking:
    """Rank the methods of a study by their mean UAR, and test them against a baseline.

    Parameters
    ----------
    study : Study
        Results of an evaluation.
    baseline : str, default="svm"
        Name of the method to compare with.

    Returns
    -------
    Ranking
        Intervals, gains and p-values of all methods.

    Notes
    -----
    Intervals are percentiles of resamples of whole speakers, drawn once per target and used for
    every method and every task with that target, so that they hold for these corpora and for other
    speakers. Up to five tasks, the p-value exchanges the answers of method and baseline about a
    speaker, over all tasks and seeds together, and compares the mean gain: exact up to 12 speakers.
    With six tasks and more it is that of Wilcoxon's signed rank test over tasks.

    References
    ----------
    B. Efron, R. J. Tibshirani, *An Introduction to the Bootstrap*, Chapman & Hall, 1993, chapter
    13.

    E. W. Noreen, *Computer-Intensive Methods for Testing Hypotheses*, Wiley, 1989.
    """
    return _ranking(study, baseline)


@lru_cache(maxsize=1)
def _ranking(study: StudyResults, baseline: str) -> Ranking:
    """Rank once what the terminal and every part of a report ask for; studies do not change."""
    names = [method.name for method in study.methods]
    reference = names.index(baseline) if baseline in names else None
    recalls = np.array(
        [
            [
                np.mean([study.cell(task.name, name, s).scores.uar for s in study.protocol.seeds])
                for name in names
            ]
            for task in study.tasks
        ]
    )
    parts = _by_target(study, names)
    level = 50.0 * (1.0 - study.protocol.confidence)
    drawn = _resampled(study, parts)
    gains = np.full_like(recalls, np.nan)
    p_values = [float("nan")] * len(names)
    by_tasks = len(study.tasks) >= _TASKS_FOR_SIGNED_RANKS
    if reference is not None:
        gains = recalls - recalls[:, [reference]]
        others = [number for number in range(len(names)) if number != reference]
        if by_tasks:
            found = [signed_rank_test(gains[:, number]) for number in others]
        else:
            found = _exchanged(study, parts, reference, others)
        for number, value in zip(others, holm(found).tolist() if others else [], strict=True):
            p_values[number] = value
    standings = []
    for number, name in enumerate(names):
        compared = reference is not None and number != reference
        mine = gains[:, number]
        worst = int(np.argmin(mine)) if compared else 0
        differences = (
            drawn[number] - drawn[reference] if compared else np.full_like(drawn[number], np.nan)
        )
        standings.append(
            MethodStanding(
                method=name,
                uar=float(recalls[:, number].mean()),
                interval=_percentiles(drawn[number], level),
                gain=float(mine.mean()) if compared else float("nan"),
                gain_interval=_percentiles(differences, level),
                p_value=p_values[number],
                wins=int((mine > _TIE).sum()) if compared else 0,
                losses=int((mine < -_TIE).sum()) if compared else 0,
                worst_task=study.tasks[worst].name
                if compared and not np.isnan(mine[worst])
                else "",
                worst_gain=float(mine[worst]) if compared else float("nan"),
            )
        )
    return Ranking(
        standings=tuple(sorted(standings, key=lambda part: (np.isnan(part.uar), -part.uar))),
        baseline=baseline if reference is not None else "",
        test="tasks" if by_tasks else "speakers",
        n_speakers=sum(part.number for part in parts),
        n_tasks=len(study.tasks),
    )


def _by_target(study: StudyResults, names: list[str]) -> list[_Speakers]:
    """Count confusions by target and speaker; nothing if a speaker is unknown."""
    targets = dict.fromkeys(task.target for task in study.tasks)
    if any("" in study.corpus(name).speakers for name in targets):
        return []
    parts = []
    for target in targets:
        corpus = study.corpus(target)
        labels = np.asarray(corpus.labels)
        speakers, owner = np.unique(np.asarray(corpus.speakers), return_inverse=True)
        rows = [np.flatnonzero(owner == number) for number in range(len(speakers))]
        places = tuple(n for n, task in enumerate(study.tasks) if task.target == target)
        counts = [
            [
                [
                    _counts(study, study.cell(study.tasks[n].name, name, seed), labels, rows)
                    for seed in study.protocol.seeds
                ]
                for name in names
            ]
            for n in places
        ]
        parts.append(_Speakers(places, np.array(counts)))
    return parts


def _counts(
    study: StudyResults, cell: Any, labels: NDArray[np.str_], rows: list[NDArray[np.intp]]
) -> NDArray[np.int64]:
    found = np.asarray(cell.predictions)
    classes = study.protocol.classes
    if cell.refusal:
        return np.zeros((len(rows), len(classes), len(classes)), dtype=np.int64)
    return np.stack([confusion_matrix(labels[part], found[part], classes) for part in rows])


def _resampled(study: StudyResults, parts: list[_Speakers]) -> NDArray[np.float64]:
    """Return the mean UAR of each method in each resample, shape (methods, resamples)."""
    n_draws = study.protocol.n_resamples
    total = np.zeros((len(study.methods), n_draws))
    if not parts or any(part.number < 2 for part in parts):
        return np.full_like(total, np.nan)
    rng = np.random.default_rng(study.protocol.seeds[0])
    for part in parts:
        share = np.full(part.number, 1.0 / part.number)
        times = rng.multinomial(part.number, share, size=n_draws)
        # (tasks, methods, seeds, speakers, k, k) and (draws, speakers)
        drawn = np.einsum("tmspkl,rp->tmsrkl", part.counts, times, optimize=True)
        total += unweighted_average_recall(drawn).mean(axis=2).sum(axis=0)
    return total / len(study.tasks)


def _percentiles(values: NDArray[np.float64], tail: float) -> tuple[float, float]:
    low, high = np.percentile(values, [tail, 100.0 - tail])
    return float(low), float(high)


def _exchanged(
    study: StudyResults, parts: list[_Speakers], reference: int, others: list[int]
) -> list[float]:
    """Return the p-value of each mean gain from exchanging answers speaker by speaker."""
    if not parts:
        return [float("nan")] * len(others)
    n_speakers = sum(part.number for part in parts)
    exact = n_speakers <= _EXACT_SPEAKERS
    if exact:
        flips = (np.arange(2**n_speakers)[:, None] >> np.arange(n_speakers)) & 1
    else:
        rng = np.random.default_rng(study.protocol.seeds[0])
        flips = rng.integers(0, 2, size=(study.protocol.n_resamples, n_speakers))
    ends = np.cumsum([part.number for part in parts])
    p_values = []
    for number in others:
        observed, differences = 0.0, np.zeros(len(flips))
        for part, end in zip(parts, ends, strict=True):
            mine, base = part.counts[:, number], part.counts[:, reference]
            change = np.einsum(
                "tspkl,rp->tsrkl", base - mine, flips[:, end - part.number : end], optimize=True
            )
            one, two = (counts.sum(axis=2)[:, :, None] for counts in (mine, base))
            gains = unweighted_average_recall(one + change) - unweighted_average_recall(
                two - change
            )
            differences += gains.mean(axis=1).sum(axis=0)
            plain = unweighted_average_recall(one) - unweighted_average_recall(two)
            observed += float(plain.mean(axis=1).sum())
        if np.isnan(observed):
            p_values.append(observed)
            continue
        # Equal differences come out of other sums, with other rounding.
        as_large = int((np.abs(differences) >= abs(observed) - _TIE * len(study.tasks)).sum())
        p_values.append(as_large / len(flips) if exact else (1 + as_large) / (1 + len(flips)))
    return p_values
