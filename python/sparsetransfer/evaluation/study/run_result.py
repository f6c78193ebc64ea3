"""Results of one method on one task, as plain immutable values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sparsetransfer.evaluation.scoring.discrepancy import Discrepancy
from sparsetransfer.evaluation.scoring.metrics import Scores, no_scores, score_confusion

__all__ = ["Projection", "RunResult", "Timing"]


@dataclass(frozen=True, eq=False)
class Projection:
    """Rows of source and target in the plane of their first two principal axes.

    `source`, `target` (n, 2): coordinates. `source_labels`, `target_labels`: labels of the rows.
    """

    source: NDArray[np.float64]
    target: NDArray[np.float64]
    source_labels: tuple[str, ...]
    target_labels: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "source": self.source.tolist(),
            "target": self.target.tolist(),
            "source_labels": list(self.source_labels),
            "target_labels": list(self.target_labels),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Projection:
        """Restore what `as_dict` gave."""
        return cls(
            np.array(content["source"], dtype=np.float64).reshape(-1, 2),
            np.array(content["target"], dtype=np.float64).reshape(-1, 2),
            tuple(content["source_labels"]),
            tuple(content["target_labels"]),
        )


@dataclass(frozen=True)
class Timing:
    """Time and memory spent on one cell.

    `wall`, `cpu`: seconds, over all folds; `cpu` counts all threads of the process. `peak`: largest
    resident memory of the process up to the end of the cell, in MiB; NaN where the system does not
    tell.
    """

    wall: float
    cpu: float
    peak: float

    def as_dict(self) -> dict[str, float | None]:
        """Return plain JSON values."""
        return {"wall_s": self.wall, "cpu_s": self.cpu, "peak_mib": _number(self.peak)}


@dataclass(frozen=True, eq=False)
class RunResult:
    """One method with one seed on one task.

    - `task`, `target`, `method`: names.
    - `predictions`: predicted label of each target row; none of a method that refused.
    - `scores`: figures of the predictions; NaN without them.
    - `interval`: speaker bootstrap interval of the UAR; NaN where speakers are unknown.
    - `diagnostics`: what the method says about itself; of several folds, that of the first one, and
      all under ``folds``.
    - `after`: between the codes, for methods that have codes; mean over folds.
    - `picture`: of the codes, in the first fold.
    - `warnings`: warnings raised while the method ran.
    - `timing`: the only part that differs between two equal runs.
    - `refusal`: why the method refused the task; empty if it did not.
    """

    task: str
    target: str
    method: str
    seed: int
    predictions: tuple[str, ...]
    scores: Scores
    interval: tuple[float, float]
    diagnostics: Mapping[str, Any]
    after: Discrepancy | None
    picture: Projection | None
    warnings: tuple[str, ...]
    timing: Timing
    refusal: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values without picture and times; NaN becomes None."""
        return {
            "task": self.task,
            "target": self.target,
            "method": self.method,
            "seed": self.seed,
            "uar": _number(self.scores.uar),
            "uar_interval": [_number(value) for value in self.interval],
            "war": _number(self.scores.war),
            "macro_f1": _number(self.scores.macro_f1),
            "recalls": {
                name: _number(value)
                for name, value in zip(
                    self.scores.classes, self.scores.recalls.tolist(), strict=True
                )
            },
            "confusion": self.scores.confusion.tolist(),
            "mmd_after": None if self.after is None else self.after.as_dict(),
            "diagnostics": dict(self.diagnostics),
            "warnings": list(self.warnings),
            "predictions": list(self.predictions),
            "refusal": self.refusal or None,
        }

    def as_record(self) -> dict[str, Any]:
        """Return everything as plain JSON values, for `from_record`."""
        return {
            **self.as_dict(),
            "picture": None if self.picture is None else self.picture.as_dict(),
            "timing": self.timing.as_dict(),
        }

    @classmethod
    def from_record(cls, content: Mapping[str, Any]) -> RunResult:
        """Restore what `as_record` gave.

        `content`: the record. Returns: an equal cell. Raises KeyError, TypeError, ValueError if the
        record is not one.
        """
        low, high = (_float(value) for value in content["uar_interval"])
        after, picture, timing = content["mmd_after"], content["picture"], content["timing"]
        refusal, classes = content.get("refusal") or "", tuple(content["recalls"])
        return cls(
            task=str(content["task"]),
            target=str(content["target"]),
            method=str(content["method"]),
            seed=int(content["seed"]),
            predictions=tuple(content["predictions"]),
            scores=no_scores(classes)
            if refusal
            else score_confusion(content["confusion"], classes),
            interval=(low, high),
            diagnostics=dict(content["diagnostics"]),
            after=None if after is None else Discrepancy(**after),
            picture=None if picture is None else Projection.from_dict(picture),
            warnings=tuple(content["warnings"]),
            timing=Timing(timing["wall_s"], timing["cpu_s"], _float(timing["peak_mib"])),
            refusal=refusal,
        )


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _float(value: float | None) -> float:
    return float("nan") if value is None else float(value)
