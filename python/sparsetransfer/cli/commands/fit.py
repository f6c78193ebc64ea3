"""``sparsetransfer fit``: labelled corpora and one's own recordings in, a model file out."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sparsetransfer.cli.errors import one_line_errors, say
from sparsetransfer.cli.inputs import (
    CacheFolder,
    Classes,
    DropUnmapped,
    DropUnreadable,
    FeatureJobs,
    LabelMap,
    SpeakerWeights,
    TargetLabels,
    cache_folder,
    check_outputs,
    labels_line,
    parse_label_map,
    read_corpus_entry,
    split_list,
)
from sparsetransfer.cli.study import feature_bars, log_to_stderr, working

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sparsetransfer.corpora import Corpus
    from sparsetransfer.evaluation import Dataset
    from sparsetransfer.evaluation.data.frame_codes import FrameCodeSet
    from sparsetransfer.recognition import Recogniser
    from sparsetransfer.recognition.recordings.recognise import RecordingAnswer

__all__ = ["fit"]


def fit(
    corpora: Annotated[
        list[str],
        typer.Argument(help="NAME=PATH of a labelled corpus, or a manifest.", show_default=False),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Model file to write.")],
    target: Annotated[
        list[Path] | None,
        typer.Option(
            help="Own recordings to adapt to: a folder, or a manifest; labels are not read. "
            "Repeatable.",
            show_default=False,
        ),
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(
            help="Method that adapts to the targets.",
            show_default="recommended with a target; multi-view-safeguarded with --features, too",
        ),
    ] = None,
    classes: Classes = None,
    label_map: LabelMap = None,
    drop_unmapped: DropUnmapped = False,
    drop_unreadable: DropUnreadable = False,
    feature_set: Annotated[
        str | None,
        typer.Option(
            "--features",
            "--feature-set",
            help="Feature sets, comma-separated; methods of one view take the first.",
            show_default="those of the method, else functionals; with a target, is09-style too, and "
            "speaker if installed",
        ),
    ] = None,
    normalisation: Annotated[
        str, typer.Option(help="corpus, robust or source; with a target.")
    ] = "corpus",
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Seed of everything random.")] = 0,
    jobs: FeatureJobs = None,
    cache: CacheFolder = None,
    speaker_weights: SpeakerWeights = None,
    target_labels: TargetLabels = None,
    report: Annotated[
        Path | None,
        typer.Option(help="Folder for a report on the targets as HTML.", show_default="none"),
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show log messages and tracebacks.")
    ] = False,
) -> None:
    """Fit a recogniser on labelled corpora.

    Its probabilities are calibrated on held-out speakers, and it is written to a file. With --target it adapts to unlabelled recordings, as an evaluation of the method does.
    """
    log_to_stderr(verbose)
    with one_line_errors():
        from sparsetransfer.corpora import read_manifest
        from sparsetransfer.evaluation import StudyConfig, make_methods, prepare
        from sparsetransfer.evaluation.data.normalisation import SCOPES
        from sparsetransfer.evaluation.methods.base import wanted_views
        from sparsetransfer.evaluation.study.prepare import describe_adaptation, read_corpora
        from sparsetransfer.recognition import Recogniser, use_labels
        from sparsetransfer.recognition.adaptation import check_method, check_target_size
        from sparsetransfer.recognition.labelled import check_labels
        from sparsetransfer.recognition.recordings.parts import joined, known_speakers
        from sparsetransfer.recognition.recordings.recognise import name_views
        from sparsetransfer.reporting import write_predictions
        from sparsetransfer.reporting.predictions import check_page

        import_module("safetensors")
        page = None if report is None else report / "predictions.html"
        check_outputs(
            {"--output": output, "--report": page},
            [*(text.partition("=")[2] or text for text in corpora), *(target or [])],
        )
        place = cache_folder(cache) / "features"
        if report is not None:
            import_module("jinja2")
            check_page(report)
        for option, given in (
            ("--report", report),
            ("--method", method),
            ("--target-labels", target_labels),
        ):
            if given is not None and not target:
                raise ValueError(f"{option} is about recordings to adapt to: name them by --target")
        if normalisation not in SCOPES or normalisation.startswith("speaker"):
            raise ValueError(
                f"--normalisation must be corpus, robust or source, got {normalisation!r}"
            )
        labelled = None
        if target_labels is not None:
            labelled = read_manifest(target_labels, must_exist=False)
        name = method
        if target and method is None:
            name = "recommended" if feature_set is None else "multi-view-safeguarded"
        views: tuple[str, ...] = ()
        if name is not None:
            (chosen,) = make_methods([name])
            check_method(chosen)
            views = wanted_views(chosen)
            if method is None:
                typer.echo(f"method {name}: {chosen.description}", err=True)
        sets = _feature_sets(feature_set, views, adapted=bool(target))
        mapping = parse_label_map(label_map or [])
        entries = [
            read_corpus_entry(text, label_map=mapping, drop_unmapped=drop_unmapped)
            for text in corpora
        ]
        emotions = None if classes is None else split_list(classes)
        with working() as progress:
            show = feature_bars(progress)
            unlabelled, failures = _targets(target or [], [entry.name for entry in entries])
            if unlabelled:
                whole = joined(unlabelled)
                check_target_size(whole.name, len(whole), failures)
            if labelled is not None:
                check_labels(labelled, [f for corpus in unlabelled for f in corpus.table["file"]])
            study = StudyConfig(
                corpora=tuple(entries),
                design={"kind": "leave-one-speaker-out"},
                classes=emotions,
                feature_sets=sets,
                drop_unmapped=drop_unmapped,
                drop_unreadable=drop_unreadable,
            )
            domain: Dataset | None = None
            frame_codes: dict[str, FrameCodeSet] = {}
            if unlabelled:
                sources, domain, frame_codes = describe_adaptation(
                    *(read_corpora(study)[0], whole, sets),
                    cache=place,
                    n_jobs=jobs,
                    progress=show,
                    unreadable="drop" if drop_unreadable else "raise",
                )
            else:
                sources, _ = prepare(study, cache=place, n_jobs=jobs, progress=show)
            if views and domain is not None:
                sources = [name_views(source, sets) for source in sources]
                domain = name_views(domain, sets)
            for source in sources:
                if source.failures:
                    lost = f"{len(source.failures)} recordings of {source.name} left out"
                    typer.echo(f"{lost}: {_first(dict(source.failures))}", err=True)
            progress.add_task("fitting", total=None)
            recogniser = Recogniser(
                name,
                normalisation=normalisation,  # type: ignore[arg-type]
                random_state=seed,
            ).fit(
                *(sources, domain),
                classes=emotions,
                feature_set_names=sets,
                frame_codes=frame_codes,
            )
        if failures:
            recogniser.about_["left_out"] = failures
            typer.echo(f"{len(failures)} target recordings left out: {_first(failures)}", err=True)
        answers = []
        if labelled is not None or report is not None:
            answers = _answers(recogniser, unlabelled, place, jobs)
        if labelled is not None:
            answers, unused = use_labels(recogniser, answers, labelled)
            say(labels_line(recogniser, unused))
        recogniser.save(output)
        if report is not None:
            speakers = known_speakers(unlabelled)
            say(str(write_predictions(recogniser, answers, report, speakers=speakers)))
        say(f"{output}: {', '.join(recogniser.classes_)}; {_figures(recogniser)}")


def _first(failures: dict[str, str]) -> str:
    return next(iter(failures.values())) + (" …" if len(failures) > 1 else "")


def _feature_sets(wanted: str | None, views: tuple[str, ...], *, adapted: bool) -> tuple[str, ...]:
    from sparsetransfer import features
    from sparsetransfer.evaluation.data.frame_codes import FrameCodes, frame_set

    if views:
        if wanted is not None:
            raise ValueError(f"--features: the method has its own, {', '.join(views)}")
        names = views
    elif wanted is not None:
        names = split_list(wanted)
        if len(names) > 1 and not adapted:
            raise ValueError("--features: without --target there is one feature set")
    elif adapted:
        names = ("functionals", "is09-style")
        try:
            features.feature_set("speaker")
        except ImportError:
            pass
        else:
            names = ("speaker", *names)
    else:
        names = ("functionals",)
    for name in names:
        codes = FrameCodes.parse(name)
        if codes is None:
            features.feature_set(name)
        elif adapted:
            frame_set(codes.frames)
        else:
            raise ValueError(f"--features: {name} is learned on a target, too: give --target")
    return names


def _targets(paths: Sequence[Path], taken: Sequence[str]) -> tuple[list[Corpus], dict[str, str]]:
    """Read recordings to adapt to, long ones cut, and leave out what has no signal."""
    from sparsetransfer.corpora import read_unlabelled
    from sparsetransfer.recognition.recordings.parts import cut_long, usable_recordings

    names, found = list(taken), []
    failures: dict[str, str] = {}
    for path in paths:
        corpus = read_unlabelled(path)
        name = corpus.name
        while name in names:
            name += " (target)"
        names.append(name)
        usable, lost = usable_recordings(cut_long(replace(corpus, name=name)))
        failures |= lost
        found.append(usable)
    return found, failures


def _answers(
    recogniser: Recogniser, targets: Sequence[Corpus], cache: Path, jobs: int | None
) -> list[RecordingAnswer]:
    from sparsetransfer.recognition import recognise_recordings

    return [
        answer
        for corpus in targets
        for answer in recognise_recordings(
            recogniser, corpus, recogniser.feature_set_names, cache=cache, n_jobs=jobs
        )
    ]


def _figures(recogniser: Recogniser) -> str:
    from sparsetransfer.recognition.adapted import AdaptedModel

    model, about = recogniser.model_, recogniser.about_
    if isinstance(model, AdaptedModel):
        target = about["target"]
        return (
            f"{about['method']['name']} adapted to {target['recordings']} recordings of "
            f"{target['name']}; UAR {100 * model.calibration.recall:.1f} % on source speakers held "
            "out (not on the target)"
        )
    return f"UAR {100 * about['choice']['validated_uar']:.1f} % on speakers held out"
