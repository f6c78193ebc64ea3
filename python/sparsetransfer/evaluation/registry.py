"""The registry of methods."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sparsetransfer.evaluation.methods import LinearSVMMethod, Majority, Method

__all__ = ["available_methods", "make_methods"]


def _sparse_coding() -> Method:
    from sparsetransfer.evaluation.sparse_methods import SparseCodingMethod

    return SparseCodingMethod(
        name="sparse-coding",
        description=(
            "Joint PCA, unit norm, dictionary and sparse codes of both corpora without transfer "
            "terms, tuned linear SVM on the source codes."
        ),
    )


def _transfer_sparse_coding() -> Method:
    from sparsetransfer.evaluation.sparse_methods import SparseCodingMethod

    return SparseCodingMethod(
        name="transfer-sparse-coding",
        description=(
            "The same with the maximum mean discrepancy between the codes of the corpora and a "
            "graph Laplacian in the objective."
        ),
        mmd=60.0,
        laplacian=1.0,
    )


_REGISTRY: Mapping[str, Callable[[], Method]] = {
    "majority": Majority,
    "svm": LinearSVMMethod,
    "sparse-coding": _sparse_coding,
    "transfer-sparse-coding": _transfer_sparse_coding,
}


def available_methods() -> tuple[str, ...]:
    """Return the names of all methods, in the order of the tables."""
    return tuple(_REGISTRY)


def make_methods(
    names: Sequence[str] | None = None, overrides: Mapping[str, Mapping[str, Any]] | None = None
) -> tuple[Method, ...]:
    """Build methods with their fixed settings.

    Parameters
    ----------
    names : sequence of str, optional
        Names as in `available_methods`, without repetition; all of them by default.
    overrides : mapping of str to mapping, optional
        Per method, settings that replace the defaults.

    Returns
    -------
    tuple of Method
        The methods in the given order.

    Raises
    ------
    ValueError
        If a name is unknown or repeated, or a setting does not exist.
    """
    chosen = tuple(_REGISTRY if names is None else names)
    overrides = overrides or {}
    unknown = [name for name in [*chosen, *overrides] if name not in _REGISTRY]
    if unknown:
        raise ValueError(f"unknown methods {unknown}, expected some of {list(_REGISTRY)}")
    if not chosen or len(set(chosen)) != len(chosen):
        raise ValueError(f"methods must be given, without repetition, got {list(chosen)}")
    return tuple(_configured(_REGISTRY[name](), overrides.get(name, {})) for name in chosen)


def _configured(method: Method, changes: Mapping[str, Any]) -> Method:
    strange = sorted(set(changes) - set(method.settings()))
    if strange:
        raise ValueError(
            f"method {method.name!r} has no settings {strange}; it has {sorted(method.settings())}"
        )
    return replace(method, **changes) if changes else method  # type: ignore[type-var]
