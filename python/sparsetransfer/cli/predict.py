"""``sparsetransfer fit`` and ``predict``: a recogniser for single recordings."""

from __future__ import annotations

import json
import os
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sparsetransfer.cli.errors import INCOMPLETE, USER_ERROR, one_line, one_line_errors, say
from sparsetransfer.cli.inputs import (
    SpeakerWeights,
    default_cache,
    parse_label_map,
    read_corpus_entry,
    split_list,
)
from sparsetransfer.cli.study import log_to_stderr, working

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sparsetransfer.evaluation import LinearRecogniser, Window

__all__ = ["fit", "predict"]

_LONGEST_STEM = 200

_Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Show log messages and tracebacks.")
]


def fit(
    corpora: Annotated[
        list[str],
        typer.Argument(help="NAME=PATH of a labelled corpus, or a manifest.", show_default=False),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Model file to write.")],
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
        bool, typer.Option("--drop-unmapped", help="Drop labels nobody maps.")
    ] = False,
    feature_set: Annotated[str, typer.Option(help="Feature set.")] = "functionals",
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Processes for features.", show_default="all CPUs")
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(help="Folder for features.", show_default="the user's cache folder"),
    ] = None,
    speaker_weights: SpeakerWeights = None,
    verbose: _Verbose = False,
) -> None:
    """Fit a recogniser with calibrated probabilities on labelled corpora, and write it."""
    log_to_stderr(verbose)
    with one_line_errors():
        from sparsetransfer._files import check_file
        from sparsetransfer.evaluation import (
            StudyConfig,
            fit_recogniser,
            prepare,
            save_model,
        )

        import_module("safetensors")
        check_file(output)
        mapping = parse_label_map(label_map or [])
        entries = [
            read_corpus_entry(text, label_map=mapping, drop_unmapped=drop_unmapped)
            for text in corpora
        ]
        config = StudyConfig(
            corpora=tuple(entries),
            design={"kind": "leave-one-speaker-out"},
            classes=None if classes is None else split_list(classes),
            feature_sets=(feature_set,),
            drop_unmapped=drop_unmapped,
        )
        with working() as progress:
            bars: dict[str, Any] = {}

            def show(what: str, done: int, total: int) -> None:
                if what not in bars:
                    bars[what] = progress.add_task(what)
                progress.update(bars[what], completed=done, total=total)

            place = cache or default_cache()
            domains, _ = prepare(config, cache=place / "features", n_jobs=jobs, progress=show)
        model = fit_recogniser(domains, feature_set)
        save_model(model, output)
        choice = model.about["choice"]
        typer.echo(
            f"{output}: {', '.join(model.classes)}; UAR {100 * choice['validated_uar']:.1f} % on "
            "speakers held out"
        )


def predict(
    model: Annotated[Path, typer.Argument(help="Model file.", show_default=False)],
    files: Annotated[list[Path], typer.Argument(help="Recordings.", show_default=False)],
    window: Annotated[float, typer.Option(help="Length of a window in seconds.")] = 4.0,
    hop: Annotated[float, typer.Option(help="Step between windows in seconds.")] = 2.0,
    speaker_weights: SpeakerWeights = None,
    csv: Annotated[
        Path | None, typer.Option(help="File for the windows as CSV.", show_default="none")
    ] = None,
    as_json: Annotated[
        Path | None, typer.Option("--json", help="File for all as JSON.", show_default="none")
    ] = None,
    timelines: Annotated[
        Path | None, typer.Option(help="Folder for timelines as SVG.", show_default="none")
    ] = None,
    verbose: _Verbose = False,
) -> None:
    """Tell the emotions of recordings of any length, in all and along the time.

    A recording that cannot be read costs its own row only. Exit status 0: all are recognised. 1:
    some cannot be read; the tables say why. 2: none can be read.
    """
    log_to_stderr(verbose)
    with one_line_errors():
        from sparsetransfer._files import check_file, check_folder, write_text
        from sparsetransfer.evaluation import load_model, overall, recognise
        from sparsetransfer.exceptions import CorpusError
        from sparsetransfer.reporting import timeline_svg, windows_csv

        for place in filter(None, (csv, as_json)):
            check_file(place)
        if timelines is not None:
            import_module("matplotlib")
            check_folder(timelines)
        recogniser = load_model(model)
        found: list[tuple[str, Sequence[Window]]] = []
        failures: dict[str, str] = {}
        for number, file in enumerate(files, start=1):
            try:
                windows = list(recognise(recogniser, str(file), window=window, hop=hop))
            except CorpusError as error:
                failures[str(file)] = one_line(error)
                found.append((str(file), []))
                typer.echo(f"error: {failures[str(file)]}", err=True)
                continue
            found.append((str(file), windows))
            say(_line(recogniser, file, overall(windows)))
            if timelines is not None:
                image = timeline_svg(windows, recogniser.classes, file.name)
                write_text(timelines / _image_name(number, file), image)
        if csv is not None:
            write_text(csv, windows_csv(found, recogniser.classes, failures))
        if as_json is not None:
            content = _as_dict(recogniser, found, failures)
            write_text(as_json, json.dumps(content, indent=1) + "\n")
    if failures:
        count = sum(file in failures for file, _ in found)
        typer.echo(f"{count} of {len(found)} recordings could not be read", err=True)
        raise typer.Exit(USER_ERROR if count == len(found) else INCOMPLETE)


def _line(recogniser: LinearRecogniser, file: Path, shares: tuple[float, ...]) -> str:
    ranked = sorted(zip(shares, recogniser.classes, strict=True), reverse=True)
    return f"{file}: " + ", ".join(f"{name} {100 * share:.0f} %" for share, name in ranked)


def _image_name(number: int, file: Path) -> str:
    """Name a timeline; file systems allow 255 bytes."""
    stem = os.fsencode(file.stem)[:_LONGEST_STEM].decode("utf-8", errors="ignore")
    return f"{number:03d}-{stem}.svg"


def _as_dict(
    recogniser: LinearRecogniser,
    found: Sequence[tuple[str, Sequence[Window]]],
    failures: Mapping[str, str],
) -> dict[str, Any]:
    from sparsetransfer.evaluation import overall

    def named(shares: Sequence[float]) -> dict[str, float]:
        return dict(zip(recogniser.classes, shares, strict=True))

    return {
        "schema": "sparsetransfer.predictions",
        "schema_version": 1,
        "classes": list(recogniser.classes),
        "feature_set": recogniser.feature_set_id,
        "files": [
            {
                "file": file,
                "status": "failed" if file in failures else "ok",
                "reason": failures.get(file),
                "probabilities": None if file in failures else named(overall(windows)),
                "windows": [
                    {
                        "start": part.start,
                        "end": part.end,
                        "probabilities": named(part.probabilities),
                    }
                    for part in windows
                ],
            }
            for file, windows in found
        ],
    }
