"""What unlabelled target rows tell about pseudo-labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sparsetransfer._validation import check_integer
from sparsetransfer.classification.balanced_ridge import BalancedRidge

__all__ = [
    "PairedDifference",
    "agreement_rise",
    "cluster_share",
    "domain_separability",
    "group_tie_rise",
    "mean_recall",
    "reverse_recall",
]

_FEWEST_GROUPS = 3


@dataclass(frozen=True)
class PairedDifference:
    """A figure before and after adaptation, with the standard error of the difference.

    `before`, `after`: the figure. `standard_error`: of ``after - before``.
    """

    before: float
    after: float
    standard_error: float

    @property
    def z(self) -> float:
        """The difference in standard errors; 0 where there is no difference."""
        difference = self.after - self.before
        return difference / self.standard_error if difference else 0.0

    def as_dict(self) -> dict[str, float]:
        """Return the figures by name."""
        return {
            "before": self.before,
            "after": self.after,
            "standard_error": self.standard_error,
            "z": self.z,
        }


def _labels_of_views(labels: ArrayLike, name: str) -> NDArray[np.intp]:
    values = np.asarray(labels)
    if values.ndim != 2 or values.dtype.kind not in "iu" or values.shape[1] < 1:
        raise ValueError(f"{name} must be integers of shape (n_views, n), got {values.shape}")
    if len(values) < 2:
        raise ValueError(f"{name} must hold the labels of at least two views, got {len(values)}")
    if values.min() < 0:
        raise ValueError(f"{name} must be class numbers from 0, got {values.min()}")
    return values.astype(np.intp)


def _chance(labels: NDArray[np.intp], n_classes: int) -> float:
    shares = [np.bincount(view, minlength=n_classes) / len(view) for view in labels]
    return float(np.mean([a @ b for a, b in combinations(shares, 2)]))


def agreement_rise(before: ArrayLike, after: ArrayLike) -> PairedDifference:
    r"""Compare how far views agree before and after each was adapted on its own.

    `before` (n_views, n): class numbers that the classifiers of each view give the target rows; two
    views at least. `after` (n_views, n): the same once every view has been adapted **without
    hearing of the others**: views that share pseudo-labels agree more for that reason alone.
    Returns: agreement of two views beyond chance, averaged over all pairs of views; the standard
    error is that of a mean over rows, which are taken to be independent. Raises ValueError if
    shapes differ or there are fewer than two views.

    Beyond chance means: minus :math:`\sum_c p_c q_c`, the agreement of two labellings with the
    class shares p and q that know nothing of each other. Views that give up and name one class
    agree always, and not at all beyond chance.

    If the errors of two views are independent given the class and spread evenly over the other
    k - 1 classes, views of accuracies a and b agree on a share

    .. math:: ab + \frac{(1 - a)(1 - b)}{k - 1}

    of the rows, which rises with a and with b as long as both are better than chance. A rise of
    agreement is then a rise of accuracy, seen without a label [1]_. Where views share a mistake
    (the same loud speaker, say), it is not: see `group_tie_rise`.

    References
    ----------
    .. [1] A. Blum, T. Mitchell, "Combining labeled and unlabeled data with co-training", COLT 1998,
       https://doi.org/10.1145/279943.279962 (views that are independent given the class).
    """
    first, second = _labels_of_views(before, "before"), _labels_of_views(after, "after")
    if first.shape != second.shape:
        raise ValueError(f"before and after must have one shape, got {first.shape}, {second.shape}")
    n_classes = int(max(first.max(), second.max())) + 1
    alike = [
        np.mean([a == b for a, b in combinations(labels, 2)], axis=0) for labels in (first, second)
    ]
    n = first.shape[1]
    # Rows that all changed alike have no spread; one row's worth of doubt always remains.
    error = max(float(np.std(alike[1] - alike[0])) / np.sqrt(n), 1.0 / n)
    return PairedDifference(
        float(alike[0].mean()) - _chance(first, n_classes),
        float(alike[1].mean()) - _chance(second, n_classes),
        error,
    )


def _tie(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share of the variance of labels between groups, for counts (..., groups, k)."""
    sizes = counts.sum(axis=-1)
    total = sizes.sum(axis=-1, keepdims=True)
    overall = counts.sum(axis=-2) / total
    within = np.square(counts).sum(axis=-1) / np.where(sizes > 0, sizes, 1.0)
    between = within.sum(axis=-1) / total[..., 0] - np.square(overall).sum(axis=-1)
    spread = 1.0 - np.square(overall).sum(axis=-1)
    return np.asarray(np.where(spread > 0, between / np.where(spread > 0, spread, 1.0), 0.0))


def group_tie_rise(
    before: ArrayLike, after: ArrayLike, groups: ArrayLike, *, n_classes: int
) -> PairedDifference | None:
    r"""Compare how closely labels follow groups of rows before and after adaptation.

    `before`, `after` (n,): class numbers of the target rows. `groups` (n,): speaker (or session, or
    microphone) of each row: something that does not decide the class. `n_classes`: number of
    classes, at least 2.
    Returns: share of the variance of the labels that lies between groups, 0..1, with the jackknife
    standard error over groups. None where the question makes no sense: fewer than three groups, or
    more than half of them with fewer than two rows per class, so that they can hardly have shown
    every class.

    With one-hot labels y the share is :math:`\sum_g n_g \|\bar y_g - \bar y\|^2 / \sum_i \|y_i -
    \bar y\|^2`. If every speaker acts every emotion alike it is near zero. Pseudo-labels that are
    taught to themselves drift to the most marked clusters of the target, and those are speakers:
    the share rises long before anybody could see the recall fall.

    References
    ----------
    B. Efron, R. J. Tibshirani, *An Introduction to the Bootstrap*, Chapman & Hall, 1993, equation
    11.5 (jackknife standard error).
    """
    count = check_integer(n_classes, "n_classes", minimum=2)
    first, second = np.asarray(before), np.asarray(after)
    names, owner = np.unique(np.asarray(groups), return_inverse=True)
    if not first.shape == second.shape == owner.shape:
        raise ValueError(
            f"before, after and groups must have one shape, got {first.shape}, {second.shape}, "
            f"{owner.shape}"
        )
    n_groups = len(names)
    small = int((np.bincount(owner) < 2 * count).sum())
    if n_groups < _FEWEST_GROUPS or 2 * small > n_groups:
        return None
    tables = np.zeros((2, n_groups, count))
    np.add.at(tables[0], (owner, first), 1.0)
    np.add.at(tables[1], (owner, second), 1.0)
    whole = _tie(tables)
    left_out = 1.0 - np.eye(n_groups)
    parts = _tie(tables[1][None] * left_out[..., None]) - _tie(
        tables[0][None] * left_out[..., None]
    )
    variance = (n_groups - 1) / n_groups * np.square(parts - parts.mean()).sum()
    return PairedDifference(
        float(whole[0]), float(whole[1]), max(float(np.sqrt(variance)), 1.0 / len(owner))
    )


def mean_recall(truth: NDArray[Any], labels: NDArray[Any]) -> float:
    """Return the recall of `labels`, averaged over the classes of `truth`."""
    return float(np.mean([np.mean(labels[truth == c] == c) for c in np.unique(truth)]))


def reverse_recall(
    source: NDArray[np.float64],
    truth: NDArray[np.intp],
    target: NDArray[np.float64],
    pseudo_labels: NDArray[np.intp],
) -> float:
    """Learn from pseudo-labelled target rows and recognise the source.

    `source` (n_source, d): source rows. `truth` (n_source,): their classes. `target` (n_target, d):
    target rows. `pseudo_labels` (n_target,): their pseudo-labels. Returns: mean recall on the
    source, 0..1.
    """
    if len(np.unique(pseudo_labels)) < 2:
        guesses = np.full(len(truth), pseudo_labels[0])
    else:
        guesses = BalancedRidge().fit(target, pseudo_labels).predict(source)
    return mean_recall(truth, guesses)


def domain_separability(source: NDArray[np.float64], target: NDArray[np.float64]) -> float:
    """Return the mean recall, 0..1, at which a ridge tells unseen rows of the domains apart.

    `source` (n_source, d): source rows, at least two. `target` (n_target, d): target rows, at least
    two. Returns: 0.5 where the domains look alike; every second row is held out.
    """
    rows = np.vstack([source, target])
    side = np.repeat([0, 1], [len(source), len(target)])
    held_out = np.concatenate([np.arange(len(source)), np.arange(len(target))]) % 2 == 1
    model = BalancedRidge(alpha=1.0).fit(rows[~held_out], side[~held_out])
    return mean_recall(side[held_out], model.predict(rows[held_out]))


def cluster_share(rows: NDArray[np.float64], labels: NDArray[np.intp]) -> float:
    """Return the share of the variance of `rows` (n, d) that lies between classes, 0..1."""
    centred = rows - rows.mean(axis=0)
    total = float(np.square(centred).sum())
    means: Sequence[NDArray[np.float64]] = [centred[labels == c] for c in np.unique(labels)]
    between = sum(len(part) * float(np.square(part.mean(axis=0)).sum()) for part in means)
    return between / total if total > 0 else 0.0
