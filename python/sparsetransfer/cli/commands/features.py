"""``sparsetransfer features``: list, describe and extract feature sets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sparsetransfer.cli.errors import one_line_errors, say
from sparsetransfer.cli.inputs import (
    CacheFolder,
    DropUnmapped,
    DropUnreadable,
    LabelMap,
    SpeakerWeights,
    cache_folder,
    check_outputs,
    parse_label_map,
    read_corpus,
)
from sparsetransfer.cli.progress import counting

__all__ = ["features"]

features = typer.Typer(
    help="List, describe and extract feature sets.", no_args_is_help=True, add_completion=False
)


@features.command("list")
def list_sets() -> None:
    """List the feature sets with names."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from sparsetransfer.features import feature_set, names

    table = Table(box=None)
    table.add_column("name", no_wrap=True)
    table.add_column("id", overflow="fold")
    table.add_column("columns", no_wrap=True)
    for name in names():
        try:
            chosen = feature_set(name)
        except (ModuleNotFoundError, ValueError, OSError) as error:
            table.add_row(name, escape(str(error)), "", style="dim")
        else:
            table.add_row(name, chosen.id, str(len(chosen.names)))
    Console().print(table)


@features.command()
def describe(
    name: Annotated[str, typer.Argument(help="Name of a feature set.", show_default=False)],
    columns: Annotated[
        bool, typer.Option("--columns/--no-columns", help="Name every column and its unit.")
    ] = True,
) -> None:
    """Describe the columns of a feature set.

    Its parameters are printed, and name and unit of every column.
    """
    from sparsetransfer.features import feature_set

    with one_line_errors():
        chosen = feature_set(name)
    typer.echo(f"{chosen.id}: {len(chosen.names)} columns at {chosen.sample_rate} Hz")
    for what, value in getattr(chosen, "parameters", {}).items():
        typer.echo(f"  {what}: {value}")
    if columns:
        for column, unit in zip(chosen.names, chosen.units, strict=True):
            typer.echo(f"{column}\t{unit}")


@features.command()
def extract(
    corpus: Annotated[
        str,
        typer.Argument(help="NAME=PATH, manifest=PATH or PATH.csv.", show_default=False),
    ],
    name: Annotated[str, typer.Argument(help="Name of a feature set.", show_default=False)],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Table to write, .csv or .parquet.")
    ],
    label_map: LabelMap = None,
    drop_unmapped: DropUnmapped = False,
    drop_unreadable: DropUnreadable = False,
    jobs: Annotated[
        int | None, typer.Option(min=1, max=1024, help="Processes.", show_default="all CPUs")
    ] = None,
    cache: CacheFolder = None,
    speaker_weights: SpeakerWeights = None,
) -> None:
    """Compute the features of a corpus.

    A run that was stopped continues where it was.
    """
    from sparsetransfer.features import extract as extract_features
    from sparsetransfer.features import feature_set, write_table
    from sparsetransfer.features.files import check_table_path

    with one_line_errors():
        check_table_path(output)
        check_outputs({"--output": output}, [corpus.partition("=")[2] or corpus])
        cache = cache_folder(cache)
        chosen = feature_set(name)
        found = read_corpus(
            corpus,
            label_map=parse_label_map(label_map or []),
            drop_unmapped=drop_unmapped,
            must_exist=not drop_unreadable,
        )
        with counting(f"{chosen.id} of {found.name}") as progress:
            table = extract_features(
                found,
                chosen,
                cache=cache / "features",
                n_jobs=jobs,
                on_error="drop" if drop_unreadable else "raise",
                progress=progress,
            )
        write_table(table, output)
    if len(table.failures):
        say(f"{len(table.failures)} dropped:")
    for reason in table.failures["error"]:
        say(f"  {reason}")
    say(f"{len(table)} utterances, {len(table.names)} columns: {output}")
