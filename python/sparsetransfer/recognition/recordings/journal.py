"""Answers kept as they come, so that an interrupted prediction goes on where it was."""

from __future__ import annotations

import json
import logging
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sparsetransfer.recognition.linear import Window
from sparsetransfer.recognition.recordings.recognise import RecordingAnswer

__all__ = ["Journal"]

_log = logging.getLogger(__name__)

_SCHEMA = "sparsetransfer.unfinished_predictions"
_VERSION = 1


class Journal:
    """A file of JSON lines with the answers of an unfinished prediction.

    `path`: the file; it is made with the first answer. `settings`: what answers depend on beside
    the recordings, as JSON values, for example the hash of the model. Answers under other settings
    are forgotten. `n_known`: answers that an earlier process left.
    Raises FileExistsError if there is a file of that name which is no journal; it is left as it is.
    Raises OSError if the file cannot be read.

    The first line holds the settings, every other one an answer with the segments of its file, and
    the size and time of change of the file: a recording that has changed is recognised again, and
    so is one that failed. A line that a killed process left incomplete is dropped. Numbers are
    written so that they are read to the last bit.
    """

    def __init__(self, path: str | os.PathLike[str], settings: Mapping[str, Any]) -> None:
        self.path = Path(path)
        self._head = json.dumps({"schema": _SCHEMA, "version": _VERSION, **settings})
        self._known: dict[str, tuple[Any, RecordingAnswer]] = {}
        self._kept = self._read()
        self.n_known = len(self._known)

    @property
    def begun(self) -> bool:
        """Whether there is something to go on from."""
        return self._kept > 0

    def known(self, file: str, segments: Sequence[tuple[float, float]]) -> RecordingAnswer | None:
        """Return the answer of an earlier process about a file.

        `file`: path of the recording. `segments` (sequence of (start, end)): in seconds; NaN for
        the whole file. Returns: the answer, if file and segments are still the same.
        """
        identity, answer = self._known.get(file, (None, None))
        try:
            return answer if identity == _identity(file, segments) else None
        except OSError:
            return None

    def add(self, answer: RecordingAnswer, segments: Sequence[tuple[float, float]]) -> None:
        """Append an answer; it is on its way to the disk when the call returns.

        `segments` (sequence of (start, end)): as for `known`.
        """
        if answer.failure:
            return
        line = json.dumps({"of": _identity(answer.file, segments), **asdict(answer)})
        self._append(line if self._kept else f"{self._head}\n{line}")

    def remove(self) -> None:
        """Remove the file: the prediction is finished."""
        self.path.unlink(missing_ok=True)

    def _append(self, text: str) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # Opened for every answer, which is cheap beside recognising it: nothing is left open.
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        with os.fdopen(os.open(self.path, flags, 0o666), "r+b") as stream:
            stream.truncate(self._kept)
            stream.seek(self._kept)
            stream.write(f"{text}\n".encode())
            self._kept = stream.tell()

    def _read(self) -> int:
        """Read complete lines under the same settings, and return how many bytes they take."""
        if not (self.path.exists() or self.path.is_symlink()):
            return 0
        content = b"" if self.path.is_symlink() else self.path.read_bytes()
        head, *lines = content.splitlines(keepends=True) or [b""]
        if _SCHEMA.encode() not in head:
            raise FileExistsError(
                f"'{self.path}' is in the way and no journal of an unfinished prediction; move it"
            )
        if head.decode("utf-8", errors="replace").rstrip("\n") != self._head:
            _log.info("%s belongs to another model or other settings: starting over", self.path)
            return 0
        kept = len(head)
        for line in lines:
            try:
                if not line.endswith(b"\n"):
                    break
                entry = json.loads(line)
                self._known[entry["file"]] = entry["of"], _answer(entry)
            except (KeyError, TypeError, ValueError):
                break
            kept += len(line)
        return kept


def _answer(entry: Mapping[str, Any]) -> RecordingAnswer:
    windows = tuple(
        Window(
            *(part["start"], part["end"], tuple(part["probabilities"]), tuple(part["flags"])),
            speech=part["speech"],
        )
        for part in entry["windows"]
    )
    shares, flags = tuple(entry["probabilities"]), tuple(entry["flags"])
    return RecordingAnswer(entry["file"], windows, shares, flags)


def _identity(file: str, segments: Sequence[tuple[float, float]]) -> list[Any]:
    about = os.stat(file)
    times = [[None if math.isnan(t) else t for t in segment] for segment in segments]
    return [about.st_size, about.st_mtime_ns, times]
