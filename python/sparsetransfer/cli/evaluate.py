"""``sparsetransfer evaluate``: corpora in, an honest table out."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sparsetransfer.cli.errors import one_line_errors
from sparsetransfer.cli.inputs import default_cache, parse_label_map, read_corpus, split_list

if TYPE_CHECKING:
    from rich.progress import Progress

    from sparsetransfer.corpora import Corpus
    from sparsetransfer.evaluation import Domain

__all__ = ["evaluate"]

_FEATURES = "functionals"

_CORPUS_HELP = (
    "NAME=PATH: a reader's name and a folder, or a manifest: manifest=PATH or PATH.csv. Repeatable."
)


def evaluate(
    source: Annotated[
        list[str] | None, typer.Option(help=f"Labelled corpus. {_CORPUS_HELP}", show_default=False)
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option(
            help=f"Corpus to recognise; its labels only score. {_CORPUS_HELP}", show_default=False
        ),
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option(help="Emotions, comma-separated.", show_default="all that every corpus has"),
    ] = None,
    label_map: Annotated[
        list[str] | None,
        typer.Option(
            help="RAW=EMOTION,… or a .json file, beside the readers' maps.", show_default=False
        ),
    ] = None,
    drop_unmapped: Annotated[
        bool, typer.Option("--drop-unmapped", help="Drop and count labels nobody maps.")
    ] = False,
    drop_unreadable: Annotated[
        bool, typer.Option("--drop-unreadable", help="Drop and list files that cannot be read.")
    ] = False,
    methods: Annotated[
        str | None,
        typer.Option(
            help="Methods, comma-separated: names, or module:Class of a scikit-learn estimator.",
            show_default="majority, svm, ridge, sparse-coding, transfer-sparse-coding",
        ),
    ] = None,
    n_components: Annotated[
        int | None, typer.Option(help="Atoms of the dictionaries.", show_default="128")
    ] = None,
    alpha: Annotated[
        float | None, typer.Option(help="Weight of the l1 norm.", show_default="0.02")
    ] = None,
    mmd: Annotated[
        float | None, typer.Option(help="Weight of the MMD (transfer only).", show_default="60")
    ] = None,
    laplacian: Annotated[
        float | None, typer.Option(help="Weight of the graph (transfer only).", show_default="1")
    ] = None,
    seed: Annotated[list[int] | None, typer.Option(help="Repeatable.", show_default="0")] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Processes; results do not depend on it.",
            show_default="all CPUs for features, 1 for methods",
        ),
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(help="Folder for features.", show_default="the user's cache folder"),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Report folder to write.", show_default="none")
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show log messages and tracebacks.")
    ] = False,
) -> None:
    """Train on labelled source corpora, recognise unlabelled targets, and report honestly.

    Without [bold]--source[/bold] and [bold]--target[/bold] the two embedded corpora are
    synthesised and evaluated.
    """
    from rich.console import Console

    _log_to_stderr(verbose)
    console = Console()
    with one_line_errors():
        settings = {"n_components": n_components, "alpha": alpha, "mmd": mmd}
        settings["laplacian"] = laplacian
        _evaluate(
            console,
            source=source or [],
            target=target or [],
            classes=classes,
            label_map=parse_label_map(label_map or []),
            drop_unmapped=drop_unmapped,
            drop_unreadable=drop_unreadable,
            methods=None if methods is None else split_list(methods),
            settings={name: value for name, value in settings.items() if value is not None},
            seeds=tuple(seed or [0]),
            jobs=jobs,
            cache=cache or default_cache(),
            output=output,
        )


def _log_to_stderr(verbose: bool) -> None:
    from rich.console import Console
    from rich.logging import RichHandler

    logging.basicConfig(
        level=logging.ERROR,
        format="%(message)s",
        handlers=[RichHandler(console=Console(stderr=True), show_path=False)],
    )
    if verbose:
        logging.getLogger("sparsetransfer").setLevel(logging.DEBUG)


def _evaluate(
    console: Any,
    *,
    source: Sequence[str],
    target: Sequence[str],
    classes: str | None,
    label_map: dict[str, str],
    drop_unmapped: bool,
    drop_unreadable: bool,
    methods: Sequence[str] | None,
    settings: dict[str, float],
    seeds: tuple[int, ...],
    jobs: int | None,
    cache: Path,
    output: Path | None,
) -> None:
    from sparsetransfer import features, reporting
    from sparsetransfer.evaluation import EvaluationProtocol, SourceToTarget, common_classes, run

    if output is not None:
        reporting.check_destination(output)
    chosen_methods = _methods(methods, settings)
    with _progress() as progress:
        if not source and not target:
            source, target = _embedded(cache, progress)
        elif not source or not target:
            raise ValueError("give --source and --target, or neither for the embedded corpora")
        corpora = [
            [read_corpus(text, label_map=label_map, drop_unmapped=drop_unmapped) for text in texts]
            for texts in (source, target)
        ]
        every = [*corpora[0], *corpora[1]]
        names = common_classes(every) if classes is None else split_list(classes)
        protocol = EvaluationProtocol(
            SourceToTarget(
                tuple(corpus.name for corpus in corpora[0]),
                tuple(corpus.name for corpus in corpora[1]),
            ),
            classes=names,
            feature_sets=(features.feature_set(_FEATURES).id,),
            seeds=seeds,
        )
        restricted = [[_restrict(corpus, names) for corpus in group] for group in corpora]
        progress.console.print(f"classes: {', '.join(names)}")
        domains = [
            [_domain(corpus, cache, jobs, drop_unreadable, progress) for corpus in group]
            for group in restricted
        ]
        task = progress.add_task("methods", total=None)
        study = run(
            [*domains[0], *domains[1]],
            chosen_methods,
            protocol,
            n_jobs=jobs or 1,
            progress=lambda done, total, _: progress.update(task, completed=done, total=total),
        )
    # Before anything is printed: a closed pipe must not cost the report.
    place = None if output is None else reporting.write(study, output)
    for table in reporting.rich_tables(study):
        console.print(table)
        console.print()
    for note in reporting.notes(study):
        console.print(f"• {note}", style="dim", markup=False, highlight=False)
    if place is not None:
        console.print(f"report: {place / 'report.html'}", soft_wrap=True, highlight=False)


def _methods(names: Sequence[str] | None, settings: dict[str, float]) -> Any:
    from sparsetransfer.evaluation import DEFAULT_METHODS, make_methods

    chosen = DEFAULT_METHODS if names is None else names
    overrides = {}
    for name in ("sparse-coding", "transfer-sparse-coding"):
        if name in chosen:
            overrides[name] = {
                key: value
                for key, value in settings.items()
                if key not in ("mmd", "laplacian") or name == "transfer-sparse-coding"
            }
    return make_methods(chosen, overrides)


@contextmanager
def _progress() -> Iterator[Progress]:
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
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    ) as progress:
        yield progress


def _embedded(cache: Path, progress: Progress) -> tuple[list[str], list[str]]:
    from sparsetransfer import synthetic

    task = progress.add_task("synthesising the embedded corpora", total=None)
    source, target = synthetic.make_corpora(cache / "synthetic")
    progress.update(task, total=1, completed=1)
    return [f"manifest={source}"], [f"manifest={target}"]


def _restrict(corpus: Corpus, classes: Sequence[str]) -> Corpus:
    # A corpus may lack a class of the others; the runner asks for all classes in the sources.
    present = [name for name in classes if name in corpus.classes]
    return corpus.restrict(present or classes)


def _domain(
    corpus: Corpus, cache: Path, jobs: int | None, drop_unreadable: bool, progress: Progress
) -> Domain:
    from sparsetransfer import features
    from sparsetransfer.evaluation import join

    task = progress.add_task(f"features of {corpus.name}", total=len(corpus))
    policy = "drop" if drop_unreadable else "raise"
    table = features.extract(
        corpus,
        _FEATURES,
        cache=cache / "features",
        n_jobs=jobs,
        on_error=policy,
        progress=lambda done, total: progress.update(task, completed=done, total=total),
    )
    return join(corpus, table, unreadable="drop" if drop_unreadable else "raise")
