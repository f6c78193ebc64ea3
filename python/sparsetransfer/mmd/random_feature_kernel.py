"""The discrepancy of random Fourier features: the Gaussian one in linear time, approximately."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sparsetransfer._former import former_keywords
from sparsetransfer._linalg import matmul
from sparsetransfer._validation import (
    FloatArray,
    check_flags,
    check_generator,
    check_integer,
    check_pair,
    common_dtype,
)
from sparsetransfer.mmd.bandwidths import Bandwidths, resolve_bandwidths
from sparsetransfer.mmd.linear_kernel import (
    Heaviest,
    WeightedSums,
    linear,
    linear_terms,
    squared_discrepancy,
)
from sparsetransfer.mmd.result import Estimator, MMDResult
from sparsetransfer.mmd.weights import check_pairs, resolve_weights

__all__ = ["random_features"]

_BLOCK_ENTRIES = 1 << 20


@former_keywords(random_state="rng")
def random_features(
    source: ArrayLike,
    target: ArrayLike,
    *,
    n_frequencies: int = 512,
    bandwidths: Bandwidths = "median",
    multipliers: Sequence[float] | None = None,
    estimator: Estimator = "biased",
    gradient: bool = False,
    source_weights: ArrayLike | None = None,
    target_weights: ArrayLike | None = None,
    rng: np.random.Generator | int | None = None,
) -> MMDResult:
    r"""Approximate the Gaussian discrepancy by random Fourier features.

    Parameters
    ----------
    source : array_like of shape (n_source, n_features)
        Source samples; if both domains are float32 so are the gradients, otherwise float64.
    target : array_like of shape (n_target, n_features)
        Target samples.
    n_frequencies : int, default=512
        How many frequencies are drawn for every kernel; each gives a cosine and a sine.
    bandwidths : float, sequence of float, or {"median", "mean"}, default="median"
        As for :func:`gaussian`.
    multipliers : sequence of float, optional
        As for :func:`gaussian`.
    estimator : {"biased", "unbiased", "linear_time"}, default="biased"
        As for :func:`gaussian`; all of them take linear time here.
    gradient : bool, default=False
        Whether to return the derivatives of the approximation with respect to both samples.
    source_weights : array_like of shape (n_source,) or (n_source, n_columns), optional
        As for :func:`gaussian`.
    target_weights : array_like of shape (n_target,) or (n_target, n_columns), optional
        As for :func:`gaussian`.
    rng : numpy.random.Generator or int, optional
        Where the frequencies come from. The same seed gives the same frequencies.

    Returns
    -------
    MMDResult
        The value, the bandwidths and, if asked for, the gradients.

    Raises
    ------
    ValueError
        As for :func:`gaussian`, or if `n_frequencies` is less than 1.

    Notes
    -----
    With frequencies :math:`\omega_r \sim N(0, I/\sigma^2)` the features are
    :math:`\phi(x) = R^{-1/2} (\cos \omega_r^\top x, \sin \omega_r^\top x)_{r \le R}`, so that
    :math:`E\,\phi(x)^\top \phi(y) = k(x, y)` and :math:`\phi(x)^\top\phi(x) = 1` exactly; the
    value is the linear discrepancy of the features. Its standard deviation from the Gaussian
    value falls with :math:`1/\sqrt{R}`. Time :math:`O((n_s+n_t) R d)` per kernel; memory: blocks
    of samples.

    References
    ----------
    .. [1] A. Rahimi, B. Recht, "Random Features for Large-Scale Kernel Machines", Advances in
       Neural Information Processing Systems 20, 2007.
       https://papers.nips.cc/paper/3182-random-features-for-large-scale-kernel-machines
    .. [2] D. J. Sutherland, J. Schneider, "On the Error of Random Fourier Features", Uncertainty
       in Artificial Intelligence, 2015. https://arxiv.org/abs/1506.02785 (Eq. 3)

    Examples
    --------
    >>> from sparsetransfer import mmd
    >>> result = mmd.random_features([[0.0]], [[0.0]], bandwidths=1.0, rng=0)
    >>> result.value
    0.0
    """
    check_flags(gradient=gradient)
    dtype = common_dtype(source, target)
    xs, xt = check_pair(source, target, dtype=dtype)
    check_integer(n_frequencies, "n_frequencies", minimum=1)
    widths = resolve_bandwidths(bandwidths, multipliers, xs, xt)
    generator = check_generator(rng)
    frequencies = np.concatenate(
        [generator.normal(scale=1 / width, size=(n_frequencies, xs.shape[1])) for width in widths]
    ).astype(dtype)
    # A common shift changes no difference of phases and keeps the arguments small.
    centre = ((xs.mean(axis=0, dtype=np.float64) + xt.mean(axis=0, dtype=np.float64)) / 2).astype(
        dtype
    )
    if estimator == "linear_time":
        check_pairs(len(xs), len(xt), source_weights, target_weights)
        return _linear_time(xs, xt, centre, frequencies, widths, gradient)
    mmd_weights = resolve_weights(len(xs), len(xt), estimator, source_weights, target_weights)
    source_sums = _feature_sums(xs, centre, frequencies, mmd_weights.source)
    target_sums = _feature_sums(xt, centre, frequencies, mmd_weights.target)
    # The features of a sample have length one.
    value = squared_discrepancy(
        mmd_weights, source_sums, target_sums, np.ones(len(xs)), np.ones(len(xt))
    )
    if not gradient:
        return MMDResult(value, bandwidths=tuple(widths))
    source_terms, target_terms = linear_terms(mmd_weights, source_sums, target_sums)
    return MMDResult(
        value,
        _pull_back(xs, centre, frequencies, source_sums.heaviest, source_terms),
        _pull_back(xt, centre, frequencies, target_sums.heaviest, target_terms),
        tuple(widths),
    )


def _blocks(samples: FloatArray, columns: int) -> Iterator[slice]:
    width = max(1, _BLOCK_ENTRIES // columns)
    for start in range(0, len(samples), width):
        yield slice(start, start + width)


def _features(
    samples: FloatArray, centre: FloatArray, frequencies: FloatArray
) -> tuple[FloatArray, FloatArray]:
    phases = matmul(samples - centre, frequencies.T)
    scale = samples.dtype.type(1 / math.sqrt(len(frequencies)))
    return scale * np.cos(phases), scale * np.sin(phases)


def _feature_sums(
    samples: FloatArray,
    centre: FloatArray,
    frequencies: FloatArray,
    weights: NDArray[np.float64],
) -> WeightedSums:
    """Return the (n_columns, 2 n_frequencies) weighted sums of the features, in float64."""
    heaviest = Heaviest.of(weights)
    others = np.zeros((weights.shape[1], 2 * len(frequencies)))
    for rows in _blocks(samples, len(frequencies)):
        light = heaviest.other_weights[rows].T
        cosines, sines = _features(samples[rows], centre, frequencies)
        others += np.hstack([matmul(light, cosines), matmul(light, sines)])
    own = np.hstack(_features(samples[heaviest.rows], centre, frequencies))
    return WeightedSums(heaviest, own.astype(np.float64), others)


def _pull_back(
    samples: FloatArray,
    centre: FloatArray,
    frequencies: FloatArray,
    heaviest: Heaviest,
    terms: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> FloatArray:
    """Chain 2 sum_c weights[i, c] pull[c], the derivative by features, with the features' own.

    The unbiased estimate's diagonal terms drop out because the features have constant length.
    """
    count = len(frequencies)
    term, heaviest_term = terms

    def chain(part: FloatArray, by_features: NDArray[np.float64]) -> FloatArray:
        cosines, sines = _features(part, centre, frequencies)
        by = by_features.astype(samples.dtype)
        slopes = by[:, count:] * cosines - by[:, :count] * sines
        chained: FloatArray = matmul(slopes, frequencies)
        return chained

    gradient = np.empty_like(samples)
    for rows in _blocks(samples, count):
        gradient[rows] = chain(samples[rows], 2 * matmul(heaviest.other_weights[rows], term))
    own = 2 * heaviest.shares[:, None] * heaviest_term
    # np.add.at ends the process where its buffer cannot be allocated.
    for row, part in zip(heaviest.rows.tolist(), chain(samples[heaviest.rows], own), strict=True):
        gradient[row] += part
    return gradient


def _linear_time(
    xs: FloatArray,
    xt: FloatArray,
    centre: FloatArray,
    frequencies: FloatArray,
    widths: Sequence[float],
    gradient: bool,
) -> MMDResult:
    count, pairs = len(frequencies), len(xs) // 2
    value = 0.0
    gradients = np.zeros_like(xs), np.zeros_like(xt)
    step = max(1, _BLOCK_ENTRIES // (2 * count)) * 2
    for start in range(0, 2 * pairs, step):
        rows = slice(start, min(start + step, 2 * pairs))
        share = (rows.stop - rows.start) / (2 * pairs)
        features = [_features(samples[rows], centre, frequencies) for samples in (xs, xt)]
        part = linear(
            *(np.hstack(pair) for pair in features), estimator="linear_time", gradient=gradient
        )
        value += share * part.value
        for out, (cosines, sines), by in zip(
            gradients, features, (part.gradient_source, part.gradient_target), strict=True
        ):
            if by is not None:
                slopes = by[:, count:] * cosines - by[:, :count] * sines
                out[rows] = share * (matmul(slopes, frequencies))
    if not gradient:
        return MMDResult(value, bandwidths=tuple(widths))
    return MMDResult(value, *gradients, tuple(widths))
