"""What tables and reports say of a study: one row per task and method, and notes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from sparsetransfer.evaluation import Study
from sparsetransfer.evaluation.scoring.discrepancy import Discrepancy
from sparsetransfer.evaluation.study.comparison import BASELINE
from sparsetransfer.evaluation.study.results import CorpusSummary
from sparsetransfer.evaluation.study.run_result import RunResult

__all__ = ["SummaryRow", "best_uar", "grouped_notes", "notes", "parameters", "summarise"]

_DEVELOPMENT = {"emodb", "ravdess", "urdu", "nemo"}
_FEW_SPEAKERS = 10

_SETTING = {
    "transductive": (
        "The setting is transductive: methods that adapt see the unlabelled recordings of the "
        "target while they learn."
    ),
    "inductive": (
        "The setting is inductive: no recording of the target takes part in anything learned."
    ),
}

_NORMALISATION = {
    "corpus": (
        "Features are z-scored per corpus over the evaluated recordings. The means of all corpora "
        "are then zero and a linear MMD between features is zero by construction."
    ),
    "speaker": (
        "Features are z-scored per speaker over the evaluated recordings. A linear MMD between "
        "features is then zero by construction."
    ),
    "speaker-or-corpus": (
        "Features are z-scored per speaker, or per corpus where speakers do not allow it, over the "
        "evaluated recordings. A linear MMD between features is then zero by construction."
    ),
    "robust": (
        "Features are centred on the median of each corpus and divided by the distance of its "
        "quartiles, over the evaluated recordings."
    ),
    "source": "Features are z-scored with mean and deviation of the source.",
}


@dataclass(frozen=True)
class SummaryRow:
    """Figures of one method on one task, averaged over seeds.

    - `task`, `target`, `method`: names.
    - `n_seeds`: number of runs.
    - `uar`, `war`, `macro_f1`: mean unweighted and weighted average recall, and macro-F1, 0..1.
    - `uar_spread`: standard deviation of the UAR over seeds; NaN with one seed.
    - `interval`: speaker bootstrap interval of the UAR, bounds averaged over seeds.
    - `recalls`: mean recall per class; NaN for a class the target lacks.
    - `gain`: UAR minus that of the tuned linear SVM on the same task; NaN without the latter.
    - `linear_before`, `linear_after`: mean linear MMD² between the normalised features and between
      the codes, relative to the energy of the rows; the latter NaN for methods without codes.
    - `gaussian_before`, `gaussian_after`: the same with Gaussian kernels.
    - `kkt_violation`: largest violation over seeds; NaN for methods without codes.
    - `parameters`: chosen settings and parameters of the classifier, all that occur over seeds;
      empty without a choice.
    - `validated_uar`: mean validated UAR of the chosen parameters; NaN without a choice.
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


def best_uar(rows: Sequence[SummaryRow]) -> float:
    """Return the highest UAR of some rows; NaN if no method of them has one."""
    return max((row.uar for row in rows if not math.isnan(row.uar)), default=math.nan)


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else math.nan


def parameters(cell: RunResult) -> str:
    """Format what was chosen for a cell, for example ``C=0.1``; empty where nothing was chosen."""
    return ", ".join(
        f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}"
        for part in ("settings", "classifier")
        for name, value in cell.diagnostics.get(part, {}).get("parameters", {}).items()
    )


def validated(cell: RunResult) -> float:
    """Return the validated UAR of the chosen settings, else of the classifier, else NaN."""
    for part in ("settings", "classifier"):
        if part in cell.diagnostics:
            return float(cell.diagnostics[part]["validated_uar"])
    return math.nan


def summarise(study: Study) -> tuple[SummaryRow, ...]:
    """Average the cells of a study over its seeds: a row per task and method, in its order."""
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


def _row(cells: Sequence[RunResult], reference: float, before: Discrepancy) -> SummaryRow:
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


def notes(study: Study) -> tuple[str, ...]:
    """Collect the caveats of a study as sentences in plain text."""
    return tuple(text for part in grouped_notes(study).values() for text in part)


def grouped_notes(study: Study) -> dict[str, tuple[str, ...]]:
    """Return the notes by what they are about."""
    return {
        "protocol and methods": (*_protocol_notes(study), *_comparison_notes(study)),
        "corpora": tuple(_corpus_notes(study)),
        "single runs": tuple(_cell_notes(study)),
    }


def _protocol_notes(study: Study) -> Iterator[str]:
    yield _SETTING[study.protocol.setting] + (
        " No method is given target labels; they are used to choose the recordings of the "
        "evaluated classes and to score."
    )
    yield _NORMALISATION[study.protocol.normalisation]
    yield "The Gaussian MMD² is the mean over five widths around the mean distance."
    remarks = dict.fromkeys(text for task in study.tasks for text in study.remarks[task.name])
    yield from (f"{text}." for text in remarks)
    if _DEVELOPMENT & set(study.protocol.design.names) and len(study.methods) > 2:
        yield (
            "The fixed settings of the sparse methods go back to experiments on EMO-DB, RAVDESS, "
            "URDU and nEMO. On these corpora their figures are therefore optimistic."
        )


def _comparison_notes(study: Study) -> Iterator[str]:
    if BASELINE not in [method.name for method in study.methods]:
        yield (
            "The tuned linear SVM is not among the methods; without it a figure cannot be judged."
        )


def _corpus_notes(study: Study) -> Iterator[str]:
    targets = {task.target for task in study.tasks}
    for domain in study.corpora:
        lost = sum(domain.dropped.values())
        if lost:
            yield f"{domain.name}: {lost} recordings were left out as declared below."
        if domain.failures:
            yield f"{domain.name}: {len(domain.failures)} recordings were unreadable."
        yield from _speaker_notes(domain, is_target=domain.name in targets)
        absent = [name for name in study.protocol.classes if name not in domain.counts()]
        if absent and domain.name in targets:
            yield (
                f"target {domain.name} lacks {', '.join(absent)}: its UAR is the mean over the "
                "other classes."
            )


def _speaker_notes(domain: CorpusSummary, *, is_target: bool) -> Iterator[str]:
    if "" in domain.speakers:
        yield (
            f"{domain.name}: speakers are not known for every recording, so that overlap "
            "of speakers could not be ruled out and there is no interval."
        )
        return
    classes: dict[str, set[str]] = {}
    for speaker, label in zip(domain.speakers, domain.labels, strict=True):
        classes.setdefault(speaker, set()).add(label)
    single = sum(len(labels) == 1 for labels in classes.values())
    if single > len(classes) / 2:
        yield (
            f"{domain.name}: {single} of {len(classes)} speakers occur with one class only; "
            "speaker and emotion are confounded."
        )
    if is_target and len(classes) < _FEW_SPEAKERS:
        yield (
            f"target {domain.name} has {len(classes)} speakers: its intervals are rough and "
            "rather too narrow."
        )


def _cell_notes(study: Study) -> Iterator[str]:
    for task in study.tasks:
        for method in study.methods:
            cells = [c for c in study.cells if (c.task, c.method) == (task.name, method.name)]
            for text in dict.fromkeys(text for cell in cells for text in _doubts(cell)):
                seeds = [str(cell.seed) for cell in cells if text in _doubts(cell)]
                yield f"{task.name}, {method.name}, seed {', '.join(seeds)}: {text}"


def _doubts(cell: RunResult) -> list[str]:
    if cell.refusal:
        return [f"refused: {cell.refusal}"]
    coder = cell.diagnostics.get("coder", {})
    doubts = list(cell.warnings)
    decision = cell.diagnostics.get("safeguard")
    if decision:
        did = "adapted to the target" if decision["adapted"] else "not adapted to the target"
        doubts.append(f"{did}: {decision['reason']}.")
    if any(
        cell.diagnostics.get(part, {}).get("at_edge_of_grid") for part in ("settings", "classifier")
    ):
        doubts.append(f"the choice {parameters(cell)} is at the edge of the grid.")
    # A warning of this run says it with the rate at which the objective still fell.
    warned = any("ConvergenceWarning" in text for text in cell.warnings)
    if coder and not coder["converged"] and not warned:
        doubts.append(
            f"the alternation stopped after {coder['n_iter']} iterations before the objective "
            "settled; how exact its codes are for its dictionary stands under KKT."
        )
    return doubts
