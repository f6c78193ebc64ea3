"""Probabilities from scores, by source speakers who were held out and a few labels of the target."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar
from scipy.special import log_softmax, softmax

__all__ = ["Adjustment", "Calibration", "fit_adjustment", "fit_calibration"]

_BINS = 10
_LARGEST = np.log(1e3)


@dataclass(frozen=True, eq=False)
class Calibration:
    r"""A temperature, and what it was fitted on.

    - `slope`: probabilities are :math:`\operatorname{softmax}(a f)` of the scores f.
    - `confusion` (n_classes, n_classes): recordings of each class (row), of speakers who were held
      out, that were decided to be each class (column).
    - `recall`: unweighted average recall on these speakers, 0 to 1.
    - `error`: expected calibration error on these speakers, 0 to 1.
    - `offsets` (n_classes,): added to :math:`a f`, where labels of the target set them: `adjusted`.
      What is said of the speakers who were held out is without them.
    """

    slope: float
    confusion: NDArray[np.int64]
    recall: float
    error: float
    offsets: NDArray[np.float64] | None = None

    def probabilities(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return probabilities (n, n_classes) of `scores`; without offsets decisions stay."""
        shift = 0.0 if self.offsets is None else self.offsets
        return np.asarray(softmax(self.slope * scores + shift, axis=1))

    def adjusted(self, adjustment: Adjustment) -> Calibration:
        """Return the calibration whose probabilities are the adjusted ones of this."""
        before = 0.0 if self.offsets is None else self.offsets
        slope = adjustment.slope
        offsets = slope * before + adjustment.offsets
        return replace(self, slope=slope * self.slope, offsets=offsets)

    def as_dict(self) -> dict[str, Any]:
        """Return the figures as plain JSON values."""
        return {
            "slope": self.slope,
            "confusion": self.confusion.tolist(),
            "recall": self.recall,
            "error": self.error,
        }


@dataclass(frozen=True, eq=False)
class Adjustment:
    r"""A temperature and an offset per class: :math:`q \propto p^a e^b` from probabilities p.

    `slope`: the exponent a > 0; below 1 where the probabilities were too sure. `offsets`
    (n_classes,): the offsets b, positive for classes that are more frequent than the probabilities
    say.
    """

    slope: float
    offsets: NDArray[np.float64]

    def apply(self, probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the adjusted probabilities (n, n_classes)."""
        return np.asarray(softmax(self.slope * _logarithms(probabilities) + self.offsets, axis=1))


def fit_adjustment(probabilities: NDArray[np.float64], truth: NDArray[np.intp]) -> Adjustment:
    """Fit a temperature and class offsets to a few labelled recordings, without any the identity.

    Bias-corrected temperature scaling [1]_, which also corrects the shares of the classes. Maximum
    a posteriori: the logarithm of the temperature and the offsets have standard normal priors, so
    that few labels change little, and classes without a label stay possible.

    References
    ----------
    .. [1] A. Alexandari, A. Kundaje, A. Shrikumar, "Maximum Likelihood with Bias-Corrected
       Calibration is Hard-To-Beat at Label Shift Adaptation", ICML 2020.
       https://proceedings.mlr.press/v119/alexandari20a.html

    Examples
    --------
    >>> import numpy as np
    >>> sure = np.array([[0.99, 0.01], [0.99, 0.01], [0.01, 0.99], [0.99, 0.01]])
    >>> bool(fit_adjustment(sure, np.array([0, 0, 1, 1])).slope < 1)  # too sure: one is wrong
    True
    """
    logs = _logarithms(probabilities)
    wanted = np.eye(logs.shape[1])[truth]

    def loss(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        powers = np.exp(values[0]) * logs
        found = log_softmax(powers + values[1:], axis=1)
        rest = np.exp(found) - wanted
        gradient = np.append((rest * powers).sum(), rest.sum(axis=0)) + values
        return float(0.5 * values @ values - (wanted * found).sum()), gradient

    bounds = [(-_LARGEST, _LARGEST)] * (1 + logs.shape[1])
    start = np.zeros(1 + logs.shape[1])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    return Adjustment(float(np.exp(found[0])), np.asarray(found[1:], dtype=np.float64))


def _logarithms(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.log(np.maximum(probabilities, np.finfo(np.float64).tiny)))


def fit_calibration(scores: NDArray[np.float64], truth: NDArray[np.intp]) -> Calibration:
    """Fit a temperature by maximum likelihood, every class with the same weight.

    `scores` (n, n_classes): scores of recordings of speakers who were held out. `truth` (n,): their
    classes; every class occurs. Returns: the temperature and the figures with it.

    Temperature scaling [1]_: one parameter, which cannot change a decision.

    References
    ----------
    .. [1] C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On Calibration of Modern Neural Networks",
       ICML 2017. https://proceedings.mlr.press/v70/guo17a.html

    Examples
    --------
    >>> import numpy as np
    >>> scores = np.array([[9.0, 0.0], [9.0, 0.0], [0.0, 9.0], [9.0, 0.0]])  # too sure
    >>> bool(fit_calibration(scores, np.array([0, 0, 1, 1])).slope < 1)
    True
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
