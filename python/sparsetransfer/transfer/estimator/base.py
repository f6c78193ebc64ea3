"""What estimators share that learn one dictionary for two domains with its codes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from sparsetransfer._linalg import matmul
from sparsetransfer._validation import FloatArray, check_matrix, check_rows
from sparsetransfer.subspace.transformer import DomainTransformer

__all__ = ["DomainCoder"]


class DomainCoder(DomainTransformer):
    """Base of estimators with `components_`, and `codes_` of the fitted samples."""

    components_: FloatArray
    codes_: FloatArray

    def _signals(self, X: ArrayLike, *, reset: bool) -> FloatArray:
        """Check samples by the conventions of scikit-learn; return them as kernels read them."""
        given = check_rows(self, X, dtype=[np.float64, np.float32], reset=reset)
        return np.require(given, requirements=["C_CONTIGUOUS", "ALIGNED"])

    def fit_transform(
        self, X: ArrayLike, y: ArrayLike | None = None, *, sample_domain: ArrayLike | None = None
    ) -> FloatArray:
        """Fit and return the codes of the fitted samples.

        Parameters
        ----------
        X, y, sample_domain
            As in `fit`.

        Returns
        -------
        numpy.ndarray of shape (n_samples, n_components)
            A copy of `codes_`.
        """
        fitted: Any = self.fit(X, y, sample_domain=sample_domain)
        return np.array(fitted.codes_)

    def inverse_transform(self, codes: ArrayLike) -> FloatArray:
        """Return the signals that codes stand for, ``codes @ components_``.

        Parameters
        ----------
        codes : array_like of shape (n_samples, n_components)
            Codes.

        Returns
        -------
        numpy.ndarray of shape (n_samples, n_features)
            Signals.
        """
        check_is_fitted(self, "components_")
        checked = check_matrix(codes, "codes", n_features=len(self.components_))
        return np.asarray(matmul(checked, self.components_))
