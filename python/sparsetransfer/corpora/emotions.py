"""Emotion names: the common vocabulary and the maps from raw labels into it."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from importlib import resources

from sparsetransfer.exceptions import CorpusError

__all__ = ["EMOTIONS", "map_labels", "synonyms"]

EMOTIONS = (
    "anger",
    "boredom",
    "calm",
    "disgust",
    "fear",
    "happiness",
    "neutral",
    "sadness",
    "surprise",
)
"""The common vocabulary into which every corpus is mapped."""


def synonyms() -> dict[str, str]:
    """
    Return the usual spellings of the common emotions.

    Returns
    -------
    dict of str to str
        Lower-case spelling ("happy", "angry", ...) to common emotion; every common emotion maps
        to itself. This is what a manifest's labels are read with.
    """
    text = resources.files(__package__).joinpath("synonyms.json").read_text(encoding="utf-8")
    table: dict[str, list[str]] = json.loads(text)
    spellings = {word: emotion for emotion, words in table.items() for word in words}
    return {emotion: emotion for emotion in EMOTIONS} | spellings


def map_labels(
    labels: Iterable[str], label_map: Mapping[str, str], *, drop_unmapped: bool, where: str
) -> tuple[list[str | None], Counter[str]]:
    """
    Map raw labels to common emotions.

    Parameters
    ----------
    labels : iterable of str
        Raw labels.
    label_map : mapping of str to str
        Raw label to emotion.
    drop_unmapped : bool
        Whether a raw label outside the map is dropped and counted instead of refused.
    where : str
        What the labels belong to, for the message.

    Returns
    -------
    mapped : list of str or None
        The emotion of every label, None where it is dropped.
    dropped : Counter
        Dropped raw labels with their counts.

    Raises
    ------
    CorpusError
        If a label is in no map and `drop_unmapped` is false; all such labels are listed with
        their counts.
    """
    mapped: list[str | None] = []
    unmapped: Counter[str] = Counter()
    for label in labels:
        emotion = label_map.get(label)
        if emotion is None:
            unmapped[label] += 1
        mapped.append(emotion)
    if unmapped and not drop_unmapped:
        listed = ", ".join(f"'{label}' ({count})" for label, count in sorted(unmapped.items()))
        known = ", ".join(f"'{label}'" for label in sorted(label_map))
        raise CorpusError(
            f"{where}: no emotion is known for the labels {listed}; the label map has {known}. "
            "Add them with label_map={...} or drop them with drop_unmapped=True"
        )
    return mapped, unmapped
