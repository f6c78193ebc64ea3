"""The short tables: tasks against methods, and methods against the baseline, as text."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from sparsetransfer.evaluation import Study, rank_methods
from sparsetransfer.reporting.summary import summarise
from sparsetransfer.reporting.tables import NOTHING, percent, points, points_interval, whole_percent
from sparsetransfer.reporting.verdict import verdict

__all__ = ["comparison_rows", "latex", "markdown", "overview_rows", "safeguard_rows"]

COMPARISON = ("method", "mean UAR", "interval", "gain", "interval of the gain", "p (Holm)")
"""Titles of `comparison_rows` of one task."""

COMPARISON_OF_TASKS = (*COMPARISON, "wins–losses", "worst task", "its gain")
"""Titles of `comparison_rows` of several tasks."""

SAFEGUARD = ("task", "method", "adapted", "evidence")
"""Titles of `safeguard_rows`."""

_LATEX = {
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "→": r"$\rightarrow$",
    "–": "--",
    "±": r"$\pm$",
    "²": r"$^2$",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    # After the end of a row they would be taken for its options.
    **{sign: f"{{{sign}}}" for sign in "[]*"},
}


def _markdown_cell(text: str) -> str:
    """Return a text on one line, with the signs that Markdown would take for its own escaped."""
    return re.sub(r"([\\|`*<>\[\]$]|(?<!\w)_|_(?!\w))", r"\\\1", " ".join(text.split()))


def p_value_text(value: float) -> str:
    """Show a p-value with three decimals; a dash for NaN."""
    return NOTHING if math.isnan(value) else f"{value:.3f}" if value >= 0.001 else "<0.001"


def overview_rows(study: Study) -> list[tuple[str, ...]]:
    """Return ``UAR / WAR`` in percent of every method: titles, a row per task, and their means."""
    rows = summarise(study)
    names = [method.name for method in study.methods]
    table = [("task", *names)]
    for task in study.tasks:
        mine = {row.method: row for row in rows if row.task == task.name}
        cells = (f"{percent(mine[name].uar)} / {percent(mine[name].war)}" for name in names)
        table.append((task.name, *cells))
    if len(study.tasks) > 1:
        means = []
        for name in names:
            mine_too = [row for row in rows if row.method == name]
            uar, war = (
                sum(values) / len(mine_too)
                for values in ([r.uar for r in mine_too], [r.war for r in mine_too])
            )
            means.append(f"{percent(uar)} / {percent(war)}")
        table.append(("mean", *means))
    return table


def comparison_rows(study: Study) -> list[tuple[str, ...]]:
    """Return titles and a row per method, best first: how it fares, and against the baseline."""
    several = len(study.tasks) > 1
    rows: list[tuple[str, ...]] = [COMPARISON_OF_TASKS if several else COMPARISON]
    for part in rank_methods(study).standings:
        compared = not math.isnan(part.gain)
        over_tasks = (
            f"{part.wins}–{part.losses}" if compared else NOTHING,
            part.worst_task or NOTHING,
            points(part.worst_gain),
        )
        rows.append(
            (
                part.method,
                percent(part.uar),
                whole_percent(part.interval),
                points(part.gain),
                points_interval(part.gain_interval),
                p_value_text(part.p_value),
                *(over_tasks if several else ()),
            )
        )
    return rows


def safeguard_rows(study: Study) -> list[tuple[str, ...]]:
    """Return what methods with a safeguard decided, and why, in the columns of `SAFEGUARD`.

    One row per cell of the first seed with ``safeguard`` among its diagnostics.
    """
    rows: list[tuple[str, ...]] = []
    for task in study.tasks:
        for method in study.methods:
            decided = study.cell(task.name, method.name).diagnostics.get("safeguard")
            if decided is None:
                continue
            evidence = "; ".join(
                f"{name}: {value:.3g}" if isinstance(value, float) else f"{name}: {value}"
                for name, value in decided.items()
                if name != "adapted" and not isinstance(value, (dict, list))
            )
            verdict = "yes" if decided.get("adapted") else "no"
            rows.append((task.name, method.name, verdict, evidence or NOTHING))
    return rows


def markdown(study: Study) -> str:
    """Write the short tables as Markdown."""

    def table(rows: Sequence[Sequence[str]]) -> str:
        lines = ["| " + " | ".join(map(_markdown_cell, row)) + " |" for row in rows]
        return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]]) + "\n"

    rules = study.protocol
    setting = f"{rules.design.kind}, {rules.setting}, normalisation {rules.normalisation}"
    parts = [
        f"# Protocol {rules.id}\n",
        f"{' '.join(verdict(study))}\n",
        f"{setting}; UAR / WAR in percent.\n",
        table(overview_rows(study)),
    ]
    guarded = safeguard_rows(study)
    refused = [(c.task, c.method, str(c.seed), c.refusal) for c in study.refusals]
    for title, rows in (
        ("Methods, and gains over the tuned linear SVM", comparison_rows(study)),
        ("Safeguard", [SAFEGUARD, *guarded] if guarded else []),
        ("Refused", [("task", "method", "seed", "reason"), *refused] if refused else []),
    ):
        if rows:
            parts += [f"## {title}\n", table(rows)]
    return "\n".join(parts)


def latex(study: Study) -> str:
    r"""Write the table of tasks against methods as a LaTeX `tabular`, to be read by ``\input``."""

    def escape(text: str) -> str:
        return "".join(_LATEX.get(sign, sign) for sign in " ".join(text.split()))

    head, *rows = overview_rows(study)
    lines = [
        f"% protocol {study.protocol.id}; UAR / WAR in percent",
        r"\begin{tabular}{l" + "r" * (len(head) - 1) + "}",
        r"\hline",
        " & ".join(map(escape, head)) + r" \\",
        r"\hline",
        *(" & ".join(map(escape, row)) + r" \\" for row in rows),
        r"\hline",
        r"\end{tabular}",
    ]
    return "\n".join(lines) + "\n"
