"""What exactly is evaluated, as a value with an identity."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np

import sparsetransfer
from sparsetransfer.evaluation.selection import RULES, Rule

__all__ = ["C_GRID", "CrossCorpusProtocol"]

C_GRID: tuple[float, ...] = tuple(float(f"{10**e:.4g}") for e in np.arange(-3, 3.1, 0.5))
"""Default costs of the linear SVM: half-decades from 1e-3 to 1e3 at unit mean row energy."""


@dataclass(frozen=True)
class CrossCorpusProtocol:
    """Sources, targets and every rule that decides a figure in the table.

    All sources together are the labelled training set of each target; targets are evaluated one
    at a time. Two equal protocols have the same `id`, and `id` stands beside every result.

    Parameters
    ----------
    sources, targets : tuple of str
        Names of the corpora, each list without repetition.
    classes : tuple of str
        At least two labels, in the order of the tables.
    feature_set : str
        Name and version of the features.
    normalisation : {"corpus"}, default="corpus"
        z-score per corpus; a constant feature is only centred.
    setting : {"transductive"}, default="transductive"
        Methods see the unlabelled rows of the target while they are fitted.
    seeds : tuple of int, default=(0,)
        Seeds of the folds, of the dictionaries and of the bootstrap.
    selection : {"source", "reverse", "importance"}, default="source"
        How hyper-parameters are chosen without target labels, as in `select`.
    n_folds : int, default=5
        Speaker-disjoint folds of the source on which hyper-parameters are chosen.
    c_grid : tuple of float, default=C_GRID
        Costs tried, ascending, for rows scaled to unit mean energy.
    n_resamples : int, default=1000
        Bootstrap resamples of the target's speakers.
    confidence : float, default=0.95
        Level of the bootstrap interval.
    library_version : str, default=sparsetransfer.__version__
        The version whose rules apply.

    Raises
    ------
    ValueError
        If a field is empty, repeated or out of range.

    Examples
    --------
    >>> protocol = CrossCorpusProtocol(
    ...     ("emodb",), ("urdu",), ("anger", "sadness"), "functionals-1", library_version="0.1.0"
    ... )
    >>> len(protocol.id)
    12
    """

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    classes: tuple[str, ...]
    feature_set: str
    normalisation: Literal["corpus"] = "corpus"
    setting: Literal["transductive"] = "transductive"
    seeds: tuple[int, ...] = (0,)
    selection: Rule = "source"
    n_folds: int = 5
    c_grid: tuple[float, ...] = C_GRID
    n_resamples: int = 1000
    confidence: float = 0.95
    library_version: str = field(default=sparsetransfer.__version__)

    def __post_init__(self) -> None:
        for title in ("sources", "targets", "classes", "seeds", "c_grid"):
            values = tuple(getattr(self, title))
            object.__setattr__(self, title, values)
            if not values or len(set(values)) != len(values):
                raise ValueError(f"{title} must be given, without repetition, got {values}")
        if len(self.classes) < 2:
            raise ValueError(f"classes must be at least two, got {self.classes}")
        if self.normalisation != "corpus":
            raise ValueError(f"normalisation must be 'corpus', got {self.normalisation!r}")
        if self.setting != "transductive":
            raise ValueError(f"setting must be 'transductive', got {self.setting!r}")
        if self.selection not in RULES:
            raise ValueError(f"selection must be one of {', '.join(RULES)}, got {self.selection!r}")
        if self.n_folds < 2:
            raise ValueError(f"n_folds must be at least 2, got {self.n_folds}")
        if min(self.c_grid) <= 0 or list(self.c_grid) != sorted(self.c_grid):
            raise ValueError(f"c_grid must be positive and ascending, got {self.c_grid}")
        if min(self.seeds) < 0:
            raise ValueError(f"seeds must not be negative, got {self.seeds}")
        if self.n_resamples < 1:
            raise ValueError(f"n_resamples must be at least 1, got {self.n_resamples}")
        if not 0 < self.confidence < 1:
            raise ValueError(f"confidence must lie in (0, 1), got {self.confidence}")

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as plain JSON values."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }

    @property
    def id(self) -> str:
        """Twelve hexadecimal digits that identify every field."""
        text = json.dumps(self.as_dict(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:12]
