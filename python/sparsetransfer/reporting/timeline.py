"""Emotions along a recording, as a picture and as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sparsetransfer._csv import csv_text
from sparsetransfer.evaluation import Window
from sparsetransfer.reporting.figures import COLOURS, drawing, shown, svg

__all__ = ["timeline_svg", "windows_csv"]


@drawing
def timeline_svg(windows: Sequence[Window], classes: Sequence[str], title: str) -> str:
    """Draw the probabilities of the emotions over time.

    Parameters
    ----------
    windows : sequence of Window
        Windows of one recording, in order.
    classes : sequence of str
        Names of the probabilities.
    title : str
        Title of the picture.

    Returns
    -------
    str
        An SVG image; the probability of a window is drawn over the time it covers alone, up to the
        start of the next one.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 2.6), layout="constrained")
    ax = figure.subplots()
    edges = np.array([part.start for part in windows] + [windows[-1].end])
    bottom = np.zeros(len(windows))
    for number, name in enumerate(classes):
        height = np.array([part.probabilities[number] for part in windows])
        ax.stairs(
            bottom + height,
            edges,
            baseline=bottom,
            fill=True,
            color=COLOURS[number % len(COLOURS)],
            label=name,
        )
        bottom = bottom + height
    ax.set_xlim(0.0, edges[-1])
    ax.set_ylim(0.0, 1.0)
    ax.set_xlabel("time in s")
    ax.set_ylabel("probability")
    ax.set_title(shown(title))
    ax.legend(fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return svg(figure).decode()


def windows_csv(
    recordings: Sequence[tuple[str, Sequence[Window]]],
    classes: Sequence[str],
    failures: Mapping[str, str] | None = None,
) -> str:
    """Write the windows of recordings as CSV.

    Parameters
    ----------
    recordings : sequence of (str, sequence of Window)
        Files and their windows.
    classes : sequence of str
        Names of the probabilities.
    failures : mapping of str to str, optional
        Files that could not be read, and why.

    Returns
    -------
    str
        Header, and one line per window: file, start and end in seconds, the most probable emotion,
        the probabilities, and ``ok``. A file among `failures` has one line with ``failed``, the
        reason, and nothing between. Cells that a spreadsheet would take for formulas are escaped as
        in `csv_cell`.
    """
    failures = failures or {}
    rows: list[list[object]] = [["file", "start", "end", "emotion", *classes, "status", "reason"]]
    for file, windows in recordings:
        if file in failures:
            rows.append([file, "", "", "", *("" for _ in classes), "failed", failures[file]])
            continue
        for part in windows:
            best = classes[int(np.argmax(part.probabilities))]
            rows.append([file, part.start, part.end, best, *part.probabilities, "ok", ""])
    return csv_text(rows)
