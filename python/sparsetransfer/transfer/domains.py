"""Domain labels, and the packing of a source and a target into one array."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sparsetransfer._domains import check_domains, domains_from_labels, labelled
from sparsetransfer._validation import check_matrix

__all__ = ["check_domains", "domains_from_labels", "labelled", "pack"]


def pack(
    Xs: ArrayLike, ys: ArrayLike, Xt: ArrayLike, yt: ArrayLike | None = None
) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.int64]]:
    """Put a source and a target into one array, as the estimators take them.

    Parameters
    ----------
    Xs : array_like of shape (n_source, n_features)
        Source samples.
    ys : array_like of shape (n_source,)
        Source labels.
    Xt : array_like of shape (n_target, n_features)
        Target samples.
    yt : array_like of shape (n_target,), optional
        Target labels. By default they are masked: -1 where the source labels are integers, NaN
        where they are floats, None otherwise.

    Returns
    -------
    X : numpy.ndarray of shape (n_source + n_target, n_features)
        Source rows, then target rows.
    y : numpy.ndarray of shape (n_source + n_target,)
        Their labels.
    sample_domain : numpy.ndarray of shape (n_source + n_target,), int64
        1 for source rows, -1 for target rows.

    Raises
    ------
    ValueError
        If the numbers of features, or of samples and labels, differ, if an entry is NaN, or if -1
        is one of the integer source labels and would be taken for a mask.

    Examples
    --------
    >>> from sparsetransfer.transfer import pack
    >>> X, y, sample_domain = pack([[0.0], [1.0]], [3, 4], [[2.0]])
    >>> y, sample_domain
    (array([ 3,  4, -1]), array([ 1,  1, -1]))
    """
    source = check_matrix(Xs, "Xs")
    target = check_matrix(Xt, "Xt", n_features=source.shape[1])
    source_labels = _labels(ys, "ys", len(source))
    if not labelled(source_labels).all():
        raise ValueError(
            "ys must be known for every source sample; -1, NaN and None stand for unknown labels"
        )
    if yt is None:
        kind = source_labels.dtype.kind
        if kind == "f":
            target_labels = np.full(len(target), np.nan)
        elif kind in "iu":
            # Unsigned labels become signed: -1 must not wrap around.
            source_labels = source_labels.astype(np.int64)
            target_labels = np.full(len(target), -1)
        else:
            source_labels = source_labels.astype(object)
            target_labels = np.full(len(target), None)
    else:
        target_labels = _labels(yt, "yt", len(target))
    return (
        np.concatenate([source, target]),
        np.concatenate([source_labels, target_labels]),
        np.repeat(np.array([1, -1], dtype=np.int64), [len(source), len(target)]),
    )


def _labels(y: ArrayLike, name: str, size: int) -> NDArray[Any]:
    labels = np.asarray(y)
    if labels.shape != (size,):
        raise ValueError(f"{name} must have shape ({size},), got {labels.shape}")
    return labels
