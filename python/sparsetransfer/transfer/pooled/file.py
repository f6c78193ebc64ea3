"""Fitted pooled coders as files: safetensors and JSON, checked before they are used."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from sparsetransfer._files import replacing
from sparsetransfer._validation import check_flags_of, check_integer, check_real
from sparsetransfer.sparse_coding.pooled import PoolingStatistic, check_pooling

__all__ = ["FittedArrays", "read_arrays", "write_arrays"]

_SCHEMA = "sparsetransfer.pooled_sparse_coder"
_VERSION = 1
_ARRAYS = ("components", "whitening", "domains", "means", "scales")


class FittedArrays(BaseEstimator):  # type: ignore[misc]
    """Save and restore the arrays that `PooledSparseCoder` fits."""

    n_components: int
    alpha: float
    power: float
    n_dictionaries: int
    pooling: Sequence[PoolingStatistic]
    random_state: Any

    def _check_parameters(self) -> None:
        check_flags_of(self)
        for name in ("n_components", "n_whitened", "n_dictionaries", "max_frames"):
            check_integer(getattr(self, name), name, minimum=1)
        check_real(self.alpha, "alpha", minimum=0.0, strict=True)
        check_pooling(self.pooling)
        if not 0 < check_real(self.power, "power") <= 1:
            raise ValueError(f"power must be in (0, 1], got {self.power}")

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write what was fitted as safetensors with a JSON header, aside and then renamed.

        Parameters
        ----------
        path : path-like
            The file, in a folder that exists.
        """
        check_is_fitted(self, "components_")
        parameters = self.get_params() | {"pooling": check_pooling(self.pooling)}
        if not isinstance(self.random_state, int):
            parameters["random_state"] = None
        write_arrays(path, parameters, {name: getattr(self, name + "_") for name in _ARRAYS})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a coder that `save` wrote; it transforms, but has no statistics to learn on.

        Parameters
        ----------
        path : path-like
            The file. Nothing in it is executed.

        Returns
        -------
        PooledSparseCoder

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If the file is damaged, of another kind or version, or its arrays do not fit.
        """
        parameters, arrays = read_arrays(path, _ARRAYS)
        coder = cls()
        try:
            coder.set_params(**parameters)._check_parameters()
        except (TypeError, ValueError) as error:
            raise ValueError(f"{os.fspath(path)!r}: parameters cannot be used: {error}") from error
        try:
            return coder._restore(arrays)
        except ValueError as error:
            raise ValueError(f"{os.fspath(path)!r}: {error}") from error

    def _frozen(self) -> Self:
        """Return a coder that transforms the same on one thread, without statistics to learn on."""
        parameters = self.get_params() | {"n_jobs": 1, "random_state": None}
        arrays = {name: getattr(self, name + "_") for name in _ARRAYS}
        return type(self)(**parameters)._restore(arrays)

    def _restore(self, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Set the fitted attributes from arrays, after checking their shapes."""
        self._check_parameters()
        whitened = arrays["whitening"].shape[-1:]
        n_domains, n_features = len(arrays["domains"]), len(arrays["whitening"])
        shapes = {
            "components": (self.n_dictionaries, self.n_components, *whitened),
            "whitening": (n_features, *whitened),
            "domains": (n_domains,),
            "means": (n_domains, n_features),
            "scales": (n_domains, n_features),
        }
        wrong = [name for name in _ARRAYS if arrays[name].shape != shapes[name]]
        if wrong or not (arrays["scales"] > 0).all() or arrays["domains"].dtype != np.int64:
            raise ValueError(f"arrays do not fit: {wrong or 'scales, domains'}")
        for name in _ARRAYS:
            setattr(self, name + "_", arrays[name])
        self.n_features_in_ = n_features
        self._dtype = self.components_.dtype
        return self


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

    Raises FileNotFoundError if there is no such file. Raises ValueError if the file is damaged, of
    another kind or version, or lacks an array.
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
