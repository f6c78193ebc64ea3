"""Recall-based figures of a classification, and how far they would move with other speakers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sparsetransfer._labels import names_array, refuse_missing
from sparsetransfer._validation import check_generator

__all__ = [
    "Scores",
    "confusion_matrix",
    "no_scores",
    "score",
    "score_confusion",
    "speaker_bootstrap",
    "unweighted_average_recall",
]


@dataclass(frozen=True, eq=False)
class Scores:
    """Recall-based figures of one set of predictions.

    - `classes`: labels in the order of rows, columns and recalls.
    - `confusion` (k, k): row = true class, column = predicted class.
    - `recalls` (k,): share of each class that was found, 0..1; NaN for a class without true rows.
    - `uar`: unweighted average recall, 0..1: mean recall of the classes that occur.
    - `war`: weighted average recall, 0..1: share of correct rows (accuracy).
    - `macro_f1`: mean F1 over the classes that occur among true or predicted labels, 0..1.
    """

    classes: tuple[str, ...]
    confusion: NDArray[np.int64]
    recalls: NDArray[np.float64]
    uar: float
    war: float
    macro_f1: float


def texts(**columns: ArrayLike) -> list[NDArray[np.str_]]:
    """Return columns of labels or speakers as texts, one per row.

    `columns` (n,): by the names of the arguments. Returns (n,) each. Raises ValueError if the
    lengths differ, a column is not one-dimensional, or an entry is missing.
    """
    found = {name: names_array(values) for name, values in columns.items()}
    shapes = {values.shape for values in found.values()}
    if len(shapes) > 1 or len(shapes.pop()) != 1:
        raise ValueError(
            f"{', '.join(found)} must be equally long and one-dimensional, got shapes "
            + ", ".join(str(values.shape) for values in found.values())
        )
    for name, values in found.items():
        refuse_missing(values, name, "an entry for every row")
    return [values.astype(np.str_) for values in found.values()]


def confusion_matrix(
    truth: ArrayLike, predictions: ArrayLike, classes: Sequence[str]
) -> NDArray[np.int64]:
    """Count rows by true and predicted class.

    `truth`, `predictions` (n,): true and predicted labels. `classes`: all labels that may occur.
    Returns (k, k): row = true class, column = predicted class. Raises ValueError if the lengths
    differ, there is no row, or a label is not in `classes`.

    Examples
    --------
    >>> confusion_matrix(["a", "a", "b"], ["a", "b", "b"], ["a", "b"])
    array([[1, 1],
           [0, 1]])
    """
    true, predicted = texts(truth=truth, predictions=predictions)
    if true.size == 0:
        raise ValueError("truth and predictions must not be empty")
    position = {name: number for number, name in enumerate(classes)}
    strangers = sorted((set(true.tolist()) | set(predicted.tolist())) - set(position))
    if strangers:
        raise ValueError(f"labels {strangers} are not among the classes {list(classes)}")
    size = len(position)
    pairs = zip(true.tolist(), predicted.tolist(), strict=True)
    cells = [position[row] * size + position[column] for row, column in pairs]
    counts = np.bincount(cells, minlength=size * size).reshape(size, size)
    return counts.astype(np.int64, copy=False)


def unweighted_average_recall(confusion: ArrayLike) -> NDArray[np.float64]:
    """Average the recalls of the classes that occur.

    `confusion` (..., k, k): counts with rows as true classes. Returns (...): mean recall over the
    classes with at least one true row, 0..1; NaN without any row.

    A class without true rows has no recall. It is left out of the mean, as in the usual
    definition of the figure; predictions *into* it still cost the recall of the true classes.

    Examples
    --------
    >>> unweighted_average_recall([[1, 1], [0, 1]])  # (1/2 + 1) / 2
    array(0.75)
    """
    counts = np.asarray(confusion, dtype=np.float64)
    totals = counts.sum(axis=-1)
    occurs = totals > 0
    recalls = np.diagonal(counts, axis1=-2, axis2=-1) / np.where(occurs, totals, 1.0)
    number = occurs.sum(axis=-1)
    mean = recalls.sum(axis=-1) / np.maximum(number, 1)
    return np.where(number > 0, mean, np.nan)


def score(truth: ArrayLike, predictions: ArrayLike, classes: Sequence[str]) -> Scores:
    """Compute recall per class, UAR, weighted accuracy, macro-F1 and the confusion matrix.

    Parameters
    ----------
    truth, predictions : array-like of shape (n,), str
        True and predicted labels.
    classes : sequence of str
        All labels that may occur, in the order of the result.

    Returns
    -------
    Scores
        The figures.

    Raises
    ------
    ValueError
        If the lengths differ, there is no row, or a label is not in `classes`.

    Examples
    --------
    >>> result = score(["a", "a", "a", "b"], ["a", "a", "b", "b"], ["a", "b"])
    >>> round(result.uar, 3), result.war
    (0.833, 0.75)
    """
    return score_confusion(confusion_matrix(truth, predictions, classes), classes)


def score_confusion(confusion: ArrayLike, classes: Sequence[str]) -> Scores:
    """Compute the figures of `score` from counts.

    `confusion` (k, k): row = true class, column = predicted class. `classes`: labels of rows and
    columns. Raises ValueError if the shape is not that of the classes or there is no row.
    """
    counts = np.asarray(confusion, dtype=np.int64)
    if counts.shape != (len(classes), len(classes)) or counts.sum() == 0:
        raise ValueError(
            f"confusion must have the shape {(len(classes), len(classes))} and count something, "
            f"got shape {counts.shape}"
        )
    totals = counts.sum(axis=1)
    recalls = np.where(totals > 0, np.diag(counts) / np.maximum(totals, 1), np.nan)
    return Scores(
        classes=tuple(classes),
        confusion=counts,
        recalls=recalls,
        uar=float(unweighted_average_recall(counts)),
        war=float(np.trace(counts) / counts.sum()),
        macro_f1=_macro_f1(counts),
    )


def no_scores(classes: Sequence[str]) -> Scores:
    """Return the figures of a method without predictions: no counts, and NaN."""
    size, nothing = len(classes), float("nan")
    return Scores(
        classes=tuple(classes),
        confusion=np.zeros((size, size), dtype=np.int64),
        recalls=np.full(size, nothing),
        uar=nothing,
        war=nothing,
        macro_f1=nothing,
    )


def _macro_f1(counts: NDArray[np.int64]) -> float:
    # 2 TP / (2 TP + FP + FN) is precision and recall in one, without 0 / 0 for a missed class.
    either = counts.sum(axis=0) + counts.sum(axis=1)
    return float(np.mean(2.0 * np.diag(counts)[either > 0] / either[either > 0]))


def speaker_bootstrap(
    truth: ArrayLike,
    predictions: ArrayLike,
    speakers: ArrayLike,
    classes: Sequence[str],
    *,
    rng: np.random.Generator | int,
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
    rng : numpy.random.Generator or int
        Source of the draws, or a seed.
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
    true, predicted, said = texts(truth=truth, predictions=predictions, speakers=speakers)
    names, owner = np.unique(said, return_inverse=True)
    count = len(names)
    if count < 2:
        return float("nan"), float("nan")
    tables = np.stack(
        [
            confusion_matrix(true[owner == number], predicted[owner == number], classes)
            for number in range(count)
        ]
    )
    times = check_generator(rng).multinomial(count, np.full(count, 1.0 / count), size=n_resamples)
    resampled = np.tensordot(times, tables, axes=1)
    tail = 50.0 * (1.0 - confidence)
    low, high = np.percentile(unweighted_average_recall(resampled), [tail, 100.0 - tail])
    return float(low), float(high)
