"""The summary of a study for a terminal: one table, one verdict, counted notes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from sparsetransfer.evaluation import Study, rank_methods
from sparsetransfer.evaluation.study.ranking import MethodStanding, Ranking
from sparsetransfer.reporting.overview import p_value_text
from sparsetransfer.reporting.summary import grouped_notes
from sparsetransfer.reporting.tables import NOTHING, percent, points, points_interval, whole_percent
from sparsetransfer.reporting.verdict import verdict

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["count_notes", "summary_as_dict", "summary_caption", "summary_table"]


def summary_table(study: Study) -> Table:
    """Build the table of methods for a terminal of 60 columns or more.

    One row per method, best mean UAR first: mean UAR with its interval, gain over the tuned linear
    SVM, its p-value adjusted by Holm; of one task the interval of the gain, of several tasks wins
    and losses, and the worst task.
    """
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    ranking = rank_methods(study)
    table = Table(
        title=escape(study.title),
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        show_edge=False,
    )
    level = f"{100 * study.protocol.confidence:g} %"
    table.add_column("method", overflow="fold", min_width=14)
    for name in ("UAR", level, "gain"):
        table.add_column(name, justify="right", no_wrap=True)
    if ranking.n_tasks == 1:
        table.add_column(level, justify="right", no_wrap=True)
        table.add_column("p", justify="right", no_wrap=True)
    else:
        for name in ("p", "W–L"):
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column("worst task", overflow="fold", min_width=14)
    for part in ranking.standings:
        style = "dim" if part.method == ranking.baseline else None
        table.add_row(*map(escape, _row(part, ranking)), style=style)
    return table


def summary_caption(study: Study) -> str:
    """Explain the columns of `summary_table`: units, the test, the classes and the protocol."""
    ranking = rank_methods(study)
    test = "Wilcoxon's test over tasks" if ranking.test == "tasks" else "speakers exchanged"
    what = f"gain over {ranking.baseline} in points; p: {test}, Holm" if ranking.baseline else ""
    classes = ", ".join(study.protocol.classes)
    parts = ("UAR in %", what, f"classes {classes}", f"protocol {study.protocol.id}")
    return "; ".join(filter(None, parts))


def _row(part: MethodStanding, ranking: Ranking) -> tuple[str, ...]:
    left = (part.method, percent(part.uar), whole_percent(part.interval), points(part.gain))
    p_value = p_value_text(part.p_value)
    if ranking.n_tasks == 1:
        return (*left, points_interval(part.gain_interval, digits=0), p_value)
    if math.isnan(part.gain):
        return (*left, p_value, NOTHING, NOTHING)
    worst = f"{points(part.worst_gain)} {part.worst_task}"
    return (*left, p_value, f"{part.wins}–{part.losses}", worst)


def count_notes(study: Study) -> str:
    """Count the notes of a study: ``5 notes: 3 on protocol and methods, 2 on corpora``."""
    groups = {what: len(part) for what, part in grouped_notes(study).items() if part}
    total = sum(groups.values())
    parts = ", ".join(f"{number} on {what}" for what, number in groups.items())
    return f"{total} note{'s' * (total != 1)}: {parts}"


def summary_as_dict(study: Study) -> dict[str, Any]:
    """Return the summary of a study as plain JSON values.

    The keys are ``protocol``, ``tasks``, ``baseline``, ``test``, ``verdict``, ``methods``, best mean
    UAR first, and ``refused``; shares are in 0..1, null where a figure does not exist.
    """
    ranking = rank_methods(study)
    return {
        "schema": "sparsetransfer.summary",
        "schema_version": 1,
        "protocol": study.protocol.id,
        "tasks": [task.name for task in study.tasks],
        "baseline": ranking.baseline or None,
        "test": ranking.test,
        "verdict": " ".join(verdict(study)),
        "methods": [part.as_dict() for part in ranking.standings],
        "refused": [
            {"task": c.task, "method": c.method, "seed": c.seed, "reason": c.refusal}
            for c in study.refusals
        ],
    }
