"""Computed features on disk, found by content: same audio, same feature set, same segment."""

import hashlib
import json
import logging
import math
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sparsetransfer._files import reading, replacing

__all__ = ["Cache"]

_log = logging.getLogger(__name__)


class Cache:
    """One file of numbers per utterance.

    Entries are found by the hash of the audio file's bytes, so a corpus may be moved or renamed
    and a changed recording is recomputed. They are written aside and moved into place: a killed
    run leaves whole entries or none, and several processes may share a folder.

    `folder`: folder of the cache; made when the first entry is written. `feature_set`: name and
    version of the feature set. `n_columns`: number of values of an entry, or of each of its rows.
    `sequences`: whether an entry has rows: any number, in float32.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        feature_set: str,
        n_columns: int,
        *,
        sequences: bool = False,
    ) -> None:
        self.folder = Path(os.path.expanduser(folder)).absolute() / feature_set
        self.n_columns = n_columns
        self._dtype = np.float32 if sequences else np.float64
        self._n_axes = 2 if sequences else 1

    def path(self, content: str, start: float, end: float) -> Path:
        """Return where an entry lies.

        `content`: hash of the audio file's bytes. `start`, `end`: segment in seconds; NaN for the
        begin and the end of the file. Returns: file name, whether it exists or not.
        """
        segment = [None if math.isnan(second) else float(second) for second in (start, end)]
        key = json.dumps([content, *segment]).encode()
        name = hashlib.blake2b(key, digest_size=16).hexdigest()
        return self.folder / name[:2] / f"{name}.npy"

    def load(self, path: Path) -> NDArray[np.floating] | None:
        """Read an entry.

        `path`: what `path` returned. Returns (n_columns,) or (n_rows, n_columns): the values; None
        if there is no entry or if it is damaged, which is logged.
        """
        try:
            values = _read(path)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            _log.warning("damaged cache entry %s is recomputed: %s", path, error)
            return None
        whole = (
            values.ndim == self._n_axes
            and values.shape[-1] == self.n_columns
            and values.size > 0
            and values.dtype == self._dtype
            and bool(np.isfinite(values).all())
        )
        if not whole:
            _log.warning("damaged cache entry %s is recomputed: wrong content", path)
            return None
        return values

    def save(self, path: Path, values: NDArray[np.floating]) -> None:
        """Write an entry.

        `path`: what `path` returned. `values` (n_columns,) or (n_rows, n_columns): finite values:
        float64, or float32 for sequences.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as aside, aside.open("wb") as stream:
            np.save(stream, values, allow_pickle=False)


def _read(path: Path) -> NDArray[np.floating]:
    """Read the array of an ``.npy`` file; whatever else the file holds is not unpickled."""
    with reading(path) as place, place.open("rb") as stream:
        return np.asarray(np.lib.format.read_array(stream, allow_pickle=False))
