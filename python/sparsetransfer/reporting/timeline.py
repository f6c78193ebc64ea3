"""Emotions along a recording, as a picture and as tables."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import entr

from sparsetransfer._csv import csv_text
from sparsetransfer.recognition.linear import Window
from sparsetransfer.recognition.recordings.recognise import RecordingAnswer
from sparsetransfer.reporting.figures import COLOURS, drawing, shown, svg

__all__ = ["timeline_svg", "windows_csv"]


@drawing
def timeline_svg(windows: Sequence[Window], classes: Sequence[str], title: str) -> str:
    """Draw the probabilities of the emotions over time as an SVG image.

    The probability of a window is drawn over the time it covers alone, up to the start of the next
    one.
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


def windows_csv(answers: Sequence[RecordingAnswer], classes: Sequence[str]) -> str:
    """Write the windows of recordings as CSV, with a header and one line per window.

    Columns are file, start and end in seconds, the most probable emotion, the probabilities, their
    entropy in bits, the fraction that is speech, flags separated by semicolons, and ``ok``. A file
    that failed has one line with its flags, ``failed``, the reason, and nothing between. Cells that
    a spreadsheet would take for formulas are escaped as in `csv_cell`.
    """
    names = ["file", "start", "end", "emotion", *classes, "entropy", "speech"]
    names += ["flag", "status", "reason"]
    rows: list[list[object]] = [list(names)]
    for answer in answers:
        if answer.failure:
            nothing = ["" for _ in range(len(classes) + 5)]
            flags = "; ".join(answer.flags)
            rows.append([answer.file, *nothing, flags, "failed", answer.failure])
            continue
        for part in answer.windows:
            shares = np.array(part.probabilities)
            entropy = float(entr(shares).sum() / np.log(2.0))
            where = [answer.file, part.start, part.end, classes[int(shares.argmax())]]
            flags = "; ".join(part.flags)
            speech = "" if math.isnan(part.speech) else part.speech
            rows.append([*where, *part.probabilities, entropy, speech, flags, "ok", ""])
    return csv_text(rows)
