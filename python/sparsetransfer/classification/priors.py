"""Posteriors whose mean over the target is a given prior."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import softmax

from sparsetransfer._validation import check_matrix, check_real, check_vector

__all__ = ["PriorBalance", "balance_prior"]

_MAX_ITER = 1000
_TOL = 1e-10


@dataclass(frozen=True, eq=False)
class PriorBalance:
    """The map from scores to posteriors that was fitted on a target.

    `offsets` (k,): what is added to the scaled scores of each class, of mean zero. An offset far
    from zero says that the classifier alone would have named the class too rarely (positive) or too
    often. `scale`: what scores are divided by.
    """

    offsets: NDArray[np.float64]
    scale: float

    def posteriors(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the posteriors (n, k) of `scores` (n, k)."""
        return np.asarray(softmax(scores / self.scale + self.offsets, axis=1))


def balance_prior(
    scores: ArrayLike, prior: ArrayLike | None = None, *, temperature: float = 0.5
) -> PriorBalance:
    r"""Shift class scores so that their posteriors average to a prior.

    - `scores` (n, k): scores of unlabelled target rows, larger for likelier classes; at least two
      columns.
    - `prior` (k,): share of every class among the rows, > 0 and of sum 1. **By default all classes
      are taken to be equally frequent.** Corpora that are acted to a plan are nearly so;
      conversations are not, and there a wrong prior moves rows into classes that hardly occur.
    - `temperature`: scale of the scores in units of their standard deviation, > 0; small values
      give posteriors near 0 and 1.

    Returns: offsets and scale, which also apply to other rows of the same target. Raises ValueError
    if shapes, the prior or the temperature are not as described.

    The posteriors are :math:`P = \mathrm{softmax}(S / (\tau\,\mathrm{std}\,S) + b)`, the standard
    deviation over all entries of the scores after every row has been centred, and :math:`b` is
    chosen so that the mean row of :math:`P` is the prior. This :math:`b` minimises the convex
    function :math:`\frac1n \sum_i \log \sum_c \exp(s_{ic} + b_c) - \pi^\top b`; it is unique up to
    a constant and is found by :math:`b \leftarrow b + \log \pi - \log \bar P`, which lowers the
    function in every step. O(n k) per step.

    Examples
    --------
    >>> import numpy as np
    >>> scores = np.array([[2.0, 0.0], [1.5, 0.0], [1.0, 0.0], [0.5, 0.0]])
    >>> balance = balance_prior(scores)
    >>> balance.posteriors(scores).argmax(axis=1)
    array([0, 0, 1, 1])
    """
    values = np.asarray(check_matrix(scores, "scores"), dtype=np.float64)
    count = values.shape[1]
    if count < 2:
        raise ValueError(f"scores must have at least two columns, got {count}")
    wanted = np.full(count, 1.0 / count)
    if prior is not None:
        wanted = np.asarray(check_vector(prior, "prior", size=count), dtype=np.float64)
        if wanted.min() <= 0 or abs(wanted.sum() - 1.0) > 1e-6:
            raise ValueError(f"prior must be positive and sum to 1, got {wanted.tolist()}")
    check_real(temperature, "temperature", minimum=0.0, strict=True)
    spread = float(np.std(values - values.mean(axis=1, keepdims=True)))
    scale = temperature * spread if spread > 0 else 1.0
    return PriorBalance(_offsets(values / scale, np.log(wanted)), scale)


def _offsets(scores: NDArray[np.float64], log_prior: NDArray[np.float64]) -> NDArray[np.float64]:
    offsets = np.zeros(scores.shape[1])
    for _ in range(_MAX_ITER):
        shifted = scores + offsets
        shifted -= _log_sums(shifted, axis=1)
        step = log_prior - (_log_sums(shifted, axis=0)[0] - np.log(len(scores)))
        offsets += step
        if np.abs(step).max() < _TOL:
            break
    return np.asarray(offsets - offsets.mean())


def _log_sums(values: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    # SciPy's logsumexp takes ten times as long on matrices of this size.
    peaks = values.max(axis=axis, keepdims=True)
    return np.asarray(peaks + np.log(np.exp(values - peaks).sum(axis=axis, keepdims=True)))
