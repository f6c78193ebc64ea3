"""Whether two samples differ by more than chance, and an interval of their discrepancy."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cdist
from scipy.special import logsumexp

from sparsetransfer import _core
from sparsetransfer._former import former_keywords
from sparsetransfer._linalg import matmul
from sparsetransfer._validation import (
    check_choice,
    check_generator,
    check_integer,
    check_pair,
    resolve_threads,
)
from sparsetransfer.mmd.bandwidths import Bandwidths, resolve_bandwidths, resolve_shares
from sparsetransfer.mmd.gaussian_kernel import Kernel, family

__all__ = ["TwoSampleTest", "bootstrap_interval", "two_sample_test"]

_FORMS_BYTES = 32 << 20
_ROWS = 256


@dataclass(frozen=True)
class TwoSampleTest:
    """The outcome of a permutation test.

    Attributes
    ----------
    statistic : float
        The estimated squared discrepancy of the two samples, or the fused one.
    p_value : float
        The share of permutations, the given order among them, whose discrepancy is at least as
        large; never below 1 / (1 + n_permutations).
    null : numpy.ndarray of shape (n_permutations,)
        The discrepancies of the permuted samples.
    bandwidths : tuple of float
        The bandwidths of the kernels that were averaged or fused.
    """

    statistic: float
    p_value: float
    null: NDArray[np.float64]
    bandwidths: tuple[float, ...]


@former_keywords(n_threads="n_jobs", random_state="rng")
def two_sample_test(
    source: ArrayLike,
    target: ArrayLike,
    *,
    n_permutations: int = 999,
    kernel: Kernel = "gaussian",
    bandwidths: Bandwidths = "median",
    multipliers: Sequence[float] | None = None,
    kernel_weights: ArrayLike | None = None,
    combine: Literal["mean", "fuse"] = "mean",
    estimator: Literal["biased", "unbiased"] = "unbiased",
    rng: np.random.Generator | int | None = None,
    n_jobs: int | None = None,
) -> TwoSampleTest:
    r"""Test whether two samples come from one distribution.

    Parameters
    ----------
    source : array_like of shape (n_source, n_features)
        Source samples, at least 2; the work is done in float64.
    target : array_like of shape (n_target, n_features)
        Target samples, at least 2.
    n_permutations : int, default=999
        How many random reassignments of the pooled samples to the two domains.
    kernel : {"gaussian", "laplace", "inverse_multiquadric"}, default="gaussian"
        The kernel, as in the function of this name.
    bandwidths : float, sequence of float, or {"median", "mean", "quantiles"}, default="median"
        As for :func:`gaussian`. Names look at the pooled samples, not at the domains,
        so that the level of the test holds.
    multipliers : sequence of float, optional
        As for :func:`gaussian`.
    kernel_weights : array_like of shape (n_kernels,), optional
        As for :func:`gaussian`; with "fuse", the weights of the kernels in the soft maximum. The
        level of the test holds for weights that were not chosen on these samples.
    combine : {"mean", "fuse"}, default="mean"
        What to make of several bandwidths: the discrepancy of their mean kernel, or a soft maximum
        of their normalised discrepancies [3]_. "fuse" finds differences at a scale that is not
        known beforehand, best with ``bandwidths="quantiles"``; the level of the test holds.
    estimator : {"biased", "unbiased"}, default="unbiased"
        The statistic.
    rng : numpy.random.Generator or int, optional
        Where the permutations come from. The same seed gives the same permutations.
    n_jobs : int, optional
        How many threads. The answer is the same for any number, bit for bit.

    Returns
    -------
    TwoSampleTest
        The statistic, the p-value and the null distribution.

    Raises
    ------
    ValueError
        If shapes do not fit, an entry is not finite, there are too few samples, or an option is
        unknown.

    Notes
    -----
    The p-value is :math:`(1 + \#\{\text{null} \ge \text{statistic}\}) / (1 + B)`, which is valid
    at any number `B` of permutations [2]_. The kernel is never stored: with :math:`z_p` the
    indicator of the source in permutation `p`, every tile of it contributes to all
    :math:`z_p^\top K z_p` at once. Time :math:`O(n^2 (d + B))`; memory: a copy of the samples and
    at most 64 MB. "fuse" takes this time for each of the `r` bandwidths. Its statistic is

    .. math:: \frac{1}{\lambda} \log \sum_k w_k
       \exp\Bigl(\lambda \, \mathrm{MMD}_k^2 / \sqrt{N_k}\Bigr), \quad
       N_k = \frac{1}{N (N - 1)} \sum_{i \ne j} k(z_i, z_j)^2, \quad \lambda = \sqrt{m (m - 1)}

    over the `N` pooled samples `z`, with the kernels' weights :math:`w_k`, :math:`1/r` by default,
    and with `m` the number of samples of the smaller domain. No permutation changes :math:`N_k`, so
    that the p-value is valid as before.

    References
    ----------
    .. [1] A. Gretton, K. M. Borgwardt, M. J. Rasch, B. Schölkopf, A. Smola, "A Kernel Two-Sample
       Test", Journal of Machine Learning Research 13, 2012.
       https://jmlr.org/papers/v13/gretton12a.html (Section 5)
    .. [2] B. Phipson, G. K. Smyth, "Permutation P-values Should Never Be Zero", Statistical
       Applications in Genetics and Molecular Biology 9(1), 2010.
       https://doi.org/10.2202/1544-6115.1585
    .. [3] F. Biggs, A. Schrab, A. Gretton, "MMD-FUSE: Learning and Combining Kernels for Two-Sample
       Testing Without Data Splitting", NeurIPS 2023. https://arxiv.org/abs/2306.08777

    Examples
    --------
    >>> import numpy as np
    >>> from sparsetransfer import mmd
    >>> rng = np.random.default_rng(0)
    >>> x, y = rng.normal(size=(50, 3)), rng.normal(loc=1.0, size=(40, 3))
    >>> mmd.two_sample_test(x, y, rng=0).p_value
    0.001

    A density with ten ripples of unknown width:

    >>> flat = rng.uniform(size=(300, 1))
    >>> ripples = (rng.integers(10, size=(300, 1)) + rng.uniform(0.0, 0.7, size=(300, 1))) / 10
    >>> options = {"n_permutations": 199, "rng": 0}
    >>> mmd.two_sample_test(ripples, flat, **options).p_value > 0.05
    True
    >>> mmd.two_sample_test(
    ...     ripples, flat, bandwidths="quantiles", combine="fuse", **options
    ... ).p_value
    0.005
    """
    check_choice(combine, "combine", ("mean", "fuse"))
    check_choice(estimator, "estimator", ("biased", "unbiased"))
    chosen = family(kernel)
    xs, xt = check_pair(source, target, dtype=np.float64, min_samples=2)
    check_integer(n_permutations, "n_permutations", minimum=1)
    threads = resolve_threads(n_jobs)
    widths = resolve_bandwidths(bandwidths, multipliers, xs, xt)
    shares = resolve_shares(kernel_weights, len(widths))
    generator = check_generator(rng)
    pooled = np.concatenate([xs, xt])
    indicator = np.zeros(len(pooled))
    indicator[: len(xs)] = 1
    mixtures = [(widths, shares)]
    if combine == "fuse":
        mixtures = [([width], [1.0]) for width in widths]
    chunk = int(np.clip(_FORMS_BYTES // indicator.nbytes, 8, n_permutations + 1))
    values: list[NDArray[np.float64]] = []
    for start in range(0, n_permutations + 1, chunk):
        count = min(chunk, n_permutations + 1 - start)
        indicators = np.tile(indicator, (count, 1))
        shuffled = indicators[1:] if start == 0 else indicators
        generator.permuted(shuffled, axis=1, out=shuffled)
        discrepancies = []
        for mixture, mixed in mixtures:
            forms, row_sums = _core.kernel_quadratic_forms(
                pooled, indicators, chosen, mixture, threads, mixed
            )
            touched = matmul(indicators, row_sums)
            discrepancies.append(
                _statistics(forms, touched, row_sums.sum(), len(xs), len(xt), estimator)
            )
        values.append(np.stack(discrepancies))
    every = np.concatenate(values, axis=1)
    statistics = every[0]
    if combine == "fuse":
        statistics = _fused(
            every, _mean_squares(kernel, pooled, widths, threads), min(len(xs), len(xt)), shares
        )
    statistic, null = float(statistics[0]), statistics[1:]
    # Permutations that only reorder the domains tie with the statistic up to rounding.
    slack = 1e-12 * max(1.0, abs(statistic))
    p_value = float(1 + np.count_nonzero(null >= statistic - slack)) / (1 + n_permutations)
    return TwoSampleTest(statistic, p_value, null, tuple(widths))


def _statistics(
    forms: NDArray[np.float64],
    touched: NDArray[np.float64],
    total: float,
    n_source: int,
    n_target: int,
    estimator: str,
) -> NDArray[np.float64]:
    """Turn z'Kz, z'K1 and 1'K1, all without the diagonal of K, into discrepancies."""
    within_source = forms
    between = touched - forms
    within_target = total - 2 * touched + forms
    if estimator == "unbiased":
        source = within_source / (n_source * (n_source - 1))
        target = within_target / (n_target * (n_target - 1))
    else:
        source = (within_source + n_source) / n_source**2
        target = (within_target + n_target) / n_target**2
    return np.asarray(source + target - 2 * between / (n_source * n_target), dtype=np.float64)


def _mean_squares(
    kernel: Kernel, pooled: NDArray[np.float64], widths: Sequence[float], threads: int
) -> NDArray[np.float64]:
    """Return the mean of the squared kernel over all pairs of different samples, by width."""
    if kernel == "inverse_multiquadric":  # whose square is of no family
        sums = np.zeros(len(widths))
        for start in range(0, len(pooled), _ROWS):
            squared = cdist(pooled[start : start + _ROWS], pooled, "sqeuclidean")
            for number, width in enumerate(widths):
                sums[number] += (1 / (1 + squared / width**2)).sum()
        sums -= len(pooled)
    else:
        # The square of a Gaussian is one of 1/sqrt(2) the width, of a Laplace kernel of 1/2.
        shrink = math.sqrt(2) if kernel == "gaussian" else 2
        nobody = np.zeros((1, len(pooled)))
        sums = np.array(
            [
                _core.kernel_quadratic_forms(
                    pooled, nobody, family(kernel), [width / shrink], threads
                )[1].sum()
                for width in widths
            ]
        )
    return np.asarray(sums / (len(pooled) * (len(pooled) - 1)))


def _fused(
    discrepancies: NDArray[np.float64],
    mean_squares: NDArray[np.float64],
    smaller: int,
    shares: Sequence[float],
) -> NDArray[np.float64]:
    """Return the soft maximum over kernels (rows) of their normalised discrepancies."""
    # A kernel so narrow that no two samples meet tells nothing.
    scale = np.sqrt(np.where(mean_squares > 0, mean_squares, np.inf))
    sharpness = math.sqrt(smaller * (smaller - 1))
    exponents = sharpness * discrepancies / scale[:, None]
    fused = logsumexp(exponents, axis=0, b=np.array(shares)[:, None])
    return np.asarray(fused / sharpness, dtype=np.float64)


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
