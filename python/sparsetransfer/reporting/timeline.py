"""Emotions along a recording, as a picture and as tables."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

import numpy as np

from sparsetransfer.evaluation import Window
from sparsetransfer.reporting.figures import COLOURS, svg

__all__ = ["timeline_svg", "windows_csv"]


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
    ax.set_title(title)
    ax.legend(fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return svg(figure).decode()


def windows_csv(recordings: Sequence[tuple[str, Sequence[Window]]], classes: Sequence[str]) -> str:
    """Write the windows of recordings as CSV.

    Parameters
    ----------
    recordings : sequence of (str, sequence of Window)
        Files and their windows.
    classes : sequence of str
        Names of the probabilities.

    Returns
    -------
    str
        Header, and one line per window: file, start and end in seconds, the most probable emotion,
        and the probabilities.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["file", "start", "end", "emotion", *classes])
    for file, windows in recordings:
        for part in windows:
            best = classes[int(np.argmax(part.probabilities))]
            writer.writerow([file, repr(part.start), repr(part.end), best, *part.probabilities])
    return stream.getvalue()
