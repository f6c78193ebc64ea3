"""Every method of a study against the tuned baseline."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from sparsetransfer.evaluation.scoring.tests import (
    holm,
    mcnemar,
    permutation_test,
    signed_rank_test,
)
from sparsetransfer.evaluation.study.results import StudyResults

__all__ = ["BASELINE", "MethodComparison", "TaskComparison", "compare", "comparison_as_dict"]

BASELINE = "svm"
"""The method with which all others are compared."""

_TIE = 1e-12


@dataclass(frozen=True)
class TaskComparison:
    """One method against the baseline on one task.

    Parameters
    ----------
    task, method : str
        Names.
    gain : float
        Difference of the UAR, mean over seeds.
    permutation_p : float
        p-value of `permutation_test` on the first seed; NaN where speakers are unknown.
    mcnemar_p : float
        p-value of `mcnemar` on the first seed.
    permutation_holm, mcnemar_holm : float
        The same, adjusted for the number of methods on this task.
    """

    task: str
    method: str
    gain: float
    permutation_p: float
    mcnemar_p: float
    permutation_holm: float
    mcnemar_holm: float


@dataclass(frozen=True)
class MethodComparison:
    """One method against the baseline over all tasks.

    Parameters
    ----------
    method : str
        Name.
    mean_uar : float
        Mean UAR over tasks and seeds, 0..1.
    mean_gain : float
        Mean difference to the baseline.
    wins, losses, ties : int
        Tasks with a higher, lower or equal UAR.
    worst_task : str
        The task with the smallest gain; empty if one of both refused a task, when means, p-values
        and the worst gain are NaN, too.
    worst_gain : float
        That gain.
    wilcoxon_p : float
        p-value of `signed_rank_test` over tasks.
    wilcoxon_holm : float
        The same, adjusted for the number of methods.
    """

    method: str
    mean_uar: float
    mean_gain: float
    wins: int
    losses: int
    ties: int
    worst_task: str
    worst_gain: float
    wilcoxon_p: float
    wilcoxon_holm: float


def compare(
    study: StudyResults, baseline: str = BASELINE
) -> tuple[tuple[MethodComparison, ...], tuple[TaskComparison, ...]]:
    """Compare every method of a study with one of them.

    Parameters
    ----------
    study : Study
        Results of an evaluation.
    baseline : str, default="svm"
        Name of the method to compare with.

    Returns
    -------
    over_tasks : tuple of MethodComparison
        One per other method, in the order of the study; empty if the baseline is not in it.
    per_task : tuple of TaskComparison
        One per task and other method.
    """
    names = [method.name for method in study.methods]
    others = [name for name in names if name != baseline]
    if baseline not in names or not others:
        return (), ()
    recalls = {
        (task.name, name): float(
            np.mean([study.cell(task.name, name, seed).scores.uar for seed in study.protocol.seeds])
        )
        for task in study.tasks
        for name in names
    }
    per_task = [
        part
        for task in study.tasks
        for part in _on_task(study, task.name, others, baseline, recalls)
    ]
    gains = {name: [part.gain for part in per_task if part.method == name] for name in others}
    p_values = [signed_rank_test(gains[name]) for name in others]
    over_tasks = []
    for name, p_value, adjusted in zip(others, p_values, holm(p_values).tolist(), strict=True):
        worst = int(np.argmin(gains[name]))
        wins, losses = (sum(sign * gain > _TIE for gain in gains[name]) for sign in (1, -1))
        known = sum(not np.isnan(gain) for gain in gains[name])
        over_tasks.append(
            MethodComparison(
                method=name,
                mean_uar=float(np.mean([recalls[task.name, name] for task in study.tasks])),
                mean_gain=float(np.mean(gains[name])),
                wins=wins,
                losses=losses,
                ties=known - wins - losses,
                worst_task=study.tasks[worst].name if known == len(study.tasks) else "",
                worst_gain=gains[name][worst],
                wilcoxon_p=p_value,
                wilcoxon_holm=adjusted,
            )
        )
    return tuple(over_tasks), tuple(per_task)


def _on_task(
    study: StudyResults,
    task: str,
    others: list[str],
    baseline: str,
    recalls: dict[tuple[str, str], float],
) -> list[TaskComparison]:
    reference = study.cell(task, baseline)
    target = study.corpus(reference.target)
    known = "" not in target.speakers
    exchanged, disagreed = [], []
    for name in others:
        found = study.cell(task, name).predictions
        if reference.refusal or not found:
            disagreed.append(float("nan"))
            exchanged.append(float("nan"))
            continue
        disagreed.append(mcnemar(target.labels, found, reference.predictions))
        exchanged.append(
            permutation_test(
                target.labels,
                found,
                reference.predictions,
                target.speakers,
                study.protocol.classes,
                rng=np.random.default_rng(study.protocol.seeds[0]),
                n_resamples=study.protocol.n_resamples,
            )
            if known
            else float("nan")
        )
    columns = zip(
        others,
        exchanged,
        disagreed,
        holm(exchanged).tolist(),
        holm(disagreed).tolist(),
        strict=True,
    )
    return [
        TaskComparison(task, name, recalls[task, name] - recalls[task, baseline], *p_values)
        for name, *p_values in columns
    ]


def comparison_as_dict(study: StudyResults) -> dict[str, Any]:
    """Return the comparison with the baseline as plain JSON values; NaN becomes None."""
    over_tasks, per_task = compare(study)
    return {
        "baseline": BASELINE,
        "over_tasks": [_plain(asdict(part)) for part in over_tasks],
        "per_task": [_plain(asdict(part)) for part in per_task],
    }


def _plain(content: dict[str, Any]) -> dict[str, Any]:
    return {
        name: None if isinstance(value, float) and np.isnan(value) else value
        for name, value in content.items()
    }
