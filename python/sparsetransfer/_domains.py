"""Domains: which samples are source, which are target, and which labels may be read."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.multiclass import check_classification_targets

from sparsetransfer._labels import (
    UNKNOWN_LABELS,
    check_labels,
    class_values,
    label_array,
    labelled,
)
from sparsetransfer._validation import check_pair
from sparsetransfer.exceptions import DomainError, DomainWarning

__all__ = [
    "SourceLabels",
    "check_domains",
    "domains_from_labels",
    "encode_source_labels",
    "mean_weights",
    "new_domains",
    "pack",
    "read_source_labels",
    "require_labels",
    "resolve_domains",
    "source_mask",
]


def check_domains(sample_domain: ArrayLike, n_samples: int) -> NDArray[np.int64]:
    """Return domain labels as integers; positive means source, negative means target.

    `sample_domain` (n_samples,): one domain number per sample. `n_samples`: the expected number of
    entries. Returns (n_samples,). Raises ValueError if the length differs or an entry is not an
    integer. Raises DomainError if an entry is 0, or source or target has no sample.
    """
    domains = _one_per_sample(sample_domain, n_samples)
    for name, present in (("source", domains > 0), ("target", domains < 0)):
        if not present.any():
            sign = "positive" if name == "source" else "negative"
            raise DomainError(
                f"sample_domain has no {name} sample ({sign} entry) among {n_samples}: transfer "
                "needs both domains"
            )
    return domains


def new_domains(sample_domain: ArrayLike | None, n_samples: int) -> NDArray[np.int64]:
    """Return domain labels of samples to transform, of which one domain may be all there is.

    `sample_domain` (n_samples,): positive for source, negative for target; by default all are
    target, as in prediction. `n_samples`: the expected number of entries. Returns (n_samples,).
    Raises ValueError if the length differs or an entry is not an integer. Raises DomainError if an
    entry is 0.
    """
    if sample_domain is None:
        return np.full(n_samples, -1)
    return _one_per_sample(sample_domain, n_samples)


def domains_from_labels(y: ArrayLike) -> NDArray[np.int64] | None:
    """Return domains in which rows with a known label are source and the others target.

    `y` (n_samples,): labels, masked as in `labelled`. Returns (n_samples,): 1 for source, -1 for
    target; None if all labels are known or none is.
    """
    known = labelled(y)
    if known.all() or not known.any():
        return None
    return np.where(known, 1, -1).astype(np.int64)


def resolve_domains(
    y: ArrayLike | None,
    sample_domain: ArrayLike | None,
    n_samples: int,
    *,
    alone: str = "",
    stacklevel: int = 3,
) -> NDArray[np.int64] | None:
    """Return the domain of every sample, as given or from masked labels.

    - `y`: labels. Without `sample_domain`, samples with a masked label are target and the others
      source; `y` of more than one dimension holds no labels.
    - `sample_domain` (n_samples,): positive for source, negative for target.
    - `n_samples`: number of samples.
    - `alone`: what one domain means for the caller; where given, one domain is warned about.
    - `stacklevel`: of that warning.

    Returns (n_samples,): positive for source, negative for target; None if all samples form one
    domain. Raises ValueError if the length of `sample_domain` or `y` differs, or a domain is not an
    integer. Raises DomainError if a domain is 0, or source or target has no sample.
    """
    if sample_domain is not None:
        return check_domains(sample_domain, n_samples)
    labels = None if y is None else label_array(y)
    domains = None
    if labels is not None and labels.ndim == 1:
        labels = check_labels(labels, n_samples)
        domains = domains_from_labels(labels)
    if domains is None and alone:
        warnings.warn(
            f"all samples form one domain: {alone}; give sample_domain, or mask the target's "
            "labels in y",
            DomainWarning,
            stacklevel=stacklevel,
        )
    return domains


def source_mask(domains: NDArray[np.int64] | None, n_samples: int) -> NDArray[np.bool_]:
    """Return which samples are source: all of them if they form one domain."""
    return np.ones(n_samples, np.bool_) if domains is None else domains > 0


def require_labels(y: ArrayLike | None, n_samples: int, owner: str) -> NDArray[Any]:
    """Return labels as from `check_labels`, or raise ValueError naming `owner` without them."""
    if y is None:
        raise ValueError(f"{owner} requires y to be passed, but the target y is None")
    return check_labels(y, n_samples)


@dataclass(frozen=True, eq=False)
class SourceLabels:
    """The domains of samples and the classes of the source.

    `domains` (n_samples,): as from `resolve_domains`. `source` (n_samples,): which samples are
    source. `known` (n_samples,): which samples are source and have a label. `classes` (n_classes,):
    sorted labels of the source, at least two. `codes` (n_known,): class numbers of the known
    samples.
    """

    domains: NDArray[np.int64] | None
    source: NDArray[np.bool_]
    known: NDArray[np.bool_]
    classes: NDArray[Any]
    codes: NDArray[np.int64]


def read_source_labels(
    y: ArrayLike | None,
    sample_domain: ArrayLike | None,
    n_samples: int,
    owner: str,
    *,
    partly: bool = False,
    alone: str = "",
    stacklevel: int = 4,
) -> SourceLabels:
    """Return what a classifier learns from; labels of the target are not read.

    `y`, `sample_domain`, `n_samples`, `alone`, `stacklevel`: as in `resolve_domains`; `y` is
    required. `owner`: the classifier, for messages. `partly`: whether labels of some source samples
    may be unknown.
    Raises ValueError as from `resolve_domains`, and if `y` is missing, holds no classes or fewer
    than two. Raises DomainError as from `resolve_domains`, and if a source sample (with `partly`,
    every one) has no label.
    """
    labels = require_labels(y, n_samples, owner)
    domains = resolve_domains(labels, sample_domain, n_samples, alone=alone, stacklevel=stacklevel)
    source = source_mask(domains, n_samples)
    known = source & labelled(labels)
    if partly and not known.any():
        raise DomainError(f"y has no known label of a source sample ({UNKNOWN_LABELS})")
    classes, codes = encode_source_labels(labels, known if partly else source, n_least=2)
    return SourceLabels(domains, source, known, classes, codes)


def encode_source_labels(
    y: NDArray[Any], source: NDArray[np.bool_], *, n_least: int = 1
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Assign numbers to the classes of the source; labels of the target are not read.

    `y` (n_samples,): labels. `source` (n_samples,): which samples are source. `n_least`: the least
    number of classes. Returns `classes` (n_classes,): sorted labels of the source. `codes`
    (n_source,): their numbers. Raises DomainError if a source sample has no label. Raises
    ValueError if there are fewer classes than `n_least`, or the labels are 1 and -1.
    """
    labels = y[source]
    unknown = int((~labelled(labels)).sum())
    if unknown:
        raise DomainError(f"y: {unknown} source samples have no label ({UNKNOWN_LABELS})")
    values = class_values(labels)
    check_classification_targets(values)
    classes, codes = np.unique(values, return_inverse=True)
    signs = classes.tolist() == [1] and bool(np.any(y == -1))
    if signs or len(classes) < n_least:
        raise ValueError(
            f"y must have at least {max(2, n_least)} classes, got 1 class"
            + (f", {classes[0]!r} ({UNKNOWN_LABELS})" if signs else "")
        )
    return classes, codes.astype(np.int64)


def mean_weights(sample_domain: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return m: 1/n_source on source samples, -1/n_target on target samples."""
    source = sample_domain > 0
    return np.where(source, 1 / float(source.sum()), -1 / float((~source).sum()))


def pack(
    Xs: ArrayLike, ys: ArrayLike, Xt: ArrayLike, yt: ArrayLike | None = None
) -> tuple[Any, NDArray[Any], NDArray[np.int64]]:
    """Join a source and a target into one array, as the estimators take them.

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
    source_labels = _one_dimensional(ys, "ys", len(source))
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
        target_labels = _one_dimensional(yt, "yt", len(target))
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


def _one_per_sample(sample_domain: ArrayLike, n_samples: int) -> NDArray[np.int64]:
    if np.ma.is_masked(sample_domain):
        raise ValueError("sample_domain has masked entries; give the domain of every sample")
    domains = np.asarray(sample_domain)
    if domains.shape != (n_samples,):
        raise ValueError(f"sample_domain must have shape ({n_samples},), got {domains.shape}")
    if domains.dtype.kind == "O":  # nullable integers of pandas
        domains = np.array(domains.tolist())
    whole = domains
    if domains.dtype.kind == "f" and np.isfinite(domains).all():
        whole = domains.astype(np.int64)
    if whole.dtype.kind not in "iu" or not np.array_equal(whole, domains):
        raise ValueError(
            f"sample_domain must consist of integers (positive: source, negative: target), "
            f"got dtype {domains.dtype}"
        )
    if (domains == 0).any():
        raise DomainError("sample_domain must be positive (source) or negative (target), got 0")
    return whole.astype(np.int64)


def _one_dimensional(y: ArrayLike, name: str, size: int) -> NDArray[Any]:
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
