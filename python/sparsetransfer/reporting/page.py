"""The report as one self-contained HTML page."""

from __future__ import annotations

import math
from collections.abc import Iterator
from importlib import resources
from typing import Any

from sparsetransfer.evaluation import Study, compare, rank_methods
from sparsetransfer.evaluation.study.run_result import RunResult
from sparsetransfer.reporting import figures
from sparsetransfer.reporting.overview import (
    SAFEGUARD,
    comparison_rows,
    overview_rows,
    p_value_text,
    safeguard_rows,
)
from sparsetransfer.reporting.summary import best_uar, notes, parameters, summarise, validated
from sparsetransfer.reporting.tables import NOTHING, header, percent, text_rows
from sparsetransfer.reporting.verdict import verdict

__all__ = ["render"]


def render(study: Study) -> str:
    """Render a study as HTML.

    Parameters
    ----------
    study : Study
        Results of an evaluation.

    Returns
    -------
    str
        A page without external resources: style and images are in it.
    """
    from jinja2 import Environment, StrictUndefined

    width = 7 + len(study.protocol.classes)  # task, method, and the recalls; distances follow
    template = resources.files(__package__).joinpath("report.html.j2").read_text(encoding="utf-8")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True
    )
    return environment.from_string(template).render(
        title=_title(study),
        verdict=verdict(study),
        gains=_gains(study),
        test=rank_methods(study).test,
        protocol=study.protocol,
        columns=(*header(study)[1:width], "p vs SVM"),
        groups=list(_groups(study, width)),
        distance_columns=(*header(study)[:2], *header(study)[width:]),
        distances=[(*row[:2], *row[width:]) for row in text_rows(summarise(study))],
        notes=notes(study),
        overview=overview_rows(study),
        comparison=comparison_rows(study),
        safeguard_head=SAFEGUARD,
        safeguard=safeguard_rows(study),
        heat=figures.heat_maps(study) if study.protocol.design.kind == "ordered-pairs" else "",
        corpora=[
            {
                "name": domain.name,
                "n": len(domain),
                "n_speakers": domain.n_speakers or "unknown",
                "counts": domain.counts(),
            }
            for domain in study.corpora
        ],
        dropped=[(d.name, why, count) for d in study.corpora for why, count in d.dropped.items()],
        failures=[(d.name, file, why) for d in study.corpora for file, why in d.failures],
        confusions=list(_confusions(study)),
        objectives=list(_objectives(study)),
        pictures=list(_pictures(study)),
        methods=[
            {
                "name": method.name,
                "description": method.description,
                "settings": [
                    f"{name.replace('_', ' ')} {plain(value)}"
                    for name, value in method.settings.items()
                ],
            }
            for method in study.methods
        ],
        choices=list(_choices(study)),
        protocol_rows=list(_protocol_rows(study)),
        versions=study.versions,
    )


def _title(study: Study) -> str:
    return f"Speech emotion recognition across speakers and corpora: {study.title}"


def _protocol_rows(study: Study) -> Iterator[tuple[str, str]]:
    fields = study.protocol.as_dict()
    for name, value in {"id": study.protocol.id, **fields.pop("design"), **fields}.items():
        yield name.replace("kind", "design").replace("_", " "), plain(value)


def _first_seed(study: Study, task: str) -> list[RunResult]:
    return [study.cell(task, method.name) for method in study.methods]


def _gains(study: Study) -> str:
    ranking = rank_methods(study)
    compared = any(math.isfinite(part.gain) for part in ranking.standings)
    return figures.gains(ranking, study.protocol.confidence) if compared else ""


def plain(value: Any) -> str:
    """Show a JSON value as plain text: ``yes``, ``0.02``, ``speaker, wide``, a dash for nothing."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or value in ("", [], (), {}):
        return NOTHING
    if isinstance(value, dict):
        return ", ".join(f"{name} {plain(part)}" for name, part in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(plain, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _groups(study: Study, width: int) -> Iterator[dict[str, Any]]:
    rows = summarise(study)
    tested = {(part.task, part.method): part.permutation_holm for part in compare(study)[1]}
    for task in study.tasks:
        mine = [row for row in rows if row.task == task.name]
        best = best_uar(mine)
        rows_of_task = [
            {
                "cells": (
                    *cells[1:width],
                    p_value_text(tested.get((row.task, row.method), math.nan)),
                ),
                "best": row.uar == best,
            }
            for row, cells in zip(mine, text_rows(mine), strict=True)
        ]
        yield {"task": task.name, "rows": rows_of_task}


def _confusions(study: Study) -> Iterator[dict[str, str]]:
    for task in study.tasks:
        cells = [cell for cell in _first_seed(study, task.name) if not cell.refusal]
        if not cells:
            continue
        image = figures.confusions([cell.method for cell in cells], [cell.scores for cell in cells])
        yield {"task": task.name, "image": image}


def _objectives(study: Study) -> Iterator[dict[str, str]]:
    for task in study.tasks:
        curves = {
            cell.method: cell.diagnostics["coder"]["history"]
            for cell in _first_seed(study, task.name)
            if "coder" in cell.diagnostics
        }
        if curves:
            image = figures.objectives(list(curves), list(curves.values()))
            yield {"task": task.name, "image": image}


def _pictures(study: Study) -> Iterator[dict[str, str]]:
    for task in study.tasks:
        shown = {"features": study.feature_pictures[task.name]}
        for cell in _first_seed(study, task.name):
            if cell.picture is not None:
                shown[f"codes of {cell.method}"] = cell.picture
        names = (" + ".join(task.sources), task.target)
        if task.n_folds is not None:
            names = ("other speakers", "first fold")
        for what, picture in shown.items():
            image = figures.pictures(picture, study.protocol.classes, names)
            yield {"image": image, "caption": f"{task.name}: {what}"}


def _choices(study: Study) -> Iterator[tuple[str, ...]]:
    for task in study.tasks:
        for cell in _first_seed(study, task.name):
            coder, score = cell.diagnostics.get("coder"), validated(cell)
            yield (
                cell.task,
                cell.method,
                parameters(cell) or NOTHING,
                NOTHING if math.isnan(score) else percent(score),
                str(coder["n_iter"]) if coder else NOTHING,
                f"{coder['objective']:.6g}" if coder else NOTHING,
                f"{100 * coder['nonzeros']:.1f} %" if coder else NOTHING,
                f"{cell.timing.wall:.1f}",
                f"{cell.timing.cpu:.1f}",
                NOTHING if math.isnan(cell.timing.peak) else f"{cell.timing.peak:.0f}",
            )
