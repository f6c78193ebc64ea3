"""The application and its table of contents."""

from __future__ import annotations

import io
import sys
from typing import Annotated

import typer

import sparsetransfer
from sparsetransfer.cli.commands.bench import bench
from sparsetransfer.cli.commands.corpora import corpora
from sparsetransfer.cli.commands.evaluate import evaluate
from sparsetransfer.cli.commands.features import features
from sparsetransfer.cli.commands.fit import fit
from sparsetransfer.cli.commands.methods import methods
from sparsetransfer.cli.commands.predict import predict
from sparsetransfer.cli.commands.resume import report, resume, table
from sparsetransfer.cli.commands.study_file import study

__all__ = ["application"]

application = typer.Typer(
    name="sparsetransfer",
    help="Sparse transfer solvers and cross-corpus speech emotion recognition.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    # Panels cut long names of options off in narrow terminals; plain help wraps.
    rich_markup_mode=None,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"sparsetransfer {sparsetransfer.__version__}")
        raise typer.Exit


@application.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    del version
    # Names that the terminal cannot show are shown as escapes, as on the standard error.
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")


for command in (evaluate, resume, table, report, fit, predict, bench):
    application.command()(command)
application.add_typer(methods, name="methods")
application.add_typer(features, name="features")
application.add_typer(corpora, name="corpora")
application.add_typer(study, name="study")
