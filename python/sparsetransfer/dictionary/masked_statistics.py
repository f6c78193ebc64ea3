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

    - `n_components`: the number of atoms.
    - `n_features`: the number of features.
    - `dtype`: of `A` and `B`.
    - `A` (n_features, n_components, n_components): for every feature f the weighted code products
      of the samples that have it, Σ w m_f s sᵀ.
    - `B` (n_components, n_features): the weighted products of codes and observed entries, Σ w s (m
      ∘ x)ᵀ.
    - `n`, `energy`, `l1`: as in `Statistics`; the energy is that of the observed entries.

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

        - `X` (n_samples, n_features): signals.
        - `codes` (n_samples, n_components): their codes.
        - `sample_weight` (n_samples,): non-negative weights; by default every sample counts one.
        - `mask` (n_samples, n_features): true where an entry of `X` was observed; "nan" takes NaN
          for missing.
        - `n_jobs`: threads: None for `get_num_threads()`, -1 for all. The sums do not depend on it.

        Returns: itself. Raises ValueError if the shapes do not fit or an observed entry is not
        finite.
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
