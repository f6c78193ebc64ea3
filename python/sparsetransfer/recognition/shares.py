"""How frequent the emotions are in recordings without labels, given how a recogniser confuses them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import nnls

from sparsetransfer._validation import check_generator, check_integer

__all__ = ["EstimatedShares", "estimate_shares"]

_LEVELS = (0.025, 0.975)
_SUM_WEIGHT = 1e3


@dataclass(frozen=True, eq=False)
class EstimatedShares:
    """Shares of classes with intervals.

    `decided` (n_classes,): shares of the decisions, as they are. `estimated` (n_classes,): shares
    of the classes that explain these decisions best. `low`, `high` (n_classes,): 95 % interval of
    the estimate.
    """

    decided: NDArray[np.float64]
    estimated: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def estimate_shares(
    decisions: ArrayLike,
    confusion: ArrayLike,
    *,
    n_resamples: int = 1000,
    rng: np.random.Generator | int | None = None,
) -> EstimatedShares:
    r"""Estimate the shares of classes from decisions and a confusion matrix.

    `decisions` (n_classes,): how often each class was decided for. `confusion` (n_classes,
    n_classes): recordings of each class (row) that were decided to be each class (column); no row
    of zeros. `n_resamples`: parametric bootstrap resamples for the interval. `rng`: draws them.
    Raises ValueError if shapes disagree, there is no decision, or a class has no recording.

    With R the rows of the confusion divided by their sums and q the shares of the decisions,

    .. math:: \hat\pi = \arg\min_{\pi \ge 0,\ \sum \pi = 1} \|q - R^\top \pi\|^2,

    the black-box shift estimator ([1]_, Section 4) on the simplex. It holds as far as the recogniser
    confuses the classes of the target as it did those behind the matrix. Decisions and rows of the
    matrix are drawn anew from multinomial distributions for the interval, so that both the number
    of recordings and the uncertainty of the confusion are in it.

    References
    ----------
    .. [1] Z. C. Lipton, Y.-X. Wang, A. J. Smola, "Detecting and Correcting for Label Shift with
       Black Box Predictors", ICML 2018. https://proceedings.mlr.press/v80/lipton18a.html

    Examples
    --------
    >>> shares = estimate_shares([50, 50], [[90, 10], [30, 70]], rng=0)
    >>> shares.decided, shares.estimated.round(3)
    (array([0.5, 0.5]), array([0.333, 0.667]))
    """
    counts = np.asarray(decisions, dtype=np.int64)
    table = np.asarray(confusion, dtype=np.int64)
    if counts.ndim != 1 or table.shape != (len(counts), len(counts)):
        raise ValueError(
            f"confusion must have shape ({counts.size}, {counts.size}) like decisions, got "
            f"{table.shape}"
        )
    if counts.min() < 0 or table.min() < 0 or not counts.any() or not table.any(axis=1).all():
        raise ValueError("decisions and every row of confusion must be counts, not all zero")
    check_integer(n_resamples, "n_resamples", minimum=1)
    generator = check_generator(rng)
    rows, total = table.sum(axis=1), int(counts.sum())
    decided, rates = counts / total, table / rows[:, None]
    drawn = np.array(
        [
            _solve(
                generator.multinomial(total, decided) / total,
                np.stack(
                    [
                        generator.multinomial(n, rate) / n
                        for n, rate in zip(rows, rates, strict=True)
                    ]
                ),
            )
            for _ in range(n_resamples)
        ]
    )
    low, high = np.quantile(drawn, _LEVELS, axis=0)
    return EstimatedShares(decided, _solve(decided, rates), low, high)


def _solve(decided: NDArray[np.float64], rates: NDArray[np.float64]) -> NDArray[np.float64]:
    # The sum is one more equation, of a weight that leaves nothing of it; then exactly.
    system = np.vstack([rates.T, np.full(len(decided), _SUM_WEIGHT)])
    found, _ = nnls(system, np.append(decided, _SUM_WEIGHT))
    return np.asarray(found / found.sum())
