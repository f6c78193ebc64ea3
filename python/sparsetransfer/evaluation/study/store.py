"""Finished cells as files, so that a run that was killed continues."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sparsetransfer._files import existing_file, write_text
from sparsetransfer.evaluation.data.dataset import Dataset
from sparsetransfer.evaluation.methods.base import (
    Method,
    wanted_frames,
    wanted_views,
    wants_spectrograms,
)
from sparsetransfer.evaluation.protocol.designs import Task
from sparsetransfer.evaluation.protocol.protocol import EvaluationProtocol
from sparsetransfer.evaluation.study.run_result import RunResult

__all__ = ["CellStore", "cell_key"]

logger = logging.getLogger(__name__)

_SCHEMA = "sparsetransfer.cell"


def cell_key(
    protocol: EvaluationProtocol, task: Task, method: Method, seed: int, domains: Sequence[Dataset]
) -> str:
    """Return 24 hexadecimal digits that change with everything the figures of a cell depend on.

    The name and the settings of the method enter, and the content of the corpora of the task, with
    their spectrograms, frames and named views if the method reads them.
    """
    content: dict[str, Any] = {
        "protocol": protocol.id,
        "task": task.name,
        "method": [method.name, method.settings()],
        "seed": seed,
        "corpora": [domain.fingerprint for domain in domains],
    }
    if views := wanted_views(method):
        content["views"] = [domain.view_fingerprint(views) for domain in domains]
    if wants_spectrograms(method):
        content["spectrograms"] = [domain.spectrogram_fingerprint for domain in domains]
    frames = wanted_frames(method)
    if frames:
        content["frames"] = [domain.frame_fingerprint(frames) for domain in domains]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:24]


class CellStore:
    """A folder with one JSON file per cell.

    `directory`: the folder; made when the first cell is saved.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self.directory = Path(directory)

    def load(self, key: str) -> RunResult | None:
        """Return the cell of a key.

        `key`: as from `cell_key`. Returns: none if there is none, or none that can be read: it is
        then computed again.
        """
        place = self.directory / f"{key}.json"
        try:
            content = json.loads(existing_file(place).read_text(encoding="utf-8"))
            if content["schema"] != _SCHEMA:
                raise ValueError(f"schema {content['schema']!r}")
            return RunResult.from_record(content["cell"])
        except FileNotFoundError:
            return None
        except (OSError, KeyError, TypeError, ValueError, RecursionError) as error:
            logger.warning("%s is no cell and is computed again: %s", place, error)
            return None

    def save(self, key: str, cell: RunResult) -> None:
        """Write a cell aside, then put it into place.

        `key`: as from `cell_key`.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"schema": _SCHEMA, "cell": cell.as_record()}, ensure_ascii=False)
        write_text(self.directory / f"{key}.json", text)
