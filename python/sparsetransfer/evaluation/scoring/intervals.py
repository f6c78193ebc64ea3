"""How far a figure would move with other speakers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from sparsetransfer.evaluation.scoring.metrics import confusion_matrix, unweighted_average_recall

__all__ = ["speaker_bootstrap"]


def speaker_bootstrap(
    truth: ArrayLike,
    predictions: ArrayLike,
    speakers: ArrayLike,
    classes: Sequence[str],
    *,
    rng: np.random.Generator,
    n_resamples: int = 1000,
    confidence: float = 0.95,
) -> tuple[float, float]:
    """Estimate an interval of the UAR by resampling whole speakers.

    Utterances of one speaker are alike, so that resampling utterances would promise too much.

    Parameters
    ----------
    truth, predictions : array-like of shape (n,), str
        True and predicted labels.
    speakers : array-like of shape (n,), str
        Speaker of each row.
    classes : sequence of str
        All labels that may occur.
    rng : numpy.random.Generator
        Source of the draws.
    n_resamples : int, default=1000
        Number of resamples.
    confidence : float, default=0.95
        Level of the interval, in (0, 1).

    Returns
    -------
    tuple of (float, float)
        Lower and upper percentile of the UAR, 0..1; NaN with fewer than two speakers.

    Notes
    -----
    Draws as many speakers as there are, with replacement. In a resample in which a class does not
    occur, the class is left out of the average as in `unweighted_average_recall`. Cost
    O(n + n_resamples · speakers · k²).

    References
    ----------
    B. Efron, R. J. Tibshirani, *An Introduction to the Bootstrap*, Chapman & Hall, 1993, chapter
    13 (percentile interval).

    Examples
    --------
    >>> import numpy as np
    >>> speakers = np.repeat(["s1", "s2", "s3"], 2)
    >>> low, high = speaker_bootstrap(
    ...     ["a", "b"] * 3, ["a", "b"] * 3, speakers, ["a", "b"], rng=np.random.default_rng(0)
    ... )
    >>> low, high  # every speaker is recognised
    (1.0, 1.0)
    """
    true, predicted = np.asarray(truth, dtype=np.str_), np.asarray(predictions, dtype=np.str_)
    names, owner = np.unique(np.asarray(speakers, dtype=np.str_), return_inverse=True)
    count = len(names)
    if count < 2:
        return float("nan"), float("nan")
    tables = np.stack(
        [
            confusion_matrix(true[owner == number], predicted[owner == number], classes)
            for number in range(count)
        ]
    )
    times = rng.multinomial(count, np.full(count, 1.0 / count), size=n_resamples)
    resampled = np.tensordot(times, tables, axes=1)
    tail = 50.0 * (1.0 - confidence)
    low, high = np.percentile(unweighted_average_recall(resampled), [tail, 100.0 - tail])
    return float(low), float(high)
