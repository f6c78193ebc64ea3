"""Ridge regression on class targets, with classes of equal weight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import linalg
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from sparsetransfer._labels import class_values, label_array, refuse_missing
from sparsetransfer._linalg import gram_matrix, inner, lapack, matmul
from sparsetransfer._validation import check_matrix, check_real, check_rows, check_vector
from sparsetransfer.transfer.regression.base import on_simplex

__all__ = ["BalancedRidge", "RidgeFit", "class_targets", "class_weights", "ridge"]


@dataclass(frozen=True, eq=False)
class RidgeFit:
    """A linear map from rows to scores.

    `coef` (d, k): coefficients. `intercept` (k,): scores of the zero row.
    """

    coef: NDArray[np.float64]
    intercept: NDArray[np.float64]

    def scores(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the scores (n, k) of `rows` (n, d)."""
        return np.asarray(matmul(rows, self.coef) + self.intercept)


def class_targets(codes: NDArray[np.intp], n_classes: int) -> NDArray[np.float64]:
    """Return one row per class number: 1 in its own column and -1 elsewhere."""
    targets = np.full((len(codes), n_classes), -1.0)
    targets[np.arange(len(codes)), codes] = 1.0
    return targets


def class_weights(codes: NDArray[np.intp], n_classes: int) -> NDArray[np.float64]:
    """Return weights n / (k n_class): every class weighs the same, and the mean is 1."""
    counts = np.bincount(codes, minlength=n_classes)
    present = np.count_nonzero(counts)
    return np.asarray(len(codes) / (present * counts[codes]), dtype=np.float64)


def ridge(
    rows: ArrayLike, targets: ArrayLike, weights: ArrayLike | None = None, *, alpha: float = 20.0
) -> RidgeFit:
    r"""Fit a weighted ridge regression with a free intercept.

    - `rows` (n, d): finite rows.
    - `targets` (n, k): wanted scores; they need not be one-hot.
    - `weights` (n,): non-negative weights of the rows, not all zero; 1 by default. Rows of weight
      zero have no influence.
    - `alpha`: penalty, > 0, in units of the weighted mean of the squared norms of the rows.

    Raises ValueError if shapes disagree, an entry is not finite, a weight is negative or all are
    zero, `alpha` is not positive, or all rows are so small that the coefficients overflow.

    Minimises, with :math:`\lambda` = `alpha` times the weighted mean of :math:`\|x_i\|^2`,

    .. math:: \sum_i w_i \|W^\top x_i + b - y_i\|^2 + \lambda \|W\|_F^2,

    so that multiplying all rows by one number changes no score, and a weight of 2 is a row that
    occurs twice. The smaller one of the systems in
    :math:`W` (d × d) and in the dual coefficients (n × n) is solved, both by Cholesky factorisation:
    O(n d min(n, d) + min(n, d)³).

    Examples
    --------
    >>> fit = ridge([[-1.0], [1.0]], [[-1.0], [1.0]], alpha=1.0)
    >>> float(fit.coef[0, 0]), float(fit.intercept[0])
    (0.6666666666666666, 0.0)
    """
    x = np.asarray(check_matrix(rows, "rows"), dtype=np.float64)
    y = np.asarray(check_matrix(targets, "targets"), dtype=np.float64)
    if len(y) != len(x):
        raise ValueError(f"targets must have {len(x)} rows like rows, got {len(y)}")
    w = np.ones(len(x))
    if weights is not None:
        w = np.asarray(check_vector(weights, "weights", size=len(x), minimum=0.0), dtype=np.float64)
    if not w.any():
        raise ValueError("weights must not all be zero")
    penalty = check_real(alpha, "alpha", minimum=0.0, strict=True)
    used = w > 0
    if not used.all():
        x, y, w = x[used], y[used], w[used]
    # A power of two apart, which changes no digit: squares neither overflow nor underflow.
    exponent = int(np.frexp(np.abs(x).max())[1])
    x = np.ldexp(x, -exponent)
    share = w / w.sum()
    penalty *= inner(share, np.einsum("ij,ij->i", x, x))
    centre, level = matmul(share, x), matmul(share, y)
    root = np.sqrt(w)[:, None]
    x -= centre
    x *= root
    coef = _solve(x, root * (y - level), penalty)
    with np.errstate(over="ignore"):
        unscaled = np.ldexp(coef, -exponent)
    if not np.isfinite(unscaled).all():
        raise ValueError(
            f"the coefficients of rows below {2.0**exponent:.3g} overflow; scale the features, for "
            "example by StandardScaler"
        )
    return RidgeFit(unscaled, level - matmul(centre, coef))


def _solve(x: NDArray[np.float64], y: NDArray[np.float64], penalty: float) -> NDArray[np.float64]:
    """Return argmin ‖x W − y‖² + penalty ‖W‖² by the smaller normal equations."""
    n, d = x.shape
    if penalty == 0.0:  # All rows are zero: every W fits alike, and the smallest is zero.
        return np.zeros((d, y.shape[1]))
    if d <= n:
        gram = gram_matrix(x.T)
        gram[np.diag_indices(d)] += penalty
        return np.asarray(lapack(linalg.solve, gram, matmul(x.T, y), assume_a="pos"))
    # (XᵀX + λI)⁻¹ Xᵀ = Xᵀ (XXᵀ + λI)⁻¹
    gram = gram_matrix(x)
    gram[np.diag_indices(n)] += penalty
    return np.asarray(matmul(x.T, lapack(linalg.solve, gram, y, assume_a="pos")))


class BalancedRidge(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    r"""Classify by ridge regression on targets ±1, with classes of equal weight.

    Parameters
    ----------
    alpha : float, default=20.0
        Penalty, > 0, in units of the mean squared norm of the rows, classes weighing the same.

    Attributes
    ----------
    coef_ : ndarray of shape (n_classes, n_features)
        Coefficients of each class.
    intercept_ : ndarray of shape (n_classes,)
        Scores of the zero row.
    classes_ : ndarray of shape (n_classes,)
        Labels, sorted.
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, if the fitted data had string names.

    See Also
    --------
    ridge : The same on arrays and for any targets.

    Notes
    -----
    A row of class c wants the score 1 in column c and -1 in the others, and weighs
    :math:`n / (k n_c)`. The largest score wins.

    The default is far stronger than what cross-validation within a corpus would choose: there the
    recall hardly depends on the penalty, across corpora it does, in favour of large ones. In the
    limit the classifier compares the projections on the means of the classes.

    Examples
    --------
    >>> model = BalancedRidge().fit([[0.0], [0.2], [1.0]], ["calm", "calm", "angry"])
    >>> model.predict([[0.1], [2.0]])
    array(['calm', 'angry'], dtype='<U5')
    """

    def __init__(self, alpha: float = 20.0) -> None:
        self.alpha = alpha

    def fit(
        self, X: ArrayLike, y: ArrayLike | None, sample_weight: ArrayLike | None = None
    ) -> BalancedRidge:
        """Fit the coefficients.

        Parameters
        ----------
        X : array_like of shape (n, d)
            Rows.
        y : array_like of shape (n,)
            Labels of at least two classes.
        sample_weight : array_like of shape (n,), optional
            Non-negative weights; classes have equal weight in their sums whatever these are.

        Returns
        -------
        BalancedRidge
            Itself.

        Raises
        ------
        ValueError
            If there is one class only, or a weight is negative.
        """
        rows, labels = check_rows(self, X, y if y is None else label_array(y), dtype=np.float64)
        refuse_missing(labels)
        labels = class_values(labels)
        check_classification_targets(labels)
        weights = np.ones(len(rows))
        if sample_weight is not None:
            weights = np.asarray(
                check_vector(sample_weight, "sample_weight", size=len(rows), minimum=0.0)
            )
            if not weights.any():
                raise ValueError("sample_weight must not be zero everywhere")
            rows, labels, weights = rows[weights > 0], labels[weights > 0], weights[weights > 0]
        self.classes_, codes = np.unique(labels, return_inverse=True)
        count = len(self.classes_)
        if count < 2:
            raise ValueError(f"y must have at least two classes, got {count} class")
        totals = np.bincount(codes, weights=weights, minlength=count)
        fitted = ridge(
            rows,
            class_targets(codes, count),
            weights * weights.sum() / (count * totals[codes]),
            alpha=self.alpha,
        )
        self.coef_, self.intercept_ = fitted.coef.T, fitted.intercept
        return self

    def decision_function(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the scores of rows.

        Parameters
        ----------
        X : array_like of shape (n, d)
            Rows.

        Returns
        -------
        ndarray of shape (n, n_classes) or (n,)
            Scores in the order of `classes_`; of two classes half the difference, second minus
            first.
        """
        check_is_fitted(self)
        rows = check_rows(self, X, dtype=np.float64, reset=False)
        scores = np.asarray(matmul(rows, self.coef_.T) + self.intercept_)
        return scores if len(self.classes_) > 2 else (scores[:, 1] - scores[:, 0]) / 2.0

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the probabilities nearest to the scores.

        Least squares on targets ±1 estimates 2 P - 1 for classes of equal weight, and shrinks it
        with `alpha`, but may leave the simplex: this is the Euclidean projection on it.

        Parameters
        ----------
        X : array_like of shape (n, d)
            Rows.

        Returns
        -------
        ndarray of shape (n, n_classes)
            Probabilities in the order of `classes_`.
        """
        check_is_fitted(self)
        rows = check_rows(self, X, dtype=np.float64, reset=False)
        return on_simplex((matmul(rows, self.coef_.T) + self.intercept_ + 1.0) / 2.0)

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Label rows.

        Parameters
        ----------
        X : array_like of shape (n, d)
            Rows.

        Returns
        -------
        ndarray of shape (n,)
            Labels out of `classes_`.
        """
        scores = self.decision_function(X)
        best = scores.argmax(axis=1) if scores.ndim == 2 else (scores > 0).astype(np.intp)
        return np.asarray(self.classes_[best])
