"""A report about recordings without labels: what was learned, and how far to trust it."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sparsetransfer._files import check_file, check_folder, write_text
from sparsetransfer.recognition import Recogniser
from sparsetransfer.recognition.adapted import AdaptedModel
from sparsetransfer.recognition.labelled import labels_needed
from sparsetransfer.recognition.recordings.recognise import FLAGS, RecordingAnswer
from sparsetransfer.recognition.shares import estimate_shares
from sparsetransfer.reporting.tables import percent

__all__ = ["predictions_html", "write_predictions"]

_TITLE = "Emotions in recordings without labels"
"""By which a page of ours is known, too."""

_HEAD = 4096  # bytes in which the title stands
_SHOWN = 5
_NOTHING = 0.005
"""Share of an emotion that is as good as none."""
_BALANCED = ("multi-view", "recommended", "frame-codes")


def check_page(folder: str | os.PathLike[str]) -> Path:
    """Return the path of ``predictions.html``, after checking that it can be written.

    Raises OSError if no file can be made there, or a file of that name is no such report: only what
    this package wrote is replaced.
    """
    place = check_folder(folder) / "predictions.html"
    check_file(place)
    if place.is_file():
        with place.open("rb") as page:
            head = page.read(_HEAD)
        if head and f"<title>{_TITLE}</title>".encode() not in head:
            raise FileExistsError(
                f"'{place}' is no report about predictions; move it, or choose another folder"
            )
    return place


def write_predictions(
    recogniser: Recogniser,
    answers: Sequence[RecordingAnswer],
    folder: str | os.PathLike[str],
    *,
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
    speakers : mapping of str to str, optional
        The speaker of each recording, for a table of them; others are left out.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    OSError
        As `check_page`.
    """
    place = check_page(folder)
    write_text(place, predictions_html(recogniser, answers, place.parent, speakers=speakers))
    return place


def predictions_html(
    recogniser: Recogniser,
    answers: Sequence[RecordingAnswer],
    folder: str | os.PathLike[str] | None = None,
    *,
    speakers: Mapping[str, str] | None = None,
) -> str:
    """Render the page of `write_predictions`; recordings are linked from `folder`, if it is given.

    Its first two sentences say what was learned and how far to trust it; then follow the distance
    of the domains with its permutation test, the evidence of a safeguard, the shares of the
    emotions with intervals, the calibration, flags, the most and the least certain recordings, and
    a table of all. Where a few labels calibrated the recogniser it says what they say, and how many
    needed to distinguish two methods.
    """
    from jinja2 import Environment, StrictUndefined

    template = resources.files(__package__).joinpath("predictions.html.j2")
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    model = recogniser.model_ if isinstance(recogniser.model_, AdaptedModel) else None
    known = [answer for answer in answers if not answer.failure]
    ranked = sorted((a for a in known if not a.flags), key=lambda answer: answer.entropy)
    return environment.from_string(template.read_text(encoding="utf-8")).render(
        title=_TITLE,
        classes=recogniser.classes_,
        learned=_learned(recogniser),
        trust=_trust(recogniser, known),
        labelled=_labelled(recogniser),
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
    held_out = (
        f"It recognised {percent(recall)} % of the emotions of speakers of its own corpora that were "
        f"held out (chance: {percent(chance)} %)"
    )
    labelled, doubtful = _labelled(recogniser), sum(bool(answer.flags) for answer in known)
    here = "expect less on these recordings, whose recall is unknown without labels"
    if labelled is not None:
        here = (
            f"on {labelled['count']} labelled recordings of the target {labelled['uar']} % (95 % "
            f"interval {labelled['interval']} %)"
        )
    return f"{held_out}: {here}; {doubtful} of {len(known)} answers are flagged as doubtful."


def _gap(about: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    words = {
        "recorded": "features as recorded",
        "normalised": "features, each corpus normalised",
        "coded": "codes after the adaptation",
    }
    found = about.get("gap", {})
    for when, figures in ((name, found[name]) for name in words if name in found):
        p_value = figures["p_value"]
        verdict = "differ" if p_value < 0.05 else "are not distinguishable"
        yield (
            words[when],
            f"{figures.get('unbiased', figures['gaussian']):.4f}",
            f"{figures['low']:.4f} to {figures['high']:.4f}" if "low" in figures else "",
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
    counts = _decisions(model, known)
    found = estimate_shares(counts, model.calibration.confusion, rng=0)
    for number, name in enumerate(recogniser.classes_):
        yield (
            name,
            str(counts[number]),
            percent(found.decided[number]),
            percent(found.estimated[number]),
            f"{percent(found.low[number])} to {percent(found.high[number])}",
        )


def _decisions(model: AdaptedModel, known: Sequence[RecordingAnswer]) -> NDArray[np.intp]:
    """Count the decisions as they are without labels, whose confusion is known."""
    shares = np.log(np.maximum([answer.probabilities for answer in known], 1e-300))
    offsets = model.calibration.offsets
    best = (shares if offsets is None else shares - offsets).argmax(axis=1)
    return np.bincount(best, minlength=len(model.classes))


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
    counts = _decisions(model, known)
    low = estimate_shares(counts, model.calibration.confusion, rng=0).low
    return [
        name
        for name, count, least in zip(recogniser.classes_, counts, low, strict=True)
        if not count or least <= _NOTHING
    ]


def _labelled(recogniser: Recogniser) -> dict[str, Any] | None:
    found = recogniser.about_.get("target_labels")
    if found is None:
        return None
    classes = list(zip(recogniser.classes_, found["n_right"], found["n_labels"], strict=True))
    after = found["calibrated"]
    return {
        "count": sum(found["n_labels"]),
        "uar": percent(found["uar"]),
        "interval": f"{percent(found['low'])} to {percent(found['high'])}",
        "chance": percent(1 / sum(n > 0 for n in found["n_labels"])),
        "accuracy": percent(found["accuracy"]),
        "slope": f"{found['slope']:.2f}",
        "offsets": ", ".join(f"{name} {value:+.2f}" for name, value in found["offsets"].items()),
        "after": {name: percent(after[name]) for name in ("uar", "accuracy")},
        "classes": classes,
        "lacking": [name for name, _, count in classes if not count],
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
        "speech": "" if math.isnan(answer.speech) else f"{100 * answer.speech:.0f}",
        "flags": ", ".join(answer.flags),
    }


def _flat(content: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in content.items():
        if name in ("diagnostics", "gap", "notes", "left_out", "target_labels"):
            continue
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name} ")
        else:
            listed = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            yield f"{prefix}{name}".replace("_", " "), listed
