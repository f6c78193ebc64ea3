"""``sparsetransfer evaluate``: corpora in, an honest table out."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sparsetransfer._progress import Bars
from sparsetransfer.cli.demonstrations import METHODS, demonstration
from sparsetransfer.cli.errors import INCOMPLETE, one_line_errors
from sparsetransfer.cli.inputs import (
    CacheFolder,
    Classes,
    DropUnmapped,
    DropUnreadable,
    LabelMap,
    SpeakerWeights,
    cache_folder,
    parse_label_map,
    read_corpus_entry,
    split_list,
)
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

if TYPE_CHECKING:
    from sparsetransfer.evaluation import StudyConfig

__all__ = ["evaluate"]

_CORPUS_HELP = (
    "NAME=PATH: a reader's name and a folder, or a manifest: NAME=PATH.csv, manifest=PATH or PATH.csv. "
    "Repeatable."
)


def evaluate(
    config: Annotated[
        Path | None,
        typer.Option(help="Study as a TOML file, instead of corpora here.", show_default=False),
    ] = None,
    source: Annotated[
        list[str] | None, typer.Option(help=f"Labelled corpus. {_CORPUS_HELP}", show_default=False)
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option(
            help=f"Corpus to recognise; its labels only score. {_CORPUS_HELP}", show_default=False
        ),
    ] = None,
    demo: Annotated[
        str | None,
        typer.Option(
            help="NAME=PATH, or a corpus that was fetched: its male speakers to its female ones, and back.",
            show_default=False,
        ),
    ] = None,
    classes: Classes = None,
    label_map: LabelMap = None,
    drop_unmapped: DropUnmapped = False,
    drop_unreadable: DropUnreadable = False,
    methods: Annotated[
        str | None,
        typer.Option(
            help="Methods, comma-separated: names, or module:Class of a scikit-learn estimator.",
            show_default="majority, svm, svm-fixed, ridge, sparse-coding, transfer-sparse-coding; "
            "recommended, frame-codes and more on the embedded corpora",
        ),
    ] = None,
    features: Annotated[
        str | None,
        typer.Option(
            help="Feature sets, comma-separated; methods of one view take the first.",
            show_default="functionals",
        ),
    ] = None,
    normalisation: Annotated[
        str | None,
        typer.Option(
            help="corpus, speaker, speaker-or-corpus, robust or source.",
            show_default="corpus; source on the embedded corpora",
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
    jobs: StudyJobs = None,
    cache: CacheFolder = None,
    speaker_weights: SpeakerWeights = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Report folder to write.", show_default="none"),
    ] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Compare methods across corpora, and report.

    They train on labelled source corpora and recognise the targets, whose labels only score.

    Without --config, --source, --target and --demo two embedded corpora are synthesised and
    evaluated: other speakers, another language, another room and microphone. In both demonstrations
    features are normalised on the source alone, so that the shift is felt; --normalisation corpus
    removes most of it before any method runs.

    Exit status 1: a method refused a task. The others have their figures; `resume` tries it again.
    """
    log_to_stderr(verbose)
    settings = {"n_components": n_components, "alpha": alpha, "mmd": mmd, "laplacian": laplacian}
    changes = {
        "classes": None if classes is None else split_list(classes),
        "feature_sets": None if features is None else split_list(features),
        "normalisation": normalisation,
        "seeds": None if seed is None else tuple(seed),
        "drop_unmapped": drop_unmapped or None,
        "drop_unreadable": drop_unreadable or None,
    }
    chosen = None if methods is None else split_list(methods)
    given = {name: value for name, value in settings.items() if value is not None}
    with one_line_errors(), ExitStack() as stack:
        place = cache_folder(cache)
        if config is None:
            _check_methods(chosen or (None if source or target else METHODS), given)
        if output is not None:
            from sparsetransfer.reporting.folder import reserved

            output = stack.enter_context(reserved(output))
        with working(quiet=quiet) as progress:
            study = _config(
                config,
                source or [],
                target or [],
                demo,
                parse_label_map(label_map or []),
                drop_unmapped,
                place,
                progress,
            )
            study = replace(study, **{k: v for k, v in changes.items() if v is not None})  # type: ignore[arg-type]
            study = _with_methods(study, chosen, given)
            result = run_study(study, progress, cache=place, jobs=jobs, output=output)
        # The report is written by now: a closed pipe must not cost it.
        page = None if output is None else output / "report.html"
        show(result, report=page, verbose=verbose, quiet=quiet, as_json=as_json)
        if result.refusals:
            raise typer.Exit(INCOMPLETE)


def _config(
    file: Path | None,
    source: Sequence[str],
    target: Sequence[str],
    demo: str | None,
    label_map: dict[str, str],
    drop_unmapped: bool,
    cache: Path,
    progress: Bars,
) -> StudyConfig:
    from sparsetransfer.evaluation import StudyConfig, read_config

    if file is not None:
        if source or target or demo or label_map:
            raise ValueError(
                "corpora stand in --config; give no --source, --target, --demo, --label-map"
            )
        return read_config(file)
    if not source and not target:
        return demonstration(demo, cache, progress)
    if demo or not source or not target:
        raise ValueError("give --source and --target, or --demo, or none for the embedded corpora")
    entries = [
        [
            read_corpus_entry(text, label_map=label_map, drop_unmapped=drop_unmapped)
            for text in texts
        ]
        for texts in (source, target)
    ]
    return StudyConfig(
        corpora=(*entries[0], *entries[1]),
        design={
            "kind": "source-to-target",
            "sources": [entry.name for entry in entries[0]],
            "targets": [entry.name for entry in entries[1]],
        },
    )


_SPARSE_SETTINGS = {
    "sparse-coding": ("n_components", "alpha"),
    "transfer-sparse-coding": ("n_components", "alpha", "mmd", "laplacian"),
}
"""Methods that options of the command set, with the settings in question."""


def _with_methods(
    config: StudyConfig, names: Sequence[str] | None, settings: dict[str, Any]
) -> StudyConfig:
    chosen = config.methods if names is None else tuple(names)
    overrides = {name: dict(config.settings[name]) for name in config.settings if name in chosen}
    unused = set(settings)
    for name in chosen:
        kind = overrides.get(name, {}).get("method", name)
        for key in _SPARSE_SETTINGS.get(kind, ()):
            if key in settings:
                overrides.setdefault(name, {})[key] = settings[key]
                unused.discard(key)
    for key in sorted(unused):
        users = [name for name, keys in _SPARSE_SETTINGS.items() if key in keys]
        raise ValueError(
            f"--{key.replace('_', '-')}: no method uses it, got methods {', '.join(chosen)}; "
            f"add {' or '.join(users)} to --methods, or leave the option out"
        )
    return replace(config, methods=chosen, settings=overrides)


def _check_methods(names: Sequence[str] | None, settings: dict[str, Any]) -> None:
    """Check methods and options before corpora are synthesised."""
    from sparsetransfer.evaluation import StudyConfig

    _with_methods(StudyConfig((), {}), names, settings).make_methods()
