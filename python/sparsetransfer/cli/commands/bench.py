"""``sparsetransfer bench``: how fast the library is on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from sparsetransfer.cli.errors import one_line_errors

__all__ = ["bench"]


def bench(
    kernels: Annotated[
        list[str] | None,
        typer.Argument(help="lasso, lasso-float32, omp, dictionary, mmd, transfer; default: all."),
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Timed calls of every kernel.")] = 5,
    threads: Annotated[
        int | None, typer.Option(help="Threads; by default as many as calls use.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the figures to this JSON file.")
    ] = None,
) -> None:
    """Time the solvers on generated data.

    Medians are printed with their spread.
    Compare machines and versions by it; compare libraries by the scripts in benchmarks/peers.
    """
    from rich.console import Console

    with one_line_errors():
        from sparsetransfer._files import check_file
        from sparsetransfer.benchmarking import measure

        if output is not None:
            check_file(output)
        with Console(stderr=True).status("") as status:
            report = measure(kernels or None, rounds=rounds, n_jobs=threads, progress=status.update)
        if output is not None:
            _write(output, report.to_dict())
    console = Console()
    console.print(_table(report))
    environment = ", ".join(
        f"{name} {report.environment[name]}"
        for name in ("sparsetransfer", "SIMD used", "compiler", "NumPy", "Python")
    )
    console.print(f"{report.environment['processor']}, {report.n_threads} threads; {environment}")


def _table(report: Any) -> Any:
    from rich.table import Table

    table = Table(caption=f"medians of {report.rounds} rounds, ± longest minus shortest")
    table.add_column("kernel")
    table.add_column("problem")
    for name in ("wall ms", "CPU ms", "error"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in report.measurements:
        table.add_row(
            row.name,
            row.problem,
            f"{1e3 * row.wall:.1f} ± {1e3 * row.wall_spread:.1f}",
            f"{1e3 * row.cpu:.1f} ± {1e3 * row.cpu_spread:.1f}",
            f"{row.error:.0e}",
        )
    return table


def _write(path: Path, content: dict[str, Any]) -> None:
    import json

    from sparsetransfer._files import write_text

    write_text(path, json.dumps(content, indent=1) + "\n")
