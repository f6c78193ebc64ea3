"""Checks of values read from files: a study's keys, and the declared types of a dataclass."""

import math
import types
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np

from sparsetransfer._messages import shortened
from sparsetransfer.evaluation.data.normalisation import SCOPES
from sparsetransfer.evaluation.protocol.designs import DESIGNS
from sparsetransfer.evaluation.protocol.protocol import MOST_RESAMPLES, MOST_SEED, SETTINGS
from sparsetransfer.evaluation.protocol.selection import RULES

__all__ = ["FIELDS", "check_fields"]


def _one_of(*names: str) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if value not in names:
            raise ValueError(f"must be one of {', '.join(names)}")
        return str(value)

    return check


def _words(value: Any) -> tuple[str, ...]:
    if (
        not isinstance(value, list)
        or not value
        or not all(isinstance(word, str) and word for word in value)
        or len(set(value)) != len(value)
    ):
        raise ValueError("must be a list of texts without repetition")
    return tuple(value)


def _integer(value: Any, least: int, most: int | None = None) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ValueError(f"must be a whole number of at least {least}")
    if most is not None and value > most:
        raise ValueError(f"must be a whole number of at most {most}")
    return value


def _seeds(value: Any) -> tuple[int, ...]:
    if not isinstance(value, list) or not value or len(set(map(str, value))) != len(value):
        raise ValueError("must be a list of whole numbers without repetition")
    return tuple(_integer(seed, 0, MOST_SEED) for seed in value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")  # noqa: TRY004
    return value


FIELDS: Mapping[str, Callable[[Any], Any]] = {
    "design": _one_of(*DESIGNS),
    "sources": _words,
    "targets": _words,
    "speaker_folds": lambda value: _integer(value, 2),
    "classes": _words,
    "methods": _words,
    "feature_sets": _words,
    "normalisation": _one_of(*SCOPES),
    "setting": _one_of(*SETTINGS),
    "selection": _one_of(*RULES),
    "seeds": _seeds,
    "n_folds": lambda value: _integer(value, 2),
    "n_resamples": lambda value: _integer(value, 1, MOST_RESAMPLES),
    "drop_unmapped": _flag,
    "drop_unreadable": _flag,
}


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
