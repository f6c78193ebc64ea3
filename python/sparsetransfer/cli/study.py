"""Run a study and show it: what ``evaluate`` and ``resume`` have in common."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.progress import Progress

    from sparsetransfer.evaluation import FeatureProgress, Study, StudyConfig

__all__ = ["feature_bars", "log_to_stderr", "run_study", "show", "working"]


def log_to_stderr(verbose: bool) -> None:
    """Show log messages of the package on the standard error, all of them if asked for."""
    from rich.console import Console
    from rich.logging import RichHandler

    logging.basicConfig(
        level=logging.ERROR,
        format="%(message)s",
        handlers=[RichHandler(console=Console(stderr=True), show_path=False)],
    )
    if verbose:
        logging.getLogger("sparsetransfer").setLevel(logging.DEBUG)


@contextmanager
def working() -> Iterator[Progress]:
    """Show bars of progress on the standard error."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    ) as progress:
        yield progress


def feature_bars(progress: Progress) -> FeatureProgress:
    """Return what shows a bar for each feature set of each corpus.

    Parameters
    ----------
    progress : Progress
        Where bars are shown.

    Returns
    -------
    callable
        Called as ``show(what, done, total)``.
    """
    bars: dict[str, Any] = {}

    def show(what: str, done: int, total: int) -> None:
        if what not in bars:
            bars[what] = progress.add_task(what)
        progress.update(bars[what], completed=done, total=total)

    return show


def run_study(
    config: StudyConfig,
    progress: Progress,
    *,
    cache: Path,
    jobs: int | None,
    output: Path | None,
    resume: bool = False,
) -> Study:
    """Compute features and cells of a study, and write its report.

    Parameters
    ----------
    config : StudyConfig
        The study.
    progress : Progress
        Where bars are shown.
    cache : Path
        Folder of features.
    jobs : int or None
        Processes.
    output : Path or None
        The report folder.
    resume : bool, default=False
        Whether finished cells in `output` are used.

    Returns
    -------
    Study
        The results.
    """
    from sparsetransfer import reporting
    from sparsetransfer.evaluation import prepare, run

    store = None if output is None else reporting.WorkFolder(output, config, keep=resume)
    methods = config.make_methods()
    domains, protocol = prepare(
        config, cache=cache / "features", n_jobs=jobs, progress=feature_bars(progress)
    )
    progress.console.print(f"classes: {', '.join(protocol.classes)}", markup=False)
    bar = progress.add_task("methods", total=None)
    study = run(
        domains,
        methods,
        protocol,
        n_jobs=jobs or 1,
        store=store,
        progress=lambda done, total, _: progress.update(bar, completed=done, total=total),
    )
    if output is not None:
        reporting.write(study, output)
    return study


def show(study: Study, console: Any) -> None:
    """Print tables and notes of a study.

    Parameters
    ----------
    study : Study
        The results.
    console : rich.console.Console
        Where to print.
    """
    from sparsetransfer import reporting

    for table in reporting.rich_tables(study):
        console.print(table)
        console.print()
    for note in reporting.notes(study):
        console.print(f"• {note}", style="dim", markup=False, highlight=False)
