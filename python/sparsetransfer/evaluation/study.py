"""Results of a whole evaluation, as plain immutable values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sparsetransfer.evaluation.discrepancy import Discrepancy
from sparsetransfer.evaluation.domain import Domain
from sparsetransfer.evaluation.metrics import Scores
from sparsetransfer.evaluation.protocol import CrossCorpusProtocol

__all__ = ["SCHEMA_VERSION", "Cell", "MethodCard", "Picture", "Study", "Timing"]

SCHEMA_VERSION = 1
"""Version of the layout of ``Study.as_dict``."""


@dataclass(frozen=True)
class MethodCard:
    """Name, description and fixed settings of a method.

    Parameters
    ----------
    name : str
        Name in the tables.
    description : str
        One sentence.
    settings : mapping
        Parameters fixed in advance.
    """

    name: str
    description: str
    settings: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Picture:
    """Rows of source and target in the plane of their first two principal axes.

    Parameters
    ----------
    source, target : ndarray of shape (n, 2)
        Coordinates.
    """

    source: NDArray[np.float64]
    target: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Cell:
    """One method with one seed on one target.

    Parameters
    ----------
    target, method : str
        Names.
    seed : int
        Seed.
    predictions : tuple of str
        Predicted label of each target row.
    scores : Scores
        Figures of the predictions.
    interval : tuple of (float, float)
        Speaker bootstrap interval of the UAR; NaN where speakers are unknown.
    diagnostics : mapping
        What the method says about itself.
    before : Discrepancy
        Between the normalised features of source and target.
    after : Discrepancy or None
        Between the codes, for methods that have codes.
    picture : Picture or None
        Of the codes.
    warnings : tuple of str
        Warnings raised while the method ran.
    """

    target: str
    method: str
    seed: int
    predictions: tuple[str, ...]
    scores: Scores
    interval: tuple[float, float]
    diagnostics: Mapping[str, Any]
    before: Discrepancy
    after: Discrepancy | None
    picture: Picture | None
    warnings: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values; NaN becomes None."""
        return {
            "target": self.target,
            "method": self.method,
            "seed": self.seed,
            "uar": _number(self.scores.uar),
            "uar_interval": [_number(value) for value in self.interval],
            "war": _number(self.scores.war),
            "recalls": {
                name: _number(value)
                for name, value in zip(
                    self.scores.classes, self.scores.recalls.tolist(), strict=True
                )
            },
            "confusion": self.scores.confusion.tolist(),
            "mmd_before": self.before.as_dict(),
            "mmd_after": None if self.after is None else self.after.as_dict(),
            "diagnostics": dict(self.diagnostics),
            "warnings": list(self.warnings),
            "predictions": list(self.predictions),
        }


@dataclass(frozen=True)
class Timing:
    """Time spent on one cell.

    Parameters
    ----------
    target, method : str
        Names.
    seed : int
        Seed.
    wall, cpu : float
        Seconds; `cpu` counts all threads of the process.
    """

    target: str
    method: str
    seed: int
    wall: float
    cpu: float


@dataclass(frozen=True, eq=False)
class Study:
    """Everything that a report shows.

    Parameters
    ----------
    protocol : CrossCorpusProtocol
        What was evaluated.
    sources, targets : tuple of Domain
        The corpora, restricted to the classes.
    methods : tuple of MethodCard
        The methods, in the order of the tables.
    cells : tuple of Cell
        By target, method and seed, in the order of the protocol.
    feature_pictures : mapping of str to Picture
        Per target, the normalised features.
    timings : tuple of Timing
        One per cell; the only part that differs between two equal runs.
    versions : mapping of str to str
        Versions of Python and of the libraries that compute.
    """

    protocol: CrossCorpusProtocol
    sources: tuple[Domain, ...]
    targets: tuple[Domain, ...]
    methods: tuple[MethodCard, ...]
    cells: tuple[Cell, ...]
    feature_pictures: Mapping[str, Picture]
    timings: tuple[Timing, ...]
    versions: Mapping[str, str]

    def as_dict(self) -> dict[str, Any]:
        """Return the results, without times, as plain JSON values."""
        return {
            "schema": "sparsetransfer.study",
            "schema_version": SCHEMA_VERSION,
            "protocol": {"id": self.protocol.id, **self.protocol.as_dict()},
            "versions": dict(self.versions),
            "methods": [
                {"name": m.name, "description": m.description, "settings": dict(m.settings)}
                for m in self.methods
            ],
            "sources": [_domain(domain) for domain in self.sources],
            "targets": [_domain(domain) for domain in self.targets],
            "cells": [cell.as_dict() for cell in self.cells],
        }

    def timings_as_dict(self) -> dict[str, Any]:
        """Return the times as plain JSON values."""
        return {
            "schema": "sparsetransfer.timings",
            "schema_version": SCHEMA_VERSION,
            "protocol_id": self.protocol.id,
            "cells": [
                {
                    "target": t.target,
                    "method": t.method,
                    "seed": t.seed,
                    "wall_s": t.wall,
                    "cpu_s": t.cpu,
                }
                for t in self.timings
            ],
        }


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _domain(domain: Domain) -> dict[str, Any]:
    return {
        "name": domain.name,
        "feature_set": domain.feature_set,
        "n_features": len(domain.feature_names),
        "counts": domain.counts(),
        "n_speakers": len(set(domain.speakers.tolist()) - {""}),
        "dropped": dict(domain.dropped),
        "failures": [{"file": file, "reason": reason} for file, reason in domain.failures],
        "files": domain.files.tolist(),
        "labels": domain.labels.tolist(),
        "speakers": domain.speakers.tolist(),
    }
