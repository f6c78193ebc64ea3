"""Splits for choosing settings without labels of the target."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import StratifiedGroupKFold

from sparsetransfer._labels import (
    UNKNOWN_LABELS,
    check_groups,
    check_labels,
    class_values,
    labelled,
)
from sparsetransfer._validation import check_flags
from sparsetransfer.exceptions import DomainError

__all__ = ["SourceGroupKFold"]


class SourceGroupKFold(StratifiedGroupKFold):  # type: ignore[misc]
    """Hold out labelled source samples by speaker; the unlabelled target is always trained on.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, at least 2.
    shuffle : bool, default=False
        Whether to shuffle each class before it is split.
    random_state : int or numpy.random.RandomState, optional
        Draws the order if `shuffle` is set.
    score_target : bool, default=False
        Whether every test set also holds all unlabelled samples, which `unlabelled_scorer` reads.

    Notes
    -----
    A fold holds out whole groups with the shares of the classes as equal as they can be, as
    `sklearn.model_selection.StratifiedGroupKFold` does for the labelled rows. Without
    `score_target` every test sample has a known label, so that any scorer of scikit-learn can be
    used.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.model_selection import cross_val_score
    >>> from sparsetransfer.classification import SourceGroupKFold
    >>> from sparsetransfer.transfer import DoSL, pack
    >>> rng = np.random.default_rng(0)
    >>> labels = np.tile(["anger", "neutral"], 20)
    >>> means = (labels == "anger")[:, None] * 2.0
    >>> source, target = (means + rng.normal(size=(40, 3)) for _ in range(2))
    >>> X, y, sample_domain = pack(source, labels, target)
    >>> speakers = np.repeat(np.arange(20), 4)  # those of the target are not looked at
    >>> train, test = next(SourceGroupKFold(5).split(X, y, speakers))
    >>> len(train), len(test), bool((sample_domain[test] > 0).all())
    (72, 8, True)
    """

    def __init__(
        self,
        n_splits: int = 5,
        *,
        shuffle: bool = False,
        random_state: int | np.random.RandomState | None = None,
        score_target: bool = False,
    ) -> None:
        check_flags(shuffle=shuffle, score_target=score_target)
        super().__init__(n_splits, shuffle=shuffle, random_state=random_state)
        self.score_target = score_target

    def split(
        self, X: Any, y: ArrayLike, groups: ArrayLike | None = None
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """Return the rows to train on and to test on, fold by fold.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Samples of both domains; only their number counts.
        y : array_like of shape (n_samples,)
            Labels; those of the target masked, as `sparsetransfer.transfer.pack` does.
        groups : array_like of shape (n_samples,), optional
            Speaker of each sample. By default every sample is a group of its own.

        Yields
        ------
        train : numpy.ndarray of int
            Rows of the other groups, and all rows without a known label.
        test : numpy.ndarray of int
            Labelled rows of the groups held out, and with `score_target` all rows without a known
            label.

        Raises
        ------
        DomainError
            If no label is known.
        ValueError
            If lengths differ, or there are fewer groups or samples of every class than folds.
        """
        n_samples = X.shape[0] if hasattr(X, "shape") else len(X)
        labels = check_labels(y, n_samples)
        known = np.flatnonzero(labelled(labels))
        if not len(known):
            raise DomainError(f"y has no known label among {n_samples} ({UNKNOWN_LABELS})")
        given = np.arange(n_samples) if groups is None else groups
        owners = check_groups(given, "groups", labelled(labels), "labelled row")
        if len(set(owners[known].tolist())) < self.n_splits:
            raise ValueError(
                f"groups must have at least n_splits={self.n_splits} members with labels, got "
                f"{len(set(owners[known].tolist()))}"
            )
        unknown = np.setdiff1d(np.arange(n_samples), known)
        values = class_values(labels[known])
        for train, test in super().split(known, values, owners[known]):
            held_out = known[test]
            if self.score_target:
                held_out = np.sort(np.concatenate([held_out, unknown]))
            yield np.sort(np.concatenate([known[train], unknown])), held_out
