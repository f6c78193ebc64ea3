"""Fitted pooled coders as files: safetensors and JSON, checked before they are used."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sparsetransfer._files import replacing

__all__ = ["read_arrays", "write_arrays"]

_SCHEMA = "sparsetransfer.pooled_sparse_coder"
_VERSION = 1


def write_arrays(
    path: str | os.PathLike[str],
    parameters: Mapping[str, Any],
    arrays: Mapping[str, NDArray[Any]],
) -> None:
    """Write arrays and JSON parameters aside, then rename the file."""
    from safetensors.numpy import save

    header = {"schema": _SCHEMA, "version": _VERSION, "parameters": dict(parameters)}
    content = save(
        {name: np.ascontiguousarray(array) for name, array in arrays.items()},
        metadata={"sparsetransfer": json.dumps(header, sort_keys=True)},
    )
    with replacing(path) as aside:
        aside.write_bytes(content)


def read_arrays(
    path: str | os.PathLike[str], names: tuple[str, ...]
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Read what `write_arrays` wrote: parameters, and the named arrays, which are finite.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is damaged, of another kind or version, or lacks an array.
    """
    from safetensors import SafetensorError, safe_open

    place = Path(path)
    if not place.is_file():
        raise FileNotFoundError(f"no file {place}")
    try:
        with safe_open(place, framework="numpy") as file:
            header = json.loads((file.metadata() or {})["sparsetransfer"])
            kind = header["schema"], header["version"]
            parameters = dict(header["parameters"])
            arrays = {name: np.asarray(file.get_tensor(name)) for name in names}
    except (SafetensorError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{place} is damaged or holds no pooled sparse coder: {error}") from error
    if kind != (_SCHEMA, _VERSION):
        raise ValueError(f"{place} holds {kind}, expected {(_SCHEMA, _VERSION)}")
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise ValueError(f"{place}: {name} has values that are not finite")
    return parameters, arrays
