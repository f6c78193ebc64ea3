"""The table of a study, for a terminal, a spreadsheet and a page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sparsetransfer._csv import csv_text
from sparsetransfer.evaluation import Study
from sparsetransfer.evaluation.scoring.discrepancy import Discrepancy
from sparsetransfer.evaluation.study.run_result import RunResult
from sparsetransfer.reporting.summary import SummaryRow, best_uar, parameters, summarise, validated

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["cells_csv", "header", "rich_tables", "text_rows"]

NOTHING = "–"

DISTANCES = ("linear MMD² before", "after", "Gaussian MMD² before", "after")
"""Titles of the columns of `distances`."""


def percent(value: float) -> str:
    """Show a share of 1 in percent with one decimal; a dash for NaN."""
    return NOTHING if math.isnan(value) else f"{100 * value:.1f}"


def points(value: float) -> str:
    """Show a difference of shares in signed percentage points; a dash for NaN."""
    return NOTHING if math.isnan(value) else f"{100 * value:+.1f}"


def points_interval(bounds: tuple[float, float], digits: int = 1) -> str:
    """Show an interval of differences in signed percentage points; a dash for NaN."""
    low, high = bounds
    return NOTHING if math.isnan(low) else f"{100 * low:+.{digits}f} to {100 * high:+.{digits}f}"


def scientific(value: float) -> str:
    """Show a small figure with two digits; a dash for NaN."""
    return NOTHING if math.isnan(value) else f"{value:.1e}"


def decimal(value: float) -> str:
    """Show a figure of order one with four decimals; a dash for NaN."""
    return NOTHING if math.isnan(value) else f"{value:.4f}"


def distances(row: SummaryRow) -> tuple[str, ...]:
    """Format the discrepancies of a row, in the order of `DISTANCES`."""
    values = (row.linear_before, row.linear_after, row.gaussian_before, row.gaussian_after)
    return tuple(decimal(value) for value in values)


def whole_percent(bounds: tuple[float, float]) -> str:
    """Show an interval of shares in whole percent; a dash for NaN."""
    low, high = bounds
    return NOTHING if math.isnan(low) else f"{100 * low:.0f}–{100 * high:.0f}"


def header(study: Study) -> tuple[str, ...]:
    """Return the column titles of `text_rows`; recalls in percent."""
    level = f"{100 * study.protocol.confidence:g} %"
    return (
        "task",
        "method",
        "UAR",
        level,
        "vs SVM",
        "WAR",
        "F1",
        *study.protocol.classes,
        *DISTANCES,
        "KKT",
    )


def text_rows(rows: Sequence[SummaryRow]) -> list[tuple[str, ...]]:
    """Format summary rows, one tuple per row, in the columns of `header`."""
    return [
        (
            row.task,
            row.method,
            percent(row.uar)
            + ("" if math.isnan(row.uar_spread) else f" ± {100 * row.uar_spread:.1f}"),
            NOTHING
            if math.isnan(row.interval[0])
            else f"{percent(row.interval[0])}–{percent(row.interval[1])}",
            points(row.gain),
            percent(row.war),
            percent(row.macro_f1),
            *(percent(value) for value in row.recalls),
            *distances(row),
            scientific(row.kkt_violation),
        )
        for row in rows
    ]


def rich_tables(study: Study) -> list[Table]:
    """Build two tables per task for a terminal of 80 columns: recalls; distances and choices."""
    rows = summarise(study)
    tables = []
    for task in study.tasks:
        mine = [row for row in rows if row.task == task.name]
        tables += [_recall_table(study, task.name, mine), _domain_table(mine)]
    return tables


def _recall_table(study: Study, task: str, rows: Sequence[SummaryRow]) -> Table:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    table = Table(
        title=escape(task),
        caption=f"recalls in %; protocol {study.protocol.id}",
        box=box.SIMPLE_HEAD,
        padding=0,
        pad_edge=False,
        show_edge=False,
    )
    titles = header(study)[1 : 7 + len(study.protocol.classes)]
    best = best_uar(rows)
    for name in titles:
        # A class name is folded rather than cut where the terminal is narrow.
        if name == "method":
            table.add_column(name, no_wrap=True)
        else:
            table.add_column(escape(name), justify="right", overflow="fold", min_width=4)
    for row, cells in zip(rows, text_rows(rows), strict=True):
        shown = list(cells[1 : 1 + len(titles)])
        shown[1] = percent(row.uar)
        shown[2] = whole_percent(row.interval)
        table.add_row(*map(escape, shown), style="bold" if row.uar == best else None)
    return table


def _domain_table(rows: Sequence[SummaryRow]) -> Table:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    table = Table(
        title="MMD² between the corpora, and certificates",
        box=box.SIMPLE_HEAD,
        padding=0,
        pad_edge=False,
        show_edge=False,
    )
    table.add_column("method", no_wrap=True)
    for name in ("linear before", "linear after", "Gauss before", "Gauss after"):
        table.add_column(name, justify="right", min_width=6)
    table.add_column("KKT", justify="right", min_width=7)
    table.add_column("chosen", justify="right", overflow="fold", min_width=7)
    table.add_column("source UAR", justify="right", min_width=5)
    for row in rows:
        table.add_row(
            escape(row.method),
            *distances(row),
            scientific(row.kkt_violation),
            escape(row.parameters) or NOTHING,
            percent(row.validated_uar),
        )
    return table


def cells_csv(study: Study) -> str:
    """Write every cell of a study as a line of CSV, below a header.

    Shares are in 0..1, nothing stands where a figure does not exist. Cells that a spreadsheet would
    take for formulas are escaped.
    """
    classes = study.protocol.classes
    columns = [
        *("protocol", "task", "sources", "target", "method", "seed"),
        *("uar", "uar_low", "uar_high", "war", "macro_f1"),
        *(f"recall_{name}" for name in classes),
        *("mmd_linear_before", "mmd_linear_after", "mmd_gaussian_before", "mmd_gaussian_after"),
        *("chosen", "validated_uar", "objective", "n_iter", "kkt_violation", "converged"),
        "refusal",
    ]
    sources = {task.name: "+".join(task.sources) for task in study.tasks}
    rows: list[list[object]] = [
        [study.protocol.id, cell.task, sources[cell.task], *_csv(cell, study.before[cell.task])]
        for cell in study.cells
    ]
    return csv_text([columns, *rows])


def _csv(cell: RunResult, before: Discrepancy) -> list[object]:
    coder, score = cell.diagnostics.get("coder", {}), validated(cell)
    figures = [
        *(cell.scores.uar, *cell.interval, cell.scores.war, cell.scores.macro_f1),
        *cell.scores.recalls.tolist(),
        before.linear,
        math.nan if cell.after is None else cell.after.linear,
        before.gaussian,
        math.nan if cell.after is None else cell.after.gaussian,
    ]
    return [
        *(cell.target, cell.method, cell.seed),
        *("" if math.isnan(value) else repr(value) for value in figures),
        *(parameters(cell), "" if math.isnan(score) else score),
        *(coder.get(name, "") for name in ("objective", "n_iter", "kkt_violation", "converged")),
        cell.refusal,
    ]
