"""Comparing a folder of recordings with what is publicly known of its corpus."""

import dataclasses
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from sparsetransfer._validation import check_callable, check_flags
from sparsetransfer.audio.files import CONVERTIBLE, content_hash, find_files
from sparsetransfer.audio.level import levels
from sparsetransfer.corpora.corpus import Corpus
from sparsetransfer.corpora.reader import NO_EMOTION, read
from sparsetransfer.corpora.scheme import Scheme, scheme
from sparsetransfer.exceptions import CorpusError

__all__ = ["CorpusCheck", "check"]

_FULL_SCALE = 0.99  # the largest sample of 8 bit is 0.992
_CLIPPED_RUN = 3  # samples in a row at full scale: two occur in clean recordings
_NEAR_SILENT = 10 ** (-45 / 20)  # RMS, full scale 1


@dataclasses.dataclass(frozen=True)
class CorpusCheck:
    """What a folder has of a corpus.

    - `corpus`: what was read; its `dropped` tells what was left out.
    - `facts`: what is publicly known.
    - `counts`: recordings found and published, per emotion; empty where nothing is published.
    - `missing_speakers`, `unknown_speakers`: published speakers of whom nothing was found, and
      speakers nobody published.
    - `extra`: audio files below the folder that are no recording of the corpus, or a second copy.
    - `duplicates`: groups of files with different names and identical bytes.
    - `unreadable`: files that cannot be read, with the reason.
    - `clipped`: files with at least three samples in a row at full scale, and the share of such
      samples.
    - `near_silent`: files whose mean level is below -45 dB of full scale, and the level in dB.
    - `left_out`: every reason why files are no part of the corpus, with their number: those of
      `Corpus.dropped`, and formats that have to be converted first.
    """

    corpus: Corpus
    facts: Scheme
    counts: Mapping[str, tuple[int, int]]
    missing_speakers: tuple[str, ...]
    unknown_speakers: tuple[str, ...]
    extra: tuple[str, ...]
    duplicates: tuple[tuple[str, ...], ...]
    unreadable: Mapping[str, str]
    clipped: Mapping[str, float]
    near_silent: Mapping[str, float]
    left_out: Mapping[str, int]

    @property
    def published(self) -> int | None:
        """The number of recordings of the complete corpus, where it is known."""
        return sum(self.facts.counts.values()) or self.facts.n_recordings

    @property
    def missing(self) -> int | None:
        """How many recordings the folder lacks; None where the complete number is not known."""
        if self.counts:
            return sum(max(published - found, 0) for found, published in self.counts.values())
        return None if self.published is None else max(self.published - self._found, 0)

    @property
    def _found(self) -> int:
        """Recordings that were found, those without an emotion among them."""
        dropped = self.corpus.dropped.items()
        return len(self.corpus) + sum(count for why, count in dropped if why.endswith(NO_EMOTION))

    @property
    def complete(self) -> bool:
        """Whether numbers and speakers are the published ones and no recording occurs twice."""
        agree = all(found == published for found, published in self.counts.values())
        if not self.counts:
            agree = self.published is not None and self._found == self.published
        whole = not (self.missing_speakers or self.unknown_speakers or self.duplicates)
        return agree and whole and not self.unreadable


def check(
    name: str,
    root: str | os.PathLike[str],
    *,
    levels: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> CorpusCheck:
    """Compare a folder of recordings with what is publicly known of its corpus.

    Parameters
    ----------
    name : str
        One of `names`.
    root : path-like
        Folder that is searched with all its sub-folders.
    levels : bool, default=True
        Whether every file is decoded to find unreadable, clipped and near-silent ones.
    progress : callable, optional
        Called with the number of decoded files and of all.

    Returns
    -------
    CorpusCheck
        Counts, speakers, duplicates, levels. Labels that nobody maps are among `Corpus.dropped`.

    Raises
    ------
    CorpusError
        If no such corpus is known or nothing of it is in the folder.

    Examples
    --------
    >>> from pathlib import Path
    >>> Path("emodb").mkdir()
    >>> _ = Path("emodb/03a01Fa.wav").write_text("not decoded here")
    >>> found = check("emodb", "emodb", levels=False)
    >>> found.complete, found.missing, len(found.missing_speakers)
    (False, 534, 9)
    """
    check_flags(levels=levels)
    check_callable(progress, "progress")
    facts = scheme(name)
    corpus = read(name, root, drop_unmapped=True)
    files = list(dict.fromkeys(corpus.table["file"]))
    found = corpus.class_counts()
    by_content: defaultdict[str, list[str]] = defaultdict(list)
    unreadable: dict[str, str] = {}
    for file in files:
        try:
            by_content[content_hash(file)].append(file)
        except CorpusError as error:
            unreadable[file] = str(error)
    every = map(str, find_files(Path(root)))
    known = set(facts.speakers)
    clipped: dict[str, float] = {}
    near_silent: dict[str, float] = {}
    if levels:
        undecodable, clipped, near_silent = _levels(files, progress)
        unreadable |= undecodable
    return CorpusCheck(
        corpus=corpus,
        facts=facts,
        counts={
            emotion: (found.get(emotion, 0), published)
            for emotion, published in facts.counts.items()
        },
        missing_speakers=tuple(sorted(known - set(corpus.speakers))),
        unknown_speakers=tuple(sorted(set(corpus.speakers) - known)) if known else (),
        extra=tuple(sorted(set(every) - set(files))),
        duplicates=tuple(tuple(files) for files in by_content.values() if len(files) > 1),
        unreadable=unreadable,
        clipped=clipped,
        near_silent=near_silent,
        left_out={**corpus.dropped, **_other_formats(Path(root).expanduser())},
    )


def _other_formats(root: Path) -> dict[str, int]:
    """Count the files with sound that cannot be read as they are, by their ending."""
    endings = (Path(name).suffix.lower() for *_, names in os.walk(root) for name in names)
    counts = Counter(ending for ending in endings if ending in CONVERTIBLE)
    return {f"format {ending}, to be converted": count for ending, count in counts.items()}


def _levels(
    files: list[str], progress: Callable[[int, int], None] | None
) -> tuple[dict[str, str], dict[str, float], dict[str, float]]:
    """Decode every file; return reasons, shares of clipped samples and low levels."""
    unreadable: dict[str, str] = {}
    clipped: dict[str, float] = {}
    near_silent: dict[str, float] = {}
    for done, file in enumerate(files, 1):
        try:
            peak, share, level = levels(file, full_scale=_FULL_SCALE, run=_CLIPPED_RUN)
        except CorpusError as error:
            unreadable[file] = str(error)
        else:
            if share > 0:
                clipped[file] = share
            if level < _NEAR_SILENT or peak == 0:
                near_silent[file] = float(20 * np.log10(max(level, 1e-10)))
        if progress is not None:
            progress(done, len(files))
    return unreadable, clipped, near_silent
