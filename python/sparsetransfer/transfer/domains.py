"""Domain labels, and the packing of a source and a target into one array."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sparsetransfer._domains import (
    UNKNOWN_LABELS,
    check_domains,
    domains_from_labels,
    label_array,
    labelled,
)
from sparsetransfer._validation import check_pair

__all__ = ["check_domains", "domains_from_labels", "labelled", "pack"]


def pack(
    Xs: ArrayLike, ys: ArrayLike, Xt: ArrayLike, yt: ArrayLike | None = None
) -> tuple[Any, NDArray[Any], NDArray[np.int64]]:
    """Put a source and a target into one array, as the estimators take them.

    Parameters
    ----------
    Xs : array_like of shape (n_source, n_features)
        Source samples.
    ys : array_like of shape (n_source,)
        Source labels.
    Xt : array_like of shape (n_target, n_features)
        Target samples. Of two data frames the columns are matched by name.
    yt : array_like of shape (n_target,), optional
        Target labels. By default they are masked: -1 where the source labels are integers, NaN
        where they are floats, None otherwise.

    Returns
    -------
    X : numpy.ndarray or pandas.DataFrame of shape (n_source + n_target, n_features)
        Source rows, then target rows. A data frame if `Xs` and `Xt` are data frames of pandas with
        named columns, so that estimators can check the names.
    y : numpy.ndarray of shape (n_source + n_target,)
        Their labels.
    sample_domain : numpy.ndarray of shape (n_source + n_target,), int64
        1 for source rows, -1 for target rows.

    Raises
    ------
    ValueError
        If the columns, or the numbers of samples and labels, differ, if an entry is NaN, or if -1
        is one of the integer source labels and would be taken for a mask.

    Examples
    --------
    >>> from sparsetransfer.transfer import pack
    >>> X, y, sample_domain = pack([[0.0], [1.0]], [3, 4], [[2.0]])
    >>> y, sample_domain
    (array([ 3,  4, -1]), array([ 1,  1, -1]))
    """
    source, target = check_pair(Xs, Xt, ("Xs", "Xt"))
    source_labels = _labels(ys, "ys", len(source))
    if not labelled(source_labels).all():
        raise ValueError(f"ys must be known for every source sample ({UNKNOWN_LABELS})")
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
    if source_labels.dtype.kind != target_labels.dtype.kind:
        # NumPy would spell a NaN beside names "nan", and -1 "-1".
        y = label_array([*source_labels.tolist(), *target_labels.tolist()])
    else:
        y = np.concatenate([source_labels, target_labels])
    X = np.concatenate([source, target])
    return (
        _like(Xs, Xt, X),
        y,
        np.repeat(np.array([1, -1], dtype=np.int64), [len(source), len(target)]),
    )


def _labels(y: ArrayLike, name: str, size: int) -> NDArray[Any]:
    labels = label_array(y, name)
    if labels.shape != (size,):
        raise ValueError(f"{name} must have shape ({size},), got {labels.shape}")
    return labels


def _like(Xs: Any, Xt: Any, X: NDArray[Any]) -> Any:
    """Return the rows as a pandas data frame if both samples were such frames with names."""
    frames = all(hasattr(part, "iloc") and hasattr(part, "columns") for part in (Xs, Xt))
    if not frames or not all(isinstance(name, str) for name in Xs.columns):
        return X
    return type(Xs)(X, index=Xs.index.append(Xt.index), columns=Xs.columns)
