"""Fitted objects as arrays and JSON values: what of which class is kept, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import BaseEstimator

from sparsetransfer.classification import MultiView
from sparsetransfer.classification.balanced_ridge import RidgeFit
from sparsetransfer.classification.priors import PriorBalance
from sparsetransfer.evaluation.data.frame_codes import FrameCodeSet
from sparsetransfer.evaluation.data.normalisation import Scaler
from sparsetransfer.evaluation.methods.fitted import LinearScores, RowModel
from sparsetransfer.evaluation.methods.sparse import UnitComponents
from sparsetransfer.recognition.adapted import AdaptedModel
from sparsetransfer.recognition.calibration import Calibration
from sparsetransfer.recognition.novelty import Novelty
from sparsetransfer.subspace import (
    CORAL,
    JointDistributionAdaptation,
    SubspaceAlignment,
    TransferComponentAnalysis,
)
from sparsetransfer.transfer import (
    DomainMatching,
    LabelTerm,
    NeighbourGraph,
    Optimisation,
    PooledSparseCoder,
    Regularisation,
    TransferSparseCoding,
)
from sparsetransfer.transfer.estimator.options import grouped
from sparsetransfer.transfer.inductive import GraphExtension, LinearTerm

__all__ = ["StateError", "pack_state", "unpack_state"]


class StateError(ValueError):
    """A fitted object cannot be kept, or what was kept is no fitted object."""


_ATTRIBUTES: Mapping[type, tuple[str, ...]] = {
    CORAL: ("source_mean_", "_aligns", "n_features_in_"),
    GraphExtension: (
        *("samples", "n_neighbors", "weights", "normalized"),
        *("metric", "bandwidth", "degrees", "laplacian"),
    ),
    JointDistributionAdaptation: ("_mean", "projection_", "n_features_in_"),
    LinearTerm: ("numbers", "rows"),
    MultiView: ("classes_", "columns_", "encoders_", "ridges_", "balances_", "n_features_in_"),
    PooledSparseCoder: ("components_", "whitening_", "domains_", "means_", "scales_"),
    SubspaceAlignment: (
        *("source_mean_", "source_components_", "target_mean_", "target_components_"),
        *("alignment_", "n_features_in_"),
    ),
    TransferComponentAnalysis: ("_mean", "projection_", "n_features_in_"),
    TransferSparseCoding: ("components_", "codes_", "_linear_term", "_graph", "n_features_in_"),
    **{
        found: tuple(field.name for field in fields(found))
        for found in (
            *(AdaptedModel, Calibration, FrameCodeSet, LinearScores, Novelty, PriorBalance),
            *(RidgeFit, RowModel, Scaler, UnitComponents),
            *(DomainMatching, LabelTerm, NeighbourGraph, Optimisation, Regularisation),
        )
    },
}
"""What is kept of an object: of an estimator, what its answers for new rows are made of."""

_LATER: Mapping[type, set[str]] = {Calibration: {"offsets"}}
"""Attributes with a default that earlier files of the same layout lack."""

_FORMER = {"MeanPull": "LinearTerm", "_pull": "_linear_term"}
"""Names in files of the version before."""

_CLASSES = {found.__name__: found for found in _ATTRIBUTES}
_KINDS = "fiub"


def pack_state(value: Any) -> tuple[Any, dict[str, NDArray[Any]]]:
    """Convert a fitted object to arrays and JSON values.

    `value`: of a class whose state is known, with such objects, arrays and JSON values in it.
    Returns `tree`: the object with numbers of arrays in their places. `arrays`: the arrays, by
    number. Raises StateError if something else is in it.
    """
    packer = _Packer()
    return packer.pack(value), packer.arrays


class _Packer:
    def __init__(self) -> None:
        self.arrays: dict[str, NDArray[Any]] = {}

    def pack(self, value: Any) -> Any:
        if isinstance(value, np.generic):
            value = value.item()
        if value is None or isinstance(value, (bool, int, float, str)):
            return value
        if isinstance(value, (list, tuple)):
            return {type(value).__name__: [self.pack(each) for each in value]}
        if isinstance(value, dict):
            return {"json": json.loads(json.dumps(value))}
        if isinstance(value, np.ndarray):
            return self._array(value)
        if sparse.issparse(value):
            rows = sparse.csr_array(value)
            parts = [self._array(part) for part in (rows.data, rows.indices, rows.indptr)]
            return {"sparse": [*parts, list(rows.shape)]}
        if type(value) not in _ATTRIBUTES:
            raise StateError(f"no model file keeps a fitted {type(value).__name__}")
        entry: dict[str, Any] = {"class": type(value).__name__}
        if isinstance(value, BaseEstimator):
            params = value.get_params(deep=False)
            entry["params"] = {name: self.pack(each) for name, each in params.items()}
        kept = _ATTRIBUTES[type(value)]
        entry["state"] = {name: self.pack(getattr(value, name)) for name in kept}
        return entry

    def _array(self, value: NDArray[Any]) -> dict[str, Any]:
        if value.dtype.kind in "UO":
            return {"text": [str(each) for each in value.tolist()]}
        if value.dtype.kind not in _KINDS:
            raise StateError(f"no model file keeps an array of {value.dtype}")
        number = str(len(self.arrays))
        self.arrays[number] = np.ascontiguousarray(value).reshape(value.shape)
        return {"array": number}


def unpack_state(tree: Any, arrays: Mapping[str, NDArray[Any]]) -> Any:
    """Restore an object from what `pack_state` returned.

    `tree`: as `pack_state` gave it. Returns: the fitted object. Raises StateError if the tree names
    another class or attribute than those that are known, an array is missing or not finite, or
    constructors refuse their values.

    Classes come from a fixed table, attributes from the list of their class. Nothing is imported
    or called by name.
    """
    for number, array in arrays.items():
        if array.dtype.kind not in _KINDS or not np.isfinite(array).all():
            raise StateError(f"array {number} holds values that are not finite numbers")
    try:
        return _unpacked(tree, arrays)
    except StateError:
        raise
    except (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise StateError(f"its description is damaged: {error!r}") from error


def _unpacked(tree: Any, arrays: Mapping[str, NDArray[Any]]) -> Any:
    if tree is None or isinstance(tree, (bool, int, float, str)):
        return tree
    if "class" in tree:
        return _object(tree, arrays)
    ((kind, content),) = tree.items()
    if kind in ("list", "tuple"):
        values = [_unpacked(each, arrays) for each in content]
        return tuple(values) if kind == "tuple" else values
    if kind == "json":
        return dict(content)
    if kind == "array":
        return arrays[content]
    if kind == "text":
        return np.array([str(each) for each in content], dtype=np.str_)
    if kind == "sparse":
        data, indices, indptr = (_unpacked(part, arrays) for part in content[:3])
        rows = sparse.csr_array((data, indices, indptr), shape=tuple(content[3]))
        rows.check_format(full_check=True)
        return rows
    raise StateError(f"its description is damaged: there is no kind {kind!r}")


def _object(tree: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Any:
    name = tree["class"]
    found = _CLASSES.get(_FORMER.get(name, name))
    if found is None:
        raise StateError(f"no model file keeps a fitted {name!r}")
    kept = _ATTRIBUTES[found]
    state = {_FORMER.get(key, key): value for key, value in tree["state"].items()}
    if not set(kept) - _LATER.get(found, set()) <= set(state) <= set(kept):
        raise StateError(f"{found.__name__} must have exactly {', '.join(kept)}, got {list(state)}")
    values = {name: _unpacked(state[name], arrays) for name in kept if name in state}
    if is_dataclass(found):
        return found(**values)
    if issubclass(found, BaseEstimator):
        params = {name: _unpacked(each, arrays) for name, each in tree["params"].items()}
        # Files of the version before have the options of this coder under their former names.
        made = found(**(grouped(params) if found is TransferSparseCoding else params))
    else:
        made = object.__new__(found)
    if isinstance(made, PooledSparseCoder):
        return made._restore({name.rstrip("_"): value for name, value in values.items()})
    for name, value in values.items():
        setattr(made, name, value)
    return made
