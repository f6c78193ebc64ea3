"""The report folder: cells while the study runs, then a report written aside and put into place."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path

from sparsetransfer._files import write_text
from sparsetransfer.evaluation import (
    Cell,
    CellStore,
    Study,
    StudyConfig,
    comparison_as_dict,
)
from sparsetransfer.reporting.overview import latex, markdown
from sparsetransfer.reporting.page import render
from sparsetransfer.reporting.tables import cells_csv

__all__ = ["WorkFolder", "check_destination", "read", "write"]

_CONFIG = "study.json"
_CELLS = "cells"


def check_destination(directory: str | os.PathLike[str]) -> Path:
    """Refuse a place where a report would destroy something else.

    Parameters
    ----------
    directory : path-like
        Where the report shall stand: nothing, an empty folder, or an earlier report, which will be
        replaced.

    Returns
    -------
    Path
        The absolute path.

    Raises
    ------
    FileExistsError
        If there is a file, or a folder with content that is no report.
    """
    place = Path(directory).absolute()
    if place.is_dir():
        if any(place.iterdir()) and not _is_report(place):
            raise FileExistsError(
                f"{place} is not empty and holds no report; choose another folder"
            )
    elif place.exists():
        raise FileExistsError(f"{place} is a file; choose a folder")
    return place


def _is_report(place: Path) -> bool:
    for name, schema in (("results.json", "study"), (_CONFIG, "config")):
        try:
            content = json.loads((place / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(content, dict) and content.get("schema") == f"sparsetransfer.{schema}":
            return True
    return False


class WorkFolder(CellStore):
    """The cells of a study that is being run, beside its configuration.

    Parameters
    ----------
    directory : path-like
        The report folder, as in `check_destination`.
    config : StudyConfig
        The study; it is written with the first cell, so that input that cannot be used leaves
        nothing behind.
    keep : bool, default=False
        Whether cells of an earlier run are used, instead of removed.

    Raises
    ------
    FileExistsError
        If the folder holds something other than a report.
    """

    def __init__(
        self, directory: str | os.PathLike[str], config: StudyConfig, *, keep: bool = False
    ) -> None:
        self.folder = check_destination(directory)
        super().__init__(self.folder / _CELLS)
        self._config = _json(config.as_dict())
        self._fresh = not keep

    def load(self, key: str) -> Cell | None:
        """Return the cell of a key, if earlier cells are used."""
        return None if self._fresh else super().load(key)

    def save(self, key: str, cell: Cell) -> None:
        """Write a cell, and before the first one the configuration."""
        if self._config:
            if self._fresh and self.directory.is_dir():
                shutil.rmtree(self.directory)
            self.folder.mkdir(parents=True, exist_ok=True)
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
    place = Path(directory)
    contents = []
    for name in ("results.json", "timings.json", "coordinates.json"):
        try:
            contents.append(json.loads((place / name).read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            hint = "; `resume` finishes it" if (place / _CONFIG).is_file() else ""
            raise ValueError(f"{place} holds no finished report: {error}{hint}") from error
    return Study.from_dicts(*contents)


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
        codes in the plane) and ``timings.json``. The cells of `WorkFolder` stay.

    Raises
    ------
    FileExistsError
        If the folder holds something other than a report.

    Notes
    -----
    All files are written into a folder beside it, which then takes its name, so that a report is
    complete or absent.
    """
    place = check_destination(directory)
    place.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{place.name}-", dir=place.parent))
    try:
        fresh = aside / "fresh"
        fresh.mkdir()
        contents = {
            "report.html": render(study),
            "results.json": _json({**study.as_dict(), "comparison": comparison_as_dict(study)}),
            "results.csv": cells_csv(study),
            "report.md": markdown(study),
            "report.tex": latex(study),
            "timings.json": _json(study.timings_as_dict()),
            "coordinates.json": _json(study.coordinates_as_dict()),
        }
        for name, text in contents.items():
            (fresh / name).write_text(text, encoding="utf-8", newline="\n")
        if place.exists():
            for kept in (_CONFIG, _CELLS):
                if (place / kept).exists():
                    (place / kept).rename(fresh / kept)
            place.rename(aside / "old")
        fresh.rename(place)
    finally:
        shutil.rmtree(aside)
    return place


def _json(content: dict[str, object]) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
