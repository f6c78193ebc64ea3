"""The tuned classifiers that stand in every table, on features or on codes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn import config_context
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.svm import SVC, LinearSVC

from sparsetransfer._linalg import gram_matrix, lapack
from sparsetransfer._validation import check_matrix
from sparsetransfer.evaluation.methods.fitted import (
    FittedMethod,
    LinearScores,
    RowModel,
    class_scores,
)
from sparsetransfer.evaluation.methods.settings import check_estimator
from sparsetransfer.evaluation.protocol.selection import (
    Choice,
    Fit,
    Predict,
    Rule,
    select,
)

if TYPE_CHECKING:
    from sparsetransfer.evaluation.methods.base import MethodOutput

__all__ = [
    "FAMILIES",
    "RIDGE_GRID",
    "Family",
    "TunedClassifier",
    "check_family",
    "family_obstacle",
    "tune",
]

_MAX_ITER = 10_000

RIDGE_GRID: tuple[float, ...] = (
    10000.0,
    3000.0,
    1000.0,
    300.0,
    100.0,
    30.0,
    10.0,
    5.0,
    3.0,
    1.0,
    0.3,
    0.1,
)
"""Penalties of the ridge at unit mean row energy, descending."""

# Families that are solved so accurately that rotated rows give the same predictions.
_TURNED = ("svm", "ridge")
# Tens of MiB per kernel.
_MOST_KERNEL_ROWS = 2000
_GAMMAS = (0.1, 0.3, 1.0)
_RBF_COSTS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)


def _linear_svm(candidate: Mapping[str, Any], seed: int) -> Any:
    # "auto" takes the dual where there are fewer rows than columns. Elsewhere coordinate descent on
    # the dual does not settle at large costs, and Newton's method on the primal does.
    return LinearSVC(
        **candidate, class_weight="balanced", dual="auto", max_iter=_MAX_ITER, random_state=seed
    )


def _rbf_svm(candidate: Mapping[str, Any], seed: int) -> Any:
    return SVC(**candidate, kernel="rbf", class_weight="balanced", random_state=seed)


def _ridge(candidate: Mapping[str, Any], seed: int) -> Any:
    return RidgeClassifier(**candidate, class_weight="balanced", solver="cholesky")


def _logistic(candidate: Mapping[str, Any], seed: int) -> Any:
    return LogisticRegression(**candidate, class_weight="balanced", max_iter=_MAX_ITER, tol=1e-3)


@dataclass(frozen=True)
class Family:
    """Classifiers that differ in the parameters of a grid.

    `make`: ``make(candidate, seed)`` returns a scikit-learn classifier. `grid`: from the costs of
    the protocol to the candidates, the most regularised first. `usual`: parameters that are taken
    unless others are better by more than the standard error.
    """

    make: Callable[[Mapping[str, Any], int], Any]
    grid: Callable[[tuple[float, ...]], tuple[Mapping[str, Any], ...]]
    usual: Mapping[str, float]

    def ranks(self, candidates: Sequence[Mapping[str, Any]]) -> list[float]:
        """Return how many orders of magnitude lie between candidates and the usual parameters."""
        return [
            sum(
                abs(float(np.log10(one.get(name, value) / value)))
                for name, value in self.usual.items()
            )
            for one in candidates
        ]


FAMILIES: Mapping[str, Family] = {
    "svm": Family(_linear_svm, lambda costs: tuple({"C": cost} for cost in costs), {"C": 0.3162}),
    "rbf-svm": Family(
        _rbf_svm,
        lambda _: tuple({"C": cost, "gamma": gamma} for cost in _RBF_COSTS for gamma in _GAMMAS),
        {"C": 1.0, "gamma": 0.3},
    ),
    "ridge": Family(
        _ridge, lambda _: tuple({"alpha": penalty} for penalty in RIDGE_GRID), {"alpha": 5.0}
    ),
    "logistic": Family(
        _logistic, lambda costs: tuple({"C": cost} for cost in costs[::2]), {"C": 1.0}
    ),
}
"""Classifiers by name, all with classes weighted inversely to their frequency.

svm: one-versus-rest linear machine with squared hinge loss, cost C. rbf-svm: machine with a Gaussian
kernel exp(-gamma ‖x - y‖²). ridge: least squares on targets ±1, one per class, penalty alpha on the
squared norm. logistic: multinomial logistic regression, cost C, every second of the costs.
"""


def check_family(method: str, family: str, candidates: Sequence[Mapping[str, Any]] = ()) -> None:
    """Check that `FAMILIES` has a family whose classifier can use the candidates' parameters.

    A ValueError names the method, the family and the parameter.
    """
    if family not in FAMILIES:
        raise ValueError(
            f"method {method!r}: classifier must be one of {', '.join(FAMILIES)}, got {family!r}"
        )
    for candidate in candidates:
        try:
            classifier = FAMILIES[family].make(candidate, 0)
        except TypeError as error:
            raise ValueError(f"method {method!r}: {error}") from error
        check_estimator(method, classifier, candidate)


@dataclass(frozen=True, eq=False)
class TunedClassifier:
    """A classifier whose parameters were chosen without target labels.

    `classifier`: a scikit-learn classifier, fitted on all source rows, scaled by `scale`. `scale`:
    factor that gives the source rows unit mean energy. `choice`: the parameters and how they were
    chosen.
    """

    classifier: Any
    scale: float
    choice: Choice

    def predict(self, features: NDArray[np.float64]) -> NDArray[np.str_]:
        """Return the label of each row of `features` (n, d)."""
        return np.asarray(self.classifier.predict(features * self.scale), dtype=np.str_)

    @property
    def classes(self) -> tuple[str, ...]:
        """Labels in the order of `scores`."""
        return tuple(str(name) for name in self.classifier.classes_)

    def scores(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the scores (n, n_classes) of each row of `features` (n, d)."""
        return class_scores(self.classifier, features * self.scale)

    def row_model(self, encoders: tuple[Any, ...] = (), *, every_view: bool = False) -> RowModel:
        """Return the classifier behind `encoders`, for rows that are not known yet."""
        linear = hasattr(self.classifier, "coef_") and not isinstance(self.classifier, SVC)
        kept = LinearScores.of(self.classifier) if linear else self.classifier
        return RowModel(encoders, kept, self.scale, every_view)

    def fitted(
        self,
        output: MethodOutput,
        target: NDArray[np.float64],
        encoders: tuple[Any, ...] = (),
        *,
        every_view: bool = False,
    ) -> FittedMethod:
        """Return a method that ends in this classifier, with its `output` on the `target` rows."""
        model = self.row_model(encoders, every_view=every_view)
        return FittedMethod(self.classes, output, self.scores(target), model)


def family_obstacle(family: str) -> str:
    """Return why classifiers of a family cannot predict new recordings; empty if they can."""
    if family == "rbf-svm":
        return "a support vector machine with a Gaussian kernel cannot be kept in a model file"
    return ""


def tune(
    family: str,
    features: NDArray[np.float64],
    labels: NDArray[np.str_],
    speakers: NDArray[np.str_],
    *,
    c_grid: tuple[float, ...],
    n_folds: int,
    seed: int,
    target: NDArray[np.float64] | None = None,
    rule: Rule = "source",
    candidates: tuple[Mapping[str, Any], ...] = (),
    weights: NDArray[np.float64] | None = None,
) -> TunedClassifier:
    """Fit a classifier whose parameters are chosen on held-out speakers.

    - `family`: a name in `FAMILIES`.
    - `features` (n, d): source rows.
    - `labels`, `speakers`, `n_folds`, `target`, `rule`: as in `select`.
    - `c_grid`: costs to try, ascending.
    - `seed`: seed of the folds and of the solver.
    - `candidates`: parameters to choose from instead of the family's grid, the preferred ones
      first.
    - `weights` (n,): weights of the rows in the fit on all of them; parameters are chosen without.

    Returns: the classifier refitted on all rows. Raises ValueError if `family` is unknown or the
    rule lacks its target rows. Raises CorpusError if speakers do not allow disjoint folds.

    Rows are divided by the root of their mean squared norm, so that one grid fits z-scored features
    and sparse codes alike: a cost C here is C/d for d z-scored features. Within a corpus, recall
    hardly depends on the cost over several decades, and a source of few speakers tells costs
    apart even less. The family's usual parameters, fixed beforehand, are therefore kept unless
    others are better by more than the standard error; among those the nearest are taken.

    References
    ----------
    R.-E. Fan, K.-W. Chang, C.-J. Hsieh, X.-R. Wang, C.-J. Lin, "LIBLINEAR: a library for large
    linear classification", Journal of Machine Learning Research 9:1871-1874, 2008.
    """
    if family not in FAMILIES:
        raise ValueError(f"family must be one of {', '.join(FAMILIES)}, got {family!r}")
    kind = FAMILIES[family]
    check_matrix(features, "features")
    energy = float(np.mean(np.einsum("ij,ij->i", features, features)))
    scale = 1.0 / np.sqrt(energy) if energy > 0 else 1.0

    def fit(rows: NDArray[Any], known: NDArray[np.str_], candidate: Mapping[str, Any]) -> Predict:
        predict: Predict = kind.make(candidate, seed).fit(rows, known).predict
        return predict

    scaled = features * scale
    grid = kind.grid(c_grid)
    tried = candidates or grid
    for candidate in tried:
        check_estimator(family, kind.make(candidate, seed), candidate)
    rows: NDArray[Any] = scaled
    learn: Fit = fit
    if rule == "source" and family in _TURNED:
        rows = _turned(scaled)
    elif rule == "source" and family == "rbf-svm" and _share_kernels(tried, len(scaled)):
        rows, learn = np.arange(len(scaled))[:, None], _fit_on_kernels(scaled, tried, seed)
    # Rows and parameters have been looked at, and there are as many fits as candidates and folds.
    with config_context(assume_finite=True, skip_parameter_validation=True):
        choice = select(
            tried,
            learn,
            rows,
            labels,
            speakers,
            target=None if target is None else check_matrix(target, "target") * scale,
            rule=rule,
            ranks=None if candidates else kind.ranks(grid),
            n_folds=n_folds,
            seed=seed,
        )
    best = kind.make(choice.parameters, seed).fit(scaled, labels, sample_weight=weights)
    return TunedClassifier(best, scale, choice)


def _share_kernels(candidates: Sequence[Mapping[str, Any]], n_rows: int) -> bool:
    """Return whether the folds can take their kernels out of a few that fit into memory."""
    return n_rows <= _MOST_KERNEL_ROWS and all(
        isinstance(candidate.get("gamma"), Real) for candidate in candidates
    )


def _fit_on_kernels(
    rows: NDArray[np.float64], candidates: Sequence[Mapping[str, Any]], seed: int
) -> Fit:
    """Return a `Fit` on numbers of rows, whose kernels are computed once for all folds and costs.

    There is one kernel exp(-gamma ‖x - y‖²) per gamma, from inner products, as the solver does.
    """
    products = gram_matrix(rows)
    energies = np.diag(products)
    squared = np.maximum(energies[:, None] + energies - 2 * products, 0.0)
    kernels = {gamma: np.exp(-gamma * squared) for gamma in {each["gamma"] for each in candidates}}

    def fit(
        train: NDArray[np.intp], known: NDArray[np.str_], candidate: Mapping[str, Any]
    ) -> Predict:
        kernel = kernels[candidate["gamma"]]
        machine = _rbf_svm(candidate, seed).set_params(kernel="precomputed")
        machine.fit(kernel[train, train.T], known)
        return lambda test: np.asarray(machine.predict(kernel[test, train.T]), dtype=np.str_)

    return fit


def _turned(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rotate rows of more columns than rows into a triangle, which costs less to fit.

    With a penalty on the norm of the weights predictions depend on inner products alone, and
    X Xᵀ = Rᵀ R with Xᵀ = Q R. Folds keep fewer rows than columns, and with that the same solver.
    The final fit is on the rows as they are.
    """
    if len(rows) >= rows.shape[1]:
        return rows
    return np.ascontiguousarray(np.asarray(lapack(np.linalg.qr, rows.T, mode="r")).T)
