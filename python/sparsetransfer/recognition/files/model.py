"""Recognisers as files: safetensors and JSON of a numbered layout, checked before they are used."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparsetransfer._files import existing_file, replacing
from sparsetransfer.evaluation.data.frame_codes import FrameCodeSet
from sparsetransfer.recognition.adapted import AdaptedModel
from sparsetransfer.recognition.files.linear import ModelError, load_model, read_header, save_model
from sparsetransfer.recognition.files.state import StateError, pack_state, unpack_state
from sparsetransfer.recognition.linear import LinearRecogniser

if TYPE_CHECKING:
    from sparsetransfer.recognition.recogniser import Recogniser

__all__ = ["load", "save"]

_SCHEMA = "sparsetransfer.recogniser"
_VERSION = 2
_KEY = "sparsetransfer"
_HEADER_LIMIT = 1 << 24
_SIZE_LIMIT = 1 << 30


def save(recogniser: Recogniser, path: str | os.PathLike[str]) -> None:
    """Write a fitted recogniser, at once or not at all; StateError for what no model file keeps."""
    from safetensors.numpy import save as as_bytes

    model = recogniser.model_
    if isinstance(model, LinearRecogniser):
        save_model(model, path)
        return
    codes = tuple(recogniser.frame_codes_.items())
    packed, arrays = pack_state((model, codes))
    tree, encoders = packed["tuple"]
    description = {"schema": _SCHEMA, "schema_version": _VERSION, "model": tree}
    if codes:
        description["frame_codes"] = encoders
    content = as_bytes(arrays, metadata={_KEY: json.dumps(description, sort_keys=True)})
    with replacing(path) as aside:
        aside.write_bytes(content)


def load(
    path: str | os.PathLike[str],
) -> tuple[AdaptedModel | LinearRecogniser, dict[str, FrameCodeSet]]:
    """Read what `save` wrote.

    `path`: the file, of this layout or of an earlier one. Returns `model`: the model.
    `frame_codes`: its feature sets that were learned, by name. Raises ModelError if the file is
    missing, truncated, too large, of a newer layout, names another class or attribute than those
    that are known, or holds values that are not finite or answer nothing.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load as from_bytes

    place = Path(path)
    try:
        size = existing_file(place).stat().st_size
        if size > _SIZE_LIMIT:
            raise ModelError(f"{place}: {size} bytes are more than any model has")
        with place.open("rb") as stream:
            description = _description(stream, size, place)
            if description["schema_version"] == 1:
                return load_model(place), {}
            stream.seek(0)
            arrays = from_bytes(stream.read())
        encoders = description.get("frame_codes", {"tuple": []})
        model, found = unpack_state({"tuple": [description["model"], encoders]}, arrays)
        if not isinstance(model, AdaptedModel):
            raise StateError("its description is damaged")
        frame_codes = _frame_codes(found, model)
        model.check()
    except ModelError:
        raise
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{place}: cannot be read: {error}") from error
    except Exception as error:
        # Whatever parts that do not fit together raise when they are asked.
        raise ModelError(f"{place}: this is no model: {error}") from error
    return model, frame_codes


def _frame_codes(found: Any, model: AdaptedModel) -> dict[str, FrameCodeSet]:
    """Return feature sets that were learned, if they describe what the model reads."""
    codes = dict(found)
    widths = dict(zip(model.about.get("feature_set_names", ()), model.widths, strict=False))
    for name, each in codes.items():
        if not isinstance(each, FrameCodeSet) or len(each.names) != widths.get(name):
            raise StateError(f"its feature set {name!r} does not fit the model")
    return codes


def _description(stream: Any, size: int, place: Path) -> dict[str, Any]:
    header = read_header(stream, size, place, _HEADER_LIMIT)
    try:
        found = json.loads(header["__metadata__"][_KEY])
        schema, version = found["schema"], found["schema_version"]
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ModelError(f"{place}: this is no model: {error!r}") from error
    if schema == _SCHEMA and isinstance(version, int) and version > _VERSION:
        raise ModelError(
            f"{place}: written in layout {version} by a newer version, this one reads up to "
            f"{_VERSION}; update the package"
        )
    if schema != _SCHEMA or version not in (1, _VERSION) or not isinstance(found, dict):
        raise ModelError(f"{place}: expected {_SCHEMA} of version 1 or {_VERSION}, got {version!r}")
    return found
