"""The discrepancy of the means."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sparsetransfer._linalg import inner, matmul
from sparsetransfer._validation import FloatArray, check_flags, check_pair, common_dtype
from sparsetransfer.mmd.bandwidths import refuse_overflow
from sparsetransfer.mmd.result import Estimator, MMDResult
from sparsetransfer.mmd.weights import MMDWeights, check_pairs, pair_up, resolve_weights

__all__ = ["Heaviest", "WeightedSums", "linear", "linear_terms", "squared_discrepancy"]

_BLOCK = 4096


def linear(
    source: ArrayLike,
    target: ArrayLike,
    *,
    estimator: Estimator = "biased",
    gradient: bool = False,
    source_weights: ArrayLike | None = None,
    target_weights: ArrayLike | None = None,
) -> MMDResult:
    r"""Estimate the squared discrepancy of two samples under the linear kernel.

    Parameters
    ----------
    source : array_like of shape (n_source, n_features)
        Source samples; if both domains are float32 so are the gradients, otherwise float64.
    target : array_like of shape (n_target, n_features)
        Target samples.
    estimator : {"biased", "unbiased", "linear_time"}, default="biased"
        The estimator: with the pairs of a sample with itself, without them, or over disjoint
        pairs of samples (in their given order; needs equally many samples and takes no weights).
    gradient : bool, default=False
        Whether to return the derivatives with respect to both samples.
    source_weights : array_like of shape (n_source,) or (n_source, n_columns), optional
        Non-negative sample weights, equal by default. Every column is scaled to sum one, gives
        one discrepancy, and the columns are averaged; see :func:`class_weights`.
    target_weights : array_like of shape (n_target,) or (n_target, n_columns), optional
        Likewise, with as many columns.

    Returns
    -------
    MMDResult
        The value and, if asked for, the gradients.

    Raises
    ------
    ValueError
        If shapes do not fit, an entry is not finite, weights are negative or sum to zero, or
        there are too few samples for the estimator.
    OverflowError
        If the squared discrepancy is infinite.

    Notes
    -----
    With weights :math:`a` and :math:`b` that sum to one, the biased estimate is

    .. math:: \Bigl\|\sum_i a_i x_i - \sum_j b_j y_j\Bigr\|^2.

    The unbiased one leaves out the terms with :math:`i = j` within a domain and divides what is
    left by its weight :math:`1 - \sum_i a_i^2`. Time and memory :math:`O((n_s + n_t) d)`.

    References
    ----------
    .. [1] A. Gretton, K. M. Borgwardt, M. J. Rasch, B. Schölkopf, A. Smola, "A Kernel Two-Sample
       Test", Journal of Machine Learning Research 13, 2012.
       https://jmlr.org/papers/v13/gretton12a.html (Eqs. 3 and 5, Lemma 14)

    Examples
    --------
    >>> from sparsetransfer import mmd
    >>> result = mmd.linear([[0.0, 0.0], [2.0, 0.0]], [[1.0, 3.0]], gradient=True)
    >>> result.value
    9.0
    >>> result.gradient_target
    array([[0., 6.]])
    """
    check_flags(gradient=gradient)
    dtype = common_dtype(source, target)
    xs, xt = check_pair(source, target, dtype=dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        result = _estimate(xs, xt, estimator, gradient, source_weights, target_weights)
    refuse_overflow(result.value)
    return result


def _estimate(
    xs: FloatArray,
    xt: FloatArray,
    estimator: Estimator,
    gradient: bool,
    source_weights: ArrayLike | None,
    target_weights: ArrayLike | None,
) -> MMDResult:
    if estimator == "linear_time":
        check_pairs(len(xs), len(xt), source_weights, target_weights)
        return _linear_time(xs, xt, gradient)
    mmd_weights = resolve_weights(len(xs), len(xt), estimator, source_weights, target_weights)
    source_sums = _weighted_sums(xs, mmd_weights.source)
    target_sums = _weighted_sums(xt, mmd_weights.target)
    value = squared_discrepancy(
        mmd_weights, source_sums, target_sums, _squared_norms(xs), _squared_norms(xt)
    )
    if not gradient:
        return MMDResult(value)
    source_terms, target_terms = linear_terms(mmd_weights, source_sums, target_sums)
    return MMDResult(
        value,
        _gradient(xs, source_sums, source_terms, mmd_weights.within_source * mmd_weights.unbiased),
        _gradient(xt, target_sums, target_terms, mmd_weights.within_target * mmd_weights.unbiased),
    )


class Heaviest(NamedTuple):
    """The sample with the largest weight in every column, and the weights of the others."""

    rows: NDArray[np.intp]
    shares: NDArray[np.float64]
    other_weights: NDArray[np.float64]

    @classmethod
    def of(cls, weights: NDArray[np.float64]) -> "Heaviest":
        """Set the largest weight of every column apart; `weights` stay as they are."""
        rows, columns = weights.argmax(axis=0), np.arange(weights.shape[1])
        others = weights.copy()
        others[rows, columns] = 0
        return cls(rows, weights[rows, columns], others)


class WeightedSums(NamedTuple):
    """The weighted sums of samples, (n_columns, n_features), with the heaviest sample apart.

    Where one sample has nearly all of the weight, its pairs with the others are less than the
    rounding of the whole sum.
    """

    heaviest: Heaviest
    samples: NDArray[np.float64]
    others: NDArray[np.float64]

    @property
    def whole(self) -> NDArray[np.float64]:
        """The sums over all samples."""
        return self.heaviest.shares[:, None] * self.samples + self.others


def squared_discrepancy(
    mmd_weights: MMDWeights,
    source_sums: WeightedSums,
    target_sums: WeightedSums,
    source_norms: NDArray[np.float64],
    target_norms: NDArray[np.float64],
) -> float:
    """Return the value from the weighted sums of samples and their squared norms."""
    source_means, target_means = source_sums.whole, target_sums.whole
    if not mmd_weights.unbiased:
        differences = np.square(source_means - target_means).sum(axis=1)
        return inner(mmd_weights.between, differences)
    value = -2 * inner(mmd_weights.between, (source_means * target_means).sum(axis=1))
    for sums, norms, within in (
        (source_sums, source_norms, mmd_weights.within_source),
        (target_sums, target_norms, mmd_weights.within_target),
    ):
        # |a x + R|² − a² |x|² = 2 a ⟨x, R⟩ + |R|²: the heaviest sample never meets itself.
        heaviest, others = sums.heaviest, sums.others
        pairs = 2 * heaviest.shares * (sums.samples * others).sum(axis=1)
        pairs += np.square(others).sum(axis=1) - matmul(norms, np.square(heaviest.other_weights))
        value += inner(within, pairs)
    return float(value)


def linear_terms(
    mmd_weights: MMDWeights, source_sums: WeightedSums, target_sums: WeightedSums
) -> tuple[tuple[NDArray[np.float64], NDArray[np.float64]], ...]:
    """Return what half the derivative by a sample is, per unit of its weight in each column.

    For either domain, of the other samples and of the heaviest one. An unbiased estimate has to
    subtract the terms of the other samples with themselves; those of the heaviest are left out.
    """
    terms = []
    for sums, within, opposite in (
        (source_sums, mmd_weights.within_source, target_sums),
        (target_sums, mmd_weights.within_target, source_sums),
    ):
        away = mmd_weights.between[:, None] * opposite.whole
        others = within[:, None] * sums.whole - away
        heaviest = within[:, None] * sums.others - away if mmd_weights.unbiased else others
        terms.append((others, heaviest))
    return tuple(terms)


def _weighted_sums(samples: FloatArray, weights: NDArray[np.float64]) -> WeightedSums:
    """Return the sums in float64, a block of samples at a time."""
    heaviest = Heaviest.of(weights)
    others = np.zeros((weights.shape[1], samples.shape[1]))
    for start in range(0, len(samples), _BLOCK):
        rows = slice(start, start + _BLOCK)
        block = samples[rows].astype(np.float64, copy=False)
        others += matmul(heaviest.other_weights[rows].T, block)
    return WeightedSums(heaviest, samples[heaviest.rows].astype(np.float64), others)


def _squared_norms(samples: FloatArray) -> NDArray[np.float64]:
    return np.asarray(np.einsum("ij,ij->i", samples, samples, dtype=np.float64))


def _gradient(
    samples: FloatArray,
    sums: WeightedSums,
    terms: tuple[NDArray[np.float64], NDArray[np.float64]],
    diagonal: NDArray[np.float64],
) -> FloatArray:
    heaviest, (term, heaviest_term) = sums.heaviest, terms
    gradient = np.empty_like(samples)
    for start in range(0, len(samples), _BLOCK):
        rows = slice(start, start + _BLOCK)
        weights = heaviest.other_weights[rows]
        itself = matmul(np.square(weights), diagonal)
        gradient[rows] = 2 * (matmul(weights, term) - itself[:, None] * samples[rows])
    own = 2 * heaviest.shares[:, None] * heaviest_term
    # np.add.at ends the process where its buffer cannot be allocated.
    for row, part in zip(heaviest.rows.tolist(), own.astype(samples.dtype), strict=True):
        gradient[row] += part
    return gradient


def _linear_time(xs: FloatArray, xt: FloatArray, gradient: bool) -> MMDResult:
    (s, s_next), (t, t_next) = pair_up(xs), pair_up(xt)
    # k(s,s') + k(t,t') - k(s,t') - k(s',t) = (s - t)'(s' - t') for the linear kernel.
    here, there = s - t, s_next - t_next
    pairs = len(here)
    value = float(np.einsum("ij,ij->", here, there, dtype=np.float64)) / pairs
    if not gradient:
        return MMDResult(value)
    gradient_source = np.zeros_like(xs)
    gradient_source[0 : 2 * pairs : 2] = there / pairs
    gradient_source[1 : 2 * pairs : 2] = here / pairs
    gradient_target = np.zeros_like(xt)
    gradient_target[: 2 * pairs] = -gradient_source[: 2 * pairs]
    return MMDResult(value, gradient_source, gradient_target)
