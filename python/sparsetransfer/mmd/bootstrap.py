"""How exactly two samples tell the discrepancy of their distributions."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sparsetransfer import _core
from sparsetransfer._validation import resolve_threads

__all__ = ["bootstrap_interval"]

_LEVELS = (0.025, 0.975)


def bootstrap_interval(
    source: NDArray[np.float64],
    target: NDArray[np.float64],
    bandwidths: Sequence[float],
    rng: np.random.Generator,
    *,
    n_resamples: int = 400,
) -> tuple[float, float]:
    r"""Resample both sides for an interval of the squared MMD.

    `source` (n_source, d): rows of the source, at least 2. `target` (n_target, d): rows of the
    target, at least 2. `bandwidths`: of the Gaussian kernels that are averaged. `rng`: draws the
    resamples. Returns `low`, `high`: 95 % percentile interval of the unbiased estimate.

    Rows are taken as independent, as the permutation test takes them. With :math:`c_i` the number of
    times that row i was drawn, the mean within a side is
    :math:`\sum_{i \ne j} c_i c_j k_{ij} / (n^2 - \sum_i c_i^2)`: a row drawn twice is not compared
    with itself, which would shift every resample upwards. Where the distributions are equal the
    interval is too wide. Time :math:`O(n^2 (d + B))`, no kernel matrix is kept.
    """
    sizes = len(source), len(target)
    drawn = [rng.multinomial(n, np.full(n, 1.0 / n), n_resamples).astype(float) for n in sizes]
    nothing = [np.zeros_like(counts) for counts in drawn]
    weights = np.vstack(
        [np.hstack([drawn[0], nothing[1]]), np.hstack([nothing[0], drawn[1]]), np.hstack(drawn)]
    )
    forms, _ = _core.kernel_quadratic_forms(
        np.vstack([source, target]),
        weights,
        _core.KernelFamily.gaussian,
        list(bandwidths),
        resolve_threads(None),
    )
    known, unknown, both = np.split(forms, 3)
    pairs = [n**2 - np.square(counts).sum(axis=1) for n, counts in zip(sizes, drawn, strict=True)]
    between = (both - known - unknown) / (sizes[0] * sizes[1])
    values = known / pairs[0] + unknown / pairs[1] - between
    low, high = np.quantile(values, _LEVELS)
    return float(low), float(high)
