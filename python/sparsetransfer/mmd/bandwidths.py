"""Widths of the Gaussian kernel, given or taken from the data."""

import math
from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import pdist

from sparsetransfer._validation import FloatArray, check_real, check_vector

__all__ = ["Bandwidths", "refuse_overflow", "resolve_bandwidths", "resolve_shares"]

Bandwidths: TypeAlias = float | Sequence[float] | Literal["median", "mean", "quantiles"]

_GRID = (0.25, 0.5, 1.0, 2.0, 4.0)
_MEDIAN_SAMPLES = 2000
_QUANTILE_WIDTHS = 10


def resolve_bandwidths(
    bandwidths: Bandwidths,
    multipliers: Sequence[float] | None,
    source: FloatArray,
    target: FloatArray,
) -> list[float]:
    """Return the widths of all kernels: every bandwidth times the root of every multiplier."""
    base: list[float]
    factors: Sequence[float]
    if isinstance(bandwidths, str) and bandwidths == "quantiles":
        base = _quantile_grid(source, target)
        factors = (1.0,) if multipliers is None else multipliers
    elif isinstance(bandwidths, str):
        if bandwidths == "median":
            squared = _median_squared_distance(source, target)
        elif bandwidths == "mean":
            with np.errstate(over="ignore", invalid="ignore"):  # refused below
                squared = _mean_squared_distance(source, target)
        else:
            raise ValueError(
                f"bandwidths must be numbers, 'median', 'mean' or 'quantiles', got {bandwidths!r}"
            )
        refuse_overflow(squared)
        if not squared > 0:
            raise ValueError(f"bandwidths={bandwidths!r} is zero for these samples: give a number")
        base = [math.sqrt(squared / 2)]
        factors = _GRID if multipliers is None else multipliers
    else:
        given = np.atleast_1d(np.asarray(bandwidths, dtype=object)).tolist()
        base = [check_real(width, "bandwidths", minimum=0, strict=True) for width in given]
        factors = (1.0,) if multipliers is None else multipliers
    if not hasattr(factors, "__iter__"):
        raise TypeError(f"multipliers must be a sequence of numbers, got {factors!r}")
    factors = [check_real(factor, "multipliers", minimum=0, strict=True) for factor in factors]
    if not base or not factors:
        raise ValueError("bandwidths and multipliers must not be empty")
    return [width * math.sqrt(factor) for width in base for factor in factors]


def resolve_shares(kernel_weights: ArrayLike | None, count: int) -> list[float]:
    """Return the shares, of sum one, of so many kernels in their mean."""
    if kernel_weights is None:
        return [1 / count] * count
    weights = check_vector(
        kernel_weights, "kernel_weights", size=count, dtype=np.float64, minimum=0
    )
    if not weights.max() > 0:
        raise ValueError("kernel_weights must not all be zero")
    weights = weights / weights.max()
    return [float(share) for share in weights / weights.sum()]


def refuse_overflow(squared: float) -> None:
    """Raise an OverflowError if a squared distance is not finite."""
    if not math.isfinite(squared):
        raise OverflowError(
            "squared distances of source and target overflow: divide the samples by their size"
        )


def _mean_squared_distance(source: FloatArray, target: FloatArray) -> float:
    """Return the mean over all pairs of different samples, in closed form."""
    size = len(source) + len(target)
    if size < 2:
        return 0.0
    total = source.sum(axis=0, dtype=np.float64) + target.sum(axis=0, dtype=np.float64)
    centre = total / size
    # sum_ij |x_i - x_j|^2 = 2 n sum_i |x_i - mean|^2
    spread = 0.0
    for samples in (source, target):
        for start in range(0, len(samples), 4096):
            spread += float(np.square(samples[start : start + 4096] - centre).sum())
    return 2 * spread / (size - 1)


def _median_squared_distance(source: FloatArray, target: FloatArray) -> float:
    """Return the median over the pairs of at most 2,000 samples, evenly spread over each domain."""
    if len(source) + len(target) < 2:
        return 0.0
    return float(np.median(_squared_distances(source, target)))


def _quantile_grid(source: FloatArray, target: FloatArray) -> list[float]:
    """Return ten widths from half the 5 % quantile of the distances to twice the 95 % quantile."""
    squared = np.zeros(1)
    if len(source) + len(target) >= 2:
        squared = _squared_distances(source, target)
    refuse_overflow(float(squared.max()))
    squared = squared[squared > 0]  # of equal samples, which say nothing of a scale
    if not len(squared):
        raise ValueError("bandwidths='quantiles' is zero for these samples: give a number")
    low, high = np.sqrt(np.quantile(squared, [0.05, 0.95]))
    return [float(width) for width in np.geomspace(low / 2, 2 * high, _QUANTILE_WIDTHS)]


def _squared_distances(source: FloatArray, target: FloatArray) -> NDArray[np.float64]:
    """Return those of all pairs of at most 2,000 samples, evenly spread over each domain."""
    share = min(1.0, _MEDIAN_SAMPLES / (len(source) + len(target)))
    chosen = [
        samples[np.linspace(0, len(samples) - 1, math.ceil(share * len(samples))).astype(int)]
        for samples in (source, target)
    ]
    distances: NDArray[np.float64] = pdist(np.concatenate(chosen).astype(np.float64), "sqeuclidean")
    return distances
