"""What a method leaves behind: scores of new rows, with everything that was learned held fixed."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from sparsetransfer._linalg import matmul
from sparsetransfer.classification import MultiView
from sparsetransfer.evaluation.data.rows import LabelledRows, UnlabelledRows

if TYPE_CHECKING:
    from sparsetransfer.evaluation.methods.base import Method, MethodOutput, Tuning

__all__ = [
    "DeployableMethod",
    "FitBeforePredict",
    "FittedMethod",
    "LinearScores",
    "RowModel",
    "class_scores",
    "deployment_obstacle",
    "log_posteriors",
]


@dataclass(frozen=True, eq=False)
class LinearScores:
    """A linear map from rows to one score per class.

    `coef` (n_classes, d): coefficients. `intercept` (n_classes,): scores of the zero row.
    """

    coef: NDArray[np.float64]
    intercept: NDArray[np.float64]

    @classmethod
    def of(cls, classifier: Any) -> LinearScores:
        """Copy ``coef_`` and ``intercept_`` of a fitted linear classifier."""
        coef = np.asarray(classifier.coef_, dtype=np.float64)
        intercept = np.broadcast_to(np.asarray(classifier.intercept_, np.float64), (len(coef),))
        if len(coef) == 1:  # Two classes share one machine; the first is its negative.
            coef, intercept = np.vstack([-coef, coef]), np.append(-intercept, intercept)
        return cls(np.ascontiguousarray(coef), np.array(intercept))

    def scores(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the scores (n, n_classes) of `rows` (n, d)."""
        return np.asarray(matmul(rows, self.coef.T) + self.intercept)


def class_scores(classifier: Any, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return one score per class, the largest for the class that the classifier predicts.

    `classifier`: a `LinearScores`, or a fitted classifier with ``decision_function`` or
    ``predict_proba``, whose logarithms are the scores. `rows` (n, d). Returns (n, n_classes):
    scores.
    """
    if isinstance(classifier, LinearScores):
        return classifier.scores(rows)
    if not hasattr(classifier, "decision_function"):
        return log_posteriors(classifier.predict_proba(rows))
    values = np.asarray(classifier.decision_function(rows), dtype=np.float64)
    return np.column_stack([-values, values]) if values.ndim == 1 else values


def log_posteriors(posteriors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the logarithms of probabilities, finite where these are zero."""
    return np.asarray(np.log(np.maximum(posteriors, np.finfo(np.float64).tiny)))


@dataclass(frozen=True, eq=False)
class RowModel:
    """Encoders and a classifier that label normalised rows of the target.

    `encoders`: applied one after another; rows are rows of the target for them. `classifier`: as
    for `class_scores`. `scale`: factor before the classifier. `every_view`: whether all feature
    sets are put side by side, instead of the first one alone.
    """

    encoders: tuple[Any, ...]
    classifier: Any
    scale: float = 1.0
    every_view: bool = False

    def scores(self, rows: UnlabelledRows) -> NDArray[np.float64]:
        """Return one score per class of every row, fitted or not."""
        return class_scores(self.classifier, self._represented(rows))

    def view_posteriors(self, rows: UnlabelledRows) -> NDArray[np.float64] | None:
        """Return posteriors of shape (n_views, n, n_classes), or None for a single classifier."""
        if not isinstance(self.classifier, MultiView):
            return None
        return self.classifier.predict_views(self._represented(rows))

    def _represented(self, rows: UnlabelledRows) -> NDArray[np.float64]:
        codes = rows.matrix(every_view=self.every_view)
        for encoder in self.encoders:
            codes = np.asarray(encoder.transform(codes), dtype=np.float64)
        return codes * self.scale


@dataclass(frozen=True, eq=False)
class FittedMethod:
    """A method after `fit`: its answer for the target, and what answers for new rows.

    `classes`: labels in the order of the scores. `output`: what `predict` returns, and an
    evaluation scores. `target_scores` (n_target, n_classes): scores of the fitted target rows; the
    largest of a row is that of its prediction. `model`: scores of other rows of the target.
    """

    classes: tuple[str, ...]
    output: MethodOutput
    target_scores: NDArray[np.float64]
    model: RowModel


class FitBeforePredict:
    """What methods share that are dataclasses and predict what they were fitted to."""

    def settings(self) -> dict[str, Any]:
        """Return the parameters fixed in advance."""
        fields: dict[str, Any] = asdict(self)  # type: ignore[call-overload]
        return {name: fields[name] for name in fields if name not in ("name", "description")}

    def fit(self, source: LabelledRows, target: UnlabelledRows, tuning: Tuning) -> FittedMethod:
        """Fit on `source` and, if the method adapts, the rows of `target`."""
        raise NotImplementedError

    def predict(self, source: LabelledRows, target: UnlabelledRows, tuning: Tuning) -> MethodOutput:
        """Fit, and label `target`."""
        return self.fit(source, target, tuning).output


@runtime_checkable
class DeployableMethod(Protocol):
    """A method that can meet new recordings after it was fitted."""

    def obstacle(self) -> str:
        """Return why it cannot with its present settings; an empty text if it can."""

    def fit(self, source: LabelledRows, target: UnlabelledRows, tuning: Tuning) -> FittedMethod:
        """Fit as `predict` does, and return what was learned."""


def deployment_obstacle(method: Method) -> str:
    """Return why a method cannot label recordings that it was not fitted on; empty if it can.

    Examples
    --------
    >>> from sparsetransfer.evaluation import make_methods
    >>> [deployment_obstacle(m) for m in make_methods(["multi-view", "majority"])]
    ['', 'it keeps nothing that labels other recordings than those of its target']
    """
    if isinstance(method, DeployableMethod):
        return method.obstacle()
    return "it keeps nothing that labels other recordings than those of its target"
