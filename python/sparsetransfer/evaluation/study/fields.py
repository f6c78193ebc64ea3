"""The keys of the table ``[study]`` of a study file, and the check of each value."""

from collections.abc import Callable, Mapping
from typing import Any

from sparsetransfer.evaluation.data.normalisation import SCOPES
from sparsetransfer.evaluation.protocol.designs import DESIGNS
from sparsetransfer.evaluation.protocol.protocol import MOST_RESAMPLES, MOST_SEED, SETTINGS
from sparsetransfer.evaluation.protocol.selection import RULES

__all__ = ["FIELDS"]


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
