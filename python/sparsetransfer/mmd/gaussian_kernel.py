"""The discrepancy under kernels of the distance, streamed over tiles, and its witness."""

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sparsetransfer import _core
from sparsetransfer._former import former_keywords
from sparsetransfer._validation import (
    FloatArray,
    check_choice,
    check_flags,
    check_pair,
    common_dtype,
    resolve_threads,
)
from sparsetransfer.mmd.bandwidths import Bandwidths, resolve_bandwidths, resolve_shares
from sparsetransfer.mmd.result import Estimator, MMDResult
from sparsetransfer.mmd.weights import check_pairs, pair_up, resolve_weights

__all__ = ["Kernel", "estimate", "family", "gaussian", "witness"]

Kernel: TypeAlias = Literal["gaussian", "laplace", "inverse_multiquadric"]

_LARGEST_SINGLE_FACTOR = 1e8
"""Of the pairs within a domain: beyond it, weights and factors leave the range of float32."""


@former_keywords(n_threads="n_jobs")
def gaussian(
    source: ArrayLike,
    target: ArrayLike,
    *,
    bandwidths: Bandwidths = "median",
    multipliers: Sequence[float] | None = None,
    kernel_weights: ArrayLike | None = None,
    estimator: Estimator = "biased",
    gradient: bool = False,
    source_weights: ArrayLike | None = None,
    target_weights: ArrayLike | None = None,
    n_jobs: int | None = None,
) -> MMDResult:
    r"""Estimate the squared discrepancy of two samples under the mean of Gaussian kernels.

    Parameters
    ----------
    source : array_like of shape (n_source, n_features)
        Source samples. If both domains are float32 the work is done and the gradients are in
        float32, otherwise in float64. The unbiased estimator works in float64 where one sample
        has nearly all of the weight.
    target : array_like of shape (n_target, n_features)
        Target samples.
    bandwidths : float, sequence of float, or {"median", "mean", "quantiles"}, default="median"
        The widths :math:`\sigma` of the kernels :math:`\exp(-\|x-y\|^2/(2\sigma^2))`, in units
        of distance. With a name, :math:`2\sigma^2` is the median or the mean squared distance of
        two different samples of the pooled domains; for the median of more than 2,000 samples,
        of 2,000 of them, evenly spread. "quantiles" are ten widths in geometric progression, from
        half the 5 % quantile of these distances to twice the 95 % one. The gradient holds the bandwidths fixed.
    multipliers : sequence of float, optional
        Positive factors of :math:`\sigma^2`; every bandwidth is used with each. By default
        (1/4, 1/2, 1, 2, 4) for "median" and "mean", else (1,). Kernels whose :math:`\sigma^2` differ
        by powers of two share one exponential.
    kernel_weights : array_like of shape (n_kernels,), optional
        Non-negative weights of the kernels in their mean, scaled to sum one; equal by default. In
        the order of the result's `bandwidths`: every bandwidth with every multiplier.
    estimator : {"biased", "unbiased", "linear_time"}, default="biased"
        With the pairs of a sample with itself (never negative), without them, or over disjoint
        pairs of samples in their given order, in :math:`O(n d)` time (needs equally many samples
        and takes no weights).
    gradient : bool, default=False
        Whether to return the derivatives with respect to both samples.
    source_weights : array_like of shape (n_source,) or (n_source, n_columns), optional
        Non-negative sample weights, equal by default. Every column is scaled to sum one, gives
        one discrepancy, and the columns are averaged; see :func:`class_weights`.
    target_weights : array_like of shape (n_target,) or (n_target, n_columns), optional
        Likewise, with as many columns.
    n_jobs : int, optional
        How many threads. The answer is the same for any number, bit for bit.

    Returns
    -------
    MMDResult
        The value, the bandwidths and, if asked for, the gradients.

    Raises
    ------
    ValueError
        If shapes do not fit, an entry is not finite, bandwidths are not positive, weights are
        negative or sum to zero, or there are too few samples for the estimator.
    ArithmeticError
        If distances overflow.

    See Also
    --------
    laplace, inverse_multiquadric : Kernels that fall off more slowly.
    random_features : An approximation in time linear in the number of samples.
    two_sample_test : Whether the discrepancy is more than chance.

    Notes
    -----
    With weights :math:`a` and :math:`b` that sum to one, the biased estimate is

    .. math:: \sum_{ij} a_i a_j k(x_i, x_j) + \sum_{ij} b_i b_j k(y_i, y_j)
              - 2 \sum_{ij} a_i b_j k(x_i, y_j).

    The unbiased one leaves out the terms with :math:`i = j` within a domain and divides what is
    left by its weight, :math:`1 - \sum_i a_i^2`. With :math:`A_{ij}` the weight of a pair among
    all samples :math:`z`, the derivative by :math:`z_i` is
    :math:`-2 \sum_j A_{ij} k(z_i, z_j) (z_i - z_j) / \sigma^2`.

    Tiles of 256 by 256 samples pass through distance, kernel, value and gradient while they are
    in cache, each pair of samples once: time :math:`O((n_s+n_t)^2 d)`, memory a copy of the
    samples and less than 4 MB per thread. Squared distances come from a matrix product of
    centred samples; their absolute error is about `d` times the rounding unit times the squared
    distance from the centre, which matters for bandwidths that are tiny in comparison.

    References
    ----------
    .. [1] A. Gretton, K. M. Borgwardt, M. J. Rasch, B. Schölkopf, A. Smola, "A Kernel Two-Sample
       Test", Journal of Machine Learning Research 13, 2012.
       https://jmlr.org/papers/v13/gretton12a.html (Eqs. 3 and 5, Lemma 14)
    .. [2] M. Long, Y. Cao, J. Wang, M. I. Jordan, "Learning Transferable Features with Deep
       Adaptation Networks", ICML 2015. https://proceedings.mlr.press/v37/long15.html

    Examples
    --------
    >>> from sparsetransfer import mmd
    >>> result = mmd.gaussian([[0.0], [1.0]], [[3.0]], bandwidths=[1.0], gradient=True)
    >>> round(result.value, 3)
    1.657
    """
    return estimate(
        "gaussian",
        source,
        target,
        bandwidths,
        multipliers,
        kernel_weights,
        estimator,
        gradient,
        source_weights,
        target_weights,
        n_jobs,
    )


def family(kernel: str) -> _core.KernelFamily:
    """Return the compiled kernel of a name."""
    check_choice(kernel, "kernel", get_args(Kernel))
    chosen: _core.KernelFamily = getattr(_core.KernelFamily, kernel)
    return chosen


def estimate(
    kernel: Kernel,
    source: ArrayLike,
    target: ArrayLike,
    bandwidths: Bandwidths,
    multipliers: Sequence[float] | None,
    kernel_weights: ArrayLike | None,
    estimator: Estimator,
    gradient: bool,
    source_weights: ArrayLike | None,
    target_weights: ArrayLike | None,
    n_jobs: int | None,
) -> MMDResult:
    """Estimate the squared discrepancy under the mean kernel of a family, as `gaussian` does."""
    check_flags(gradient=gradient)
    dtype = common_dtype(source, target)
    xs, xt = check_pair(source, target, dtype=dtype)
    widths = resolve_bandwidths(bandwidths, multipliers, xs, xt)
    shares = resolve_shares(kernel_weights, len(widths))
    if estimator == "linear_time":
        check_pairs(len(xs), len(xt), source_weights, target_weights)
        return _linear_time(kernel, xs, xt, widths, shares, gradient)
    mmd_weights = resolve_weights(len(xs), len(xt), estimator, source_weights, target_weights)
    factor = max(mmd_weights.within_source.max(), mmd_weights.within_target.max())
    single = factor <= _LARGEST_SINGLE_FACTOR and kernel != "laplace"
    working = dtype if single else np.dtype(np.float64)
    value, *gradients = _core.kernel_mmd(
        xs.astype(working, copy=False),
        xt.astype(working, copy=False),
        family(kernel),
        widths,
        _by_column(mmd_weights.source, working),
        _by_column(mmd_weights.target, working),
        mmd_weights.within_source.astype(working),
        mmd_weights.within_target.astype(working),
        mmd_weights.between.astype(working),
        mmd_weights.unbiased,
        gradient,
        resolve_threads(n_jobs),
        shares,
    )
    if not gradient:
        return MMDResult(value, bandwidths=tuple(widths))
    by_source, by_target = (part.astype(dtype, copy=False) for part in gradients)
    return MMDResult(value, by_source, by_target, tuple(widths))


@former_keywords(n_threads="n_jobs")
def witness(
    points: ArrayLike,
    source: ArrayLike,
    target: ArrayLike,
    *,
    kernel: Kernel = "gaussian",
    bandwidths: Bandwidths = "median",
    multipliers: Sequence[float] | None = None,
    kernel_weights: ArrayLike | None = None,
    source_weights: ArrayLike | None = None,
    target_weights: ArrayLike | None = None,
    n_jobs: int | None = None,
) -> NDArray[np.float64]:
    r"""Evaluate the witness function: where the source is denser than the target.

    Parameters
    ----------
    points : array_like of shape (n_points, n_features)
        Where to evaluate.
    source : array_like of shape (n_source, n_features)
        Source samples.
    target : array_like of shape (n_target, n_features)
        Target samples.
    kernel : {"gaussian", "laplace", "inverse_multiquadric"}, default="gaussian"
        The kernel, as in the function of this name.
    bandwidths : float, sequence of float, or {"median", "mean"}, default="median"
        As for :func:`gaussian`; names refer to the two samples, not to `points`.
    multipliers, kernel_weights : optional
        As for :func:`gaussian`.
    source_weights : array_like of shape (n_source,), optional
        Non-negative sample weights, equal by default.
    target_weights : array_like of shape (n_target,), optional
        Likewise.
    n_jobs : int, optional
        How many threads. The answer is the same for any number, bit for bit.

    Returns
    -------
    numpy.ndarray of shape (n_points,)
        Positive where the source is denser, in float64.

    Raises
    ------
    ValueError
        As for :func:`gaussian`.

    Notes
    -----
    The witness is :math:`f(z) = \sum_i a_i k(x_i, z) - \sum_j b_j k(y_j, z)`, the direction of
    the difference of the two mean embeddings, not normalised. Its mean over the source minus its
    mean over the target (with the same weights) is the biased squared discrepancy.

    References
    ----------
    .. [1] A. Gretton, K. M. Borgwardt, M. J. Rasch, B. Schölkopf, A. Smola, "A Kernel Two-Sample
       Test", Journal of Machine Learning Research 13, 2012.
       https://jmlr.org/papers/v13/gretton12a.html (Section 2.3)

    Examples
    --------
    >>> from sparsetransfer import mmd
    >>> mmd.witness([[0.0], [5.0]], [[0.0]], [[5.0]], bandwidths=1.0).round(4)
    array([ 1., -1.])
    """
    chosen = family(kernel)
    dtype = np.dtype(np.float64) if kernel == "laplace" else common_dtype(points, source, target)
    xs, xt = check_pair(source, target, dtype=dtype)
    at = check_pair(source, points, ("source", "points"), dtype=dtype)[1]
    widths = resolve_bandwidths(bandwidths, multipliers, xs, xt)
    shares = resolve_shares(kernel_weights, len(widths))
    mmd_weights = resolve_weights(len(xs), len(xt), "biased", source_weights, target_weights)
    if mmd_weights.source.shape[1] != 1:
        raise ValueError("the witness function takes one column of weights per domain")
    threads = resolve_threads(n_jobs)
    above = _core.kernel_sums(
        at, xs, _by_column(mmd_weights.source, dtype), chosen, widths, threads, shares
    )
    below = _core.kernel_sums(
        at, xt, _by_column(mmd_weights.target, dtype), chosen, widths, threads, shares
    )
    return np.asarray(above[0] - below[0], dtype=np.float64)


def _by_column(weights: NDArray[np.float64], dtype: np.dtype[Any]) -> FloatArray:
    return np.ascontiguousarray(weights.T, dtype=dtype)


def _profile(
    kernel: Kernel, squared: NDArray[np.float64], width: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return a kernel of squared distances, and its derivative by minus half of them."""
    if kernel == "gaussian":
        value = np.exp(-squared / (2 * width**2))
        return value, value / width**2
    if kernel == "laplace":
        distance = np.sqrt(squared)
        value = np.exp(-distance / width)
        return value, value / width / np.where(distance > 0, distance, np.inf)
    value = 1 / np.sqrt(1 + squared / width**2)
    return value, value**3 / width**2


def _linear_time(
    kernel: Kernel,
    xs: FloatArray,
    xt: FloatArray,
    widths: Sequence[float],
    shares: Sequence[float],
    gradient: bool,
) -> MMDResult:
    pairs = len(xs) // 2
    (s, s_next), (t, t_next) = pair_up(xs), pair_up(xt)
    value = 0.0
    gradient_source, gradient_target = np.zeros_like(xs), np.zeros_like(xt)
    (gs, gs_next), (gt, gt_next) = pair_up(gradient_source), pair_up(gradient_target)
    terms = (
        (s, s_next, gs, gs_next, 1),
        (t, t_next, gt, gt_next, 1),
        (s, t_next, gs, gt_next, -1),
        (s_next, t, gs_next, gt, -1),
    )
    for left, right, left_gradient, right_gradient, sign in terms:
        difference = left - right
        squared = np.einsum("ij,ij->i", difference, difference, dtype=np.float64)
        slope = np.zeros_like(squared)
        for width, share in zip(widths, shares, strict=True):
            kernels, slopes = _profile(kernel, squared, width)
            factor = sign * share / pairs
            value += factor * float(kernels.sum())
            slope -= factor * slopes
        if gradient:
            step = slope.astype(xs.dtype)[:, None] * difference
            left_gradient += step
            right_gradient -= step
    if not gradient:
        return MMDResult(value, bandwidths=tuple(widths))
    return MMDResult(value, gradient_source, gradient_target, tuple(widths))
