"""Codes of new samples under the witness function of the fitted codes."""

import numpy as np
from numpy.typing import NDArray

from sparsetransfer._linalg import matmul, squared_spectral_norm
from sparsetransfer._validation import FloatArray
from sparsetransfer.transfer.kernel.proximal import descend_rows, violations

__all__ = ["Witness"]

_ROWS = 1024


class Witness:
    """The witness function of fitted codes, and its gradient, at new codes."""

    def __init__(
        self, codes: FloatArray, source: NDArray[np.bool_], widths: tuple[float, ...]
    ) -> None:
        # 1 / n_s and -1 / n_t
        self.shares = np.array([1.0, -1.0]) / np.array([source.sum(), (~source).sum()])
        self.fitted = codes.astype(np.float64)
        self.energies = (self.fitted**2).sum(axis=1)
        self.weights = np.where(source, self.shares[0], self.shares[1]) / len(widths)
        self.widths = widths

    def __call__(self, S: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return value and gradient at every row."""
        squares = (S**2).sum(axis=1)[:, None] + self.energies - 2 * matmul(S, self.fitted.T)
        squares = np.maximum(squares, 0)
        value = np.zeros(len(S))
        slope = np.zeros_like(squares)
        for width in self.widths:
            kernel = np.exp(squares / (-2 * width**2)) * self.weights
            value += kernel.sum(axis=1)
            slope += kernel / width**2
        return value, matmul(slope, self.fitted) - slope.sum(axis=1)[:, None] * S

    def solve(
        self,
        X: FloatArray,
        D: FloatArray,
        codes: FloatArray,
        is_source: NDArray[np.bool_],
        *,
        alpha: float,
        mmd: float,
        l2: float,
        positive_code: bool,
        tol: float,
        max_iter: int,
        dtype: np.dtype[np.floating],
    ) -> float:
        """Move `codes`, in place and rounded to `dtype`, to stationary points.

        Returns: the largest violation of their stationarity.
        """
        strengths = mmd * self.shares / np.abs(self.shares).sum()
        weights = np.where(is_source, strengths[0], strengths[1])
        length = 1 / max(squared_spectral_norm(D), np.finfo(np.float64).tiny)
        worst = 0.0
        for begin in range(0, len(X), _ROWS):
            part = slice(begin, begin + _ROWS)
            signals, weighted, chosen = X[part], weights[part], codes[part]

            def evaluate(
                S: FloatArray,
                rows: NDArray[np.intp],
                signals: FloatArray = signals,
                weighted: NDArray[np.float64] = weighted,
            ) -> tuple[FloatArray, FloatArray]:
                residual = matmul(S, D) - signals[rows]
                height, slope = self(S)
                value = 0.5 * (residual**2).sum(axis=1) + 0.5 * l2 * (S**2).sum(axis=1)
                value += weighted[rows] * height + alpha * np.abs(S).sum(axis=1)
                return value, matmul(residual, D.T) + l2 * S + weighted[rows, None] * slope

            descend_rows(
                evaluate,
                chosen,
                alpha=alpha,
                positive_code=positive_code,
                length=length,
                tol=tol,
                max_iter=max_iter,
            )
            # What counts is the violation of the codes as they are returned.
            chosen[:] = chosen.astype(dtype)
            _, gradient = evaluate(chosen, np.arange(len(chosen)))
            worst = max(worst, float(violations(chosen, gradient, alpha, positive_code).max()))
        return worst
