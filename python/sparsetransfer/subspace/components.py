"""Projections under which the domains have like means: TCA and JDA."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.neighbors import KNeighborsClassifier

from sparsetransfer._domains import (
    encode_source_labels,
    mean_weights,
    require_labels,
    source_mask,
)
from sparsetransfer._linalg import matmul, unit_rows
from sparsetransfer._validation import FloatArray, check_integer, check_rows
from sparsetransfer.subspace.mean_matching import Kernel, MeanMatching

__all__ = ["JointDistributionAdaptation", "TransferComponentAnalysis"]


class TransferComponentAnalysis(MeanMatching):
    r"""Find components with much variance in which the domains have like means.

    Parameters
    ----------
    n_components : int, optional
        Number of components, by default as many as there can be.
    regularization : float, default=1.0
        Weight of the norm of the projection, > 0.
    kernel : {"linear", "rbf"}, default="linear"
        "linear" solves a problem of size min(n_samples, n_features), "rbf" one of size n_samples.
    gamma : float, optional
        Of the kernel :math:`\exp(-\gamma\|x-y\|^2)`; 1 / n_features by default.

    Attributes
    ----------
    projection_ : numpy.ndarray of shape (n_features or n_samples, n_components)
        What centred samples, or kernel rows, are multiplied with; the first components matter
        most. The largest entry of each is positive.
    eigenvalues_ : numpy.ndarray of shape (n_components,)
        Variance over the rest of the objective, descending.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : numpy.ndarray of shape (n_features,)
        Their names, if the fitted data had string names.

    Notes
    -----
    With F the centred samples (linear) or the kernel matrix (rbf), H the centring matrix and M the
    MMD matrix of the domains,

    .. math:: \min_W \operatorname{tr}(W^\top F^\top \tfrac{M}{\|M\|_F} F W)
       + \lambda \|W\|_F^2, \qquad W^\top F^\top H F W = I

    ([1]_, eq. 6; [2]_, eq. 9). M is divided by its norm as in public code, which makes
    :math:`\lambda` independent of the numbers of samples; the weight :math:`\mu` of [1]_ is
    :math:`\lambda\|M\|_F` with :math:`\|M\|_F = 1/n_s + 1/n_t`. In the linear case W is the
    projection of the features itself, as in [2]_. The columns of W are then scaled to unit length,
    as public code does too: at the unit variance of the constraint, components of little variance
    would count as much as the first.

    References
    ----------
    .. [1] S. J. Pan, I. W. Tsang, J. T. Kwok, Q. Yang, "Domain Adaptation via Transfer Component
       Analysis", IEEE Transactions on Neural Networks 22(2), 2011.
       https://doi.org/10.1109/TNN.2010.2091281
    .. [2] M. Long, J. Wang, G. Ding, J. Sun, P. S. Yu, "Transfer Feature Learning with Joint
       Distribution Adaptation", ICCV 2013. https://doi.org/10.1109/ICCV.2013.274

    Examples
    --------
    >>> import numpy as np
    >>> from sparsetransfer.subspace import TransferComponentAnalysis
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(40, 3)) + np.repeat([[0.0, 0, 0], [9, 0, 0]], 20, axis=0)
    >>> domains = np.repeat([1, -1], 20)
    >>> Z = TransferComponentAnalysis(2).fit_transform(X, sample_domain=domains)
    >>> bool(np.abs(Z[:20].mean(axis=0) - Z[20:].mean(axis=0)).max() < 0.1)
    True
    """

    def __init__(
        self,
        n_components: int | None = None,
        *,
        regularization: float = 1.0,
        kernel: Kernel = "linear",
        gamma: float | None = None,
    ) -> None:
        self.n_components = n_components
        self.regularization = regularization
        self.kernel = kernel
        self.gamma = gamma

    def _fit(self, rows: FloatArray, domains: NDArray[np.int64] | None) -> None:
        matched = np.zeros((len(rows), 0))
        if domains is not None:
            matched = mean_weights(domains)[:, None]
        features, basis = self._prepare(rows)
        self._solve(features, basis, matched)


class JointDistributionAdaptation(MeanMatching):
    r"""Match the means of the domains, and those of every class by pseudo-labels of the target.

    Parameters
    ----------
    max_iter : int, default=10
        Most rounds of projection and pseudo-labels; the first round matches the domains only.
    n_components, regularization, kernel, gamma
        As in `TransferComponentAnalysis`.

    Attributes
    ----------
    pseudo_labels_ : numpy.ndarray of shape (n_target,)
        What the last round made of the target samples, in their order.
    changes_ : list of int
        How many pseudo-labels each round after the first changed; the rounds end at 0.
    n_iter_ : int
        Rounds made.
    projection_, eigenvalues_, n_features_in_, feature_names_in_
        As of `TransferComponentAnalysis`.

    Notes
    -----
    The problem of `TransferComponentAnalysis` with :math:`M = \sum_{c=0}^{C} m_c m_c^\top`
    ([1]_, eqs. 4 and 8), where :math:`m_0` compares the domains and :math:`m_c` the source samples
    of class c with the target samples that the nearest source sample, among unit-length
    projections, gives that label. A class without pseudo-labels is left out. M is never formed.
    Columns of W have unit length; samples are centred, unlike in public code, which raises its
    published accuracies on digits and objects. Pseudo-labels are what the method is; they help or
    harm with their accuracy.

    Labels of target samples are never read. Without a target this is a plain projection.

    References
    ----------
    .. [1] M. Long, J. Wang, G. Ding, J. Sun, P. S. Yu, "Transfer Feature Learning with Joint
       Distribution Adaptation", ICCV 2013. https://doi.org/10.1109/ICCV.2013.274

    Examples
    --------
    >>> import numpy as np
    >>> from sparsetransfer.subspace import JointDistributionAdaptation
    >>> rng = np.random.default_rng(0)
    >>> y = np.tile([0, 1], 20)
    >>> X = rng.normal(scale=0.2, size=(40, 3)) + y[:, None] * [2, 0, 0]
    >>> X[20:] += [0, 5, 0]
    >>> domains = np.repeat([1, -1], 20)
    >>> jda = JointDistributionAdaptation(2).fit(X, y, sample_domain=domains)
    >>> bool((jda.pseudo_labels_ == y[20:]).all())
    True
    """

    def __init__(
        self,
        n_components: int | None = None,
        *,
        regularization: float = 1.0,
        kernel: Kernel = "linear",
        gamma: float | None = None,
        max_iter: int = 10,
    ) -> None:
        self.n_components = n_components
        self.regularization = regularization
        self.kernel = kernel
        self.gamma = gamma
        self.max_iter = max_iter

    def fit(
        self, X: ArrayLike, y: ArrayLike | None = None, *, sample_domain: ArrayLike | None = None
    ) -> Self:
        """Fit the projection and pseudo-labels of the target in turns.

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
        JointDistributionAdaptation
            Itself.

        Raises
        ------
        ValueError
            If a parameter is out of range, `X` is not finite or `y` is missing.
        DomainError
            If `sample_domain` lacks source or target, or a source sample has no label.

        Warns
        -----
        DomainWarning
            If there is one domain only; the means then play no part.
        """
        rows: FloatArray = check_rows(self, X, dtype=[np.float64, np.float32])
        rounds = check_integer(self.max_iter, "max_iter", minimum=1)
        labels = require_labels(y, len(rows), type(self).__name__)
        domains = self._fit_domains(labels, sample_domain, len(rows))
        source = source_mask(domains, len(rows))
        classes, codes = encode_source_labels(labels, source)
        features, basis = self._prepare(rows)
        means = np.zeros((len(rows), 0)) if domains is None else mean_weights(domains)[:, None]
        self._solve(features, basis, means)
        self.changes_ = []
        self.n_iter_ = 1
        guesses = self._guess(features, basis, source, codes)
        while self.n_iter_ < rounds and domains is not None:
            self._solve(features, basis, _with_classes(means, source, codes, guesses))
            previous, guesses = guesses, self._guess(features, basis, source, codes)
            self.n_iter_ += 1
            self.changes_.append(int((previous != guesses).sum()))
            if self.changes_[-1] == 0:
                break
        self.pseudo_labels_ = classes[guesses]
        return self

    def _guess(
        self,
        features: FloatArray,
        basis: FloatArray,
        source: NDArray[np.bool_],
        codes: NDArray[np.int64],
    ) -> NDArray[np.int64]:
        if source.all():
            return np.zeros(0, np.int64)
        projected = matmul(features, matmul(basis.T, self.projection_))
        unit = unit_rows(projected)
        nearest = KNeighborsClassifier(1).fit(unit[source], codes)
        return np.asarray(nearest.predict(unit[~source]), dtype=np.int64)

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn that labels are required."""
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags


def _with_classes(
    means: NDArray[np.float64],
    source: NDArray[np.bool_],
    codes: NDArray[np.int64],
    guesses: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Add one column per class that has source samples and pseudo-labelled target samples."""
    labels = np.empty(len(source), np.int64)
    labels[source], labels[~source] = codes, guesses
    columns = [means]
    for label in np.unique(guesses):
        first, second = source & (labels == label), ~source & (labels == label)
        columns.append((first / first.sum() - second / second.sum())[:, None])
    return np.hstack(columns)
