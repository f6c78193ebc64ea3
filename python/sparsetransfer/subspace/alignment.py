"""Subspace alignment."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.decomposition import PCA
from sklearn.utils.validation import check_is_fitted

from sparsetransfer._domains import new_domains
from sparsetransfer._linalg import lapack, matmul
from sparsetransfer._validation import FloatArray, check_integer, check_rows
from sparsetransfer.subspace.transformer import DomainTransformer

__all__ = ["SubspaceAlignment"]


class SubspaceAlignment(DomainTransformer):
    r"""Turn the principal subspace of the source into that of the target.

    Parameters
    ----------
    n_components : int, optional
        Principal components of each domain, at most the number of features and of samples of
        either domain; by default as many as that.

    Attributes
    ----------
    source_components_, target_components_ : numpy.ndarray of shape (n_components, n_features)
        Orthonormal bases of the subspaces.
    source_mean_, target_mean_ : numpy.ndarray of shape (n_features,)
        Means of the domains, which are subtracted.
    alignment_ : numpy.ndarray of shape (n_components, n_components)
        :math:`P_s P_t^\top`.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : numpy.ndarray of shape (n_features,)
        Their names, if the fitted data had string names.

    Notes
    -----
    With the bases :math:`P_s, P_t` in rows, source and target rows become ([1]_, Algorithm 1)

    .. math:: (x - \bar x_s) P_s^\top (P_s P_t^\top), \qquad (x - \bar x_t) P_t^\top,

    where :math:`P_s P_t^\top` minimises :math:`\|P_s^\top M - P_t^\top\|_F`. The bases are
    scikit-learn's `PCA` of each domain.

    References
    ----------
    .. [1] B. Fernando, A. Habrard, M. Sebban, T. Tuytelaars, "Unsupervised Visual Domain
       Adaptation Using Subspace Alignment", ICCV 2013. https://doi.org/10.1109/ICCV.2013.368

    Examples
    --------
    >>> import numpy as np
    >>> from sparsetransfer.subspace import SubspaceAlignment
    >>> X = np.array([[0.0, 0.0], [2.0, 0.0], [5.0, 0.0], [5.0, 4.0]])
    >>> aligner = SubspaceAlignment(1).fit(X, sample_domain=[1, 1, -1, -1])
    >>> abs(aligner.alignment_.round(6))
    array([[0.]])
    """

    def __init__(self, n_components: int | None = None) -> None:
        self.n_components = n_components

    def _fit(self, rows: FloatArray, domains: NDArray[np.int64] | None) -> None:
        source = rows if domains is None else rows[domains > 0]
        target = rows if domains is None else rows[domains < 0]
        most = min(*source.shape, *target.shape)
        count = most
        if self.n_components is not None:
            count = check_integer(self.n_components, "n_components", minimum=1, maximum=most)
        self.source_mean_, self.source_components_ = _principal(source, count, "source")
        self.target_mean_, self.target_components_ = _principal(target, count, "target")
        self.alignment_ = matmul(self.source_components_, self.target_components_.T)
        self._n_features_out = count

    def transform(self, X: ArrayLike, *, sample_domain: ArrayLike | None = None) -> FloatArray:
        """Return coordinates in the target's subspace.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Samples.
        sample_domain : array_like of shape (n_samples,), int, optional
            Positive for source, negative for target. By default all samples are target.

        Returns
        -------
        numpy.ndarray of shape (n_samples, n_components)
            The aligned coordinates.
        """
        check_is_fitted(self, "alignment_")
        rows: FloatArray = check_rows(self, X, dtype=[np.float64, np.float32], reset=False)
        source = new_domains(sample_domain, len(rows)) > 0
        coordinates = np.empty((len(rows), len(self.alignment_)), rows.dtype)
        coordinates[source] = matmul(
            matmul(rows[source] - self.source_mean_, self.source_components_.T), self.alignment_
        )
        coordinates[~source] = matmul(rows[~source] - self.target_mean_, self.target_components_.T)
        return coordinates


def _principal(rows: FloatArray, count: int, domain: str) -> tuple[FloatArray, FloatArray]:
    """Return the mean of a domain and its first principal directions."""
    # A power of two apart, which changes no digit: squares neither overflow nor underflow.
    exponent = int(np.frexp(np.abs(rows).max())[1])
    scaled = np.ldexp(rows, -exponent)
    if len(rows) > 1 and not np.ptp(scaled, axis=0).any():
        raise ValueError(f"X: all {domain} samples are equal: they span no subspace to align")
    with np.errstate(invalid="ignore"):  # shares of variance, of rounding alone
        fitted = lapack(PCA(count, svd_solver="full").fit, scaled)
    return np.ldexp(fitted.mean_, exponent), fitted.components_
