"""Figures for dimensions such as activation and valence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sparsetransfer._validation import check_generator

__all__ = ["DimensionScores", "concordance", "score_dimension"]


@dataclass(frozen=True)
class DimensionScores:
    """Figures of predicted values of one dimension.

    `ccc`: concordance correlation coefficient, -1..1. `pearson`: correlation, -1..1; NaN if one
    side is constant. `rmse`: root of the mean squared error, in the unit of the values. `interval`:
    bootstrap interval of the CCC from resampling whole speakers; NaN without speakers.
    """

    ccc: float
    pearson: float
    rmse: float
    interval: tuple[float, float] = (float("nan"), float("nan"))


def _pair(truth: ArrayLike, predictions: ArrayLike) -> tuple[NDArray[np.float64], ...]:
    true = np.asarray(truth, dtype=np.float64)
    found = np.asarray(predictions, dtype=np.float64)
    if true.shape != found.shape or true.ndim != 1 or true.size < 2:
        raise ValueError(
            "truth and predictions must be equally long, at least 2, got shapes "
            f"{true.shape} and {found.shape}"
        )
    if not (np.isfinite(true).all() and np.isfinite(found).all()):
        raise ValueError("truth and predictions must be finite")
    return true, found


def concordance(truth: ArrayLike, predictions: ArrayLike) -> float:
    r"""Compute the concordance correlation coefficient.

    Parameters
    ----------
    truth, predictions : array-like of shape (n,)
        True and predicted values, finite, at least two.

    Returns
    -------
    float
        Between -1 and 1; 1 only if all values agree. Two equal constants give 1, any other constant
        gives 0.

    Raises
    ------
    ValueError
        If shapes differ, there are fewer than two values or one is not finite.

    Notes
    -----
    .. math:: \rho_c = \frac{2 s_{xy}}{s_x^2 + s_y^2 + (\bar x - \bar y)^2}

    with variances and covariance over n, as in the original.

    References
    ----------
    L. I.-K. Lin, "A concordance correlation coefficient to evaluate reproducibility", Biometrics
    45(1):255-268, 1989. https://doi.org/10.2307/2532051

    Examples
    --------
    >>> concordance([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])
    1.0
    >>> concordance([1.0, 2.0, 3.0], [3.0, 2.0, 1.0])
    -1.0
    """
    true, found = _pair(truth, predictions)
    covariance = float(np.mean((true - true.mean()) * (found - found.mean())))
    spread = float(true.var() + found.var() + (true.mean() - found.mean()) ** 2)
    return 2.0 * covariance / spread if spread > 0 else 1.0


def score_dimension(
    truth: ArrayLike,
    predictions: ArrayLike,
    speakers: ArrayLike | None = None,
    *,
    rng: np.random.Generator | int = 0,
    n_resamples: int = 1000,
    confidence: float = 0.95,
) -> DimensionScores:
    """Compute CCC, Pearson's correlation and RMSE of one dimension.

    `truth`, `predictions` (n,): true and predicted values, finite, at least two. `speakers` (n,):
    speaker of each row, for the interval. `rng`: source of the draws, or a seed.
    `n_resamples`: resamples of the speakers. `confidence`: level of the interval, in (0, 1). Raises
    ValueError if shapes differ, there are fewer than two values or one is not finite.

    Examples
    --------
    >>> result = score_dimension([1.0, 2.0, 3.0], [2.0, 3.0, 4.0])
    >>> round(result.ccc, 3), round(result.pearson, 3), result.rmse
    (0.571, 1.0, 1.0)
    """
    true, found = _pair(truth, predictions)
    constant = not np.ptp(true) or not np.ptp(found)
    interval = (float("nan"), float("nan"))
    if speakers is not None:
        owner = np.asarray(speakers, dtype=np.str_)
        rows = [np.flatnonzero(owner == name) for name in np.unique(owner)]
        if len(rows) > 1:
            drawn = check_generator(rng).integers(len(rows), size=(n_resamples, len(rows)))
            values = []
            for draw in drawn:
                chosen = np.concatenate([rows[number] for number in draw])
                values.append(concordance(true[chosen], found[chosen]) if len(chosen) > 1 else 0.0)
            tail = 50.0 * (1.0 - confidence)
            low, high = np.percentile(values, [tail, 100.0 - tail])
            interval = (float(low), float(high))
    return DimensionScores(
        ccc=concordance(true, found),
        pearson=float("nan") if constant else float(np.corrcoef(true, found)[0, 1]),
        rmse=float(np.sqrt(np.mean((true - found) ** 2))),
        interval=interval,
    )
