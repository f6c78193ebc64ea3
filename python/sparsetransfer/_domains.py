"""Domain labels: which rows are source, which are target, and which class labels are known."""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import column_or_1d

from sparsetransfer.exceptions import DomainError

__all__ = [
    "check_domains",
    "check_labels",
    "domains_from_labels",
    "encode_source_labels",
    "labelled",
    "mean_weights",
    "new_domains",
]


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
    domains = _one_per_sample(sample_domain, n_samples)
    if domains.dtype.kind not in "iu":
        whole = domains.astype(np.int64) if domains.dtype.kind in "fb" else None
        if whole is None or domains.dtype.kind == "b" or not np.array_equal(whole, domains):
            raise ValueError(
                f"sample_domain must consist of integers (positive: source, negative: target), "
                f"got dtype {domains.dtype}"
            )
        domains = whole
    domains = domains.astype(np.int64)
    _refuse_zero(domains)
    for name, present in (("source", domains > 0), ("target", domains < 0)):
        if not present.any():
            sign = "positive" if name == "source" else "negative"
            raise DomainError(
                f"sample_domain has no {name} sample ({sign} entry) among {n_samples}: transfer "
                "needs both domains"
            )
    return domains


def new_domains(sample_domain: ArrayLike | None, n_samples: int) -> NDArray[Any]:
    """Return domain labels of samples to transform, of which one domain may be all there is.

    Parameters
    ----------
    sample_domain : array_like of shape (n_samples,), optional
        Positive for source, negative for target; by default all are target, as in prediction.
    n_samples : int
        The expected number of entries.

    Returns
    -------
    numpy.ndarray of shape (n_samples,)

    Raises
    ------
    ValueError
        If the length differs.
    DomainError
        If an entry is 0.
    """
    if sample_domain is None:
        return np.full(n_samples, -1)
    domains = _one_per_sample(sample_domain, n_samples)
    _refuse_zero(domains)
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


def check_labels(y: ArrayLike, n_samples: int) -> NDArray[Any]:
    """Return class labels as an array of one dimension; masked labels may be among them.

    Parameters
    ----------
    y : array_like of shape (n_samples,)
        Labels, masked as in `labelled`.
    n_samples : int
        The expected number of entries.

    Returns
    -------
    numpy.ndarray of shape (n_samples,)

    Raises
    ------
    ValueError
        If the length or the number of dimensions does not fit, or a label is infinite.
    """
    labels: NDArray[Any] = column_or_1d(y, warn=True)
    if labels.dtype.kind == "f" and np.isinf(labels).any():
        raise ValueError("y contains infinity")
    if len(labels) != n_samples:
        raise ValueError(f"X has {n_samples} samples, y has {len(labels)} labels")
    return labels


def encode_source_labels(
    y: NDArray[Any], source: NDArray[np.bool_]
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Assign numbers to the classes of the source; labels of the target are not read.

    Parameters
    ----------
    y : numpy.ndarray of shape (n_samples,)
        Labels.
    source : numpy.ndarray of shape (n_samples,), bool
        Which samples are source.

    Returns
    -------
    classes : numpy.ndarray of shape (n_classes,)
        Sorted labels of the source.
    codes : numpy.ndarray of shape (n_source,), int64
        Their numbers.

    Raises
    ------
    DomainError
        If a source sample has no label.
    """
    labels = y[source]
    known = labelled(labels)
    if not known.all():
        raise DomainError(
            f"y: {int((~known).sum())} source samples have no label (-1, NaN and None stand for "
            "unknown)"
        )
    if labels.dtype.kind == "O":
        labels = np.array(labels.tolist())
    classes, codes = np.unique(labels, return_inverse=True)
    return classes, codes.astype(np.int64)


def _known(value: object) -> bool:
    if isinstance(value, float) and math.isnan(value):
        return False
    return value is not None and (isinstance(value, str) or value != -1)


def _one_per_sample(sample_domain: ArrayLike, n_samples: int) -> NDArray[Any]:
    domains = np.asarray(sample_domain)
    if domains.shape != (n_samples,):
        raise ValueError(f"sample_domain must have shape ({n_samples},), got {domains.shape}")
    return domains


def _refuse_zero(domains: NDArray[Any]) -> None:
    if (domains == 0).any():
        raise DomainError("sample_domain must be positive (source) or negative (target), got 0")
