"""Run a study and show it: what ``evaluate``, ``resume`` and ``table`` have in common."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sparsetransfer._progress import Bars
from sparsetransfer.cli.progress import feature_bars, working

if TYPE_CHECKING:
    from sparsetransfer.evaluation import Study, StudyConfig

__all__ = [
    "AsJson",
    "Quiet",
    "StudyJobs",
    "Verbose",
    "feature_bars",
    "log_to_stderr",
    "run_study",
    "show",
    "working",
]

Verbose = Annotated[
    bool,
    typer.Option(
        "--verbose", "-v", help="Show every task, all notes, log messages and tracebacks."
    ),
]
StudyJobs = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=1024,
        help="Processes; results do not depend on it.",
        show_default="all CPUs for features, 1 for methods",
    ),
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Show no progress, and print the table alone.")
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print the summary as JSON instead of a table.")
]


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


def run_study(
    config: StudyConfig,
    progress: Bars,
    *,
    cache: Path,
    jobs: int | None,
    output: Path | None,
    resume: bool = False,
) -> Study:
    """Compute features and cells of a study, those of `output` if resumed, and write its report."""
    from sparsetransfer.evaluation import prepare, run
    from sparsetransfer.reporting.folder import WorkFolder, write

    store = None if output is None else WorkFolder(output, config, keep=resume)
    methods = config.make_methods()
    domains, protocol = prepare(
        config, cache=cache / "features", n_jobs=jobs, progress=feature_bars(progress)
    )
    bar = progress.add_task("methods", total=None)
    try:
        study = run(
            domains,
            methods,
            protocol,
            n_jobs=jobs or 1,
            store=store,
            progress=lambda done, total, _: progress.update(bar, completed=done, total=total),
        )
        if output is not None:
            write(study, output)
    except KeyboardInterrupt as error:
        if store is None or not store.begun:
            raise
        raise type(error)(f"`sparsetransfer resume '{output}'` goes on from here") from error
    return study


def show(
    study: Study,
    *,
    report: Path | None = None,
    verbose: bool = False,
    quiet: bool = False,
    as_json: bool = False,
) -> None:
    """Print the summary of a study on the standard output, and name the page of its report.

    What was refused stands on the standard error.
    """
    from rich.console import Console

    from sparsetransfer.evaluation.study.study import refusal_lines
    from sparsetransfer.reporting.summary import notes
    from sparsetransfer.reporting.tables import rich_tables
    from sparsetransfer.reporting.terminal import (
        count_notes,
        summary_as_dict,
        summary_caption,
        summary_table,
    )
    from sparsetransfer.reporting.verdict import verdict

    for line in refusal_lines(study):
        typer.echo(line, err=True)
    if as_json:
        page = None if report is None else str(report)
        summary = {**summary_as_dict(study), "report": page}
        typer.echo(json.dumps(summary, indent=2, ensure_ascii=False, allow_nan=False))
        return
    console = Console(highlight=False)
    if verbose:
        for table in rich_tables(study):
            console.print(table)
            console.print()
    console.print(summary_table(study))
    if quiet:
        return
    console.print(summary_caption(study), style="dim", markup=False)
    console.print()
    console.print(" ".join(verdict(study)), markup=False)
    if verbose:
        for note in notes(study):
            console.print(f"• {note}", style="dim", markup=False)
    else:
        console.print(f"{count_notes(study)} (--verbose)", style="dim", markup=False)
    if report is not None:
        console.print(f"report: {report}", markup=False, soft_wrap=True)
