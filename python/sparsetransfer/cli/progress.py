"""Progress of long work on the standard error: bars in a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sparsetransfer._progress import Bars, PlainBars

if TYPE_CHECKING:
    from sparsetransfer.evaluation.data.views import FeatureProgress

__all__ = ["counting", "feature_bars", "working"]


@contextmanager
def working(*, quiet: bool = False) -> Iterator[Bars]:
    """Show progress on the standard error: bars in a terminal, else a line every few seconds."""
    if quiet or not sys.stderr.isatty():
        yield PlainBars(None if quiet else sys.stderr)
        return
    with _rich_bars(rate=False) as bars:
        yield bars


@contextmanager
def counting(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show progress of one thing; call what it yields with the number done and the total."""
    if not sys.stderr.isatty():
        plain = PlainBars(sys.stderr)
        key = plain.add_task(what)
        yield lambda done, total: plain.update(key, completed=done, total=total)
        return
    with _rich_bars(rate=True) as bars:
        task = bars.add_task(what, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


def feature_bars(progress: Bars) -> FeatureProgress:
    """Return what shows a bar for each feature set of each corpus: ``show(what, done, total)``."""
    bars: dict[str, Any] = {}

    def show(what: str, done: int, total: int) -> None:
        if what not in bars:
            bars[what] = progress.add_task(what, total=total)
        progress.update(bars[what], completed=done, total=total)

    return show


def _rich_bars(*, rate: bool) -> Any:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        SpinnerColumn,
        Task,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        """Utterances per second."""

        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text("" if speed is None else f"{speed:.1f}/s", style="progress.data.speed")

    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        *([Rate()] if rate else []),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
