"""Settings of methods, checked when a study is read and not when its methods run."""

from __future__ import annotations

import collections.abc
import inspect
import math
import numbers
import sys
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args, get_origin

from sparsetransfer._messages import listing

__all__ = ["check_estimator", "check_settings"]

_RANGES: Mapping[str, str] = {
    **dict.fromkeys(("l1", "l21", "group"), "[0, 1]"),
    **dict.fromkeys(
        ("mmd", "laplacian", "graph", "conditional", "ridge", "l2", "label", "reconstruction"),
        "[0, inf)",
    ),
    "reg_e": "(0, inf)",
    "reg_cl": "[0, inf)",
    **dict.fromkeys(("alignment", "threshold", "tol", "rounds", "n_rounds"), "[0, inf)"),
    **dict.fromkeys(("n_resamples", "pretrain_epochs", "objective_tol"), "[0, inf)"),
    **dict.fromkeys(
        ("alpha", "sparsity", "kkt_tol", "temperature", "gamma", "label_l2"), "(0, inf)"
    ),
    **dict.fromkeys(("n_components", "n_pca", "n_neighbors", "max_iter", "max_rounds"), "[1, inf)"),
}
"""Where the settings of our methods lie. A name means the same in every one of them."""

_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}


def check_settings(
    method: str, owner: type[Any], settings: Mapping[str, Any], group: str = ""
) -> None:
    """Compare settings with the types and ranges of the parameters of a class of this package.

    A ValueError names the method and the setting, with `group` as its prefix.
    """
    known = inspect.signature(owner).parameters
    names = {**vars(typing), **vars(sys.modules[owner.__module__])}
    for name, value in settings.items():
        try:
            # A study holds plain values: what is imported for type checks only is none of them.
            hint = known[name].annotation
            hint = eval(hint, names) if isinstance(hint, str) else hint
        except (KeyError, NameError, AttributeError):
            continue
        expected = _expected(hint)
        if not _fits(value, hint):
            raise ValueError(f"method {method!r}: {group}{name} must be {expected}, got {value!r}")
        span = _range(owner, name)
        if span and isinstance(value, numbers.Real) and not _inside(float(value), span):
            raise ValueError(
                f"method {method!r}: {group}{name} must be {expected} in {span}, got {value!r}"
            )


def check_estimator(method: str, estimator: Any, settings: Mapping[str, Any]) -> None:
    """Check the parameters of an estimator as far as that is possible without data.

    It is one of this package, or one that declares what its parameters may be, as those of scikit-
    learn do. A ValueError names the method and the parameter of `settings`.
    """
    if _is_ours(type(estimator)):
        check_settings(method, type(estimator), settings)
        for name, value in settings.items():
            group, _, field = name.partition("__")
            if field:
                owner = type(getattr(estimator, group))
                check_settings(method, owner, {field: value}, f"{group}__")
        check = getattr(estimator, "_check_parameters", None)
    else:
        declared = hasattr(estimator, "_parameter_constraints")
        check = getattr(estimator, "_validate_params", None) if declared else None
    if check is not None:
        try:
            check()
        except (TypeError, ValueError) as error:
            raise ValueError(f"method {method!r}: {error}") from error


def _is_ours(owner: type[Any]) -> bool:
    return owner.__module__.partition(".")[0] == "sparsetransfer"


def _range(owner: type[Any], name: str) -> str:
    """Return the range of a parameter, if the class does not check it itself."""
    package = owner.__module__.split(".")[1]
    if hasattr(owner, "_check_parameters") or package not in ("evaluation", "subspace", "transfer"):
        return ""
    if name == "regularization":
        return "[0, inf)" if owner.__name__ == "CORAL" else "(0, inf)"
    return _RANGES.get(name, "")


def _inside(value: float, span: str) -> bool:
    least, greatest = map(float, span[1:-1].split(","))
    return (least <= value if span[0] == "[" else least < value) and (
        value <= greatest if span[-1] == "]" else value < greatest
    )


def _alternatives(hint: Any) -> tuple[Any, ...]:
    if get_origin(hint) in (typing.Union, types.UnionType):
        return tuple(part for one in get_args(hint) for part in _alternatives(one))
    return (hint,)


def _expected(hint: Any) -> str:
    """Describe what is expected."""
    words = []
    for one in _alternatives(hint):
        if get_origin(one) is Literal:
            words.append(f"one of {listing(map(repr, get_args(one)))}")
        elif get_origin(one) is collections.abc.Sequence and get_args(one)[0] in _WORDS:
            words.append(f"a list, each of it {_WORDS[get_args(one)[0]]}")
        elif one in _WORDS:
            words.append(_WORDS[one])
        elif get_origin(one) is collections.abc.Mapping:
            words.append("a table")
    return " or ".join(words)


def _fits(value: Any, hint: Any) -> bool:
    return any(_fits_one(value, one) for one in _alternatives(hint))


def _fits_one(value: Any, hint: Any) -> bool:
    if get_origin(hint) is Literal:
        return isinstance(value, str) and value in get_args(hint)
    if get_origin(hint) is collections.abc.Sequence:
        listed = isinstance(value, Sequence) and not isinstance(value, str)
        return listed and all(_fits_one(part, get_args(hint)[0]) for part in value)
    if hint is types.NoneType:
        return value is None
    if hint is bool or isinstance(value, bool):
        return hint is bool and isinstance(value, bool)
    if hint is int:
        return isinstance(value, numbers.Integral)
    if hint is float:
        return isinstance(value, numbers.Real) and math.isfinite(value)
    if hint is str:
        return isinstance(value, str)
    # Mappings and arrays: what else they are is for the estimator to say.
    return not isinstance(value, (str, numbers.Real))
