"""The feature sets of a study: computed, learned on its corpora, or read from tables."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from sparsetransfer._messages import listing
from sparsetransfer.audio.segments import match_segments
from sparsetransfer.evaluation.data.frame_codes import FrameCodes, FrameCodeSet, frame_set
from sparsetransfer.exceptions import CorpusError

if TYPE_CHECKING:
    from pandas import DataFrame

    from sparsetransfer.corpora import Corpus
    from sparsetransfer.features import FeatureSet
    from sparsetransfer.features.sequences import SequenceTable
    from sparsetransfer.features.table import FeatureTable

__all__ = [
    "Extraction",
    "FeatureProgress",
    "check_features",
    "extract_table",
    "feature_tables",
    "frame_code_tables",
    "is_learned",
]

FeatureProgress = Callable[[str, int, int], None]
"""Called with what is being computed, how much of it is done and how much there is."""


@dataclass(frozen=True)
class Extraction:
    """How features are computed.

    `cache`: folder of features, as in `features.extract`. `n_jobs`: processes; all CPUs by default.
    `unreadable`: what to do about recordings that cannot be read. `progress`: called as
    ``progress(what, done, total)``.
    """

    cache: str | os.PathLike[str] | None = None
    n_jobs: int | None = None
    unreadable: Literal["raise", "drop"] = "raise"
    progress: FeatureProgress | None = None

    def step(self, what: str) -> Callable[[int, int], None]:
        """Return what `features.extract` calls while it works on `what`."""

        def step(done: int, total: int) -> None:
            if self.progress is not None:
                self.progress(what, done, total)

        return step


def check_features(name: str, settings: Mapping[str, Any]) -> None:
    """Check the settings of a feature set of a study.

    They are the ``path`` of a table; or ``frames``, a name or a CSV of sequences, with settings of
    `FrameCodes`. Others are a ValueError.
    """
    if "path" in settings:
        strange = sorted(set(settings) - {"path"})
        if strange or not isinstance(settings["path"], str):
            raise ValueError(f"features {name!r}: path must be a text and stand alone")
        return
    known = [each.name for each in fields(FrameCodes)]
    strange = sorted(set(settings) - set(known))
    if strange or not isinstance(settings.get("frames"), str):
        raise ValueError(
            f"features {name!r} need the path of a table, or frames (log-mel, speaker, a CSV of "
            f"sequences, ...) and some of {', '.join(known[1:])}; got {sorted(settings)}"
        )
    try:
        FrameCodes(**settings)
    except (TypeError, ValueError) as error:
        raise ValueError(f"features {name!r}: {error}") from None


def is_learned(name: str, settings: Mapping[str, Mapping[str, Any]]) -> bool:
    """Return whether a feature set is learned on the corpora of the study."""
    return "frames" in settings.get(name, {}) or FrameCodes.parse(name) is not None


def feature_tables(
    name: str,
    corpora: Sequence[Corpus],
    settings: Mapping[str, Mapping[str, Any]],
    extraction: Extraction,
) -> list[FeatureTable]:
    """Return a feature set of all corpora of a study.

    `name`: a key of `settings`; ``frame-codes(FRAMES)``; or a name that `features.feature_set`
    knows. `settings`: feature sets of the study, as in `check_features`. `extraction`: how to
    compute. Returns: one per corpus. Raises CorpusError if recordings cannot be read, or a table
    has no row of some. Raises ValueError if the name is not known.
    """
    from sparsetransfer import features

    given = settings.get(name, {})
    if "path" in given:
        return _own(name, given["path"], corpora)
    codes = FrameCodes(**given) if given else FrameCodes.parse(name)
    if codes is not None:
        return frame_code_tables(codes, corpora, [extraction] * len(corpora))[0]
    chosen = features.feature_set(name)
    return [extract_table(chosen, corpus, extraction) for corpus in corpora]


def extract_table(chosen: FeatureSet, corpus: Corpus, extraction: Extraction) -> FeatureTable:
    """Compute a feature set of one corpus."""
    from sparsetransfer import features

    return features.extract(
        corpus,
        chosen,
        cache=extraction.cache,
        n_jobs=extraction.n_jobs,
        on_error=extraction.unreadable,
        progress=extraction.step(f"{chosen.id} of {corpus.name}"),
    )


def frame_code_tables(
    codes: FrameCodes, corpora: Sequence[Corpus], extractions: Sequence[Extraction]
) -> tuple[list[FeatureTable], list[FrameCodeSet]]:
    """Learn dictionaries on the frames of all corpora, and code every recording.

    `codes`: the settings. `corpora`: the order of their recordings decides which frames are drawn.
    `extractions`: how to compute the frames of each corpus; the first says where the coder is kept.
    Returns `tables`: pooled codes of each corpus, not normalised. `sets`: feature sets for new
    recordings of each corpus.
    """
    from sparsetransfer import features

    first = extractions[0]
    if codes.are_files:
        return codes.tables(_own_sequences(codes.frames, corpora), first.cache, n_jobs=first.n_jobs)
    frames = frame_set(codes.frames)
    with ExitStack() as stack:
        folder = first.cache or stack.enter_context(tempfile.TemporaryDirectory())
        sequences = [
            features.extract_sequences(
                corpus,
                folder,
                frames,
                n_jobs=extraction.n_jobs,
                on_error=extraction.unreadable,
                progress=extraction.step(f"{frames.id} of {corpus.name}"),
            )
            for corpus, extraction in zip(corpora, extractions, strict=True)
        ]
        return codes.tables(sequences, first.cache, n_jobs=first.n_jobs)


def _own(name: str, path: str, corpora: Sequence[Corpus]) -> list[FeatureTable]:
    """Read a table of the user's and take the rows of each corpus."""
    from sparsetransfer import features

    table = features.read_table(path)
    digest = hashlib.sha256(np.ascontiguousarray(table.values, dtype="<f8").tobytes()).hexdigest()
    return [
        features.table.FeatureTable(
            table.values[rows], table.names, index, f"{name}-{digest[:8]}", table.failures
        )
        for index, rows in _rows_of_corpora(path, table.index, corpora)
    ]


def _own_sequences(path: str, corpora: Sequence[Corpus]) -> list[SequenceTable]:
    """Find the sequences of the user's that belong to the recordings of each corpus."""
    from sparsetransfer.features.files import read_sequences

    table = read_sequences(path)
    return [
        replace(
            table,
            index=index,
            paths=tuple(table.paths[row] for row in rows),
            lengths=table.lengths[rows],
        )
        for index, rows in _rows_of_corpora(path, table.index, corpora)
    ]


def _rows_of_corpora(
    path: str, listed: DataFrame, corpora: Sequence[Corpus]
) -> Iterator[tuple[DataFrame, NDArray[np.intp]]]:
    """Yield the recordings of each corpus, and the rows of a table that belong to them."""
    for corpus in corpora:
        index = corpus.table[["file", "start", "end"]].reset_index(drop=True)
        try:
            rows = match_segments(index, listed)
        except ValueError as error:
            raise CorpusError(f"table '{path}': {error}") from error
        missing = index["file"][rows < 0].tolist()
        if missing:
            raise CorpusError(
                f"the table '{path}' has no row of {len(missing)} of {len(index)} recordings of "
                f"corpus {corpus.name!r}: {listing(missing)}; relative names start from the folder "
                "of the table"
            )
        yield index, rows
