"""Values that were read from a file, compared with the types that their dataclass declares."""

from __future__ import annotations

import math
import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np

from sparsetransfer._messages import shortened

__all__ = ["check_fields"]


def check_fields(value: Any, at: str = "") -> None:
    """Check the fields of a dataclass, and those of the dataclasses in it.

    `value`: made of values that nobody has checked. `at`: where it stands, for the message. Raises
    ValueError if a value is not of the declared type, or a number is infinite. NaN is a float; what
    is declared as Any is not looked at.
    """
    hints = get_type_hints(type(value))
    for entry in fields(value):
        _check(getattr(value, entry.name), hints[entry.name], f"{at}{entry.name}")


def _check(value: Any, hint: Any, at: str) -> None:
    origin, inner = get_origin(hint), get_args(hint)
    if hint is Any:
        return
    if origin in (Union, types.UnionType):
        if value is not None:
            _check(value, next(part for part in inner if part is not type(None)), at)
    elif origin is tuple:
        _demand(isinstance(value, tuple), value, "a list", at)
        kinds = [inner[0]] * len(value) if inner[-1] is Ellipsis else list(inner)
        _demand(len(kinds) == len(value), value, f"{len(kinds)} values", at)
        for number, (part, kind) in enumerate(zip(value, kinds, strict=True)):
            _check(part, kind, f"{at}[{number}]")
    elif origin is Mapping:
        _demand(isinstance(value, Mapping), value, "a table", at)
        for name, part in value.items():
            _check(part, inner[1], f"{at}.{name}")
    elif origin is np.ndarray:
        _demand(not np.isinf(value).any(), "infinite", "finite numbers", at)
    elif hint is float:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        _demand(number and not abs(value) >= math.inf, value, "a number", at)
    elif hint is int:
        _demand(isinstance(value, int) and not isinstance(value, bool), value, "an integer", at)
    elif hint is str:
        _demand(isinstance(value, str), value, "a text", at)
    elif is_dataclass(hint):
        _demand(isinstance(value, hint), value, "a table", at)  # type: ignore[arg-type]
        check_fields(value, f"{at}.")


def _demand(holds: bool, value: object, wanted: str, at: str) -> None:
    if not holds:
        raise ValueError(f"{at} must be {wanted}, got {shortened(repr(value))}")
