"""Figures as self-contained SVG images."""

from __future__ import annotations

import base64
import functools
import io
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from sparsetransfer.evaluation import Study
from sparsetransfer.evaluation.scoring.metrics import Scores
from sparsetransfer.evaluation.study.ranking import Ranking
from sparsetransfer.evaluation.study.run_result import Projection

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "COLOURS",
    "confusions",
    "drawing",
    "gains",
    "heat_maps",
    "objectives",
    "pictures",
    "shown",
    "svg",
]

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#444444", "#8c6d31")
"""The colour-blind safe palette of M. Okabe and K. Ito, extended by two."""

_DARK = b"""@media (prefers-color-scheme: dark) {
text:not([style*="fill"]) { fill: #e6eaf0 }
path[style*="fill: #ffffff"] { fill: #14181d !important }
[style*="stroke: #000000"] { stroke: #e6eaf0 !important }
[style*="stroke: #444444"] { stroke: #a9b4c1 !important }
}"""
"""Colours of SVG images in dark mode, those of the page; what has a colour of its own keeps it."""

_MOST_COLUMNS = 5
_DPI = 120
_PNG_COLOURS = 48
_RC: Any = {
    "svg.hashsalt": "sparsetransfer",
    # Text stays text: smaller, and it can be read by machines.
    "svg.fonttype": "none",
    "font.family": ["DejaVu Sans", "sans-serif"],
    "font.size": 9.0,
    "axes.titlesize": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    # Names of corpora and files are text, whatever signs they have.
    "text.parse_math": False,
}


_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


def drawing(draw: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """Decorate a function that makes a figure, so that it draws in the style of the reports."""

    @functools.wraps(draw)
    def styled(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
        import matplotlib

        with matplotlib.rc_context(_RC), warnings.catch_warnings():
            # A box stands for a sign that the font lacks.
            warnings.filterwarnings("ignore", message="Glyph")
            return draw(*args, **kwargs)

    return styled


def shown(text: str) -> str:
    r"""Return a text without signs that an image cannot hold.

    Bytes that are no text become escapes, for example ``\udcff``; control characters are left out.
    """
    plain = text.encode("utf-8", errors="backslashreplace").decode()
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in plain)


@drawing
def svg(figure: Figure) -> bytes:
    """Draw a figure as SVG without a date; it follows the reader's light or dark mode."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    stream = io.BytesIO()
    # `savefig` draws twice, the first time for the layout, which drawing arranges by itself.
    canvas: Any = FigureCanvasSVG(figure)
    canvas.print_svg(stream, metadata={"Date": None})
    return stream.getvalue().replace(b"</style>", b"\n" + _DARK + b"</style>", 1)


def _data_uri(figure: Figure) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(svg(figure)).decode()


def _png_uri(figure: Figure) -> str:
    """Return a PNG image with few colours: smaller than SVG where thousands of points are drawn."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    stream = io.BytesIO()
    figure.set_dpi(_DPI)
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    image = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    image.quantize(_PNG_COLOURS).save(stream, "png", optimize=True)
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()


def _panels(count: int, width: float, height: float) -> tuple[Figure, list[Axes]]:
    from matplotlib.figure import Figure

    rows = -(-count // _MOST_COLUMNS)
    columns = -(-count // rows)
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for empty in axes[count:]:
        empty.set_axis_off()
    return figure, list(axes[:count])


def _ink(ground: ArrayLike) -> str:
    """Return the colour of a text on a ground (RGB, 0..1): contrast of WCAG 2.2 above 4.5."""
    shares = np.asarray(ground)[:3]
    linear = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
    # Not black: matplotlib writes no black, and dark mode colours what has none.
    return "#ffffff" if linear @ [0.2126, 0.7152, 0.0722] < 0.179 else "#010101"


def _within(ax: Axes, column: int, row: int, text: str, colour: str) -> None:
    """Write into a cell of an image; what stays within the axes does not matter to the layout."""
    ax.text(column, row, text, ha="center", va="center", color=colour, in_layout=False)


def _leads(ax: Axes) -> bool:
    """Return whether a panel is the first of its row, which has the labels."""
    place = ax.get_subplotspec()
    return place is not None and place.is_first_col()


@drawing
def confusions(titles: Sequence[str], scores: Sequence[Scores]) -> str:
    """Draw confusion matrices of equal classes, in rows if there are many, as an SVG data URI.

    Colour is the share of the true class, figures are counts.
    """
    figure, axes = _panels(len(scores), 2.7, 2.7)
    for ax, title, result in zip(axes, titles, scores, strict=True):
        counts = result.confusion
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        image = ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        ticks = range(len(result.classes))
        ax.set_xticks(ticks, result.classes, rotation=40, ha="right", rotation_mode="anchor")
        ax.set_yticks(ticks, result.classes if _leads(ax) else [""] * len(result.classes))
        ax.spines[:].set_visible(False)
        ax.tick_params(length=0)
        for row, column in np.ndindex(counts.shape):
            colour = _ink(image.to_rgba(shares[row, column]))
            _within(ax, column, row, str(counts[row, column]), colour)
        ax.set_title(f"{title}\nUAR {100 * result.uar:.1f} %")
        ax.set_xlabel("predicted")
        if _leads(ax):
            ax.set_ylabel("true")
    return _data_uri(figure)


@drawing
def gains(ranking: Ranking, confidence: float) -> str:
    """Draw the gain of each method over the baseline with its interval as an SVG data URI.

    Filled dots are distinguishable from zero at 0.05.
    """
    from matplotlib.figure import Figure

    shown_rows = [part for part in ranking.standings if np.isfinite(part.gain)]
    figure = Figure(figsize=(4.4, 0.85 + 0.25 * len(shown_rows)), layout="constrained")
    ax = figure.subplots()
    ax.axvline(0.0, color="#444444", linewidth=1.0)
    for row, part in enumerate(shown_rows):
        sure = part.p_value < 0.05
        colour = COLOURS[0] if part.gain > 0 else COLOURS[1]
        if np.isfinite(part.gain_interval).all():
            ends = [100 * value for value in part.gain_interval]
            ax.plot(ends, [row, row], color=colour, linewidth=2.0, solid_capstyle="butt")
        face = colour if sure else "white"
        ax.plot(100 * part.gain, row, "o", color=colour, markerfacecolor=face, markersize=7)
    ax.set_yticks(range(len(shown_rows)), [shown(part.method) for part in shown_rows])
    ax.set_ylim(len(shown_rows) - 0.5, -0.5)
    ax.set_xlabel(f"gain in UAR over {ranking.baseline}, points\n({100 * confidence:g} % interval)")
    ax.grid(axis="x", alpha=0.25)
    ax.tick_params(axis="y", length=0)
    return _data_uri(figure)


@drawing
def heat_maps(study: Study) -> str:
    """Draw the UAR of every ordered pair as an SVG data URI, one map per method.

    Sources are in rows, targets in columns, in percent.
    """
    names = study.protocol.design.names
    labels = [shown(name) for name in names]
    figure, axes = _panels(len(study.methods), 0.9 + 0.65 * len(names), 0.9 + 0.55 * len(names))
    for ax, method in zip(axes, study.methods, strict=True):
        values = np.full((len(names), len(names)), np.nan)
        for task in study.tasks:
            row, column = names.index(task.sources[0]), names.index(task.target)
            values[row, column] = 100 * study.cell(task.name, method.name).scores.uar
        image = ax.imshow(values, cmap="viridis", vmin=100 / len(study.protocol.classes), vmax=100)
        for row, column in np.argwhere(np.isfinite(values)):
            colour = _ink(image.to_rgba(values[row, column]))
            _within(ax, column, row, f"{values[row, column]:.0f}", colour)
        ticks = range(len(names))
        ax.set_xticks(ticks, labels, rotation=40, ha="right", rotation_mode="anchor")
        ax.set_yticks(ticks, labels if _leads(ax) else [""] * len(names))
        ax.spines[:].set_visible(False)
        ax.tick_params(length=0)
        ax.set_title(method.name)
    return _data_uri(figure)


@drawing
def objectives(titles: Sequence[str], histories: Sequence[Sequence[float]]) -> str:
    """Draw objectives by iteration, a panel per title, as the data URI of an SVG image."""
    from matplotlib.ticker import MaxNLocator

    figure, axes = _panels(len(histories), 3.6, 2.5)
    for ax, title, history in zip(axes, titles, histories, strict=True):
        ax.plot(range(1, len(history) + 1), history, marker=".", color=COLOURS[0], linewidth=1.2)
        ax.set_title(title)
        ax.set_xlabel("iteration")
        if _leads(ax):
            ax.set_ylabel("objective")
        ax.grid(alpha=0.25)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    return _data_uri(figure)


@drawing
def pictures(
    picture: Projection,
    classes: Sequence[str],
    names: tuple[str, str],
) -> str:
    """Draw rows of both domains in the plane, by domain and by emotion, as a PNG data URI.

    Colours follow the order of `classes`; sources are circles, targets crosses.
    """
    source_labels = np.array(picture.source_labels)
    target_labels = np.array(picture.target_labels)
    figure, (by_domain, by_class) = _panels(2, 4.2, 3.3)
    dots: dict[str, Any] = {"s": 11, "alpha": 0.6, "linewidths": 0}
    crosses: dict[str, Any] = {"s": 15, "alpha": 0.7, "linewidths": 0.9, "marker": "x"}
    for points, name, colour, style in (
        (picture.source, names[0], COLOURS[0], dots),
        (picture.target, names[1], COLOURS[1], crosses),
    ):
        by_domain.scatter(*points.T, color=colour, label=shown(name), **style)
    for number, name in enumerate(classes):
        colour = COLOURS[number % len(COLOURS)]
        by_class.scatter(*picture.source[source_labels == name].T, color=colour, **dots)
        by_class.scatter(*picture.target[target_labels == name].T, color=colour, **crosses)
        by_class.scatter([], [], color=colour, label=name, s=14)
    for ax, title in ((by_domain, "by domain"), (by_class, "by emotion")):
        ax.set_title(title)
        ax.set_xticks([])
        ax.set_yticks([])
        ax.set_xlabel("first principal axis")
        ax.set_ylabel("second")
        ax.legend(fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return _png_uri(figure)
