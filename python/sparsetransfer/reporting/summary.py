"""One row per task and method: what tables and reports show."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sparsetransfer.evaluation import Study
from sparsetransfer.evaluation.scoring.discrepancy import Discrepancy
from sparsetransfer.evaluation.study.cell import Cell
from sparsetransfer.evaluation.study.comparison import BASELINE

__all__ = ["SummaryRow", "parameters", "summarise"]


@dataclass(frozen=True)
class SummaryRow:
    """Figures of one method on one task, averaged over seeds.

    Parameters
    ----------
    task, target, method : str
        Names.
    n_seeds : int
        Number of runs.
    uar, war, macro_f1 : float
        Mean unweighted and weighted average recall, and macro-F1, 0..1.
    uar_spread : float
        Standard deviation of the UAR over seeds; NaN with one seed.
    interval : tuple of (float, float)
        Speaker bootstrap interval of the UAR, bounds averaged over seeds.
    recalls : tuple of float
        Mean recall per class; NaN for a class the target lacks.
    gain : float
        UAR minus that of the tuned linear SVM on the same task; NaN without the latter.
    linear_before, linear_after : float
        Mean linear MMD² between the normalised features and between the codes, relative to the
        energy of the rows; the latter NaN for methods without codes.
    gaussian_before, gaussian_after : float
        The same with Gaussian kernels.
    kkt_violation : float
        Largest violation over seeds; NaN for methods without codes.
    parameters : str
        Chosen settings and parameters of the classifier, all that occur over seeds; empty without a choice.
    validated_uar : float
        Mean validated UAR of the chosen parameters; NaN without a choice.
    """

    task: str
    target: str
    method: str
    n_seeds: int
    uar: float
    war: float
    macro_f1: float
    uar_spread: float
    interval: tuple[float, float]
    recalls: tuple[float, ...]
    gain: float
    linear_before: float
    linear_after: float
    gaussian_before: float
    gaussian_after: float
    kkt_violation: float
    parameters: str
    validated_uar: float


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else math.nan


def parameters(cell: Cell) -> str:
    """Format what was chosen for a cell: settings of the method, parameters of its classifier.

    Parameters
    ----------
    cell : Cell
        The cell.

    Returns
    -------
    str
        For example ``C=0.1``; empty where nothing was chosen.
    """
    return ", ".join(
        f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}"
        for part in ("settings", "classifier")
        for name, value in cell.diagnostics.get(part, {}).get("parameters", {}).items()
    )


def validated(cell: Cell) -> float:
    """Return the validated UAR at what was chosen for a cell.

    Parameters
    ----------
    cell : Cell
        The cell.

    Returns
    -------
    float
        That of the chosen settings, else that of the classifier's parameters; NaN without a choice.
    """
    for part in ("settings", "classifier"):
        if part in cell.diagnostics:
            return float(cell.diagnostics[part]["validated_uar"])
    return math.nan


def summarise(study: Study) -> tuple[SummaryRow, ...]:
    """Average the cells of a study over its seeds.

    Parameters
    ----------
    study : Study
        Results of an evaluation.

    Returns
    -------
    tuple of SummaryRow
        By task and method, in the order of the study.
    """
    rows = []
    for task in study.tasks:
        groups = {
            method.name: [
                cell
                for cell in study.cells
                if cell.task == task.name and cell.method == method.name
            ]
            for method in study.methods
        }
        reference = _mean([cell.scores.uar for cell in groups.get(BASELINE, [])])
        for cells in groups.values():
            rows.append(_row(cells, reference, study.before[task.name]))
    return tuple(rows)


def _row(cells: Sequence[Cell], reference: float, before: Discrepancy) -> SummaryRow:
    recalls = [cell.scores.uar for cell in cells]
    violations = [
        float(c.diagnostics["coder"]["kkt_violation"]) for c in cells if "coder" in c.diagnostics
    ]
    scores = [value for value in map(validated, cells) if not math.isnan(value)]
    return SummaryRow(
        task=cells[0].task,
        target=cells[0].target,
        method=cells[0].method,
        n_seeds=len(cells),
        uar=_mean(recalls),
        war=_mean([cell.scores.war for cell in cells]),
        macro_f1=_mean([cell.scores.macro_f1 for cell in cells]),
        uar_spread=float(np.std(recalls, ddof=1)) if len(cells) > 1 else math.nan,
        interval=(
            _mean([cell.interval[0] for cell in cells]),
            _mean([cell.interval[1] for cell in cells]),
        ),
        recalls=tuple(np.mean([cell.scores.recalls for cell in cells], axis=0).tolist()),
        gain=_mean(recalls) - reference,
        linear_before=before.linear,
        linear_after=_mean([cell.after.linear for cell in cells if cell.after is not None]),
        gaussian_before=before.gaussian,
        gaussian_after=_mean([cell.after.gaussian for cell in cells if cell.after is not None]),
        kkt_violation=max(violations, default=math.nan),
        parameters="; ".join(dict.fromkeys(filter(None, map(parameters, cells)))),
        validated_uar=_mean(scores),
    )
