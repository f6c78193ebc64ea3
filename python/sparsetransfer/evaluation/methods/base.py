"""What a method is, and the classifiers without transfer that every other is compared with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from sparsetransfer.evaluation.data.rows import LabelledRows, UnlabelledRows
from sparsetransfer.evaluation.methods.classifiers import (
    TunedClassifier,
    check_family,
    family_obstacle,
    tune,
)
from sparsetransfer.evaluation.methods.fitted import FitBeforePredict, FittedMethod
from sparsetransfer.evaluation.methods.settings import check_settings
from sparsetransfer.evaluation.protocol.selection import Rule

__all__ = [
    "CheckedMethod",
    "ClassifierAfter",
    "ClassifierMethod",
    "FrameMethod",
    "Majority",
    "Method",
    "MethodOutput",
    "SpectrogramMethod",
    "Tuning",
    "ViewMethod",
    "fit_classifier",
    "wanted_frames",
    "wanted_views",
    "wants_spectrograms",
]


@dataclass(frozen=True)
class Tuning:
    """How hyper-parameters are chosen without target labels, and the seed.

    `c_grid`: costs of the linear SVM, ascending. `n_folds`: speaker-disjoint folds. `seed`: seed of
    everything random. `rule`: how candidates are scored, as in `select`.
    """

    c_grid: tuple[float, ...]
    n_folds: int
    seed: int
    rule: Rule = "source"


@dataclass(frozen=True, eq=False)
class MethodOutput:
    """What a method says about the target.

    Parameters
    ----------
    predictions : ndarray of shape (n_target,), str
        One source label per target row.
    diagnostics : mapping
        Plain JSON values. Reports show ``classifier`` (a `Choice` as a dictionary, with ``family``),
        ``coder`` (objective per iteration and certificate of codes) and ``safeguard`` (what a
        method that may adapt decided, under ``adapted``, and on which evidence); anything else is
        kept.
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

    @property
    def adapts(self) -> bool:
        """Whether target rows take part in learning; the inductive setting refuses that."""

    def settings(self) -> dict[str, Any]:
        """Return the parameters fixed in advance, as plain JSON values."""

    def predict(self, source: LabelledRows, target: UnlabelledRows, tuning: Tuning) -> MethodOutput:
        """Fit on labelled `source` and unlabelled `target`, and label `target`.

        `tuning` holds how hyper-parameters are chosen without target labels: the costs `c_grid`,
        speaker-disjoint `n_folds`, the `rule` that scores candidates, and the `seed`.
        """


@runtime_checkable
class CheckedMethod(Protocol):
    """A method whose settings may not fit the rows, which it can tell before it runs."""

    def check(self, n_source: int, n_target: int) -> None:
        """Raise a ValueError if the method cannot run on so many rows."""


@runtime_checkable
class SpectrogramMethod(Protocol):
    """A method whose samples may be spectrograms."""

    @property
    def reads_spectrograms(self) -> bool:
        """Whether they are: `prepare` computes spectrograms for such methods only."""


@runtime_checkable
class ViewMethod(Protocol):
    """A method that may ask for views by name."""

    @property
    def views(self) -> tuple[str, ...]:
        """Names of the views, which `prepare` computes; none for the feature sets of the study."""


def wanted_views(method: Method) -> tuple[str, ...]:
    """Return the views that a method asks for by name."""
    return method.views if isinstance(method, ViewMethod) else ()


@runtime_checkable
class FrameMethod(Protocol):
    """A method whose samples may be frames other than spectrograms."""

    @property
    def frame_set(self) -> str:
        """Name and version of the frames, which `prepare` computes; the empty string for none."""


def wanted_frames(method: Method) -> str:
    """Return the name of the frames that a method reads beside spectrograms, or an empty string."""
    return method.frame_set if isinstance(method, FrameMethod) else ""


def wants_spectrograms(method: Method) -> bool:
    """Return whether a method reads spectrograms."""
    return isinstance(method, SpectrogramMethod) and method.reads_spectrograms


@dataclass(frozen=True)
class Majority:
    """Predict the most frequent source label for every row: the chance level of the table."""

    name: ClassVar[str] = "majority"
    description: ClassVar[str] = "Most frequent source class for every row (chance level)."
    adapts: ClassVar[bool] = False

    def settings(self) -> dict[str, Any]:
        """Return no parameters."""
        return {}

    def predict(self, source: LabelledRows, target: UnlabelledRows, tuning: Tuning) -> MethodOutput:
        """Label every row of `target` alike; of equally frequent labels take the first by name."""
        counts = Counter(sorted(source.labels.tolist()))
        return MethodOutput(np.full(len(target), counts.most_common(1)[0][0]))


@dataclass(frozen=True)
class ClassifierMethod(FitBeforePredict):
    """Train a tuned classifier on the source features only: a baseline to beat.

    `family`: a name in `FAMILIES`. `every_view`: whether all feature sets are put side by side,
    instead of the first one alone. `candidates`: parameters to choose from, the most regularised
    first, instead of those of the family.
    """

    name: str
    description: str
    family: str
    every_view: bool = False
    candidates: tuple[Mapping[str, Any], ...] = ()
    adapts: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_family(self.name, self.family, self.candidates)

    def settings(self) -> dict[str, Any]:
        """Return the candidates, if they are not those of the family; diagnostics tell the choice."""
        return {"candidates": [dict(c) for c in self.candidates]} if self.candidates else {}

    def obstacle(self) -> str:
        """Return why it cannot predict new recordings; empty if it can."""
        return family_obstacle(self.family)

    def fit(self, source: LabelledRows, target: UnlabelledRows, tuning: Tuning) -> FittedMethod:
        """Fit on `source`, label `target`."""
        rows, unknown = (part.matrix(every_view=self.every_view) for part in (source, target))
        tuned, chosen = fit_classifier(
            self.family, rows, unknown, source, tuning, candidates=self.candidates
        )
        output = MethodOutput(tuned.predict(unknown), chosen)
        return tuned.fitted(output, unknown, every_view=self.every_view)


class ClassifierAfter(FitBeforePredict):
    """What methods share that tune a classifier after they have moved, weighted or coded rows."""

    name: str
    classifier: str
    adapts: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_settings(self.name, type(self), self.settings())
        check_family(self.name, self.classifier)

    def obstacle(self) -> str:
        """Return why it cannot predict new recordings; empty if it can."""
        return family_obstacle(self.classifier)


def fit_classifier(
    family: str,
    rows: NDArray[np.float64],
    unknown: NDArray[np.float64],
    source: LabelledRows,
    tuning: Tuning,
    *,
    candidates: tuple[Mapping[str, Any], ...] = (),
    weights: NDArray[np.float64] | None = None,
) -> tuple[TunedClassifier, dict[str, Any]]:
    """Tune a classifier of the table on some representation of the rows.

    - `family`: a name in `FAMILIES`.
    - `rows`, `unknown` (n_source, k) and (n_target, k): source and target in this representation.
    - `source`: labels and speakers of `rows`.
    - `tuning`: how to choose the parameters.
    - `candidates`: parameters to choose from, instead of those of the family.
    - `weights` (n_source,): weights of the rows, as in `tune`.

    Returns `tuned`: the classifier. `diagnostics`: the choice under ``classifier``, as plain JSON
    values.
    """
    tuned = tune(
        family,
        rows,
        source.labels,
        source.speakers,
        c_grid=tuning.c_grid,
        n_folds=tuning.n_folds,
        seed=tuning.seed,
        target=unknown,
        rule=tuning.rule,
        candidates=candidates,
        weights=weights,
    )
    return tuned, {"classifier": {"family": family, **tuned.choice.as_dict()}}
