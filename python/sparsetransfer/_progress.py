"""Progress of long work: bars in a notebook, plain lines every few seconds elsewhere."""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable
from html import escape
from typing import IO, Any, Protocol

__all__ = ["Bars", "PlainBars", "ProgressBar"]

_SECONDS_BETWEEN_LINES = 5.0
_SECONDS_BETWEEN_DRAWINGS = 0.1


class Bars(Protocol):
    """What shows progress: the part of ``rich.progress.Progress`` that is used."""

    def add_task(self, description: str, *, total: float | None = None) -> Any:
        """Start a task, of unknown length without `total`; return its key."""

    def update(
        self, task_id: Any, *, total: float | None = None, completed: float | None = None
    ) -> None:
        """Set how much of it is done."""


class PlainBars:
    """Progress as plain lines, for logs and pipes.

    `stream`: where lines are written; nowhere with None. `seconds`: least time between two lines
    about the same thing; the first and the last are always written. `clock`: time in seconds.
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
        """Start a task, and show its name."""
        now = self._clock()
        self._names.append(description)
        self._starts.append(now)
        self._written.append(now)
        self._totals.append(total)
        self._show(len(self._names) - 1, None)
        return len(self._names) - 1

    def update(
        self, task_id: int, *, total: float | None = None, completed: float | None = None
    ) -> None:
        """Set how much is done, and show it if it is time to."""
        if total is not None:
            self._totals[task_id] = total
        if completed is None:
            return
        now, whole = self._clock(), self._totals[task_id]
        finished = whole is not None and completed >= whole
        if finished or now - self._written[task_id] >= self._seconds:
            self._written[task_id] = now
            self._show(task_id, completed)

    def _line(self, task_id: int, completed: float | None) -> str:
        if completed is None:
            return self._names[task_id]
        whole = self._totals[task_id]
        of = "" if whole is None else f" of {whole:g}"
        spent = self._clock() - self._starts[task_id]
        return f"{self._names[task_id]}: {completed:g}{of}, {spent:.0f} s"

    def _show(self, task_id: int, completed: float | None) -> None:
        if self._stream is not None:
            print(self._line(task_id, completed), file=self._stream, flush=True)


class _Drawn:
    """A bar as a notebook shows it: HTML of its own, and text where there is none."""

    def __init__(self, line: str, total: float | None, completed: float | None) -> None:
        self._line = line
        self._of = "" if total is None else f' max="{max(total, 1):g}" value="{completed or 0:g}"'

    def __repr__(self) -> str:
        return self._line

    def _repr_html_(self) -> str:
        line = escape(self._line)
        return f'<progress aria-label="{escape(self._line)}"{self._of}></progress> {line}'


class _NotebookBars(PlainBars):
    """Progress as bars below the cell of a notebook that runs, without ipywidgets."""

    def __init__(self) -> None:
        super().__init__(None, seconds=_SECONDS_BETWEEN_DRAWINGS)
        self._handles: dict[int, Any] = {}

    def _show(self, task_id: int, completed: float | None) -> None:
        display: Any = importlib.import_module("IPython.display").display
        drawn = _Drawn(self._line(task_id, completed), self._totals[task_id], completed)
        if task_id in self._handles:
            self._handles[task_id].update(drawn)
        else:
            self._handles[task_id] = display(drawn, display_id=True)


def _in_notebook() -> bool:
    """Return whether this process answers a notebook; nothing is imported for the answer."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


class ProgressBar:
    """Show progress: a bar in a notebook, elsewhere a line every few seconds on the standard error.

    Parameters
    ----------
    title : str, default="progress"
        What is being done, where the work that is shown does not say it.

    See Also
    --------
    sparsetransfer.features.extract : Takes it as `progress`, as everything that counts its steps.

    Notes
    -----
    A bar is called by the work: with ``(done, total)``, with text before them, which is the title of
    a bar of its own, or with anything after them, which is not shown.

    Examples
    --------
    >>> import sparsetransfer
    >>> from sparsetransfer import corpora, features, synthetic
    >>> manifest, _ = synthetic.make_corpora("synthetic", n_speakers=2, n_sentences=1)
    >>> table = features.extract(
    ...     corpora.read_manifest(manifest),
    ...     n_jobs=1,
    ...     progress=sparsetransfer.ProgressBar("functionals"),
    ... )
    """

    def __init__(self, title: str = "progress") -> None:
        self._title = title
        self._bars = _NotebookBars() if _in_notebook() else PlainBars(sys.stderr)
        self._keys: dict[str, int] = {}

    def __call__(self, *step: Any) -> None:
        """Show a step.

        `*step`: ``done, total``, ``title, done, total`` or ``done, total, ...``.
        """
        named = isinstance(step[0], str)
        title = step[0] if named else self._title
        done, total = step[named : named + 2]
        # A total of 0 is unknown, and a count that starts over gets a bar of its own.
        known = total or None
        key = self._keys.get(title)
        if key is None:
            key = self._keys[title] = self._bars.add_task(title, total=known)
        self._bars.update(key, completed=done, total=known)
        if known is not None and done >= known:
            del self._keys[title]
