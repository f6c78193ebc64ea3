"""``sparsetransfer predict``: recordings through a model file."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sparsetransfer.cli.commands.stream import FORMATS, predict_stream
from sparsetransfer.cli.errors import INCOMPLETE, USER_ERROR, one_line, one_line_errors, say
from sparsetransfer.cli.inputs import (
    FeatureJobs,
    SpeakerWeights,
    TargetLabels,
    cache_folder,
    check_outputs,
    labels_line,
)
from sparsetransfer.cli.progress import counting
from sparsetransfer.cli.study import log_to_stderr

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sparsetransfer.corpora import Corpus
    from sparsetransfer.recognition import Recogniser
    from sparsetransfer.recognition.recordings.journal import Journal
    from sparsetransfer.recognition.recordings.recognise import RecordingAnswer

__all__ = ["predict"]

_LONGEST_STEM = 200


def predict(
    model: Annotated[Path, typer.Argument(help="Model file.", show_default=False)],
    recordings: Annotated[
        list[Path],
        typer.Argument(
            help="Recordings, folders of such, or manifests; - for the standard input.",
            show_default=False,
        ),
    ],
    window: Annotated[
        float | None,
        typer.Option(
            help="Length of a window in seconds; longer recordings are cut.",
            show_default="4, for recordings over 30 s if the model was adapted to a target",
        ),
    ] = None,
    hop: Annotated[
        float | None,
        typer.Option(help="Step between windows in seconds.", show_default="half a window"),
    ] = None,
    rate: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Rate in Hz of raw samples of one channel on the standard input.",
            show_default="it is a WAV file",
        ),
    ] = None,
    sample_format: Annotated[
        str, typer.Option("--format", help="Raw samples: s16 or f32, little-endian.")
    ] = "s16",
    jobs: FeatureJobs = None,
    cache: Annotated[
        Path | None, typer.Option(help="Folder for features.", show_default="none is kept")
    ] = None,
    speaker_weights: SpeakerWeights = None,
    csv: Annotated[
        Path | None, typer.Option(help="File for the windows as CSV.", show_default="none")
    ] = None,
    as_json: Annotated[
        Path | None, typer.Option("--json", help="File for all as JSON.", show_default="none")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Folder for a report as HTML.", show_default="none")
    ] = None,
    target_labels: TargetLabels = None,
    timelines: Annotated[
        Path | None, typer.Option(help="Folder for timelines as SVG.", show_default="none")
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show log messages and tracebacks.")
    ] = False,
) -> None:
    """Predict emotions, overall and over time.

    Recordings may have any length. A recording, folder or manifest that cannot be read costs its own row only. With --csv or --json, a run that was
    interrupted goes on where it was when it is started again. Exit status 0: all are recognised. 1:
    some cannot be read; the tables say why. 2: none can be read.

    Of the standard input, every window is printed as a line of JSON as soon as it ends.
    """
    log_to_stderr(verbose)
    with one_line_errors(), ExitStack() as stack:
        from sparsetransfer._files import check_folder, write_text
        from sparsetransfer.corpora import read_manifest
        from sparsetransfer.recognition import use_labels
        from sparsetransfer.recognition.labelled import check_labels
        from sparsetransfer.recognition.recordings.parts import known_speakers
        from sparsetransfer.reporting import write_predictions
        from sparsetransfer.reporting.predictions import check_page
        from sparsetransfer.reporting.timeline import timeline_svg, windows_csv

        length = 4.0 if window is None else window
        step = length / 2 if hop is None else hop
        if sample_format not in FORMATS:
            raise ValueError(f"--format must be s16 or f32, got {sample_format!r}")
        if Path("-") in recordings or rate is not None:
            if recordings != [Path("-")] or any((csv, as_json, report, timelines, target_labels)):
                raise ValueError(
                    "the standard input (-), and --rate, go with no other recording and no output "
                    "file; redirect the standard output"
                )
            predict_stream(
                _loaded(model),
                window=length,
                hop=step,
                rate=rate,
                sample_format=sample_format,
            )
            return
        page = None if report is None else report / "predictions.html"
        outputs = {"--csv": csv, "--json": as_json, "--report": page}
        check_outputs(outputs, [model, *recordings])
        if cache is not None:
            cache_folder(cache)
        if timelines is not None:
            import_module("matplotlib")
            check_folder(timelines)
        if report is not None:
            import_module("jinja2")
            check_page(report)
        labelled = None
        if target_labels is not None:
            labelled = read_manifest(target_labels, must_exist=False)
        recogniser = _loaded(model)
        journal = stack.enter_context(_kept(_journal(csv or as_json, model, window, hop)))
        corpus, found = _corpus(recordings)
        check_outputs(outputs, corpus.table["file"].tolist())
        if labelled is not None:
            check_labels(labelled, list(corpus.table["file"]))
        for answer in found:
            _say_failure(answer)
        answers = _answers(recogniser, corpus, window, hop, cache, jobs, journal)
        for answer in answers:
            found.append(answer)
            if answer.failure:
                _say_failure(answer)
                continue
            if labelled is None:
                say(_line(recogniser, answer))
        if labelled is not None:
            found, unused = use_labels(recogniser, found, labelled)
            for answer in found:
                if not answer.failure:
                    say(_line(recogniser, answer))
            say(labels_line(recogniser, unused))
        for number, answer in enumerate(found, start=1):
            if timelines is not None and not answer.failure:
                file = Path(answer.file)
                image = timeline_svg(answer.windows, recogniser.classes_, file.name)
                write_text(timelines / _image_name(number, file), image)
        if csv is not None:
            write_text(csv, windows_csv(found, recogniser.classes_))
        if as_json is not None:
            write_text(as_json, json.dumps(_as_dict(recogniser, found), indent=1) + "\n")
        if report is not None:
            of = known_speakers([corpus])
            say(str(write_predictions(recogniser, found, report, speakers=of)))
        if journal is not None:
            journal.remove()
    failed = sum(bool(answer.failure) for answer in found)
    if failed:
        typer.echo(f"{failed} of {len(found)} recordings could not be read", err=True)
        raise typer.Exit(USER_ERROR if failed == len(found) else INCOMPLETE)


def _loaded(model: Path) -> Recogniser:
    """Read a model, and say what the flags of its answers do not cover."""
    from sparsetransfer.recognition import Recogniser
    from sparsetransfer.recognition.adapted import AdaptedModel

    recogniser = Recogniser.load(model)
    if not isinstance(recogniser.model_, AdaptedModel):
        typer.echo(
            f"note: {model} was fitted without --target and cannot flag recordings that are unlike "
            "its corpora: it answers noise, too, and its certainty then means nothing",
            err=True,
        )
    return recogniser


def _say_failure(answer: RecordingAnswer) -> None:
    typer.echo(f"error: {one_line(ValueError(answer.failure))}", err=True)


def _corpus(paths: Sequence[Path]) -> tuple[Corpus, list[RecordingAnswer]]:
    """Read all recordings as one corpus; files that do not exist are rows that will fail.

    Folders and manifests that cannot be read are answers that have failed, if others can.
    """
    import pandas as pd

    from sparsetransfer.corpora import Corpus, read_unlabelled
    from sparsetransfer.corpora.manifest import UNLABELLED
    from sparsetransfer.evaluation.study.config import MANIFESTS
    from sparsetransfer.exceptions import CorpusError
    from sparsetransfer.recognition.recordings.recognise import RecordingAnswer

    tables, lost = [], []
    for path in paths:
        if path.is_dir() or path.name.lower().endswith(MANIFESTS):
            try:
                tables.append(read_unlabelled(path).table)
            except CorpusError as error:
                lost.append(RecordingAnswer(str(path), (), (), (), str(error)))
        else:
            tables.append(pd.DataFrame({"file": [str(path)], "label": UNLABELLED}, dtype=object))
    if not tables:
        raise CorpusError("\n".join(answer.failure for answer in lost))
    together = pd.concat(tables, ignore_index=True)
    return Corpus(
        "recordings", together.drop_duplicates(["file", *({"start", "end"} & {*together})])
    ), lost


def _answers(
    recogniser: Recogniser,
    corpus: Corpus,
    window: float | None,
    hop: float | None,
    cache: Path | None,
    jobs: int | None,
    journal: Journal | None,
) -> Any:
    from sparsetransfer.recognition import recognise_recordings
    from sparsetransfer.recognition.adapted import AdaptedModel
    from sparsetransfer.recognition.recordings.parts import WHOLE

    length = 4.0 if window is None else window
    adapted = isinstance(recogniser.model_, AdaptedModel)
    with counting("recordings") as progress:
        yield from recognise_recordings(
            recogniser,
            corpus,
            recogniser.feature_set_names,
            whole=WHOLE if adapted and window is None else length,
            window=length,
            hop=length / 2 if hop is None else hop,
            cache=None if cache is None else cache / "features",
            n_jobs=jobs,
            progress=progress,
            journal=journal,
        )


def _journal(
    output: Path | None, model: Path, window: float | None, hop: float | None
) -> Journal | None:
    """Keep answers beside an output, unless that is a device or a pipe."""
    from sparsetransfer import __version__
    from sparsetransfer._files import check_file, regular_file
    from sparsetransfer.recognition.recordings.journal import Journal

    place = None if output is None else regular_file(output)
    if place is None:
        return None
    place = place.with_name(f"{place.name}.unfinished")
    try:
        check_file(place)
    except OSError:  # a folder that takes no new file
        return None
    with model.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    journal = Journal(
        place,
        {"model": digest, "window": window, "hop": hop, "library_version": __version__},
    )
    if journal.n_known:
        typer.echo(
            f"{journal.n_known} recordings were recognised by an interrupted run: it goes on",
            err=True,
        )
    return journal


@contextmanager
def _kept(journal: Journal | None) -> Iterator[Journal | None]:
    """Report that an interrupted run is resumed, where it is."""
    try:
        yield journal
    except KeyboardInterrupt as stopped:
        if journal is None or not journal.begun:
            raise
        raise type(stopped)("the same command goes on from here") from stopped


def _line(recogniser: Recogniser, answer: RecordingAnswer) -> str:
    ranked = sorted(zip(answer.probabilities, recogniser.classes_, strict=True), reverse=True)
    flags = f" [{', '.join(answer.flags)}]" if answer.flags else ""
    shares = ", ".join(f"{name} {100 * share:.0f} %" for share, name in ranked)
    return f"{answer.file}: {shares}{flags}"


def _image_name(number: int, file: Path) -> str:
    """Name a timeline; file systems allow 255 bytes."""
    stem = os.fsencode(file.stem)[:_LONGEST_STEM].decode("utf-8", errors="ignore")
    return f"{number:03d}-{stem}.svg"


def _as_dict(recogniser: Recogniser, found: Sequence[RecordingAnswer]) -> dict[str, Any]:
    def named(shares: Sequence[float]) -> dict[str, float] | None:
        return dict(zip(recogniser.classes_, shares, strict=True)) if shares else None

    return {
        "schema": "sparsetransfer.predictions",
        "schema_version": 1,
        "classes": list(recogniser.classes_),
        "feature_set": ", ".join(recogniser.feature_sets_),
        "files": [
            {
                "file": answer.file,
                "status": "failed" if answer.failure else "ok",
                "reason": answer.failure or None,
                "probabilities": named(answer.probabilities),
                "entropy": _number(answer.entropy),
                "speech": _number(answer.speech),
                "flags": list(answer.flags),
                "windows": [
                    {
                        "start": part.start,
                        "end": part.end,
                        "probabilities": named(part.probabilities),
                        "speech": _number(part.speech),
                        "flags": list(part.flags),
                    }
                    for part in answer.windows
                ],
            }
            for answer in found
        ],
    }


def _number(value: float) -> float | None:
    """Return a value for JSON, which has no NaN."""
    return None if math.isnan(value) else value
