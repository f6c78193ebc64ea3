"""The report as one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from typing import Any

import numpy as np

from sparsetransfer.evaluation import Cell, Study
from sparsetransfer.reporting import figures
from sparsetransfer.reporting.notes import notes
from sparsetransfer.reporting.summary import parameters, summarise
from sparsetransfer.reporting.tables import NOTHING, header, percent, text_rows

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

    template = resources.files(__package__).joinpath("report.html.j2").read_text(encoding="utf-8")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True
    )
    sources, targets = " + ".join(study.protocol.sources), ", ".join(study.protocol.targets)
    domains = [("source", d) for d in study.sources] + [("target", d) for d in study.targets]
    return environment.from_string(template).render(
        title=f"Cross-corpus emotion recognition: {sources} → {targets}",
        protocol=study.protocol,
        columns=header(study),
        groups=list(_groups(study)),
        notes=notes(study),
        corpora=[
            {
                "name": domain.name,
                "role": role,
                "n": len(domain),
                "n_speakers": len(set(domain.speakers.tolist()) - {""}) or "unknown",
                "counts": domain.counts(),
            }
            for role, domain in domains
        ],
        dropped=[(d.name, why, count) for _, d in domains for why, count in d.dropped.items()],
        failures=[(d.name, file, why) for _, d in domains for file, why in d.failures],
        confusions=list(_confusions(study)),
        objectives=list(_objectives(study)),
        pictures=list(_pictures(study)),
        methods=study.methods,
        choices=list(_choices(study)),
        protocol_rows=[
            ("id", study.protocol.id),
            *(
                (
                    name.replace("_", " "),
                    ", ".join(map(str, value)) if isinstance(value, list) else value,
                )
                for name, value in study.protocol.as_dict().items()
            ),
        ],
        versions=study.versions,
    )


def _first_seed(study: Study, target: str) -> list[Cell]:
    seed = study.protocol.seeds[0]
    return [cell for cell in study.cells if cell.target == target and cell.seed == seed]


def _groups(study: Study) -> Iterator[list[dict[str, Any]]]:
    rows = summarise(study)
    for target in study.targets:
        mine = [row for row in rows if row.target == target.name]
        best = max(row.uar for row in mine)
        yield [
            {"cells": cells, "best": row.uar == best}
            for row, cells in zip(mine, text_rows(mine), strict=True)
        ]


def _confusions(study: Study) -> Iterator[dict[str, str]]:
    for target in study.targets:
        cells = _first_seed(study, target.name)
        image = figures.confusions([cell.method for cell in cells], [cell.scores for cell in cells])
        yield {"target": target.name, "image": image}


def _objectives(study: Study) -> Iterator[dict[str, str]]:
    for target in study.targets:
        curves = {
            cell.method: cell.diagnostics["coder"]["history"]
            for cell in _first_seed(study, target.name)
            if "coder" in cell.diagnostics
        }
        if curves:
            image = figures.objectives(list(curves), list(curves.values()))
            yield {"target": target.name, "image": image}


def _pictures(study: Study) -> Iterator[dict[str, str]]:
    labels = np.concatenate([domain.labels for domain in study.sources])
    source = " + ".join(study.protocol.sources)
    for target in study.targets:
        shown = {"features": study.feature_pictures[target.name]}
        for cell in _first_seed(study, target.name):
            if cell.picture is not None:
                shown[f"codes of {cell.method}"] = cell.picture
        for what, picture in shown.items():
            image = figures.pictures(
                picture, labels, target.labels, study.protocol.classes, (source, target.name)
            )
            yield {"image": image, "caption": f"{source} → {target.name}: {what}"}


def _choices(study: Study) -> Iterator[tuple[str, ...]]:
    times = {(t.target, t.method, t.seed): t for t in study.timings}
    for target in study.targets:
        for cell in _first_seed(study, target.name):
            chosen, coder = cell.diagnostics.get("classifier"), cell.diagnostics.get("coder")
            time = times[cell.target, cell.method, cell.seed]
            yield (
                cell.target,
                cell.method,
                parameters(cell) or NOTHING,
                percent(chosen["validated_uar"]) if chosen else NOTHING,
                str(coder["n_iter"]) if coder else NOTHING,
                f"{coder['objective']:.6g}" if coder else NOTHING,
                f"{100 * coder['nonzeros']:.1f} %" if coder else NOTHING,
                f"{time.wall:.1f}",
                f"{time.cpu:.1f}",
            )
