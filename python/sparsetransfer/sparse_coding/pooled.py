"""Sparse codes of the frames of sequences, pooled over each sequence and never stored."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sparsetransfer import _core
from sparsetransfer._validation import FloatArray, check_matrix, resolve_threads
from sparsetransfer.exceptions import ConvergenceWarning
from sparsetransfer.sparse_coding.functional import _settings

__all__ = [
    "PooledCodes",
    "PoolingStatistic",
    "arrange",
    "check_lengths",
    "check_pooling",
    "lasso_pooled",
]

PoolingStatistic: TypeAlias = Literal["mean", "rms", "max"]


@dataclass(frozen=True)
class PooledCodes:
    """Statistics of the codes of several sequences.

    Attributes
    ----------
    values : numpy.ndarray of shape (n_sequences, n_statistics, 2, n_components)
        Every statistic of the positive parts of the codes (index 0 of the third axis) and of the
        magnitudes of their negative parts (index 1), in the precision of the frames.
    kkt_violation : numpy.ndarray of shape (n_sequences,)
        The largest violation of the optimality conditions among the codes of a sequence, at the
        scale of `alpha`.
    n_unconverged : numpy.ndarray of int, shape (n_sequences,)
        How many codes of a sequence did not reach the tolerance.
    """

    values: FloatArray
    kkt_violation: NDArray[np.float64]
    n_unconverged: NDArray[np.intp]


def lasso_pooled(
    X: ArrayLike,
    lengths: ArrayLike,
    dictionary: ArrayLike,
    alpha: float = 1.0,
    *,
    pooling: Sequence[PoolingStatistic] = ("mean",),
    tol: float | None = None,
    max_iter: int = 1000,
    n_jobs: int | None = None,
) -> PooledCodes:
    r"""Compute statistics of the lasso codes of sequences without storing the codes.

    Parameters
    ----------
    X : array_like of shape (n_frames, n_features)
        The frames of all sequences, one sequence after another. float32 is kept; all else becomes
        float64.
    lengths : array_like of int, shape (n_sequences,)
        Frames of each sequence, at least 1; they add up to `n_frames`.
    dictionary : array_like of shape (n_components, n_features)
        The atoms, one per row.
    alpha : float, default=1.0
        The penalty, at least 0.
    pooling : sequence of {"mean", "rms", "max"}, default=("mean",)
        The statistics over the frames of a sequence: mean, root mean square, maximum.
    tol, max_iter
        As in `lasso`.
    n_jobs : int, optional
        Number of threads. The result is the same, bit for bit, for any number.

    Returns
    -------
    PooledCodes

    Raises
    ------
    TypeError
        If an argument has the wrong type.
    ValueError
        If shapes do not fit, an entry is NaN or infinite, or a sequence is empty.

    Warns
    -----
    ConvergenceWarning
        If some codes did not reach `tol`; once, with the count and the largest violation.

    See Also
    --------
    lasso : The codes themselves.
    sparsetransfer.transfer.PooledSparseCoder : Preprocessing, dictionary and pooling in one.

    Notes
    -----
    Memory beside input and output: about 16 MB of codes, the Gram matrix of the atoms, and the
    workspace of each thread. Sums are accumulated in float64, in the order of the frames.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsetransfer.sparse_coding import lasso_pooled
    >>> frames = np.array([[3.0, 0.0], [1.0, -2.0], [0.0, 4.0]])
    >>> lasso_pooled(frames, [2, 1], np.eye(2), alpha=1.0).values[:, 0]
    array([[[1. , 0. ],
            [0. , 0.5]],
    <BLANKLINE>
           [[0. , 3. ],
            [0. , 0. ]]])
    """
    frames = check_matrix(X, "X", min_samples=0)
    atoms = check_matrix(dictionary, "dictionary", dtype=frames.dtype, n_features=frames.shape[1])
    sizes = check_lengths(lengths, len(frames))
    statistics = check_pooling(pooling)
    values = np.empty((len(sizes), len(statistics), 2, len(atoms)), frames.dtype)
    kkt, unconverged = _core.lasso_pooled(
        frames,
        sizes,
        atoms,
        _settings(alpha, tol, max_iter, False, False, frames.dtype, "auto"),
        _core.PoolingSettings(
            mean="mean" in statistics,
            root_mean_square="rms" in statistics,
            maximum="max" in statistics,
        ),
        values.reshape(len(sizes), len(statistics) * 2 * len(atoms)),
        n_threads=resolve_threads(n_jobs),
    )
    if unconverged.any():
        warnings.warn(
            f"{unconverged.sum()} of {len(frames)} codes did not reach the tolerance: largest "
            f"violation of the optimality conditions {kkt.max():.2g}",
            ConvergenceWarning,
            stacklevel=2,
        )
    order = [name for name in get_args(PoolingStatistic) if name in statistics]
    values = (
        values[:, [order.index(name) for name in statistics]] if order != statistics else values
    )
    return PooledCodes(values, kkt, unconverged)


def check_pooling(pooling: Sequence[PoolingStatistic]) -> list[PoolingStatistic]:
    """Return the names of statistics, of which there is at least one and none twice."""
    known: tuple[PoolingStatistic, ...] = get_args(PoolingStatistic)
    alone = isinstance(pooling, str) or not np.iterable(pooling)
    names: list[Any] = [pooling] if alone else list(pooling)
    texts = {name for name in names if isinstance(name, str) and name in known}
    if not names or len(texts) < len(names):
        raise ValueError(
            f"pooling must hold some of {', '.join(map(repr, known))}, each once; got {pooling!r}"
        )
    return names


def arrange(
    values: FloatArray, pooling: Sequence[PoolingStatistic], split_sign: bool, power: float
) -> FloatArray:
    """Return pooled values (sequences, statistics, signs, atoms) as columns, raised to a power."""
    if not split_sign:
        merge = {"mean": np.add, "rms": np.hypot, "max": np.maximum}
        names = check_pooling(pooling)
        values = np.stack(
            [merge[n](values[:, i, 0], values[:, i, 1]) for i, n in enumerate(names)], axis=1
        )
    return np.asarray(values.reshape(len(values), -1) ** values.dtype.type(power))


def check_lengths(lengths: ArrayLike, n_frames: int) -> NDArray[np.intp]:
    """Return the lengths of sequences that have `n_frames` frames together."""
    sizes = np.asarray(lengths)
    if sizes.ndim != 1 or (sizes.size and sizes.dtype.kind not in "iu"):
        raise TypeError(
            f"lengths must be a 1-D array of integers, got shape {sizes.shape} of {sizes.dtype}"
        )
    sizes = np.ascontiguousarray(sizes, np.intp)
    if (sizes < 1).any():
        empty = int(np.flatnonzero(sizes < 1)[0])
        raise ValueError(f"lengths[{empty}] is {sizes[empty]}: a sequence has at least one frame")
    if sizes.sum() != n_frames:
        raise ValueError(f"lengths add up to {sizes.sum()} frames, but X has {n_frames}")
    return sizes
