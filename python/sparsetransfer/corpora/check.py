"""Comparing a folder of recordings with what is publicly known of its corpus."""

import dataclasses
import os
from collections import defaultdict
from collections.abc import Mapping

from sparsetransfer import audio
from sparsetransfer.corpora.corpus import Corpus
from sparsetransfer.corpora.reader import read
from sparsetransfer.corpora.scheme import Scheme, scheme

__all__ = ["CorpusCheck", "check"]


@dataclasses.dataclass(frozen=True)
class CorpusCheck:
    """
    What a folder has of a corpus.

    Attributes
    ----------
    corpus : Corpus
        What was read; its `dropped` tells what was left out.
    facts : Scheme
        What is publicly known.
    counts : mapping of str to (int, int)
        Recordings found and published, per emotion.
    missing_speakers, unknown_speakers : tuple of str
        Published speakers of whom nothing was found, and speakers nobody published.
    duplicates : tuple of tuple of str
        Groups of files with different names and identical bytes.
    """

    corpus: Corpus
    facts: Scheme
    counts: Mapping[str, tuple[int, int]]
    missing_speakers: tuple[str, ...]
    unknown_speakers: tuple[str, ...]
    duplicates: tuple[tuple[str, ...], ...]

    @property
    def complete(self) -> bool:
        """Whether counts and speakers are the published ones and no recording occurs twice."""
        agree = all(found == published for found, published in self.counts.values())
        return agree and not (self.missing_speakers or self.unknown_speakers or self.duplicates)


def check(name: str, root: str | os.PathLike[str]) -> CorpusCheck:
    """
    Compare a folder of recordings with what is publicly known of its corpus.

    Parameters
    ----------
    name : str
        One of `names`.
    root : path-like
        Folder that is searched with all its sub-folders.

    Returns
    -------
    CorpusCheck
        Counts, speakers and duplicates. Labels that nobody maps are among `Corpus.dropped`.

    Raises
    ------
    CorpusError
        If no such corpus is known or nothing of it is in the folder.
    """
    facts = scheme(name)
    corpus = read(name, root, drop_unmapped=True)
    found = corpus.class_counts()
    by_content: defaultdict[str, list[str]] = defaultdict(list)
    for file in corpus.table["file"]:
        by_content[audio.content_hash(file)].append(file)
    return CorpusCheck(
        corpus=corpus,
        facts=facts,
        counts={
            emotion: (found.get(emotion, 0), published)
            for emotion, published in facts.counts.items()
        },
        missing_speakers=tuple(sorted(set(facts.speakers) - set(corpus.speakers))),
        unknown_speakers=tuple(sorted(set(corpus.speakers) - set(facts.speakers))),
        duplicates=tuple(tuple(files) for files in by_content.values() if len(files) > 1),
    )
