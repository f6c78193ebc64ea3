"""What the transformers of two domains share: whose rows are whose."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import _num_samples

from sparsetransfer._domains import resolve_domains
from sparsetransfer._validation import FloatArray, check_rows

__all__ = ["DomainTransformer"]


class DomainTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Base of transformers that are fitted on a source and a target.

    Without `sample_domain`, and without masked labels, all samples form one domain; the
    transformation then has nothing to align, and a `DomainWarning` says so.
    """

    __metadata_request__fit = {"sample_domain": True}  # noqa: RUF012
    __metadata_request__transform = {"sample_domain": True}  # noqa: RUF012

    def fit_transform(
        self, X: ArrayLike, y: ArrayLike | None = None, *, sample_domain: ArrayLike | None = None
    ) -> FloatArray:
        """Fit, and transform the fitted samples, each as a sample of its own domain.

        Parameters
        ----------
        X, y, sample_domain
            As in `fit`.

        Returns
        -------
        numpy.ndarray of shape (n_samples, n_features_out)
            The transformed samples.
        """
        self.fit(X, y, sample_domain=sample_domain)
        domains = resolve_domains(y, sample_domain, _num_samples(X))
        result: FloatArray = self.transform(X, sample_domain=domains)
        return result

    def fit(
        self, X: ArrayLike, y: ArrayLike | None = None, *, sample_domain: ArrayLike | None = None
    ) -> Self:
        """Fit on samples of both domains.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Samples of both domains.
        y : array_like of shape (n_samples,), optional
            Only which labels are masked (-1, NaN, None) is looked at, and only without
            `sample_domain`.
        sample_domain : array_like of shape (n_samples,), int, optional
            Positive for source, negative for target.

        Returns
        -------
        estimator
            Itself.

        Raises
        ------
        ValueError
            If a parameter is out of range or `X` is not finite.
        DomainError
            If `sample_domain` lacks source or target.

        Warns
        -----
        DomainWarning
            If there is one domain only; nothing is aligned then.
        """
        rows: FloatArray = check_rows(self, X, dtype=[np.float64, np.float32])
        self._fit(rows, self._fit_domains(y, sample_domain, len(rows)))
        return self

    def _fit(self, rows: FloatArray, domains: NDArray[np.int64] | None) -> None:
        raise NotImplementedError

    def transform(self, X: ArrayLike, *, sample_domain: ArrayLike | None = None) -> FloatArray:
        """Transform samples; overridden."""
        raise NotImplementedError

    def _fit_domains(
        self, y: ArrayLike | None, sample_domain: ArrayLike | None, n_samples: int
    ) -> NDArray[np.int64] | None:
        alone = f"{type(self).__name__} aligns nothing"
        return resolve_domains(y, sample_domain, n_samples, alone=alone, stacklevel=4)

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn that precision is preserved."""
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
