"""scikit-learn's `SparseCoder`, with the same parameters and the same answers."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_array

from sparsetransfer._linalg import matmul
from sparsetransfer._validation import FloatArray, Mask, check_flags, check_rows
from sparsetransfer.sparse_coding.compatible import sparse_encode
from sparsetransfer.sparse_coding.prepared import prepared_for

__all__ = ["SparseCoder", "split_signs", "synthesise", "validated"]

_FEW = 2**16  # entries that are looked at in no time


class SparseCoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Code signals in a fixed dictionary: a drop-in for `sklearn.decomposition.SparseCoder`.

    Parameters
    ----------
    dictionary : numpy.ndarray of shape (n_components, n_features) or PreparedDictionary
        The atoms, one per row.
    transform_algorithm : str, default="omp"
        As `algorithm` of `sparse_encode`.
    transform_n_nonzero_coefs : int, optional
        As `n_nonzero_coefs` of `sparse_encode`.
    transform_alpha : float, optional
        As `alpha` of `sparse_encode`; 1 by default.
    split_sign : bool, default=False
        Whether to give positive and negative parts side by side: 2 * n_components columns.
    n_jobs : int, optional
        The number of threads; None means as many as `sparsetransfer.get_num_threads` says.
    positive_code : bool, default=False
        Whether codes must not be negative.
    transform_max_iter : int, default=1000
        The largest number of rounds for one signal.
    transform_time_limit : float, optional
        Seconds after which `transform` returns codes as far as they are, as in `lasso`.

    Attributes
    ----------
    n_components_ : int
        The number of atoms.
    n_features_in_ : int
        The number of features seen by `fit`.
    feature_names_in_ : numpy.ndarray of shape (n_features,)
        The names of the features, if `X` has them.

    Notes
    -----
    `transform` keeps a `PreparedDictionary` from call to call, outside parameters, copies and
    pickles, unless it would take more than 256 MB. It is prepared again where the array `dictionary` has
    changed, also in place, for which every call compares all atoms. Only a `PreparedDictionary`
    given as `dictionary`, which cannot change, is not compared.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsetransfer.sparse_coding import SparseCoder
    >>> coder = SparseCoder(np.eye(2), transform_algorithm="lasso_lars", transform_alpha=1.0)
    >>> coder.fit_transform(np.array([[3.0, 0.5]]))
    array([[2., 0.]])
    """

    def __init__(
        self,
        dictionary: NDArray[Any],
        *,
        transform_algorithm: str = "omp",
        transform_n_nonzero_coefs: int | None = None,
        transform_alpha: float | None = None,
        split_sign: bool = False,
        n_jobs: int | None = None,
        positive_code: bool = False,
        transform_max_iter: int = 1000,
        transform_time_limit: float | None = None,
    ) -> None:
        self.dictionary = dictionary
        self.transform_algorithm = transform_algorithm
        self.transform_n_nonzero_coefs = transform_n_nonzero_coefs
        self.transform_alpha = transform_alpha
        self.split_sign = split_sign
        self.n_jobs = n_jobs
        self.positive_code = positive_code
        self.transform_max_iter = transform_max_iter
        self.transform_time_limit = transform_time_limit

    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Check that the signals fit the dictionary; nothing is learned.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Signals.
        y : object, optional
            Ignored.

        Returns
        -------
        SparseCoder
            The estimator itself.

        Raises
        ------
        ValueError
            If `X` has another number of features than the dictionary.
        """
        signals = check_rows(self, X, dtype=[np.float64, np.float32])
        n_components, n_features = np.shape(self.dictionary)
        if signals.shape[1] != n_features:
            raise ValueError(
                f"X must have {n_features} features like the dictionary, got {signals.shape[1]}"
            )
        self.n_components_ = n_components
        return self

    def transform(self, X: ArrayLike, y: object = None, *, mask: Mask = None) -> FloatArray:
        """Encode signals.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Signals.
        y : object, optional
            Ignored.
        mask : array_like of bool, shape (n_samples, n_features), or "nan", optional
            Which entries of `X` were observed, as in `lasso`.

        Returns
        -------
        numpy.ndarray of shape (n_samples, n_components)
            The codes; twice as many columns with `split_sign`.
        """
        codes = sparse_encode(
            validated(self, X, mask),
            prepared_for(self, self.dictionary),
            algorithm=self.transform_algorithm,  # type: ignore[arg-type]
            n_nonzero_coefs=self.transform_n_nonzero_coefs,
            alpha=self.transform_alpha,
            max_iter=self.transform_max_iter,
            n_jobs=self.n_jobs,
            positive=self.positive_code,
            mask=mask,
            time_limit=self.transform_time_limit,
        )
        return split_signs(codes, self.split_sign)

    def inverse_transform(self, X: ArrayLike) -> FloatArray:
        """Synthesise signals from codes.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_components)
            Codes as `transform` returns them.

        Returns
        -------
        numpy.ndarray of shape (n_samples, n_features)
            The signals.

        Raises
        ------
        ValueError
            If the number of columns does not fit.
        """
        return synthesise(X, np.asarray(self.dictionary), self.split_sign)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    @property
    def _n_features_out(self) -> int:
        n_components = int(np.shape(self.dictionary)[0])
        return 2 * n_components if self.split_sign else n_components


def validated(estimator: BaseEstimator, X: ArrayLike, mask: Mask) -> FloatArray:
    """Return what `validate_data` of scikit-learn makes of the signals of an estimator.

    Where that is a small array as it is, it is returned at once: the code of one signal takes a
    fifth of the time of scikit-learn's checks.
    """
    if (
        type(X) is np.ndarray
        and X.ndim == 2
        and 0 < X.size <= _FEW
        and (X.dtype == np.float64 or X.dtype == np.float32)
        and X.shape[1] == getattr(estimator, "n_features_in_", X.shape[1])
        and not hasattr(estimator, "feature_names_in_")
        and mask is None
        and np.isfinite(X).all()
    ):
        return X
    signals: FloatArray = check_rows(
        estimator,
        X,
        dtype=[np.float64, np.float32],
        reset=False,
        ensure_all_finite=mask is None,
    )
    return signals


def split_signs(codes: FloatArray, split_sign: bool) -> FloatArray:
    """Return codes; with `split_sign`, their positive parts and the magnitudes of the negative."""
    check_flags(split_sign=split_sign)
    if not split_sign:
        return codes
    return np.hstack([np.maximum(codes, 0), np.maximum(-codes, 0)])


def synthesise(X: ArrayLike, dictionary: FloatArray, split_sign: bool) -> FloatArray:
    """Return the signals of codes, which may have come from `split_signs`."""
    codes = check_array(X, dtype=[np.float64, np.float32])
    columns = (1 + split_sign) * len(dictionary)
    if codes.shape[1] != columns:
        raise ValueError(f"X must have {columns} columns, got {codes.shape[1]}")
    if split_sign:
        positive, negative = np.hsplit(codes, 2)
        codes = positive - negative
    signals: FloatArray = matmul(codes, dictionary.astype(codes.dtype, copy=False))
    return signals
