"""``sparsetransfer methods``: list and describe methods of evaluations."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from sparsetransfer.cli.errors import one_line_errors

__all__ = ["methods"]

methods = typer.Typer(
    help="List and describe methods.",
    no_args_is_help=True,
    add_completion=False,
)


@methods.command("list")
def list_methods(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """List the methods, and what each does."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from sparsetransfer.evaluation import make_methods
    from sparsetransfer.evaluation.methods.registry import DEFAULT_METHODS, available_methods

    rows = []
    for name in available_methods():
        try:
            (method,) = make_methods([name])
        except (ModuleNotFoundError, ValueError, OSError) as error:
            rows.append((name, f"not available: {error}"))
        else:
            rows.append((name, method.description))
    if as_json:
        content = [
            {"name": name, "description": what, "default": name in DEFAULT_METHODS}
            for name, what in rows
        ]
        typer.echo(json.dumps(content, indent=2, ensure_ascii=False))
        return
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("method", no_wrap=True)
    table.add_column("what it does", overflow="fold")
    for name, what in rows:
        mark = "*" if name in DEFAULT_METHODS else " "
        table.add_row(f"{mark} {name}", escape(what))
    console = Console(highlight=False)
    console.print(table)
    console.print(
        "\n* runs by default. Also: frame-codes(FRAMES), frame-codes-transfer(FRAMES), and "
        "module:Class of a scikit-learn estimator.",
        markup=False,
    )


@methods.command()
def describe(
    name: Annotated[str, typer.Argument(help="Name of a method.", show_default=False)],
) -> None:
    """Describe a method and its settings."""
    from sparsetransfer.evaluation import make_methods

    with one_line_errors():
        (method,) = make_methods([name])
    typer.echo(f"{method.name}: {method.description}")
    typer.echo(f"  sees unlabelled target rows: {'yes' if method.adapts else 'no'}")
    for key, value in method.settings().items():
        typer.echo(f"  {key} = {value}")
