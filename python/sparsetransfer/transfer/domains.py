"""Domain labels: which rows are source, which are target, and which class labels are known."""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sparsetransfer._validation import check_matrix
from sparsetransfer.exceptions import DomainError

__all__ = ["check_domains", "domains_from_labels", "labelled", "mean_weights", "pack"]


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


def check_domains(sample_domain: ArrayLike, n_samples: int) -> NDArray[np.int64]:
    """Return domain labels as integers; positive means source, negative means target.

    Parameters
    ----------
    sample_domain : array_like of shape (n_samples,), int
        One domain number per sample.
    n_samples : int
        The expected number of entries.

    Returns
    -------
    numpy.ndarray of shape (n_samples,), int64

    Raises
    ------
    ValueError
        If the length differs or an entry is not an integer.
    DomainError
        If an entry is 0, or source or target has no sample.
    """
    domains = np.asarray(sample_domain)
    if domains.shape != (n_samples,):
        raise ValueError(f"sample_domain must have shape ({n_samples},), got {domains.shape}")
    if domains.dtype.kind not in "iu":
        whole = domains.astype(np.int64) if domains.dtype.kind in "fb" else None
        if whole is None or domains.dtype.kind == "b" or not np.array_equal(whole, domains):
            raise ValueError(
                f"sample_domain must consist of integers (positive: source, negative: target), "
                f"got dtype {domains.dtype}"
            )
        domains = whole
    domains = domains.astype(np.int64)
    if (domains == 0).any():
        raise DomainError("sample_domain must be positive (source) or negative (target), got 0")
    for name, present in (("source", domains > 0), ("target", domains < 0)):
        if not present.any():
            sign = "positive" if name == "source" else "negative"
            raise DomainError(
                f"sample_domain has no {name} sample ({sign} entry) among {n_samples}: transfer "
                "needs both domains"
            )
    return domains


def domains_from_labels(y: ArrayLike) -> NDArray[np.int64] | None:
    """Take rows with a known label for source and rows with a masked one for target.

    Parameters
    ----------
    y : array_like of shape (n_samples,)
        Labels, masked as in `labelled`.

    Returns
    -------
    numpy.ndarray of shape (n_samples,), int64, or None
        1 for source, -1 for target; None if all labels are known or none is.
    """
    known = labelled(y)
    if known.all() or not known.any():
        return None
    return np.where(known, 1, -1).astype(np.int64)


def labelled(y: ArrayLike) -> NDArray[np.bool_]:
    """Tell which labels are known.

    Parameters
    ----------
    y : array_like of shape (n_samples,)
        Labels. Unknown are -1 among integers, NaN among floats, and -1, NaN and None among
        objects.

    Returns
    -------
    numpy.ndarray of shape (n_samples,), bool
        True where the label is known.

    Raises
    ------
    ValueError
        If `y` is not one-dimensional.

    Examples
    --------
    >>> from sparsetransfer.transfer import labelled
    >>> labelled([0, 2, -1])
    array([ True,  True, False])
    >>> labelled(["anger", None])
    array([ True, False])
    """
    labels = np.asarray(y)
    if labels.ndim != 1:
        raise ValueError(f"y must be one-dimensional, got shape {labels.shape}")
    if labels.dtype.kind == "i":
        return np.asarray(labels != -1)
    if labels.dtype.kind == "f":
        return np.asarray(~np.isnan(labels))
    if labels.dtype.kind == "O":
        return np.array([_known(value) for value in labels], dtype=np.bool_)
    return np.ones(len(labels), dtype=np.bool_)


def mean_weights(sample_domain: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return m: 1/n_source on source samples, -1/n_target on target samples."""
    source = sample_domain > 0
    return np.where(source, 1 / float(source.sum()), -1 / float((~source).sum()))


def _known(value: object) -> bool:
    if isinstance(value, float) and math.isnan(value):
        return False
    return value is not None and (isinstance(value, str) or value != -1)


def _labels(y: ArrayLike, name: str, size: int) -> NDArray[Any]:
    labels = np.asarray(y)
    if labels.shape != (size,):
        raise ValueError(f"{name} must have shape ({size},), got {labels.shape}")
    return labels
