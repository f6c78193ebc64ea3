"""Methods by name: from labelled source rows and unlabelled target rows to target labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from sparsetransfer.evaluation.linear_svm import TunedSVM, tune_linear_svm

__all__ = [
    "LabelledRows",
    "LinearSVMMethod",
    "Majority",
    "Method",
    "MethodOutput",
    "Tuning",
    "svm_diagnostics",
]


@dataclass(frozen=True, eq=False)
class LabelledRows:
    """Labelled rows of one or several source corpora.

    Parameters
    ----------
    features : ndarray of shape (n, d)
        Normalised rows.
    labels : ndarray of shape (n,), str
        Labels.
    speakers : ndarray of shape (n,), str
        Speakers, unique across corpora.
    corpora : ndarray of shape (n,), int
        Number of the corpus of each row, from 1.
    """

    features: NDArray[np.float64]
    labels: NDArray[np.str_]
    speakers: NDArray[np.str_]
    corpora: NDArray[np.int64]


@dataclass(frozen=True)
class Tuning:
    """How hyper-parameters are chosen on the source, and the seed.

    Parameters
    ----------
    c_grid : tuple of float
        Costs of the linear SVM, ascending.
    n_folds : int
        Speaker-disjoint folds.
    seed : int
        Seed of everything random.
    """

    c_grid: tuple[float, ...]
    n_folds: int
    seed: int


@dataclass(frozen=True, eq=False)
class MethodOutput:
    """What a method says about the target.

    Parameters
    ----------
    predictions : ndarray of shape (n_target,), str
        One source label per target row.
    diagnostics : mapping
        Plain JSON values: chosen parameters, objective per iteration, certificates.
    source_codes, target_codes : ndarray of shape (n, k), optional
        The representation in which the classifier works, where it is not the features.
    """

    predictions: NDArray[np.str_]
    diagnostics: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    source_codes: NDArray[np.float64] | None = None
    target_codes: NDArray[np.float64] | None = None


class Method(Protocol):
    """A way to recognise the target; target labels are never passed to it."""

    @property
    def name(self) -> str:
        """Name in tables and on the command line."""

    @property
    def description(self) -> str:
        """One sentence for the report."""

    def settings(self) -> dict[str, Any]:
        """Return the parameters fixed in advance, as plain JSON values."""

    def predict(
        self, source: LabelledRows, target: NDArray[np.float64], tuning: Tuning
    ) -> MethodOutput:
        """Fit on labelled `source` and unlabelled `target` (n, d), and label `target`."""


@dataclass(frozen=True)
class Majority:
    """Give every row the most frequent source label: the chance level of the table."""

    name: ClassVar[str] = "majority"
    description: ClassVar[str] = "Most frequent source class for every row (chance level)."

    def settings(self) -> dict[str, Any]:
        """Return no parameters."""
        return {}

    def predict(
        self, source: LabelledRows, target: NDArray[np.float64], tuning: Tuning
    ) -> MethodOutput:
        """Label every row of `target` alike; of equally frequent labels take the first by name."""
        counts = Counter(sorted(source.labels.tolist()))
        return MethodOutput(np.full(len(target), counts.most_common(1)[0][0]))


@dataclass(frozen=True)
class LinearSVMMethod:
    """Train a tuned linear SVM on the source features only: the baseline to beat."""

    name: ClassVar[str] = "svm"
    description: ClassVar[str] = (
        "Linear SVM on the source features; the smallest cost within one standard error of the "
        "best in speaker-disjoint cross-validation on the source; no transfer."
    )

    def settings(self) -> dict[str, Any]:
        """Return no parameters: the cost is tuned and stands in the diagnostics."""
        return {}

    def predict(
        self, source: LabelledRows, target: NDArray[np.float64], tuning: Tuning
    ) -> MethodOutput:
        """Fit on `source`, label `target`."""
        tuned = fit_svm(source.features, source, tuning)
        return MethodOutput(tuned.predict(target), svm_diagnostics(tuned))


def fit_svm(representation: NDArray[np.float64], source: LabelledRows, tuning: Tuning) -> TunedSVM:
    """Tune the SVM of the table on some representation (n, k) of the source rows."""
    return tune_linear_svm(
        representation,
        source.labels,
        source.speakers,
        c_grid=tuning.c_grid,
        n_folds=tuning.n_folds,
        seed=tuning.seed,
    )


def svm_diagnostics(tuned: TunedSVM) -> dict[str, Any]:
    """Return what was chosen for a tuned SVM, as plain JSON values."""
    return {
        "svm": {
            "cost": tuned.cost,
            "cost_at_edge_of_grid": tuned.at_edge,
            "source_cv_uar": tuned.uar,
            "source_cv_uar_per_cost": list(tuned.recalls),
        }
    }
