"""Annotations beside the recordings: tables and lists that corpora keep their labels in."""

import csv
import dataclasses
import io
import re
from collections.abc import Mapping
from pathlib import Path

from sparsetransfer._files import existing_file
from sparsetransfer._messages import listing
from sparsetransfer.exceptions import CorpusError

__all__ = ["Annotations"]


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
