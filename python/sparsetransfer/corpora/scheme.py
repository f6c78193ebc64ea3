"""Public facts of a corpus and the naming scheme of its files, read from a data file."""

import dataclasses
import functools
import re
import tomllib
from collections.abc import Mapping
from importlib import resources
from types import MappingProxyType

from sparsetransfer.exceptions import CorpusError

__all__ = ["Scheme", "names", "scheme"]


@dataclasses.dataclass(frozen=True)
class Scheme:
    """
    What is publicly known of a corpus.

    Attributes
    ----------
    name : str
        Name under which the corpus is read.
    title, kind, language, licence, obtain, reference, notes : str
        Full title, kind of speech, language (BCP 47), licence, where to get it, the paper to
        cite, and what a user should beware of (may be empty).
    stem : str
        Regular expression of a file name without its ending. Named groups: ``label`` and
        ``speaker``, optionally ``sentence`` and whatever `keep` asks for.
    example : str
        A file name without ending that follows the scheme.
    labels : mapping of str to str
        Raw label to common emotion.
    counts : mapping of str to int
        Number of recordings per emotion in the complete corpus.
    genders : mapping of str to str
        Speaker, as in the file name, to "f" or "m".
    keep : mapping of str to str
        Group of `stem` to the only value that is read; anything else is dropped and counted.
    speaker_format : str
        How a speaker is called, ``{}`` standing for the group ``speaker``.
    """

    name: str
    title: str
    kind: str
    language: str
    licence: str
    obtain: str
    reference: str
    stem: str
    example: str
    labels: Mapping[str, str]
    counts: Mapping[str, int]
    genders: Mapping[str, str]
    keep: Mapping[str, str] = dataclasses.field(default_factory=lambda: MappingProxyType({}))
    speaker_format: str = "{}"
    notes: str = ""

    @property
    def speakers(self) -> tuple[str, ...]:
        """The speakers of the complete corpus, sorted."""
        return tuple(sorted(self.speaker_format.format(code) for code in self.genders))

    def match(self, stem: str) -> re.Match[str] | None:
        """
        Match a file name without its ending against the scheme.

        Parameters
        ----------
        stem : str
            File name without folder and ending.

        Returns
        -------
        re.Match or None
            The parts of the name, or None if it does not follow the scheme.
        """
        return re.fullmatch(self.stem, stem)


def names() -> tuple[str, ...]:
    """
    List the corpora that have a reader.

    Returns
    -------
    tuple of str
        Names for `read`, sorted.
    """
    files = resources.files(__package__).joinpath("schemes").iterdir()
    return tuple(sorted(file.name[:-5] for file in files if file.name.endswith(".toml")))


@functools.cache
def scheme(name: str) -> Scheme:
    """
    Return the facts and the naming scheme of a corpus.

    Parameters
    ----------
    name : str
        One of `names`.

    Returns
    -------
    Scheme
        The facts.

    Raises
    ------
    CorpusError
        If no such corpus is known.

    Examples
    --------
    >>> scheme("emodb").labels["W"]
    'anger'
    """
    if name not in names():
        raise CorpusError(f"no reader for a corpus named '{name}'; there are {', '.join(names())}")
    file = resources.files(__package__).joinpath("schemes", f"{name}.toml")
    facts = tomllib.loads(file.read_text(encoding="utf-8"))
    genders = {code: gender for gender, codes in facts.pop("speakers").items() for code in codes}
    return Scheme(
        name=name,
        labels=MappingProxyType(facts.pop("labels")),
        counts=MappingProxyType(facts.pop("counts")),
        genders=MappingProxyType(genders),
        keep=MappingProxyType(facts.pop("keep", {})),
        **facts,
    )
