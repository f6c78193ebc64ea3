"""The report folder: written aside, then put into place."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path

from sparsetransfer.evaluation import Study
from sparsetransfer.reporting.page import render
from sparsetransfer.reporting.tables import cells_csv

__all__ = ["check_destination", "write"]


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
    try:
        content = json.loads((place / "results.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and content.get("schema") == "sparsetransfer.study"


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
        The folder, with ``report.html``, ``results.json`` (everything but times; equal runs give
        equal bytes), ``results.csv`` (one line per cell), ``coordinates.json`` (features and
        codes in the plane) and ``timings.json``.

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
            "results.json": _json(study.as_dict()),
            "results.csv": cells_csv(study),
            "timings.json": _json(study.timings_as_dict()),
            "coordinates.json": _json(study.coordinates_as_dict()),
        }
        for name, text in contents.items():
            (fresh / name).write_text(text, encoding="utf-8", newline="\n")
        if place.exists():
            place.rename(aside / "old")
        fresh.rename(place)
    finally:
        shutil.rmtree(aside)
    return place


def _json(content: dict[str, object]) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
