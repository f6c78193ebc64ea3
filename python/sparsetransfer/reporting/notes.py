"""What a reader must know before believing a table."""

from __future__ import annotations

from collections.abc import Iterator

from sparsetransfer.evaluation import Study
from sparsetransfer.evaluation.study.cell import Cell
from sparsetransfer.evaluation.study.comparison import BASELINE
from sparsetransfer.evaluation.study.results import CorpusCard
from sparsetransfer.reporting.summary import parameters

__all__ = ["grouped_notes", "notes"]

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


def notes(study: Study) -> tuple[str, ...]:
    """Collect the caveats of a study.

    Parameters
    ----------
    study : Study
        Results of an evaluation.

    Returns
    -------
    tuple of str
        Sentences in plain text.
    """
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


def _speaker_notes(domain: CorpusCard, *, is_target: bool) -> Iterator[str]:
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


def _doubts(cell: Cell) -> list[str]:
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
