"""What the regressions from features to class labels share."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.validation import check_is_fitted

from sparsetransfer import _core
from sparsetransfer._domains import read_source_labels
from sparsetransfer._labels import MaskedClassifierMixin
from sparsetransfer._linalg import gram_matrix, inner, matmul
from sparsetransfer._validation import (
    FloatArray,
    check_integer,
    check_real,
    check_rows,
    resolve_threads,
)
from sparsetransfer.exceptions import DomainWarning
from sparsetransfer.graph import knn_graph, laplacian
from sparsetransfer.transfer.couplings import MeanContrasts, couple_classes, couple_domains
from sparsetransfer.transfer.regression.solver import (
    QuadraticProblem,
    RegressionCoefficients,
    SparsePenalty,
    group_strengths,
    refuse_overflow,
    refuse_underflow,
    warn_unconverged,
)

__all__ = [
    "LabelRegression",
    "TransferRows",
    "class_coupling",
    "on_simplex",
    "relative_penalty",
]

ClassWeight = Literal["balanced"] | Mapping[Any, float] | None


@dataclass(frozen=True, eq=False)
class TransferRows:
    """The rows of a fit, moved so that the weighted source has mean zero.

    - `rows` (n_samples, n_features): samples of both domains minus `centre`.
    - `source` (n_samples,): which rows are source.
    - `domains` (n_samples,): domain labels; None if all samples form one domain.
    - `codes` (n_source,): class numbers of the source.
    - `weights` (n_source,): weights of the source rows, of sum 1.
    - `targets` (n_source, n_classes): one-hot labels minus their weighted mean.
    - `centre` (n_features,): weighted mean of the source.
    - `prior` (n_classes,): weighted mean of the one-hot labels.
    - `dtype`: precision of the samples as they were given, and of the coefficients.
    """

    rows: NDArray[np.float64]
    source: NDArray[np.bool_]
    domains: NDArray[np.int64] | None
    codes: NDArray[np.int64]
    weights: NDArray[np.float64]
    targets: NDArray[np.float64]
    centre: NDArray[np.float64]
    prior: NDArray[np.float64]
    dtype: np.dtype[Any]

    @property
    def energy(self) -> float:
        """Weighted mean of the squared lengths of the centred source rows."""
        rows = self.rows[self.source]
        energy = inner(self.weights[:, None] * rows, rows)
        refuse_overflow(energy)
        return energy

    def fit_term(self, targets: NDArray[np.float64]) -> QuadraticProblem:
        """Return 1/2 sum_i w_i |t_i - W x_i|^2 over the source."""
        source = self.rows[self.source]
        weighted = self.weights[:, None] * source
        return QuadraticProblem(
            matmul(source.T, weighted),
            matmul(targets.T, weighted),
            inner(self.weights, np.square(targets).sum(axis=1)),
        )

    def mean_term(self, coupling: MeanContrasts) -> NDArray[np.float64]:
        """Return the quadratic form of the squared distances of matched means."""
        rows = np.sqrt(coupling.weights)[:, None] * matmul(coupling.columns.T, self.rows)
        return np.asarray(gram_matrix(rows.T))

    def graph_term(self, graph: sparse.csr_array) -> NDArray[np.float64]:
        """Return X'LX / n for the Laplacian of a graph of all rows."""
        return np.asarray(matmul(self.rows.T, graph @ self.rows)) / len(self.rows)


def relative_penalty(
    linear: NDArray[np.float64],
    *,
    l1: float = 0.0,
    l21: float = 0.0,
    group: float = 0.0,
    groups: ArrayLike | None = None,
) -> SparsePenalty:
    """Scale penalties given as fractions of what alone would make every coefficient zero."""
    numbers, sizes = group_strengths(groups, 1.0 if group else 0.0, linear.shape[1])
    strengths = sizes
    largest = float(np.abs(linear).max())
    unit = linear / largest if largest > 0 else linear  # whose squares do not overflow
    if group:
        squares = np.bincount(numbers, np.square(unit).sum(axis=0))
        strengths = group * sizes * (largest * (np.sqrt(squares) / sizes).max())
    return SparsePenalty(
        l1 * largest,
        l21 * largest * float(np.linalg.norm(unit, axis=0).max()),
        numbers,
        strengths,
    )


class LabelRegression(MaskedClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Base of linear classifiers that regress one-hot labels and know two domains.

    A subclass implements `_fit_rows`, which sets the certificate and returns coefficients.
    """

    __metadata_request__fit = {"sample_domain": True}  # noqa: RUF012

    class_weight: ClassWeight
    kkt_tol: float | None
    n_jobs: int | None
    ridge: float
    mmd: float = 0.0
    laplacian: float = 0.0
    n_neighbors: int = 5

    def fit(
        self, X: ArrayLike, y: ArrayLike | None = None, *, sample_domain: ArrayLike | None = None
    ) -> Self:
        """Fit on labelled source and unlabelled target samples.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Samples of both domains.
        y : array_like of shape (n_samples,)
            Labels of the source; those of the target are not read. Without `sample_domain`,
            masked labels (-1, NaN, None) stand for the target.
        sample_domain : array_like of shape (n_samples,), int, optional
            Positive for source, negative for target.

        Returns
        -------
        LabelRegression
            Itself.

        Raises
        ------
        ValueError
            If a parameter is out of range, `X` is not finite or there are fewer than two classes.
        DomainError
            If `sample_domain` lacks source or target, or a source sample has no label.

        Warns
        -----
        DomainWarning
            If there is one domain only, or the means that are to be matched are equal already.
        ConvergenceWarning
            If the coefficients do not reach `kkt_tol`.
        """
        given: FloatArray = check_rows(self, X, dtype=[np.float64, np.float32])
        prepared = self._prepare(given, y, sample_domain)
        refuse_underflow(prepared.rows)
        self.coef_ = self._fit_rows(prepared, resolve_threads(self.n_jobs))
        self.intercept_ = (prepared.prior - matmul(self.coef_, prepared.centre)).astype(given.dtype)
        return self

    def decision_function(self, X: ArrayLike) -> FloatArray:
        """Return the regressed labels.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Samples of any domain.

        Returns
        -------
        numpy.ndarray of shape (n_samples, n_classes) or (n_samples,)
            Scores, about 1 for the class of a sample and 0 for the others; with two classes the
            second score minus the first.
        """
        scores = self._scores(X)
        return np.asarray(scores[:, 1] - scores[:, 0]) if scores.shape[1] == 2 else scores

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the class of the largest score.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Samples of any domain.

        Returns
        -------
        numpy.ndarray of shape (n_samples,)
            Labels out of `classes_`.
        """
        chosen = self._scores(X).argmax(axis=1)
        return np.asarray(self.classes_[chosen])

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the probabilities nearest to the scores.

        Least squares on one-hot labels estimates class probabilities, but may leave the simplex:
        this is the Euclidean projection of the scores on it.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Samples of any domain.

        Returns
        -------
        numpy.ndarray of shape (n_samples, n_classes)
            Probabilities in the order of `classes_`.
        """
        return on_simplex(self._scores(X).astype(np.float64))

    def _scores(self, X: ArrayLike) -> FloatArray:
        check_is_fitted(self, "coef_")
        rows: FloatArray = check_rows(self, X, dtype=[np.float64, np.float32], reset=False)
        return np.asarray(matmul(rows, self.coef_.T) + self.intercept_)

    def _prepare(
        self, given: FloatArray, y: ArrayLike | None, sample_domain: ArrayLike | None
    ) -> TransferRows:
        rows = given.astype(np.float64)
        name = type(self).__name__
        read = read_source_labels(
            y, sample_domain, len(rows), name, alone=f"{name} is plain regression", stacklevel=5
        )
        self.classes_, codes, source = read.classes, read.codes, read.source
        weights = compute_sample_weight(self.class_weight, self.classes_[codes])
        if not weights.sum() > 0 or weights.min() < 0:
            raise ValueError(f"class_weight must weigh some class, got {self.class_weight!r}")
        weights = weights / weights.sum()
        one_hot = np.eye(len(self.classes_))[codes]
        prior = matmul(weights, one_hot)
        centre = matmul(weights, rows[source])
        return TransferRows(
            rows - centre,
            source,
            read.domains,
            codes,
            weights,
            one_hot - prior,
            centre,
            prior,
            given.dtype,
        )

    def _fit_rows(self, data: TransferRows, threads: int) -> FloatArray:
        """Return coefficients in the precision of the data, whose certificate is set."""
        raise NotImplementedError

    def _add_fixed_terms(
        self, quadratic: NDArray[np.float64], data: TransferRows, threads: int
    ) -> None:
        """Add the ridge, the distance of the domain means and the graph term, in place."""
        ridge = check_real(self.ridge, "ridge", minimum=0)
        quadratic[np.diag_indices_from(quadratic)] += ridge * data.energy
        if check_real(self.mmd, "mmd", minimum=0) > 0:
            coupling = domain_coupling(data)
            if coupling is not None:
                quadratic += self.mmd * data.mean_term(coupling)
        if check_real(self.laplacian, "laplacian", minimum=0) > 0:
            check_integer(self.n_neighbors, "n_neighbors", minimum=1)
            graph = knn_graph(data.rows, self.n_neighbors, weights="cosine", n_jobs=threads)
            quadratic += self.laplacian * data.graph_term(laplacian(graph, normalized=True))

    def _certify(self, fit: RegressionCoefficients) -> None:
        """Set the attributes of the last convex problem and warn if it was not solved."""
        self.objective_ = fit.objective
        self.kkt_violation_ = fit.kkt_violation
        self.duality_gap_ = fit.duality_gap
        self.converged_ = fit.converged
        if not fit.converged:
            warn_unconverged(fit, stacklevel=4)


def domain_coupling(data: TransferRows) -> MeanContrasts | None:
    """Return the marginal term; warn where it is zero for every regression."""
    if data.domains is None:
        return None
    coupling = couple_domains(data.domains)
    difference = coupling.differences(data.rows)
    if np.abs(difference).max() <= 1e-12 * np.sqrt(data.energy):
        warnings.warn(
            "the means of source and target are equal, as after standardising each: the marginal "
            "term of a linear method is zero",
            DomainWarning,
            stacklevel=5,
        )
    return coupling


def class_coupling(
    data: TransferRows, domains: NDArray[np.int64], guesses: NDArray[np.int64]
) -> MeanContrasts:
    """Return the class-conditional term for pseudo-labels (class numbers) of the target."""
    labels = np.empty(len(data.source), np.int64)
    labels[data.source], labels[~data.source] = data.codes, guesses
    return couple_classes(domains, labels)


def on_simplex(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Project rows on the probability simplex by the sorted threshold (Held et al., 1974).

    Raises NumericalError if a score is not finite.
    """
    if not np.isfinite(scores).all():
        raise _core.NumericalError(
            "the scores of X overflow: scale its rows as those that were fitted"
        )
    # A number added to a row moves no projection, and what is 1 below the largest score has none.
    with np.errstate(over="ignore"):
        scores = np.maximum(scores - scores.max(axis=1, keepdims=True), -1.0)
    descending = -np.sort(-scores, axis=1)
    excess = np.cumsum(descending, axis=1) - 1
    counts = np.arange(1, scores.shape[1] + 1)
    kept = (descending * counts > excess).sum(axis=1)
    threshold = excess[np.arange(len(scores)), kept - 1] / kept
    return np.asarray(np.maximum(scores - threshold[:, None], 0.0))
