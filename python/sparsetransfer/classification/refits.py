"""Classifiers refitted to parts of a problem, for the evidence of the safeguard."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from sparsetransfer.classification.evidence import (
    cluster_share,
    domain_separability,
    reverse_recall,
)

__all__ = ["Refits"]


@dataclass(frozen=True, eq=False)
class Refits:
    """The rows of a problem, and what is fitted to them; class numbers, -1 in the target."""

    rows: NDArray[np.float64]
    numbers: NDArray[np.intp]
    source: NDArray[np.bool_]
    domains: NDArray[Any]

    def of(self, model: Any, columns: NDArray[np.intp] | slice = slice(None)) -> Any:
        """Fit a clone of a model to some columns."""
        fresh = clone(model)
        takes = "sample_domain" in inspect.signature(fresh.fit).parameters
        options = {"sample_domain": self.domains} if takes and not self.source.all() else {}
        return fresh.fit(self.rows[:, columns], self.numbers, **options)

    def labels(self, model: Any, columns: NDArray[np.intp] | slice = slice(None)) -> Any:
        """Return the class numbers that a model predicts for the target rows."""
        return np.asarray(model.predict(self.rows[~self.source][:, columns]), dtype=np.intp)

    def labels_apart(self, model: Any, views: Sequence[NDArray[np.intp]]) -> list[Any]:
        """Fit the model to every view on its own and return the labels of each."""
        alone = [_alone(model, number) for number in range(len(views))]
        return [
            self.labels(self.of(each, columns), columns)
            for each, columns in zip(alone, views, strict=True)
        ]

    def resampled(self, rng: np.random.Generator) -> Refits:
        """Resample the source rows of every class with replacement; keep all target rows."""
        chosen = [np.flatnonzero(~self.source)]
        for c in range(int(self.numbers.max()) + 1):
            members = np.flatnonzero(self.numbers == c)
            chosen.append(rng.choice(members, len(members)))
        order = np.concatenate(chosen)
        # The target first, in its own order: `labels` compares row by row.
        return Refits(
            self.rows[order], self.numbers[order], self.source[order], self.domains[order]
        )

    def evidence(
        self, before: NDArray[np.intp], after: NDArray[np.intp], n_classes: int
    ) -> dict[str, float]:
        """Return the figures that describe the labels before and after, and decide nothing."""
        known, unknown = self.rows[self.source], self.rows[~self.source]
        found = {
            "changed": float(np.mean(before != after)),
            "domain_separability": domain_separability(known, unknown),
        }
        for when, labels in (("before", before), ("after", after)):
            shares = np.bincount(labels, minlength=n_classes) / len(labels)
            found[f"prior_drift_{when}"] = float(np.abs(shares - 1 / n_classes).sum() / 2)
            found[f"cluster_share_{when}"] = cluster_share(unknown, labels)
            found[f"reverse_recall_{when}"] = reverse_recall(
                known, self.numbers[self.source], unknown, labels
            )
        return found


def _alone(model: Any, view: int) -> Any:
    """Return a clone for the columns of one view."""
    fresh = clone(model)
    params = fresh.get_params(deep=False)
    if "views" in params:
        fresh.set_params(views=None)
    if params.get("encoders") is not None:
        fresh.set_params(encoders=[params["encoders"][view]])
    return fresh
