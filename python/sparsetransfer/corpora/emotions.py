"""Emotion names: the common vocabulary and the maps from raw labels into it."""

import difflib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from importlib import resources

from sparsetransfer._messages import listing
from sparsetransfer.exceptions import CorpusError

__all__ = ["EMOTIONS", "check_label_map", "map_labels", "synonyms", "vocabularies", "vocabulary"]

EMOTIONS = (
    "amusement",
    "anger",
    "boredom",
    "calm",
    "contempt",
    "disgust",
    "excitement",
    "fear",
    "frustration",
    "happiness",
    "interest",
    "neutral",
    "sadness",
    "sleepiness",
    "surprise",
)
"""The common vocabulary into which every corpus is mapped."""


def synonyms() -> dict[str, str]:
    """Return the usual spellings of the common emotions.

    Returns: lower-case spelling ("happy", "angry", ...) to common emotion; every common emotion
    maps to itself. This is what a manifest's labels are read with.

    Examples
    --------
    >>> synonyms()["angry"]
    'anger'
    """
    text = resources.files(__package__).joinpath("synonyms.json").read_text(encoding="utf-8")
    table: dict[str, list[str]] = json.loads(text)
    spellings = {word: emotion for emotion, words in table.items() for word in words}
    return {emotion: emotion for emotion in EMOTIONS} | spellings


def vocabularies() -> tuple[str, ...]:
    """List the vocabularies into which the common emotions can be gathered.

    Examples
    --------
    >>> vocabularies()
    ('four', 'six', 'arousal', 'valence')
    """
    return tuple(_vocabularies())


def vocabulary(name: str) -> dict[str, str]:
    """Return a map from common emotions to the classes of a vocabulary.

    `name`: ``four`` (anger, happiness, neutral, sadness), ``six`` (the basic emotions), ``arousal``
    (high, low) or ``valence`` (negative, positive). Returns: common emotion to class; an emotion
    that is not in it has no class there. Raises ValueError if no such vocabulary is known.

    Examples
    --------
    >>> vocabulary("four")["excitement"]
    'happiness'
    """
    known = _vocabularies()
    if name not in known:
        raise ValueError(f"vocabulary must be one of {', '.join(known)}, got {name!r}")
    return dict(known[name]["map"])


def _vocabularies() -> dict[str, dict[str, dict[str, str]]]:
    text = resources.files(__package__).joinpath("vocabularies.json").read_text(encoding="utf-8")
    content: dict[str, dict[str, dict[str, str]]] = json.loads(text)
    return content


def check_label_map(label_map: Mapping[str, str]) -> None:
    """Check that a label map stays in the common vocabulary; a CorpusError names the nearest."""
    wrong = []
    for raw, emotion in label_map.items():
        if emotion not in EMOTIONS:
            spellings = synonyms()
            near = difflib.get_close_matches(str(emotion).lower(), spellings, n=1)
            hint = f" (did you mean '{spellings[near[0]]}'?)" if near else ""
            wrong.append(f"'{raw}' to '{emotion}'{hint}")
    if wrong:
        raise CorpusError(
            f"label_map leads to no common emotion: {listing(wrong)}; emotions are "
            f"{', '.join(EMOTIONS)}. Other classes are made of them with Corpus.gather"
        )


def map_labels(
    labels: Iterable[str], label_map: Mapping[str, str], *, drop_unmapped: bool, where: str
) -> tuple[list[str | None], Counter[str]]:
    """Map raw labels to common emotions.

    `labels`: raw labels. `label_map`: raw label to emotion. `drop_unmapped`: whether a raw label
    outside the map is dropped and counted instead of refused. `where`: what the labels belong to,
    for the message.
    Returns `mapped`: the emotion of every label, None where it is dropped. `dropped`: dropped raw
    labels with their counts. Raises CorpusError if a label is in no map and `drop_unmapped` is
    false; all such labels are listed with their counts.
    """
    mapped: list[str | None] = []
    unmapped: Counter[str] = Counter()
    for label in labels:
        emotion = label_map.get(label)
        if emotion is None:
            unmapped[label] += 1
        mapped.append(emotion)
    if unmapped and not drop_unmapped:
        listed = listing(f"'{label}' ({count})" for label, count in sorted(unmapped.items()))
        raise CorpusError(
            f"{where}: no emotion is known for the labels {listed}. "
            "Add them with label_map={...} or drop them with drop_unmapped=True"
        )
    return mapped, unmapped
