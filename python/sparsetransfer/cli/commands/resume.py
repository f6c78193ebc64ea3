"""``sparsetransfer resume``, ``table`` and ``report``: what becomes of a report folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from sparsetransfer._messages import shortened
from sparsetransfer.cli.errors import INCOMPLETE, one_line_errors
from sparsetransfer.cli.inputs import CacheFolder, SpeakerWeights, cache_folder
from sparsetransfer.cli.study import (
    AsJson,
    Quiet,
    StudyJobs,
    Verbose,
    log_to_stderr,
    run_study,
    show,
    working,
)

__all__ = ["report", "resume", "table"]

_Folder = Annotated[Path, typer.Argument(help="Report folder.", show_default=False)]


def resume(
    folder: _Folder,
    jobs: StudyJobs = None,
    cache: CacheFolder = None,
    speaker_weights: SpeakerWeights = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Resume a study that was stopped.

    Cells that are done are not computed again.
    """
    log_to_stderr(verbose)
    with one_line_errors():
        from sparsetransfer.evaluation import read_config
        from sparsetransfer.reporting.folder import reserved

        cache = cache_folder(cache)
        config = read_config(folder / "study.json")
        with reserved(folder) as place, working(quiet=quiet) as progress:
            study = run_study(
                config,
                progress,
                cache=cache,
                jobs=jobs,
                output=place,
                resume=True,
            )
        show(
            study,
            report=place / "report.html",
            verbose=verbose,
            quiet=quiet,
            as_json=as_json,
        )
        if study.refusals:
            raise typer.Exit(INCOMPLETE)


def table(
    folder: _Folder, quiet: Quiet = False, as_json: AsJson = False, verbose: Verbose = False
) -> None:
    """Print the summary of a finished study.

    With --verbose, every task and all notes.
    """
    log_to_stderr(verbose)
    with one_line_errors():
        from sparsetransfer import reporting

        study = reporting.read(folder)
        with _shown(folder):
            show(study, verbose=verbose, quiet=quiet, as_json=as_json)


def report(folder: _Folder, verbose: Verbose = False) -> None:
    """Write a report again, from its results."""
    log_to_stderr(verbose)
    with one_line_errors():
        from sparsetransfer import reporting

        study = reporting.read(folder)
        with _shown(folder):
            place = reporting.write(study, folder)
        typer.echo(place / "report.html")


@contextmanager
def _shown(folder: Path) -> Iterator[None]:
    """Name the folder where the notes of a method, which have no fixed layout, cannot be shown."""
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise ValueError(
            f"{folder} holds a damaged report, which cannot be shown: {shortened(repr(error))}; "
            "`resume` writes it again"
        ) from error
