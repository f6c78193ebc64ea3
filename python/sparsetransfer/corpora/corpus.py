"""The corpus table: one row per utterance, indexed by (file, start, end)."""

import dataclasses
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from sparsetransfer._messages import listing
from sparsetransfer.audio.segments import canonical_bounds, seconds
from sparsetransfer.corpora.emotions import map_labels, vocabulary
from sparsetransfer.exceptions import CorpusError

__all__ = ["COLUMNS", "Corpus"]

COLUMNS = (
    "file",
    "start",
    "end",
    "label",
    "speaker",
    "gender",
    "language",
    "sentence",
    "split",
    "activation",
    "valence",
)
"""Columns of a corpus table, in this order."""

_INDEX = ["file", "start", "end"]
_TEXT = ["label", "speaker", "gender", "language", "sentence", "split"]
_RATINGS = ["activation", "valence"]


@dataclasses.dataclass(frozen=True, eq=False)
class Corpus:
    """Labelled utterances of one corpus.

    Attributes
    ----------
    name : str
        Name of the corpus.
    table : pandas.DataFrame
        One row per utterance: ``file`` (absolute path), ``start`` and ``end`` (seconds; both
        NaN for the whole file, else only `end` may be NaN), ``label`` (emotion), ``speaker`` (unique within the corpus), ``gender``
        ("f", "m"), ``language`` (BCP 47), ``sentence`` (what was said, any code), ``split`` (the
        part that the makers put it in), ``activation`` and ``valence`` (ratings on the corpus's
        own scale). Text columns hold an empty string and ratings NaN where a fact is unknown.
        Rows have a running index from 0.
    dropped : mapping of str to int
        What was left out on the way, by reason, with the number of recordings.
    label_map : mapping of str to str
        Raw labels and the emotions they were read as.

    Raises
    ------
    CorpusError
        If the table is empty, lacks a required column (``file``, ``label``), names a segment
        twice or has a row without a label.
    """

    name: str
    table: pd.DataFrame
    dropped: Mapping[str, int] = dataclasses.field(default_factory=dict)
    label_map: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "table", _checked_table(self.name, self.table))
        object.__setattr__(self, "dropped", MappingProxyType(dict(self.dropped)))
        object.__setattr__(self, "label_map", MappingProxyType(dict(self.label_map)))

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle through the constructor: read-only mappings cannot be."""
        return type(self), (self.name, self.table, dict(self.dropped), dict(self.label_map))

    def __len__(self) -> int:
        return len(self.table)

    def __repr__(self) -> str:
        counts = ", ".join(f"{label} {count}" for label, count in self.class_counts().items())
        return f"Corpus('{self.name}', {len(self)} utterances: {counts})"

    @property
    def classes(self) -> tuple[str, ...]:
        """The emotions that occur, sorted."""
        return tuple(sorted(self.table["label"].unique()))

    @property
    def speakers(self) -> tuple[str, ...]:
        """The known speakers, sorted."""
        return tuple(sorted(set(self.table["speaker"]) - {""}))

    def class_counts(self) -> dict[str, int]:
        """Count the utterances of each class.

        Returns
        -------
        dict of str to int
            Emotion to number of utterances, sorted by emotion.
        """
        counts = self.table["label"].value_counts().sort_index()
        return {str(label): int(count) for label, count in counts.items()}

    def restrict(self, classes: Sequence[str]) -> "Corpus":
        """Restrict the corpus to some classes.

        Parameters
        ----------
        classes : sequence of str
            The emotions to keep.

        Returns
        -------
        Corpus
            The rows of these classes in their order; the others are counted in `dropped`.

        Raises
        ------
        CorpusError
            If `classes` is empty, a name repeats or one of them has no utterance.
        """
        wanted = list(classes)
        if isinstance(classes, str) or not wanted or len(set(wanted)) != len(wanted):
            raise CorpusError(f"classes must be distinct emotion names, got {classes!r}")
        missing = [label for label in wanted if label not in self.classes]
        if missing:
            raise CorpusError(
                f"corpus '{self.name}' has no utterance of {', '.join(map(repr, missing))}; "
                f"it has {', '.join(map(repr, self.classes))}"
            )
        left_out = {
            f"class '{label}' not asked for": count
            for label, count in self.class_counts().items()
            if label not in wanted
        }
        rows = self.table[self.table["label"].isin(wanted)]
        return dataclasses.replace(self, table=rows, dropped={**self.dropped, **left_out})

    def gather(self, classes: str | Mapping[str, str], *, drop_unmapped: bool = False) -> "Corpus":
        """Gather emotions into the classes of a vocabulary.

        Parameters
        ----------
        classes : str or mapping of str to str
            Name of a `vocabulary`, or a map from the labels of this corpus to classes.
        drop_unmapped : bool, default=False
            Drop utterances whose label has no class, counted in `dropped`, instead of refusing.

        Returns
        -------
        Corpus
            The same utterances with classes for labels; `label_map` leads from raw labels to
            classes.

        Raises
        ------
        CorpusError
            If a label has no class and `drop_unmapped` is false; lists all with their counts.
        ValueError
            If no such vocabulary is known.
        """
        chosen = vocabulary(classes) if isinstance(classes, str) else dict(classes)
        mapped, unmapped = map_labels(
            self.table["label"], chosen, drop_unmapped=drop_unmapped, where=f"corpus '{self.name}'"
        )
        table = self.table.assign(label=pd.Series(mapped, index=self.table.index))
        lost = {f"label '{label}' has no class": count for label, count in unmapped.items()}
        return dataclasses.replace(
            self,
            table=table[table["label"].notna()],
            dropped={**self.dropped, **lost},
            label_map={
                raw: chosen[emotion] for raw, emotion in self.label_map.items() if emotion in chosen
            },
        )


def _checked_table(name: str, table: pd.DataFrame) -> pd.DataFrame:
    """Return a copy with exactly the columns of `COLUMNS`, or raise."""
    absent = [column for column in ("file", "label") if column not in table.columns]
    if absent:
        raise CorpusError(f"corpus '{name}': the table lacks the columns {', '.join(absent)}")
    if table.empty:
        raise CorpusError(f"corpus '{name}' has no utterance")
    # As objects: text of pandas cannot hold names that are no UTF-8.
    clean = pd.DataFrame({"file": [str(file) for file in table["file"]]}, dtype=object)
    bounds = [
        seconds(table[column]) if column in table.columns else np.full(len(clean), np.nan)
        for column in ("start", "end")
    ]
    clean["start"], clean["end"] = canonical_bounds(*bounds)
    for column in _TEXT:
        present = column in table.columns
        clean[column] = table[column].fillna("").astype(str).to_list() if present else ""
    for column in _RATINGS:
        ratings = table[column] if column in table.columns else [float("nan")] * len(clean)
        clean[column] = pd.to_numeric(pd.Series(list(ratings)), errors="coerce").astype("float64")
    nameless = clean.loc[clean["label"] == "", "file"].to_list()
    if nameless:
        raise CorpusError(f"corpus '{name}': no label for {_listed(nameless)}")
    reversed_ = clean.loc[clean["end"] <= clean["start"].fillna(0.0), "file"].to_list()
    if reversed_:
        raise CorpusError(
            f"corpus '{name}': segments of no length (end <= start) in {_listed(reversed_)}"
        )
    twice = clean.loc[clean.duplicated(_INDEX), "file"].to_list()
    if twice:
        raise CorpusError(f"corpus '{name}': listed more than once: {_listed(twice)}")
    return clean[list(COLUMNS)]


def _listed(files: Sequence[str]) -> str:
    return listing(f"'{file}'" for file in dict.fromkeys(files))
