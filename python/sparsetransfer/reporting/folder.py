"""The report folder: cells while the study runs, then a report written aside and put into place."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

from sparsetransfer._files import (
    ASIDE,
    check_file,
    check_folder,
    existing_file,
    replacing,
    write_text,
)
from sparsetransfer._locks import locked
from sparsetransfer._messages import missing_extra
from sparsetransfer.evaluation import Study, StudyConfig
from sparsetransfer.evaluation.study.comparison import comparison_as_dict
from sparsetransfer.evaluation.study.run_result import RunResult
from sparsetransfer.evaluation.study.store import CellStore
from sparsetransfer.reporting.overview import latex, markdown
from sparsetransfer.reporting.page import render
from sparsetransfer.reporting.tables import cells_csv

__all__ = ["WorkFolder", "check_destination", "read", "reserved", "write"]

_CONFIG = "study.json"
_CELLS = "cells"
_CELL = re.compile(r"[0-9a-f]{24}\.json")
_RESULTS = ("results.json", "timings.json", "coordinates.json")
_FILES = ("report.html", "report.md", "report.tex", "results.csv", *_RESULTS)

_UNFINISHED = f"{ASIDE}unfinished"
"""Where a report is written; removed if that does not succeed."""

_FINISHED = f"{ASIDE}finished"
"""Its name once it is complete. It counts as the report until its files are in place."""

_ASIDE = re.compile(rf"{re.escape(ASIDE)}([0-9a-f]{{32}}|unfinished|finished)")

_NO_CONTENT = {"lost+found"}
"""What the system itself puts into a folder, beside hidden files."""


def check_destination(directory: str | os.PathLike[str]) -> Path:
    """Check that a report can be written to a place without destroying something else.

    `directory`: where the report shall stand: nothing, an empty folder, or an earlier report, whose
    files will be replaced. Other files in the folder of a report stay. Returns: the absolute path,
    with links followed. Raises OSError if there is a file, a folder with content that is no report,
    or a place where no file can be made. Raises ModuleNotFoundError if the packages that draw and
    render a report are not installed.
    """
    if not all(map(find_spec, ("jinja2", "matplotlib"))):
        raise missing_extra("a report", "speech")
    place = check_folder(directory)
    if place.is_dir():
        content = {name for name in os.listdir(place) if not name.startswith(".")} - _NO_CONTENT
        if content and not _is_report(place):
            raise FileExistsError(
                f"'{directory}' is not empty and holds no report; choose another folder"
            )
        check_folder(place / _CELLS)
        for name in (_CONFIG, *_FILES):
            check_file(place / name)
            if (place / name).exists():
                existing_file(place / name)  # writing into a FIFO waits for a reader
    return place


def _is_report(place: Path) -> bool:
    for name, schema in (("results.json", "study"), (_CONFIG, "config")):
        try:
            content = json.loads(existing_file(place / name).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            continue
        if isinstance(content, dict) and content.get("schema") == f"sparsetransfer.{schema}":
            return True
    return False


@contextmanager
def reserved(directory: str | os.PathLike[str]) -> Iterator[Path]:
    """Check a report folder before the work, and keep other processes out of it until the end.

    What a process left that was killed while it wrote is finished or removed.

    `directory`: the folder, as in `check_destination`. It is made, and removed again if it stays
    empty. Yields: the absolute path, with links followed. Raises OSError as `check_destination`.
    Raises BlockingIOError if another process writes into the folder.
    """
    place = check_destination(directory)
    made = [folder for folder in (place, *place.parents) if not folder.exists()]
    place.mkdir(parents=True, exist_ok=True)
    try:
        with locked(place):
            _put_into_place(place)
            yield place
    finally:
        for folder in made:
            with suppress(OSError):
                folder.rmdir()


def _put_into_place(place: Path) -> None:
    """Finish what is complete, and remove what is not. The folder is locked."""
    finished = place / _FINISHED
    for name in () if finished.is_symlink() else _FILES:
        if (finished / name).is_file():
            with replacing(place / name) as aside:
                shutil.copyfile(finished / name, aside)
    for folder in (place, place / _CELLS):
        for rest in folder.glob(f"{ASIDE}*"):
            if not _ASIDE.fullmatch(rest.name):
                continue
            if rest.is_symlink():
                rest.unlink()
            elif rest.is_dir():
                shutil.rmtree(rest)


class WorkFolder(CellStore):
    """The cells of a study that is being run, beside its configuration.

    `directory`: the report folder, as in `check_destination`. `reserved` keeps other processes out
    of it. `config`: the study; it is written with the first cell, so that input that cannot be used
    leaves nothing behind. `keep`: whether cells of an earlier run are used, instead of removed.
    Raises OSError as `check_destination`.
    """

    def __init__(
        self, directory: str | os.PathLike[str], config: StudyConfig, *, keep: bool = False
    ) -> None:
        self.folder = check_destination(directory)
        super().__init__(self.folder / _CELLS)
        self._config = _json(config.as_dict())
        self._fresh = not keep

    @property
    def begun(self) -> bool:
        """Whether there is something to resume."""
        return (self.folder / _CONFIG).is_file()

    def load(self, key: str) -> RunResult | None:
        """Return the cell of a key, if earlier cells are used."""
        return None if self._fresh else super().load(key)

    def save(self, key: str, cell: RunResult) -> None:
        """Write a cell, and before the first one the configuration."""
        if self._config:
            if self._fresh and self.directory.is_dir():
                for old in self.directory.iterdir():
                    if _CELL.fullmatch(old.name):
                        old.unlink()
            write_text(self.folder / _CONFIG, self._config)
            self._config = ""
        super().save(key, cell)


def read(directory: str | os.PathLike[str]) -> Study:
    """Read the study of a report folder.

    Parameters
    ----------
    directory : path-like
        A folder that `write` made.

    Returns
    -------
    Study
        The study.

    Raises
    ------
    ValueError
        If the folder holds no finished report, or a damaged one.
    """
    place = Path(os.path.expanduser(directory))
    hint = "; `resume` finishes it" if (place / _CONFIG).is_file() else ""
    contents = []
    for name in _RESULTS:
        file = place / _FINISHED / name
        try:
            file = existing_file(file if file.is_file() else place / name)
            contents.append(json.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError, RecursionError) as error:
            raise ValueError(f"{place} holds no finished report: {error}{hint}") from error
    try:
        return Study.from_dicts(*contents)
    except (AttributeError, ValueError) as error:
        hint = hint.replace("finishes it", "writes it again")
        raise ValueError(f"{place} holds a damaged report: {error}{hint}") from error


def write(study: Study, directory: str | os.PathLike[str]) -> Path:
    """Write a study as a folder.

    Parameters
    ----------
    study : Study
        Results of an evaluation.
    directory : path-like
        The folder, as in `check_destination`. Missing parents are made.

    Returns
    -------
    Path
        The folder, with ``report.html``, ``report.md``, ``report.tex``, ``results.json`` (everything but times; equal runs give
        equal bytes), ``results.csv`` (one line per cell), ``coordinates.json`` (features and
        codes in the plane) and ``timings.json``. The cells of `WorkFolder` and all other files stay.

    Raises
    ------
    OSError
        As `reserved`.

    Notes
    -----
    All files are written into a hidden folder in it, which is renamed when they are complete and
    then copied file by file: after a kill at any point, `read` finds the earlier report or the new
    one, and the next `write` into the folder ends what was begun.
    """
    contents = {
        "report.html": render(study),
        "results.json": _json({**study.as_dict(), "comparison": comparison_as_dict(study)}),
        "results.csv": cells_csv(study),
        "report.md": markdown(study),
        "report.tex": latex(study),
        "timings.json": _json(study.timings_as_dict()),
        "coordinates.json": _json(study.coordinates_as_dict()),
    }
    with reserved(directory) as place:
        unfinished = place / _UNFINISHED
        try:
            for name, text in contents.items():
                write_text(unfinished / name, text)
            unfinished.rename(place / _FINISHED)
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
        _put_into_place(place)
    return place


def _json(content: dict[str, object]) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
