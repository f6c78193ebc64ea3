"""What exactly is evaluated, as a value with an identity."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_args

import numpy as np

import sparsetransfer
from sparsetransfer.evaluation.data.normalisation import SCOPES, Scope
from sparsetransfer.evaluation.protocol.designs import Design
from sparsetransfer.evaluation.protocol.selection import RULES, Rule

__all__ = [
    "C_GRID",
    "MOST_RESAMPLES",
    "MOST_SEED",
    "SETTINGS",
    "EvaluationProtocol",
    "Setting",
]

MOST_SEED = 2**32 - 1
"""What NumPy's and scikit-learn's generators take."""

MOST_RESAMPLES = 1_000_000
"""Draws that fit into memory for corpora of any size."""

C_GRID: tuple[float, ...] = tuple(float(f"{10**e:.4g}") for e in np.arange(-4, 3.1, 0.5))
"""Default costs of the linear SVM: half-decades from 1e-4 to 1e3 at unit mean row energy."""

Setting = Literal["transductive", "inductive"]
"""Whether unlabelled target rows take part in learning."""

SETTINGS: tuple[str, ...] = get_args(Setting)


@dataclass(frozen=True)
class EvaluationProtocol:
    """Design, corpora and every rule that decides a figure in the table.

    Two equal protocols have the same `id`, and `id` stands beside every result.

    Parameters
    ----------
    design : Design
        Which corpora are learned from and which are recognised.
    classes : tuple of str
        At least two labels, in the order of the tables.
    feature_sets : tuple of str
        Names and versions of the feature sets; methods of one view take the first.
    normalisation : {"corpus", "speaker", "speaker-or-corpus", "robust", "source"}, \
default="corpus"
        Over which rows features are normalised, as in `normalise`.
    setting : {"transductive", "inductive"}, default="transductive"
        Transductive: methods see the unlabelled rows of the target while they are fitted.
        Inductive: no target row takes part in anything that is learned, so that every recording
        could be recognised alone; it wants the normalisation "source", methods that do not adapt
        and the selection "source".
    selection : {"source", "reverse", "importance"}, default="source"
        How hyper-parameters are chosen without target labels, as in `select`.
    seeds : tuple of int, default=(0,)
        Seeds of the folds, of the dictionaries and of the bootstrap.
    n_folds : int, default=5
        Speaker-disjoint folds of the source on which hyper-parameters are chosen.
    c_grid : tuple of float, default=C_GRID
        Costs tried, ascending, for rows scaled to unit mean energy.
    n_resamples : int, default=1000
        Bootstrap resamples of the target's speakers, and permutations of the paired test.
    confidence : float, default=0.95
        Level of the bootstrap interval.
    library_version : str, default=sparsetransfer.__version__
        The version whose rules apply.

    Raises
    ------
    ValueError
        If a field is empty, repeated, out of range or contradicts another.
    TypeError
        If `design` is none.

    Examples
    --------
    >>> from sparsetransfer.evaluation import OrderedPairs
    >>> protocol = EvaluationProtocol(
    ...     OrderedPairs(("emodb", "urdu")), ("anger", "sadness"), ("functionals-1",)
    ... )
    >>> len(protocol.id), [task.name for task in protocol.design.tasks()]
    (12, ['emodb → urdu', 'urdu → emodb'])
    """

    design: Design
    classes: tuple[str, ...]
    feature_sets: tuple[str, ...]
    normalisation: Scope = "corpus"
    setting: Setting = "transductive"
    selection: Rule = "source"
    seeds: tuple[int, ...] = (0,)
    n_folds: int = 5
    c_grid: tuple[float, ...] = C_GRID
    n_resamples: int = 1000
    confidence: float = 0.95
    library_version: str = field(default=sparsetransfer.__version__)

    def __post_init__(self) -> None:
        if not isinstance(self.design, Design):
            raise TypeError(f"design must be a Design, got {self.design!r}")
        for title in ("classes", "feature_sets", "seeds", "c_grid"):
            given = getattr(self, title)
            values = () if isinstance(given, str) else tuple(given)
            object.__setattr__(self, title, values)
            if not values or len(set(values)) != len(values):
                raise ValueError(f"{title} must be given, without repetition, got {given!r}")
        if len(self.classes) < 2:
            raise ValueError(f"classes must be at least two, got {self.classes}")
        for title, known in (
            ("normalisation", SCOPES),
            ("setting", SETTINGS),
            ("selection", RULES),
        ):
            if getattr(self, title) not in known:
                raise ValueError(
                    f"{title} must be one of {', '.join(known)}, got {getattr(self, title)!r}"
                )
        if self.setting == "inductive" and self.normalisation != "source":
            raise ValueError(
                "the inductive setting wants the normalisation 'source': "
                f"{self.normalisation!r} looks at other recordings of the target"
            )
        if self.setting == "inductive" and self.selection != "source":
            raise ValueError(
                "the inductive setting wants the selection 'source': "
                f"{self.selection!r} looks at recordings of the target"
            )
        self._check_numbers()

    def _check_numbers(self) -> None:
        if self.n_folds < 2:
            raise ValueError(f"n_folds must be at least 2, got {self.n_folds}")
        if min(self.c_grid) <= 0 or list(self.c_grid) != sorted(self.c_grid):
            raise ValueError(f"c_grid must be positive and ascending, got {self.c_grid}")
        if min(self.seeds) < 0 or max(self.seeds) > MOST_SEED:
            raise ValueError(f"seeds must be between 0 and {MOST_SEED}, got {self.seeds}")
        if not 1 <= self.n_resamples <= MOST_RESAMPLES:
            raise ValueError(
                f"n_resamples must be between 1 and {MOST_RESAMPLES}, got {self.n_resamples}"
            )
        if not 0 < self.confidence < 1:
            raise ValueError(f"confidence must lie in (0, 1), got {self.confidence}")

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as plain JSON values."""
        plain: dict[str, Any] = {"design": self.design.as_dict()}
        for entry in fields(self)[1:]:
            value = getattr(self, entry.name)
            plain[entry.name] = list(value) if isinstance(value, tuple) else value
        return plain

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> EvaluationProtocol:
        """Restore what `as_dict` gave.

        Parameters
        ----------
        content : mapping
            The fields; an ``id`` among them is left aside.

        Returns
        -------
        EvaluationProtocol
            An equal protocol.

        Raises
        ------
        ValueError
            If the fields are not those of a protocol.
        """
        fields: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in content.items()
            if name not in ("id", "design")
        }
        try:
            return cls(design=Design.from_dict(content["design"]), **fields)
        except (KeyError, TypeError) as error:
            raise ValueError(f"this is no protocol: {error}") from error

    @property
    def id(self) -> str:
        """Twelve hexadecimal digits that identify every field."""
        text = json.dumps(self.as_dict(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:12]
