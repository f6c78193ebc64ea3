"""Tensors and what they mean in one file: safetensors with a JSON header, never pickle."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from sparsetransfer._files import replacing

__all__ = [
    "CheckpointError",
    "check_scales",
    "check_tensors",
    "describing",
    "load_module",
    "read_checkpoint",
    "read_classes",
    "read_parameters",
    "write_checkpoint",
]

_SCHEMA = 1


class CheckpointError(ValueError):
    """A file does not hold what it should: damaged, of another kind, or of another version."""


def write_checkpoint(
    path: str | os.PathLike[str], kind: str, tensors: Mapping[str, Tensor], meta: Mapping[str, Any]
) -> None:
    """Write tensors and JSON values aside, then move them into place: at once or not at all.

    Reading asks for the same `kind`.
    """
    header = {"sparsetransfer": json.dumps({"schema": _SCHEMA, "kind": kind, "meta": dict(meta)})}
    content = to_bytes({k: v.detach().cpu().contiguous() for k, v in tensors.items()}, header)
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as aside, aside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def read_checkpoint(
    path: str | os.PathLike[str], kind: str
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `write_checkpoint` wrote: finite tensors on the CPU, and JSON values.

    Raises FileNotFoundError if there is no such file. Raises CheckpointError if the file is
    truncated, was not written by this package, holds another kind or schema version, or a value
    that is not finite.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"no checkpoint at {os.fspath(path)!r}")
    try:
        with safe_open(path, framework="pt") as file:
            described = json.loads((file.metadata() or {})["sparsetransfer"])
            schema, found, meta = described["schema"], described["kind"], described["meta"]
            if schema != _SCHEMA or found != kind:
                raise CheckpointError(
                    f"{os.fspath(path)!r} holds {found!r} of schema {schema}, expected {kind!r} of "
                    f"schema {_SCHEMA}"
                )
            # Copies: the tensors of an open file change with it.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    except (
        SafetensorError,
        KeyError,
        TypeError,
        UnicodeDecodeError,
        json.JSONDecodeError,
        RecursionError,
    ) as error:
        raise CheckpointError(
            f"{os.fspath(path)!r} is damaged or no checkpoint of this package: {error}"
        ) from error
    if not isinstance(meta, dict):
        raise CheckpointError(f"{os.fspath(path)!r} has no table of values in its header")
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise CheckpointError(f"{os.fspath(path)!r}: {name} has values that are not finite")
    return tensors, meta


@contextmanager
def describing(path: str | os.PathLike[str], what: str) -> Iterator[None]:
    """Build what a file describes: any fault of its values becomes a `CheckpointError`.

    Modules that are made inside have shapes but no memory, so that a small file cannot ask for
    much: check them by `check_tensors` before they are made again outside.
    """
    try:
        with torch.device("meta"):
            yield
    except CheckpointError:
        raise
    except (
        AttributeError,
        IndexError,
        KeyError,
        MemoryError,
        OverflowError,
        RuntimeError,
        TypeError,
        ValueError,
    ) as error:
        raise CheckpointError(f"{os.fspath(path)!r} does not describe {what}: {error}") from error


def read_parameters(meta: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """Return the parameters of an estimator; where to compute is not for a file to say.

    Raises ValueError if they name more residual blocks than there are tensors.
    """
    parameters = {name: value for name, value in meta["parameters"].items() if name != "device"}
    if parameters.get("n_blocks", 0) > len(tensors):
        raise ValueError(f"{parameters['n_blocks']} blocks in {len(tensors)} tensors")
    return parameters


def read_classes(given: Any) -> NDArray[Any]:
    """Return classes from a flat list of at least two different names or numbers.

    Raises ValueError if it is anything else.
    """
    flat = isinstance(given, list) and all(isinstance(c, (str, int, float)) for c in given)
    if (
        not flat
        or len({type(c) for c in given}) != 1
        or len(set(given)) != len(given)
        or not given[1:]
    ):
        raise ValueError("classes must be a flat list of at least two different names or numbers")
    return np.array(given)


def check_scales(mean: Tensor, scale: Tensor) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return means and positive scales of source and target, of shape (2, n).

    Raises ValueError if the shapes differ, or a scale is not positive.
    """
    if mean.ndim != 2 or mean.shape != scale.shape or mean.shape[0] != 2 or not mean.shape[1]:
        raise ValueError(f"statistics of shapes {tuple(mean.shape)} and {tuple(scale.shape)}")
    if not (mean.is_floating_point() and scale.is_floating_point() and bool((scale > 0).all())):
        raise ValueError("scales must be positive real numbers")
    return mean.double().numpy(), scale.double().numpy()


def check_tensors(module: nn.Module, tensors: Mapping[str, Tensor], prefix: str = "") -> None:
    """Compare names, shapes and dtypes of tensors with those of a module, on any device.

    Raises CheckpointError if a tensor is missing, too many, or of another shape or dtype, or a
    variance is negative.
    """
    given = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
    expected = module.state_dict()
    wrong = sorted(set(given) ^ set(expected)) or sorted(
        name
        for name, tensor in expected.items()
        if given[name].shape != tensor.shape or given[name].dtype != tensor.dtype
    )
    if wrong:
        raise CheckpointError(f"the checkpoint does not fit the network: {', '.join(wrong[:5])}")
    for name, tensor in given.items():
        if name.endswith("running_var") and bool((tensor < 0).any()):
            raise CheckpointError(f"the checkpoint has negative variances: {name}")


def load_module(module: nn.Module, tensors: Mapping[str, Tensor], prefix: str = "") -> None:
    """Load tensors into a module after checking their names, shapes and dtypes.

    Raises CheckpointError if a tensor is missing, too many, or of another shape or dtype.
    """
    check_tensors(module, tensors, prefix)
    module.load_state_dict(
        {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
    )
