"""Recognisers as files: safetensors and JSON, checked before anything is allocated."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from sparsetransfer._files import existing_file, replacing
from sparsetransfer.recognition.linear import LinearRecogniser

__all__ = ["ModelError", "load_model", "read_header", "save_model"]

_SCHEMA = "sparsetransfer.recogniser"
_VERSION = 1
_KEY = "sparsetransfer"
_HEADER_LIMIT = 1 << 20
_SIZE_LIMIT = 1 << 28
_MOST_CLASSES = 1000
_ARRAYS = ("mean", "spread", "coefficients", "intercepts", "calibration")


class ModelError(ValueError):
    """A file holds no model that can be used."""


def save_model(recogniser: LinearRecogniser, path: str | os.PathLike[str]) -> None:
    """Write a recogniser.

    Parameters
    ----------
    recogniser : LinearRecogniser
        The recogniser.
    path : path-like
        The file, in a folder that exists. It is written aside and then put into place.
    """
    from safetensors.numpy import save

    description = {
        "schema": _SCHEMA,
        "schema_version": _VERSION,
        "classes": list(recogniser.classes),
        "feature_set": recogniser.feature_set,
        "feature_set_id": recogniser.feature_set_id,
        "about": recogniser.about,
    }
    arrays = {
        name: np.ascontiguousarray(getattr(recogniser, name), dtype=np.float64) for name in _ARRAYS
    }
    content = save(arrays, metadata={_KEY: json.dumps(description, sort_keys=True)})
    with replacing(path) as aside:
        aside.write_bytes(content)


def load_model(path: str | os.PathLike[str]) -> LinearRecogniser:
    """Read a recogniser that `save_model` wrote.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    LinearRecogniser
        The recogniser.

    Raises
    ------
    ModelError
        If the file is missing, truncated, too large, of another layout or version, has arrays of
        other shapes, or holds values that are not finite.

    Notes
    -----
    Nothing in the file is executed. Sizes are checked before anything of that size is allocated.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    place = Path(path)
    try:
        size = existing_file(place).stat().st_size
        if size > _SIZE_LIMIT:
            raise ModelError(f"{place}: {size} bytes are more than any model has")
        with place.open("rb") as stream:
            header = read_header(stream, size, place)
            description, n_features = _description(header, place)
            _check_shapes(header, len(description["classes"]), n_features, place)
            stream.seek(0)
            arrays = load(stream.read())
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{place}: cannot be read: {error}") from error
    for name in _ARRAYS:
        if not np.isfinite(arrays[name]).all():
            raise ModelError(f"{place}: {name} holds values that are not finite")
    if not (arrays["spread"] > 0).all() or not arrays["calibration"][0] > 0:
        raise ModelError(f"{place}: spread and slope must be positive")
    return LinearRecogniser(
        classes=tuple(description["classes"]),
        feature_set=description["feature_set"],
        feature_set_id=description["feature_set_id"],
        about=description["about"],
        **{name: arrays[name] for name in _ARRAYS},
    )


def read_header(stream: Any, size: int, place: Path, limit: int = _HEADER_LIMIT) -> dict[str, Any]:
    """Read the header of a file in the format of safetensors, of at most `limit` bytes."""
    length = stream.read(8)
    count = int.from_bytes(length, "little")
    if len(length) < 8 or count > min(limit, size - 8):
        raise ModelError(f"{place}: this is no model: its header cannot be {count} bytes long")
    try:
        content = json.loads(stream.read(count))
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{place}: this is no model: {error}") from error
    if not isinstance(content, dict):
        raise ModelError(f"{place}: this is no model: its header is no table")
    return content


def _description(header: dict[str, Any], place: Path) -> tuple[dict[str, Any], int]:
    try:
        description = json.loads(header["__metadata__"][_KEY])
        found = (description["schema"], description["schema_version"])
        if found != (_SCHEMA, _VERSION):
            raise ModelError(f"{place}: expected {_SCHEMA} of version {_VERSION}, got {found}")
        classes = description["classes"]
        (n_features,) = header["mean"]["shape"]
        fine = (
            isinstance(classes, list)
            and all(isinstance(name, str) and name for name in classes)
            and 2 <= len(set(classes)) == len(classes) <= _MOST_CLASSES
            and isinstance(n_features, int)
            and isinstance(description["feature_set"], str)
            and isinstance(description["feature_set_id"], str)
            and isinstance(description["about"], dict)
        )
    except ModelError:
        raise
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ModelError(f"{place}: its description is damaged: {error!r}") from error
    if not fine:
        raise ModelError(f"{place}: its description is damaged")
    return description, n_features


def _check_shapes(header: dict[str, Any], n_classes: int, n_features: int, place: Path) -> None:
    shapes = {
        "mean": [n_features],
        "spread": [n_features],
        "coefficients": [n_classes, n_features],
        "intercepts": [n_classes],
        "calibration": [n_classes + 1],
    }
    if set(header) != {*shapes, "__metadata__"}:
        raise ModelError(f"{place}: it must hold exactly the arrays {', '.join(shapes)}")
    for name, shape in shapes.items():
        entry = header[name]
        if (
            not isinstance(entry, dict)
            or entry.get("dtype") != "F64"
            or entry.get("shape") != shape
            or math.prod(shape) <= 0
        ):
            raise ModelError(f"{place}: {name} must be float64 of shape {shape}, got {entry}")
