"""Sample weights: marginal, class-conditional and soft discrepancies in one form; and pairs."""

from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sparsetransfer._labels import class_values, label_array, refuse_missing
from sparsetransfer._validation import (
    FloatArray,
    check_choice,
    check_flags,
    check_matrix,
    check_vector,
)
from sparsetransfer.exceptions import DomainError
from sparsetransfer.mmd.result import Estimator

__all__ = ["MMDWeights", "check_pairs", "class_weights", "pair_up", "resolve_weights"]

_LEAST_MASS = 1e-250
"""Of all pairs of different samples: its inverse times a sample must not overflow."""


@dataclass(frozen=True)
class MMDWeights:
    """Pairs of weighted samples whose discrepancies are averaged, one per column.

    The weights of every column sum to one. A pair of samples enters with the product of its
    weights, times the factor of its two domains in this column: `within_source`,
    `within_target` or minus `between`.
    """

    source: NDArray[np.float64]
    target: NDArray[np.float64]
    within_source: NDArray[np.float64]
    within_target: NDArray[np.float64]
    between: NDArray[np.float64]
    unbiased: bool


def resolve_weights(
    n_source: int,
    n_target: int,
    estimator: Estimator,
    source_weights: ArrayLike | None,
    target_weights: ArrayLike | None,
) -> MMDWeights:
    """Normalise the weights of both domains and find the factors of the estimator."""
    check_choice(estimator, "estimator", get_args(Estimator))
    source = _columns(source_weights, n_source, "source_weights")
    target = _columns(target_weights, n_target, "target_weights")
    if source.shape[1] != target.shape[1]:
        if source_weights is not None and target_weights is not None:
            raise ValueError(
                "source_weights and target_weights must have the same number of columns, got "
                f"{source.shape[1]} and {target.shape[1]}"
            )
        # Equal weights on the side that gave none, whatever the columns of the other.
        columns = max(source.shape[1], target.shape[1])
        source = np.broadcast_to(source, (n_source, columns))
        target = np.broadcast_to(target, (n_target, columns))
    share = np.full(source.shape[1], 1 / source.shape[1])
    if estimator == "biased":
        return MMDWeights(source, target, share, share, share, False)
    within_source = share / _off_diagonal_mass(source, "source")
    within_target = share / _off_diagonal_mass(target, "target")
    return MMDWeights(source, target, within_source, within_target, share, True)


def class_weights(
    source_labels: ArrayLike,
    target_labels: ArrayLike | None = None,
    *,
    target_probabilities: ArrayLike | None = None,
    classes: ArrayLike | None = None,
    marginal: bool = False,
) -> tuple[FloatArray, FloatArray, NDArray[np.generic]]:
    r"""Compute the weights of a class-conditional discrepancy from labels.

    Parameters
    ----------
    source_labels : array_like of shape (n_source,)
        The class of every source sample.
    target_labels : array_like of shape (n_target,), optional
        The class of every target sample, usually pseudo-labels. Give these or
        `target_probabilities`.
    target_probabilities : array_like of shape (n_target, n_classes), optional
        Non-negative soft labels, with one column per class.
    classes : array_like of shape (n_classes,), optional
        The classes, in the order of the columns of `target_probabilities`. By default the
        classes that occur, sorted.
    marginal : bool, default=False
        Whether to put a column of equal weights in front: the marginal discrepancy.

    Returns
    -------
    source_weights : numpy.ndarray of shape (n_source, n_columns)
        One column per class that both domains have, for the argument of the same name.
    target_weights : numpy.ndarray of shape (n_target, n_columns)
        Likewise.
    classes : numpy.ndarray of shape (n_columns,) or (n_columns - 1,)
        The classes of the columns; the marginal column has none.

    Raises
    ------
    ValueError
        If shapes do not fit, or if both or neither of the target's arguments are given.
    DomainError
        If no class occurs in both domains.

    Notes
    -----
    With these weights an estimator returns the mean over the classes of
    :math:`\|\sum_i a_{ic}\phi(x_i) - \sum_j b_{jc}\phi(y_j)\|^2`: the class-conditional
    discrepancy of joint distribution adaptation [1]_ for labels, the local discrepancy of deep
    subdomain adaptation [2]_ for probabilities. A class that one domain lacks is left out.

    References
    ----------
    .. [1] M. Long, J. Wang, G. Ding, J. Sun, P. S. Yu, "Transfer Feature Learning with Joint
       Distribution Adaptation", ICCV 2013. https://doi.org/10.1109/ICCV.2013.274 (Eq. 4)
    .. [2] Y. Zhu, F. Zhuang, J. Wang, G. Ke, J. Chen, J. Bian, H. Xiong, Q. He, "Deep Subdomain
       Adaptation Network for Image Classification", IEEE Transactions on Neural Networks and
       Learning Systems 32(4), 2021. https://doi.org/10.1109/TNNLS.2020.2988928 (Eq. 5)

    Examples
    --------
    >>> from sparsetransfer.mmd import class_weights
    >>> source, target, classes = class_weights([0, 0, 1], [1, 1, 2])
    >>> classes, source.ravel(), target.ravel()
    (array([1]), array([0., 0., 1.]), array([1., 1., 0.]))
    """
    check_flags(marginal=marginal)
    if (target_labels is None) == (target_probabilities is None):
        raise ValueError("give either target_labels or target_probabilities")
    labels = _labels(source_labels, "source_labels")
    if target_labels is not None:
        pseudo = _labels(target_labels, "target_labels")
        known = np.union1d(labels, pseudo) if classes is None else np.asarray(classes)
        target = (pseudo[:, None] == known).astype(np.float64)
    else:
        known = np.unique(labels) if classes is None else np.asarray(classes)
        assert target_probabilities is not None
        target = check_matrix(
            target_probabilities, "target_probabilities", dtype=np.float64, n_features=len(known)
        )
        if (target < 0).any():
            raise ValueError("target_probabilities must not be negative")
    source = (labels[:, None] == known).astype(np.float64)
    both = source.any(axis=0) & target.any(axis=0)
    if not both.any():
        raise DomainError("no class occurs in both source and target")
    source, target, known = source[:, both], target[:, both], known[both]
    if marginal:
        source = np.column_stack([np.ones(len(source)), source])
        target = np.column_stack([np.ones(len(target)), target])
    return source, target, known


def _labels(labels: ArrayLike, name: str) -> NDArray[np.generic]:
    array = label_array(labels, name)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"{name} must be a 1-D array with entries, got shape {array.shape}")
    refuse_missing(array, name)
    return class_values(array)


def _columns(weights: ArrayLike | None, size: int, name: str) -> NDArray[np.float64]:
    if weights is None:
        return np.full((size, 1), 1 / size)
    if np.ndim(weights) == 2:
        columns = check_matrix(weights, name, dtype=np.float64)
        if len(columns) != size:
            raise ValueError(f"{name} must have {size} rows, got {len(columns)}")
    else:
        columns = check_vector(weights, name, size=size, dtype=np.float64)[:, None]
    if (columns < 0).any():
        raise ValueError(f"{name} must not be negative, got {columns.min()}")
    largest = columns.max(axis=0)
    if not (largest > 0).all():
        raise ValueError(f"{name} must have a positive sum in every column")
    shares = columns / largest  # whose sum neither overflows nor loses digits
    return np.asarray(shares / shares.sum(axis=0), dtype=np.float64)


def _off_diagonal_mass(weights: NDArray[np.float64], domain: str) -> NDArray[np.float64]:
    if (np.count_nonzero(weights, axis=0) < 2).any():
        raise ValueError(
            f"the unbiased estimator needs at least 2 {domain} samples of positive weight in "
            "every column"
        )
    # Without the rounding of 1 - sum a^2: every weight times the sum of the smaller ones.
    ordered = np.sort(weights, axis=0)
    mass = 2 * (ordered[1:] * np.cumsum(ordered[:-1], axis=0)).sum(axis=0)
    if (mass < _LEAST_MASS).any():
        raise ValueError(
            f"the unbiased estimator needs {domain} weights of several samples, got one sample "
            f"with all but {mass.min() / 2:.1g} of a column's weight; limit the largest weight, "
            "or use estimator='biased'"
        )
    return np.asarray(mass, dtype=np.float64)


def check_pairs(
    n_source: int,
    n_target: int,
    source_weights: ArrayLike | None,
    target_weights: ArrayLike | None,
) -> None:
    """Check that the linear-time estimator is defined for the samples."""
    if n_source != n_target:
        raise ValueError(
            "the linear-time estimator needs as many source as target samples, got "
            f"{n_source} and {n_target}"
        )
    if n_source < 2:
        raise ValueError(
            f"the linear-time estimator needs at least 2 samples per domain, got {n_source}"
        )
    if source_weights is not None or target_weights is not None:
        raise ValueError("the linear-time estimator takes no weights")


def pair_up(samples: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return views of the first and the second samples of all pairs; an odd last one is left."""
    end = len(samples) // 2 * 2
    return samples[0:end:2], samples[1:end:2]
