"""``sparsetransfer corpora``: list, fetch and check corpora."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sparsetransfer.cli.errors import INCOMPLETE, one_line_errors
from sparsetransfer.cli.inputs import CacheFolder, cache_folder
from sparsetransfer.cli.progress import counting

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sparsetransfer.corpora.check import CorpusCheck
    from sparsetransfer.corpora.scheme import Scheme

__all__ = ["corpora"]

corpora = typer.Typer(
    help="List, fetch and check corpora.",
    no_args_is_help=True,
    add_completion=False,
)

_LISTED = 10  # offenders of one kind that are named without --all


@corpora.command("list")
def list_corpora() -> None:
    """List the corpora that have a reader."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from sparsetransfer.corpora import names, scheme

    table = Table(box=None)
    for title in ("name", "language", "files", "speakers", "emotions"):
        table.add_column(title, no_wrap=True)
    table.add_column("kind; licence", overflow="fold")
    for name in names():
        facts = scheme(name)
        recordings = sum(facts.counts.values()) or facts.n_recordings
        speakers = len(facts.speakers) or facts.n_speakers
        table.add_row(
            name,
            "/".join(sorted({*facts.languages.values()} or {facts.language})),
            "?" if recordings is None else str(recordings),
            "?" if speakers is None else str(speakers),
            str(len(set(facts.labels.values()))),
            escape(f"{facts.kind}; {facts.licence}"),
        )
    Console().print(table)


@corpora.command()
def fetch(
    name: Annotated[str, typer.Argument(help="Name of a corpus.", show_default=False)],
    folder: Annotated[
        Path | None,
        typer.Argument(help="Folder to make.", show_default="corpora/NAME in the cache"),
    ] = None,
    cache: CacheFolder = None,
) -> None:
    """Download a corpus that is free.

    Its licence is shown, and its recordings are compared with their published sums.
    An interrupted download goes on where it was; nothing half-written counts as the corpus.
    """
    from sparsetransfer.corpora import fetch as fetch_corpus
    from sparsetransfer.corpora.fetch import fetchable

    with one_line_errors():
        facts = fetchable(name)
        place = folder or cache_folder(cache) / "corpora" / facts.name
        for line in _facts(facts):
            typer.echo(line)
        with counting(f"fetching {facts.name} (bytes)") as progress:
            place = fetch_corpus(facts.name, place, progress=progress)
    typer.echo(f"complete: {place}")
    typer.echo(f"next: sparsetransfer evaluate --demo '{facts.name}={place}'")


@corpora.command()
def check(
    name: Annotated[str, typer.Argument(help="Name of a corpus.", show_default=False)],
    path: Annotated[Path, typer.Argument(help="Folder with its files.", show_default=False)],
    levels: Annotated[bool, typer.Option("--levels/--no-levels", help="Decode every file.")] = True,
    everything: Annotated[bool, typer.Option("--all", help="Name every file, not ten.")] = False,
) -> None:
    """Check a folder against a corpus.

    Reports what is complete, missing, extra, duplicated, clipped or near-silent.

    Exit status 0: complete. 1: not complete, or the complete number is not public. 2: nothing of
    the corpus can be read.
    """
    from sparsetransfer.corpora import check as check_folder

    with one_line_errors(), counting(f"checking {name}") as progress:
        result = check_folder(name, path, levels=levels, progress=progress)
    for line in _report(result, None if everything else _LISTED):
        typer.echo(line)
    if not result.complete:
        raise typer.Exit(INCOMPLETE)


def _facts(facts: Scheme) -> Iterable[str]:
    """Write out what a user of a corpus has to know."""
    yield facts.title
    yield f"  licence: {facts.licence}"
    yield f"  obtain:  {facts.obtain}"
    yield f"  cite:    {facts.reference}"
    if facts.notes:
        yield f"  beware:  {facts.notes}"


def _report(result: CorpusCheck, limit: int | None) -> Iterable[str]:
    """Write a check out, line by line."""
    facts, corpus = result.facts, result.corpus
    yield from _facts(facts)
    published = "unknown" if result.published is None else str(result.published)
    yield f"recordings: {len(corpus)} found, {published} published"
    for emotion, count in corpus.class_counts().items():
        public = result.counts.get(emotion)
        yield f"  {emotion}: {count}" + ("" if public is None else f" of {public[1]}")
    for emotion, (count, public_count) in result.counts.items():
        if not count:
            yield f"  {emotion}: 0 of {public_count}"
    yield f"speakers: {len(corpus.speakers)} found"
    for what, files in (
        ("missing speakers", result.missing_speakers),
        ("unknown speakers", result.unknown_speakers),
        ("extra files", result.extra),
        ("duplicates", [" = ".join(group) for group in result.duplicates]),
        ("unreadable", list(result.unreadable.values())),
        (
            "clipped",
            [f"{file} ({share:.2%} of the samples)" for file, share in result.clipped.items()],
        ),
        ("near-silent", [f"{file} ({db:.0f} dB)" for file, db in result.near_silent.items()]),
    ):
        if files:
            shown = files if limit is None else files[:limit]
            yield f"{what}: {len(files)}"
            yield from (f"  {file}" for file in shown)
            if len(shown) < len(files):
                yield f"  … and {len(files) - len(shown)} more (--all)"
    if result.left_out:
        yield f"left out: {sum(result.left_out.values())}"
        yield from (f"  {reason}: {count}" for reason, count in result.left_out.items())
    if result.missing:
        yield f"missing: {result.missing}"
    if result.complete:
        yield "complete"
    elif result.published is None:
        yield "completeness unknown: no public number of recordings"
    else:
        yield "not complete"
