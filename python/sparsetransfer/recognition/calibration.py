"""Probabilities from scores, by the scores of source speakers who were held out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

__all__ = ["Calibration", "fit_calibration"]

_BINS = 10
_LARGEST = np.log(1e3)


@dataclass(frozen=True, eq=False)
class Calibration:
    r"""A temperature, and what it was fitted on.

    Parameters
    ----------
    slope : float
        Probabilities are :math:`\operatorname{softmax}(a f)` of the scores f.
    confusion : ndarray of shape (n_classes, n_classes), int64
        Recordings of each class (row), of speakers who were held out, that were decided to be each
        class (column).
    recall : float
        Unweighted average recall on these speakers, 0 to 1.
    error : float
        Expected calibration error on these speakers, 0 to 1.
    """

    slope: float
    confusion: NDArray[np.int64]
    recall: float
    error: float

    def probabilities(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return probabilities (n, n_classes) of `scores`; the order of a row's classes stays."""
        return np.asarray(softmax(self.slope * scores, axis=1))

    def as_dict(self) -> dict[str, Any]:
        """Return the figures as plain JSON values."""
        return {
            "slope": self.slope,
            "confusion": self.confusion.tolist(),
            "recall": self.recall,
            "error": self.error,
        }


def fit_calibration(scores: NDArray[np.float64], truth: NDArray[np.intp]) -> Calibration:
    """Fit a temperature by maximum likelihood, every class with the same weight.

    Parameters
    ----------
    scores : ndarray of shape (n, n_classes)
        Scores of recordings of speakers who were held out.
    truth : ndarray of shape (n,), int
        Their classes; every class occurs.

    Returns
    -------
    Calibration
        The temperature and the figures with it.

    Notes
    -----
    Temperature scaling [1]_: one parameter, which cannot change a decision.

    References
    ----------
    .. [1] C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On Calibration of Modern Neural Networks",
       ICML 2017. https://proceedings.mlr.press/v70/guo17a.html
    """
    n_classes = scores.shape[1]
    counts = np.bincount(truth, minlength=n_classes)
    weights = 1.0 / (n_classes * counts[truth])
    spread = float(np.ptp(scores, axis=1).mean()) or 1.0
    rows = np.arange(len(truth))

    def loss(log_slope: float) -> float:
        return -float(
            weights @ log_softmax(np.exp(log_slope) / spread * scores, axis=1)[rows, truth]
        )

    found = minimize_scalar(loss, bounds=(-_LARGEST, _LARGEST), method="bounded")
    slope = float(np.exp(found.x) / spread)
    shares = softmax(slope * scores, axis=1)
    chosen = shares.argmax(axis=1)
    confusion = np.zeros((n_classes, n_classes), dtype=np.int64)
    np.add.at(confusion, (truth, chosen), 1)
    return Calibration(
        slope=slope,
        confusion=confusion,
        recall=float(np.mean(np.diag(confusion) / counts)),
        error=_expected_error(shares.max(axis=1), chosen == truth),
    )


def _expected_error(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    bins = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    gaps = [
        abs(float(confidence[bins == b].mean()) - float(right[bins == b].mean()))
        * float(np.mean(bins == b))
        for b in np.unique(bins)
    ]
    return float(sum(gaps))
