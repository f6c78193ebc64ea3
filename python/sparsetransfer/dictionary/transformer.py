"""What the dictionary estimators share: coding and synthesis with the learned atoms."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from sparsetransfer._former import former_keywords
from sparsetransfer._validation import FloatArray, Mask, check_matrix
from sparsetransfer.sparse_coding import sparse_encode
from sparsetransfer.sparse_coding.coder import split_signs, synthesise, validated
from sparsetransfer.sparse_coding.prepared import prepared_for

__all__ = ["DictionaryTransformer"]

FLOATS = [np.float64, np.float32]


class DictionaryTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Base of estimators with `components_` and the `transform_*` parameters."""

    alpha: float
    components_: FloatArray
    n_components: int | None
    n_jobs: int | None
    positive_code: bool
    split_sign: bool
    transform_algorithm: Any
    transform_alpha: float | None
    transform_max_iter: int
    transform_n_nonzero_coefs: int | None
    transform_time_limit: float | None

    @former_keywords(method="dictionary_update", time_budget="time_limit")
    def set_params(self, **params: Any) -> Self:
        """Set parameters of the estimator.

        Parameters
        ----------
        **params : object
            Values by name.

        Returns
        -------
        Self
        """
        super().set_params(**params)
        return self

    def transform(self, X: ArrayLike, *, mask: Mask = None) -> FloatArray:
        """Encode signals with the learned atoms.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Signals.
        mask : array_like of bool, shape (n_samples, n_features), or "nan", optional
            Which entries of `X` were observed, as in `lasso`.

        Returns
        -------
        numpy.ndarray of shape (n_samples, n_components)
            The codes of ``transform_algorithm``; twice as many columns with ``split_sign``.

        Notes
        -----
        A `PreparedDictionary` of `components_` is kept from call to call, as by `SparseCoder`.
        """
        check_is_fitted(self)
        alpha = self.alpha if self.transform_alpha is None else self.transform_alpha
        codes = sparse_encode(
            validated(self, X, mask),
            prepared_for(self, self.components_),
            algorithm=self.transform_algorithm,
            n_nonzero_coefs=self.transform_n_nonzero_coefs,
            alpha=alpha,
            max_iter=self.transform_max_iter,
            n_jobs=self.n_jobs,
            positive=self.positive_code,
            mask=mask,
            time_limit=self.transform_time_limit,
        )
        return self._split(codes)

    def inverse_transform(self, X: ArrayLike) -> FloatArray:
        """Synthesise signals from codes.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_components)
            Codes as `transform` returns them.

        Returns
        -------
        numpy.ndarray of shape (n_samples, n_features)

        Raises
        ------
        ValueError
            If the number of columns does not fit.
        """
        check_is_fitted(self)
        return synthesise(X, self.components_, self.split_sign)

    def _split(self, codes: FloatArray) -> FloatArray:
        return split_signs(codes, self.split_sign)

    def _dictionary(self, given: ArrayLike | None, n_features: int, dtype: Any) -> Any:
        """Return `dict_init` with exactly n_components rows, cut or padded as scikit-learn does."""
        if given is None:
            return None
        atoms = check_matrix(given, "dict_init", dtype=dtype)
        k = n_features if self.n_components is None else self.n_components
        padding = np.zeros((max(0, k - len(atoms)), atoms.shape[1]), atoms.dtype)
        return np.vstack([atoms[:k], padding])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    @property
    def _n_features_out(self) -> int:
        k = len(self.components_)
        return 2 * k if self.split_sign else k
