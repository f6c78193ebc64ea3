"""Sufficient statistics of samples with missing entries: one Gram matrix per feature."""

from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sparsetransfer import _core
from sparsetransfer._former import former_keywords
from sparsetransfer._validation import (
    FloatArray,
    Mask,
    check_masked,
    resolve_threads,
)
from sparsetransfer.dictionary.statistics import Statistics

__all__ = ["MaskedStatistics"]


class MaskedStatistics(Statistics):
    """The `Statistics` of signals of which some entries are missing.

    Parameters
    ----------
    n_components : int
        The number of atoms.
    n_features : int
        The number of features.
    dtype : {numpy.float32, numpy.float64}, default=numpy.float64
        Of `A` and `B`.

    Attributes
    ----------
    A : numpy.ndarray of shape (n_features, n_components, n_components)
        For every feature f the weighted code products of the samples that have it, Σ w m_f s sᵀ.
    B : numpy.ndarray of shape (n_components, n_features)
        The weighted products of codes and observed entries, Σ w s (m ∘ x)ᵀ.
    n, energy, l1 : float
        As in `Statistics`; the energy is that of the observed entries.

    Notes
    -----
    Memory: n_features n_components² numbers. The objective at a dictionary D is
    energy/2 + Σ_f (d_fᵀA_f d_f/2 − b_fᵀd_f) + α l1, where d_f and b_f are columns of D and B.
    """

    @staticmethod
    def _shape_of_A(n_components: int, n_features: int) -> tuple[int, ...]:
        return (n_features, n_components, n_components)

    @former_keywords(n_threads="n_jobs")
    def add(
        self,
        X: ArrayLike,
        codes: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        mask: Mask = None,
        n_jobs: int | None = None,
    ) -> Self:
        """Add samples and their codes, in place.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Signals.
        codes : array_like of shape (n_samples, n_components)
            Their codes.
        sample_weight : array_like of shape (n_samples,), optional
            Non-negative weights; by default every sample counts one.
        mask : array_like of bool, shape (n_samples, n_features), or "nan", optional
            True where an entry of `X` was observed; "nan" takes NaN for missing.
        n_jobs : int, optional
            Threads: None for `get_num_threads()`, -1 for all. The sums do not depend on it.

        Returns
        -------
        MaskedStatistics
            Itself.

        Raises
        ------
        ValueError
            If the shapes do not fit or an observed entry is not finite.
        """
        signals, observed = check_masked(
            X, "X", mask, dtype=self.A.dtype, n_features=self.n_features
        )
        codes, weights = self._checked(len(signals), codes, sample_weight)
        self._accumulate(signals, codes, weights, resolve_threads(n_jobs), observed)
        return self

    def _accumulate(
        self,
        X: FloatArray,
        codes: FloatArray,
        weights: FloatArray,
        num_threads: int,
        mask: NDArray[np.bool_] | None = None,
    ) -> None:
        if mask is None:
            mask = np.ones(X.shape, np.bool_)
        _core.dictionary_accumulate_masked(
            X, mask, codes, weights, self.A, self.B, num_threads=num_threads
        )
        self._add_scalars(X, codes, weights)

    def _quadratic(self, components: FloatArray, num_threads: int) -> float:
        return float(
            _core.dictionary_from_masked(
                self.A,
                self.B,
                components.copy(),
                passes=0,
                tolerance=0.0,
                positive=False,
                num_threads=num_threads,
            )
        )

    def _curvature_and_slope(self, components: FloatArray) -> tuple[FloatArray, FloatArray]:
        curvature = np.ascontiguousarray(self.A.diagonal(axis1=1, axis2=2).T)
        product = np.einsum("fjl,lf->jf", self.A, components)
        slope = np.where(curvature > 0, self.B - product + curvature * components, 0)
        return curvature, slope.astype(curvature.dtype)
