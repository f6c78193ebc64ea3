"""Progress of long work on the standard error: bars in a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from sparsetransfer.evaluation.data.views import FeatureProgress

__all__ = ["Bars", "PlainBars", "counting", "feature_bars", "working"]

_SECONDS_BETWEEN_LINES = 5.0


class Bars(Protocol):
    """What shows progress: the part of ``rich.progress.Progress`` that commands use."""

    def add_task(self, description: str, *, total: float | None = None) -> Any:
        """Start a task, of unknown length without `total`; return its key."""

    def update(
        self, task_id: Any, *, total: float | None = None, completed: float | None = None
    ) -> None:
        """Set how much of it is done."""


class PlainBars:
    """Progress as plain lines, for logs and pipes.

    Parameters
    ----------
    stream : file, optional
        Where lines are written; the standard error by default, nowhere with None.
    seconds : float, default=5
        Least time between two lines about the same thing; the first and the last are always
        written.
    clock : callable, default=time.monotonic
        Time in seconds.
    """

    def __init__(
        self,
        stream: IO[str] | None,
        *,
        seconds: float = _SECONDS_BETWEEN_LINES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream, self._seconds, self._clock = stream, seconds, clock
        self._names: list[str] = []
        self._starts: list[float] = []
        self._written: list[float] = []
        self._totals: list[float | None] = []

    def add_task(self, description: str, *, total: float | None = None) -> int:
        """Start a task, and write its name."""
        now = self._clock()
        self._names.append(description)
        self._starts.append(now)
        self._written.append(now)
        self._totals.append(total)
        self._write(description)
        return len(self._names) - 1

    def update(
        self, task_id: int, *, total: float | None = None, completed: float | None = None
    ) -> None:
        """Set how much is done, and write a line if it is time for one."""
        if total is not None:
            self._totals[task_id] = total
        if completed is None:
            return
        now, whole = self._clock(), self._totals[task_id]
        finished = whole is not None and completed >= whole
        if finished or now - self._written[task_id] >= self._seconds:
            self._written[task_id] = now
            of = "" if whole is None else f" of {whole:g}"
            spent = now - self._starts[task_id]
            self._write(f"{self._names[task_id]}: {completed:g}{of}, {spent:.0f} s")

    def _write(self, line: str) -> None:
        if self._stream is not None:
            print(line, file=self._stream, flush=True)


@contextmanager
def working(*, quiet: bool = False) -> Iterator[Bars]:
    """Show progress on the standard error: bars in a terminal, else a line every few seconds.

    Parameters
    ----------
    quiet : bool, default=False
        Whether nothing is shown.

    Yields
    ------
    Bars
        Where work is announced.
    """
    if quiet or not sys.stderr.isatty():
        yield PlainBars(None if quiet else sys.stderr)
        return
    with _rich_bars(rate=False) as bars:
        yield bars


@contextmanager
def counting(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show progress of one thing, with its rate and remaining time in a terminal.

    Parameters
    ----------
    what : str
        What is being done.

    Yields
    ------
    callable
        To be called with the number that is done and the total.
    """
    if not sys.stderr.isatty():
        plain = PlainBars(sys.stderr)
        key = plain.add_task(what)
        yield lambda done, total: plain.update(key, completed=done, total=total)
        return
    with _rich_bars(rate=True) as bars:
        task = bars.add_task(what, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


def feature_bars(progress: Bars) -> FeatureProgress:
    """Return what shows a bar for each feature set of each corpus.

    Parameters
    ----------
    progress : Bars
        Where bars are shown.

    Returns
    -------
    callable
        Called as ``show(what, done, total)``.
    """
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
