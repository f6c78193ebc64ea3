"""Correlation alignment."""

from __future__ import annotations

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from sparsetransfer._domains import new_domains
from sparsetransfer._linalg import lapack, matmul
from sparsetransfer._validation import FloatArray, check_real, check_rows
from sparsetransfer.subspace.transformer import DomainTransformer

__all__ = ["CORAL"]


class CORAL(DomainTransformer):
    r"""Match the mean and the covariance of the source to those of the target.

    Parameters
    ----------
    regularization : float, default=1.0
        What is added to the diagonal of both covariances, >= 0. The default is the paper's, for
        features of unit variance. With 0 the pseudo-inverse is used, which is correct for singular
        covariances.

    Attributes
    ----------
    source_mean_, target_mean_ : numpy.ndarray of shape (n_features,)
        Means of the domains.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : numpy.ndarray of shape (n_features,)
        Their names, if the fitted data had string names.

    Notes
    -----
    With :math:`C_s, C_t` the sample covariances plus the regularisation, a source row is mapped
    by ([1]_, Algorithm 1)

    .. math:: x \mapsto (x - \bar x_s)\, C_s^{-1/2} C_t^{1/2} + \bar x_t,

    and target rows stay as they are. The paper presumes centred features; the means here make no
    difference to it then. Without regularisation, the mapped source has the covariance of the
    target if that has no larger rank; otherwise its best approximation of the source's rank
    ([1]_, Theorem 1). Both roots are applied through the singular vectors of the centred samples:
    no matrix of size n_features x n_features is formed.

    References
    ----------
    .. [1] B. Sun, J. Feng, K. Saenko, "Return of Frustratingly Easy Domain Adaptation", AAAI
       2016. https://doi.org/10.1609/aaai.v30i1.10306

    Examples
    --------
    >>> import numpy as np
    >>> from sparsetransfer.subspace import CORAL
    >>> X = np.array([[-1.0], [1.0], [2.0], [8.0]])
    >>> CORAL(regularization=0).fit_transform(X, sample_domain=[1, 1, -1, -1]).ravel()
    array([2., 8., 2., 8.])
    """

    def __init__(self, regularization: float = 1.0) -> None:
        self.regularization = regularization

    def _fit(self, rows: FloatArray, domains: NDArray[np.int64] | None) -> None:
        added = check_real(self.regularization, "regularization", minimum=0)
        source = np.ones(len(rows), np.bool_) if domains is None else domains > 0
        target = source if domains is None else domains < 0
        self.source_mean_ = rows[source].mean(axis=0, dtype=np.float64).astype(rows.dtype)
        self.target_mean_ = rows[target].mean(axis=0, dtype=np.float64).astype(rows.dtype)
        eps = float(np.finfo(rows.dtype).eps)
        rows = rows.astype(np.float64, copy=False)
        self._whitening = _CovariancePower(rows[source] - self.source_mean_, added, -0.5, eps)
        self._colouring = _CovariancePower(rows[target] - self.target_mean_, added, 0.5, eps)
        spread = max(self._whitening.spread, self._colouring.spread)
        varies = self._whitening.rank + self._colouring.rank > 0
        if varies and spread < added * np.finfo(np.float64).eps:
            raise ValueError(
                f"regularization={added:g} hides the covariances of X, of at most {spread:.3g}; scale "
                "the features, for example by StandardScaler, or take regularization=0"
            )
        if added == 0 and self._colouring.rank > self._whitening.rank:
            self._colouring.truncate(self._whitening.rank)
        self._n_features_out = rows.shape[1]
        self._aligns = domains is not None

    def transform(self, X: ArrayLike, *, sample_domain: ArrayLike | None = None) -> FloatArray:
        """Map source rows to the target's covariance; leave target rows as they are.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Samples.
        sample_domain : array_like of shape (n_samples,), int, optional
            Positive for source, negative for target. By default all samples are target.

        Returns
        -------
        numpy.ndarray of shape (n_samples, n_features)
            The transformed samples.
        """
        check_is_fitted(self, "source_mean_")
        rows: FloatArray = check_rows(
            self, X, dtype=[np.float64, np.float32], reset=False, copy=True
        )
        source = new_domains(sample_domain, len(rows)) > 0
        if self._aligns and source.any():
            wide = rows[source].astype(np.float64, copy=False)
            white = self._whitening.apply(wide - self.source_mean_)
            rows[source] = self._colouring.apply(white) + self.target_mean_
        return rows


class _CovariancePower:
    """A power of covariance + added * identity, as a scaled identity plus a low-rank term."""

    def __init__(self, centred: FloatArray, added: float, power: float, eps: float) -> None:
        _, lengths, self.directions = lapack(scipy.linalg.svd, centred, full_matrices=False)
        # A power of two apart, whose square would overflow.
        unit = 2.0 ** max(0, int(np.frexp(lengths.max(initial=0.0))[1]) - 500)
        variances = (lengths / unit) ** 2 / max(1, len(centred) - 1)
        self.spread = float(variances.max(initial=0.0)) * unit * unit
        # Singular values below this are rounding: their inverses would be noise.
        noise = max(centred.shape) * eps * lengths.max(initial=0.0)
        self.rank = int((lengths > noise).sum())
        self.directions = self.directions[: self.rank]
        # Without an elsewhere, whose rounding would exceed what is whitened from far larger rows.
        self.elsewhere = added**power if added > 0 and self.rank < centred.shape[1] else 0.0
        scaled = (variances[: self.rank] + added / unit / unit) ** power
        self.weights = scaled * unit ** (2 * power) - self.elsewhere

    def truncate(self, rank: int) -> None:
        self.directions, self.weights = self.directions[:rank], self.weights[:rank]

    def apply(self, rows: FloatArray) -> FloatArray:
        inside = matmul(rows, self.directions.T) * self.weights
        return np.asarray(self.elsewhere * rows + matmul(inside, self.directions), dtype=rows.dtype)
