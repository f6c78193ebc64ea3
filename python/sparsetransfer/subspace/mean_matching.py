"""The eigenproblem that TCA and JDA share."""

from __future__ import annotations

from typing import Literal

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.utils.validation import check_is_fitted

from sparsetransfer._domains import new_domains
from sparsetransfer._linalg import gram_matrix, inner, lapack, matmul, single_threaded_blas
from sparsetransfer._validation import (
    FloatArray,
    check_choice,
    check_integer,
    check_real,
    check_rows,
)
from sparsetransfer.subspace.transformer import DomainTransformer

__all__ = ["Kernel", "MeanMatching"]

Kernel = Literal["linear", "rbf"]


class MeanMatching(DomainTransformer):
    """Base of projections with much variance, little distance between matched means."""

    n_components: int | None
    regularization: float
    kernel: Kernel
    gamma: float | None

    def transform(self, X: ArrayLike, *, sample_domain: ArrayLike | None = None) -> FloatArray:
        """Project samples; both domains share the projection.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Samples.
        sample_domain : array_like of shape (n_samples,), int, optional
            Checked, without effect on the result.

        Returns
        -------
        numpy.ndarray of shape (n_samples, n_components)
            The projected samples.
        """
        check_is_fitted(self, "projection_")
        rows: FloatArray = check_rows(self, X, dtype=[np.float64, np.float32], reset=False)
        new_domains(sample_domain, len(rows))
        return np.asarray(matmul(self._features(rows), self.projection_), dtype=rows.dtype)

    def _prepare(self, rows: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Remember what the kernel needs; return feature rows and a basis of their row space.

        For the linear kernel the projection lies in the span of the samples: in an orthonormal
        basis of it the problem has min(n_samples, n_features) unknowns.
        """
        check_choice(self.kernel, "kernel", ("linear", "rbf"))
        check_real(self.regularization, "regularization", minimum=0, strict=True)
        self._mean = rows.mean(axis=0, dtype=np.float64)
        if self.kernel == "rbf":
            if self.gamma is not None:
                check_real(self.gamma, "gamma", minimum=0, strict=True)
            # Distances are differences of squares there: centred, they do not cancel.
            self._anchors = np.asarray(rows - self._mean, dtype=rows.dtype)
            features = self._features(rows)
            self._check_width(features)
            return features, np.eye(len(rows), dtype=rows.dtype)
        features = self._features(rows)
        if features.shape[1] <= features.shape[0]:
            return features, np.eye(features.shape[1], dtype=rows.dtype)
        _, _, basis = lapack(scipy.linalg.svd, features, full_matrices=False)
        return matmul(features, basis.T), basis.T

    def _features(self, rows: FloatArray) -> FloatArray:
        centred = np.asarray(rows - self._mean, dtype=rows.dtype)
        if self.kernel == "rbf":
            with single_threaded_blas():
                return np.asarray(rbf_kernel(centred, self._anchors, gamma=self.gamma))
        return centred

    def _check_width(self, kernel: FloatArray) -> None:
        """Raise ValueError if the kernel matrix is the identity or constant, up to rounding."""
        rounding = 16 * np.finfo(kernel.dtype).eps
        largest = (kernel - np.eye(len(kernel), dtype=kernel.dtype)).max(initial=0.0)
        constant = 1 - kernel.min() < rounding and np.ptp(self._anchors, axis=0).any()
        if len(kernel) > 1 and (largest < rounding or constant):
            raise ValueError(
                f"gamma={self.gamma or 1 / self._anchors.shape[1]:.3g} does not fit the scale of X: "
                f"kernel values of different samples lie between {kernel.min():.3g} and "
                f"{largest:.3g}; take gamma about 1 over the median squared "
                "distance, or scale the features, for example by StandardScaler"
            )

    def _solve(self, features: FloatArray, basis: FloatArray, matched: FloatArray) -> None:
        """Set projection_ and eigenvalues_ for matched means in the columns of `matched`."""
        wide = features.astype(np.float64)
        unknowns = wide.shape[1]
        most = min(unknowns, len(wide) - 1) if len(wide) > 1 else 1
        count = most
        if self.n_components is not None:
            count = check_integer(self.n_components, "n_components", minimum=1, maximum=most)
        small = gram_matrix(matched.T)
        norm = np.sqrt(inner(small, small))  # of the MMD matrix, by its small Gram
        centred = wide - wide.mean(axis=0)
        scale = float(np.abs(centred).max(initial=0.0)) or 1.0
        strength = self.regularization / scale / scale
        # Above the upper limit rounding hides the means; below the lower one squares underflow.
        if not 1e-280 < strength < 1 / np.finfo(np.float64).eps:
            raise ValueError(
                f"X must have entries whose squares are comparable with regularization="
                f"{self.regularization:g}, got deviations of {scale:.3g} from the means; scale "
                "the features, for example by StandardScaler"
            )
        differences = matmul((wide / scale).T, matched / np.sqrt(norm) if norm > 0 else matched)
        # B = E E' + strength * I has the square root of its inverse in closed form. Cholesky's
        # factor of B does not exist where rounding of E E' hides the strength.
        axes, lengths, _ = lapack(scipy.linalg.svd, differences, full_matrices=False)
        shrinkage = np.sqrt(strength) / np.hypot(lengths, np.sqrt(strength)) - 1

        def whiten(columns: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.asarray(columns + matmul(axes, shrinkage[:, None] * matmul(axes.T, columns)))

        white = whiten(centred.T / scale)
        gram = gram_matrix(white)
        values, vectors = lapack(
            scipy.linalg.eigh, gram, subset_by_index=[unknowns - count, unknowns - 1]
        )
        if len(values) < count:  # LAPACK gives fewer out of many that are equal
            values, vectors = (part[..., -count:] for part in lapack(scipy.linalg.eigh, gram))
        values, vectors = values / strength, whiten(vectors)
        values, vectors = values[::-1], vectors[:, ::-1]
        # Unit length, not the constraint's unit variance: see the notes of the classes.
        projection = matmul(basis, vectors / np.linalg.norm(vectors, axis=0))
        largest = np.abs(projection).argmax(axis=0)
        signs = np.where(projection[largest, np.arange(count)] < 0, -1.0, 1.0)
        self.projection_ = (projection * signs).astype(features.dtype)
        self.eigenvalues_ = values
        self._n_features_out = count
