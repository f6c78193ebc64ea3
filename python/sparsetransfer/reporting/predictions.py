"""A report about recordings without labels: what was learned, and how far to trust it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from sparsetransfer._files import check_folder, write_text
from sparsetransfer.recognition import (
    FLAGS,
    AdaptedModel,
    LabelledScore,
    Recogniser,
    RecordingAnswer,
    estimate_shares,
    labels_needed,
)
from sparsetransfer.reporting.tables import percent

__all__ = ["predictions_html", "write_predictions"]

_SHOWN = 5
_NOTHING = 0.005
"""Share of an emotion that is as good as none."""
_BALANCED = ("multi-view", "recommended", "frame-codes")


def write_predictions(
    recogniser: Recogniser,
    answers: Sequence[RecordingAnswer],
    folder: str | os.PathLike[str],
    *,
    score: LabelledScore | None = None,
    speakers: Mapping[str, str] | None = None,
) -> Path:
    """Write the report about predictions without labels.

    Parameters
    ----------
    recogniser : Recogniser
        The recogniser.
    answers : sequence of RecordingAnswer
        What it said.
    folder : path-like
        Folder for ``predictions.html``.
    score : LabelledScore, optional
        On a few labelled recordings.
    speakers : mapping of str to str, optional
        The speaker of each recording, for a table of them; others are left out.

    Returns
    -------
    Path
        The page.
    """
    place = check_folder(folder) / "predictions.html"
    write_text(
        place, predictions_html(recogniser, answers, place.parent, score=score, speakers=speakers)
    )
    return place


def predictions_html(
    recogniser: Recogniser,
    answers: Sequence[RecordingAnswer],
    folder: str | os.PathLike[str] | None = None,
    *,
    score: LabelledScore | None = None,
    speakers: Mapping[str, str] | None = None,
) -> str:
    """Render a report about predictions without labels.

    Parameters
    ----------
    recogniser : Recogniser
        The recogniser.
    answers : sequence of RecordingAnswer
        What it said.
    folder : path-like, optional
        Folder of the page, from which recordings are linked; None links none.
    score : LabelledScore, optional
        On a few labelled recordings.
    speakers : mapping of str to str, optional
        The speaker of each recording, for a table of them; others are left out.

    Returns
    -------
    str
        An HTML page. Its first two sentences say what was learned and how far to trust it; then
        follow the distance of the domains with its permutation test, the evidence of a safeguard,
        the shares of the emotions with intervals, the calibration, flags, the most and the least
        certain recordings, and a table of all. With `score` it says what the labels say, and how
        many it takes to tell two methods apart.
    """
    from jinja2 import Environment, StrictUndefined

    template = resources.files(__package__).joinpath("predictions.html.j2")
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    model = recogniser.model_ if isinstance(recogniser.model_, AdaptedModel) else None
    known = [answer for answer in answers if not answer.failure]
    ranked = sorted((a for a in known if not a.flags), key=lambda answer: answer.entropy)
    return environment.from_string(template.read_text(encoding="utf-8")).render(
        classes=recogniser.classes_,
        learned=_learned(recogniser),
        trust=_trust(recogniser, known),
        labelled=None if score is None else _labelled(recogniser, score),
        absent=_absent(recogniser, model, known),
        speakers=list(_speakers(recogniser, known, speakers or {})),
        every=[_row(recogniser, each, folder) for each in known],
        gap=list(_gap(recogniser.about_)),
        safeguard=_safeguard(recogniser.about_),
        shares=[] if model is None or not known else list(_shares(recogniser, model, known)),
        balanced=str(recogniser.about_.get("method", {}).get("name", "")).startswith(_BALANCED),
        calibration=None if model is None else model.calibration.as_dict(),
        flags=[(flag, sum(flag in answer.flags for answer in answers)) for flag in FLAGS],
        count=len(answers),
        certain=[_row(recogniser, each, folder) for each in ranked[:_SHOWN]],
        uncertain=[_row(recogniser, each, folder) for each in ranked[: -_SHOWN - 1 : -1]],
        failures=[(answer.file, answer.failure) for answer in answers if answer.failure],
        notes=recogniser.about_.get("notes", []),
        about=list(_flat(recogniser.about_)),
    )


def _learned(recogniser: Recogniser) -> str:
    about = recogniser.about_
    emotions = ", ".join(recogniser.classes_)
    if "target" not in about:
        return f"A linear machine learned {emotions} from {', '.join(about['corpora'])}."
    sources = " and ".join(
        f"{facts['recordings']} recordings of {name}" for name, facts in about["sources"].items()
    )
    return (
        f"The method {about['method']['name']} learned {emotions} from {sources}, and adapted to "
        f"{about['target']['recordings']} recordings of {about['target']['name']} without a label."
    )


def _trust(recogniser: Recogniser, known: Sequence[RecordingAnswer]) -> str:
    about, chance = recogniser.about_, 1.0 / len(recogniser.classes_)
    if isinstance(recogniser.model_, AdaptedModel):
        recall = recogniser.model_.calibration.recall
    else:
        recall = about["choice"]["validated_uar"]
    doubtful = sum(bool(answer.flags) for answer in known)
    return (
        f"It recognised {percent(recall)} % of the emotions of speakers of its own corpora that were "
        f"held out (chance: {percent(chance)} %): expect less on these recordings, whose recall "
        f"nobody can know without labels; {doubtful} of {len(known)} answers are flagged as doubtful."
    )


def _gap(about: dict[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    words = {
        "recorded": "features as recorded",
        "normalised": "features, each corpus normalised",
        "coded": "codes after the adaptation",
    }
    for when, figures in about.get("gap", {}).items():
        p_value = figures["p_value"]
        verdict = "differ" if p_value < 0.05 else "are not distinguishable"
        yield (
            words[when],
            f"{figures['gaussian']:.4f}",
            f"{p_value:.3f}",
            f"the distributions {verdict}",
        )


def _safeguard(about: dict[str, Any]) -> str:
    decision = about.get("diagnostics", {}).get("safeguard")
    if decision is None:
        return ""
    did = "Pseudo-labels were used" if decision["adapted"] else "Pseudo-labels were not used"
    return f"{did}: {decision['reason']}."


def _shares(
    recogniser: Recogniser, model: AdaptedModel, known: Sequence[RecordingAnswer]
) -> Iterator[tuple[str, ...]]:
    best = [int(np.argmax(answer.probabilities)) for answer in known]
    counts = np.bincount(best, minlength=len(recogniser.classes_))
    found = estimate_shares(counts, model.calibration.confusion, rng=0)
    for number, name in enumerate(recogniser.classes_):
        yield (
            name,
            str(counts[number]),
            percent(found.decided[number]),
            percent(found.estimated[number]),
            f"{percent(found.low[number])} to {percent(found.high[number])}",
        )


def _speakers(
    recogniser: Recogniser, known: Sequence[RecordingAnswer], speakers: Mapping[str, str]
) -> Iterator[tuple[str, ...]]:
    """Yield speaker, recordings, decisions for each emotion, and flagged recordings."""
    of: dict[str, list[RecordingAnswer]] = {}
    for answer in known:
        if speakers.get(answer.file):
            of.setdefault(speakers[answer.file], []).append(answer)
    for speaker, answers in sorted(of.items()):
        best = [int(np.argmax(answer.probabilities)) for answer in answers]
        counts = np.bincount(best, minlength=len(recogniser.classes_))
        flagged = sum(bool(answer.flags) for answer in answers)
        yield (speaker, str(len(answers)), *map(str, counts.tolist()), str(flagged))


def _absent(
    recogniser: Recogniser, model: AdaptedModel | None, known: Sequence[RecordingAnswer]
) -> list[str]:
    """Return emotions that few or no recordings seem to show."""
    if model is None or not known:
        return []
    best = [int(np.argmax(answer.probabilities)) for answer in known]
    counts = np.bincount(best, minlength=len(recogniser.classes_))
    low = estimate_shares(counts, model.calibration.confusion, rng=0).low
    return [
        name
        for name, count, least in zip(recogniser.classes_, counts, low, strict=True)
        if not count or least <= _NOTHING
    ]


def _labelled(recogniser: Recogniser, score: LabelledScore) -> dict[str, Any]:
    return {
        "count": sum(score.n_labels),
        "uar": percent(score.uar),
        "interval": f"{percent(score.low)} to {percent(score.high)}",
        "chance": percent(1 / sum(n > 0 for n in score.n_labels)),
        "classes": list(zip(recogniser.classes_, score.n_right, score.n_labels, strict=True)),
        "lacking": [
            name
            for name, count in zip(recogniser.classes_, score.n_labels, strict=True)
            if not count
        ],
        "needed": [(points, labels_needed(points / 100)) for points in (2, 5, 10)],
    }


def _row(
    recogniser: Recogniser, answer: RecordingAnswer, folder: str | os.PathLike[str] | None
) -> dict[str, Any]:
    best = int(np.argmax(answer.probabilities))
    link = None
    if folder is not None:
        try:
            link = Path(os.path.relpath(answer.file, folder)).as_posix()
        except ValueError:  # another drive
            link = None
    return {
        "file": answer.file,
        "link": link,
        "emotion": recogniser.classes_[best],
        "probability": percent(answer.probabilities[best]),
        "entropy": f"{answer.entropy:.2f}",
        "flags": ", ".join(answer.flags),
    }


def _flat(content: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in content.items():
        if name in ("diagnostics", "gap", "notes", "left_out"):
            continue
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name} ")
        else:
            listed = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            yield f"{prefix}{name}".replace("_", " "), listed
