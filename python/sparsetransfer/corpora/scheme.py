"""Public facts of a corpus, the naming scheme of its files, and the annotations beside them."""

import csv
import dataclasses
import functools
import io
import re
import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sparsetransfer._files import existing_file
from sparsetransfer._messages import listing
from sparsetransfer.exceptions import CorpusError

__all__ = ["Annotations", "Scheme", "names", "scheme"]


@dataclasses.dataclass(frozen=True)
class Annotations:
    """How a corpus writes down its labels.

    - `files`: regular expression of the end of a path, of the files that hold annotations.
    - `line`: regular expression of a line with the named groups ``file`` and ``label``, optionally
      ``speaker``, ``gender``, ``split``, ``activation``, ``valence``. Other lines are skipped.
    - `columns`: instead of `line`, for tables with a header: what to read and the name of its
      column.
    - `example`: what a line looks like, for messages.
    """

    files: str
    line: str = ""
    columns: Mapping[str, str] = dataclasses.field(default_factory=dict)
    example: str = ""

    def read(self, root: Path) -> dict[str, dict[str, str]]:
        """Read all annotations below a folder.

        `root`: folder of the corpus. Returns: what is known of every recording, by its name without
        folder and ending. Raises CorpusError if there is no file or no line with annotations, if a
        column is missing, or if two lines disagree about a recording; lists all such recordings.
        """
        pattern = re.compile(rf"(?:^|.*/)(?:{self.files})$")
        places = [
            place
            for place in sorted(root.rglob("*"))
            if place.is_file() and pattern.match(place.relative_to(root).as_posix())
        ]
        if not places:
            raise CorpusError(f"root: no file with annotations below '{root}' (/{self.files}/)")
        found: dict[str, dict[str, str]] = {}
        disagreeing: set[str] = set()
        for place in places:
            try:
                text = existing_file(place).read_text(encoding="utf-8-sig", errors="replace")
            except OSError as error:
                raise CorpusError(f"annotations cannot be read: {error}") from error
            for row in self._table(text, place) if self.columns else self._lines(text):
                key = Path(row.pop("file")).name
                key = re.sub(r"\.(wav|flac|avi|mp4)$", "", key, flags=re.IGNORECASE)
                if found.setdefault(key, row) != row:
                    disagreeing.add(key)
        if disagreeing:
            raise CorpusError(
                f"root: annotations below '{root}' disagree about {listing(sorted(disagreeing))}"
            )
        if not found:
            raise CorpusError(
                f"root: no annotation in {listing(places)}; expected lines like '{self.example}'"
            )
        return found

    def _lines(self, text: str) -> list[dict[str, str]]:
        """Read the lines that have the form of an annotation."""
        pattern = re.compile(self.line)
        matches = (pattern.match(line) for line in text.splitlines())
        return [
            {name: value for name, value in match.groupdict().items() if value is not None}
            for match in matches
            if match
        ]

    def _table(self, text: str, place: Path) -> list[dict[str, str]]:
        """Read a table with a header, separated by commas, semicolons or tabs."""
        header = text.split("\n", 1)[0]
        separator = max(",;\t", key=header.count)
        reader = csv.DictReader(io.StringIO(text), delimiter=separator, skipinitialspace=True)
        present = set(reader.fieldnames or ())
        absent = [self.columns[name] for name in ("file", "label")]
        absent = [column for column in absent if column not in present]
        if absent:
            raise CorpusError(
                f"'{place}' lacks the columns {', '.join(absent)}; it has {listing(sorted(present))}"
            )
        return [
            {
                name: (row[column] or "").strip()
                for name, column in self.columns.items()
                if column in present
            }
            for row in reader
        ]


_RANGE = re.compile(r"(\D*)(\d+)\.\.(\d+)")


def _nothing() -> Mapping[str, Any]:
    return MappingProxyType({})


@dataclasses.dataclass(frozen=True)
class Scheme:
    """What is publicly known of a corpus.

    - `name`: name under which the corpus is read.
    - `title`, `kind`, `language`, `licence`, `obtain`, `reference`, `notes`: full title, kind of
      speech, language (BCP 47), licence, where to get it, the paper to cite, and what a user should
      beware of (may be empty).
    - `paths`: regular expressions of the end of a path without the file's ending; the first that
      matches counts, with the capitals of the scheme before any others. Named groups: ``label`` and
      ``speaker`` where the path tells them, optionally ``gender``, ``sentence``, ``split``,
      ``file`` (by which annotations name the recording) and whatever `keep` asks for.
    - `example`: a path without ending that follows the scheme.
    - `labels`: raw label to common emotion.
    - `no_emotion`: raw labels that stand for no common emotion ("other", "no agreement"): they are
      dropped and counted.
    - `counts`: number of recordings per emotion in the complete corpus; empty where no public
      source that could be checked tells.
    - `n_recordings`: number of recordings, where the count per emotion is not known.
    - `genders`: speaker, as in the path, to "f" or "m", or "" where no public source tells.
    - `languages`: speaker, as in the path, to language, in corpora of several languages.
    - `gender_codes`: group ``gender`` to "f" or "m".
    - `aliases`: other spellings of a speaker; an empty one stands for an unknown speaker.
    - `n_speakers`: number of speakers, where they are not listed one by one.
    - `keep`: group of the path to the only value that is read; anything else is dropped and
      counted.
    - `excluded`: what a group and a value that `keep` leaves out stand for: "channel 02" to "song".
    - `folder`: folder of the distribution that holds the recordings; where there is one, what lies
      beside it is dropped and counted. Clones of repositories hold copies and other formats.
    - `speaker_format`: how a speaker is called, ``{}`` standing for the group ``speaker`` and
      ``{name}`` for any other.
    - `annotations`: where labels are read from, if the path does not tell them.
    - `archive`: address of a zip archive that `fetch` may download; empty where there is none.
    - `samples_sha256`: SHA-256 of names and samples of its recordings, see `fetch`.
    """

    name: str
    title: str
    kind: str
    language: str
    licence: str
    obtain: str
    reference: str
    paths: tuple[str, ...]
    example: str
    labels: Mapping[str, str]
    no_emotion: tuple[str, ...] = ()
    counts: Mapping[str, int] = dataclasses.field(default_factory=_nothing)
    n_recordings: int | None = None
    genders: Mapping[str, str] = dataclasses.field(default_factory=_nothing)
    languages: Mapping[str, str] = dataclasses.field(default_factory=_nothing)
    gender_codes: Mapping[str, str] = dataclasses.field(default_factory=_nothing)
    aliases: Mapping[str, str] = dataclasses.field(default_factory=_nothing)
    n_speakers: int | None = None
    keep: Mapping[str, str] = dataclasses.field(default_factory=_nothing)
    excluded: Mapping[str, str] = dataclasses.field(default_factory=_nothing)
    folder: str = ""
    speaker_format: str = "{}"
    annotations: Annotations | None = None
    notes: str = ""
    archive: str = ""
    samples_sha256: str = ""

    @property
    def speakers(self) -> tuple[str, ...]:
        """The speakers of the complete corpus, sorted; empty where they are not listed."""
        if re.search(r"{\w+}", self.speaker_format):  # the code alone does not name a speaker
            return ()
        return tuple(sorted(self.speaker_format.format(code) for code in self.genders))

    def match(self, path: str) -> re.Match[str] | None:
        """Match the end of a path against the scheme.

        `path`: path with slashes, without the ending of the file; what lies before the part that
        the scheme describes does not matter. Returns: the parts of the name, or None if it does not
        follow the scheme.
        """
        for flags in (re.NOFLAG, re.IGNORECASE):
            for pattern in self.paths:
                if match := _compiled(pattern, flags).search(path):
                    return match
        return None

    def parts(self, match: re.Match[str]) -> dict[str, str]:
        """Return the named parts of a path, in the capitals of the scheme.

        `match`: what `match` returned. Returns: name of a group to its text; empty where the path
        lacks it.
        """
        found = {name: value or "" for name, value in match.groupdict().items()}
        for name, known in (("speaker", {**self.genders, **self.aliases}), ("label", self.labels)):
            if found.get(name) and found[name] not in known:
                spellings = {text.lower(): text for text in known}
                found[name] = spellings.get(found[name].lower(), found[name])
        sentence = (self.match(self.example) or match).groupdict().get("sentence") or ""
        if found.get("sentence") and (sentence.islower() or sentence.isupper()):
            found["sentence"] = (str.lower if sentence.islower() else str.upper)(found["sentence"])
        return found


@functools.cache
def _compiled(pattern: str, flags: re.RegexFlag) -> re.Pattern[str]:
    return re.compile(rf"(?:^|(?<=/))(?:{pattern})$", flags)


def names() -> tuple[str, ...]:
    """List the corpora that have a reader.

    Returns
    -------
    tuple of str
        Names for `read`, sorted.

    Examples
    --------
    >>> names()[:3]
    ('afew', 'ased', 'baum-1a')
    """
    files = resources.files(__package__).joinpath("schemes").iterdir()
    return tuple(sorted(file.name[:-5] for file in files if file.name.endswith(".toml")))


@functools.cache
def scheme(name: str) -> Scheme:
    """Return the facts and the naming scheme of a corpus.

    Parameters
    ----------
    name : str
        One of `names`, in any capitals, with or without hyphens.

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
    known = {_letters(other): other for other in names()}
    if _letters(name) not in known:
        raise CorpusError(f"no reader for a corpus named '{name}'; there are {', '.join(names())}")
    name = known[_letters(name)]
    file = resources.files(__package__).joinpath("schemes", f"{name}.toml")
    facts = tomllib.loads(file.read_text(encoding="utf-8"))
    annotations = facts.pop("annotations", None)
    mappings: dict[str, Any] = {
        key: MappingProxyType(facts.pop(key, {}))
        for key in ("labels", "counts", "keep", "excluded", "gender_codes", "aliases")
    }
    return Scheme(
        name=name,
        paths=tuple(facts.pop("paths")),
        no_emotion=tuple(facts.pop("no_emotion", ())),
        genders=_by_speaker(facts.pop("speakers", {}), unknown="unknown"),
        languages=_by_speaker(facts.pop("languages", {})),
        annotations=None if annotations is None else Annotations(**annotations),
        **mappings,
        **facts,
    )


def _letters(name: str) -> str:
    """Reduce a name to what its spellings share: EMO-DB is emodb."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _by_speaker(groups: Mapping[str, Any], unknown: str | None = None) -> Mapping[str, str]:
    """Turn lists of speakers per value into the value of every speaker."""
    return MappingProxyType(
        {
            speaker: "" if value == unknown else value
            for value, codes in groups.items()
            for code in codes
            for speaker in _expanded(code)
        }
    )


def _expanded(code: str) -> list[str]:
    """Spell out a range: ``M01..12`` is M01, M02, ... M12."""
    match = _RANGE.fullmatch(code)
    if match is None:
        return [code]
    prefix, first, last = match.groups()
    return [f"{prefix}{i:0{len(first)}d}" for i in range(int(first), int(last) + 1)]
