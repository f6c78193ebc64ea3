"""Codes that are sparse in memory too: coded by chunks, kept as CSR."""

import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from sparsetransfer._validation import Mask, check_integer, check_masked
from sparsetransfer.exceptions import ConvergenceWarning
from sparsetransfer.sparse_coding.result import SparseCodes, collect, status_numbers

__all__ = ["by_chunks"]


def by_chunks(
    code: Callable[..., SparseCodes],
    X: ArrayLike,
    *args: object,
    chunk_size: int = 8192,
    mask: Mask = None,
    time_limit: float | None = None,
    **options: object,
) -> SparseCodes:
    """Encode many signals into one sparse matrix, chunk by chunk.

    Parameters
    ----------
    code : callable
        A coder such as `lasso` or `omp`, called as ``code(chunk, *args, **options)``.
    X : array_like of shape (n_samples, n_features)
        The signals.
    *args
        Further positional arguments of the coder, as the dictionary.
    chunk_size : int, default=8192
        Signals whose codes are dense at a time. Each chunk forms the Gram matrix of the atoms
        anew, which is little beside some thousand codes, unless the dictionary is a
        `PreparedDictionary`.
    mask : array_like of bool, shape (n_samples, n_features), or "nan", optional
        As in `lasso`.
    time_limit : float, optional
        As in `lasso`, for all chunks together.
    **options
        Keyword arguments of the coder. Those with one entry per signal are not possible.

    Returns
    -------
    SparseCodes
        With `codes` a `scipy.sparse.csr_array`; all else as the coder gives it.

    Raises
    ------
    ValueError
        As the coder does.

    Warns
    -----
    ConvergenceWarning
        Once for all chunks.

    Notes
    -----
    Memory: the non-zeros of all codes (12 bytes each in float64) and one dense chunk.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsetransfer.sparse_coding import lasso
    >>> from sparsetransfer.sparse_coding.chunks import by_chunks
    >>> X = np.random.default_rng(0).normal(size=(500, 16))
    >>> result = by_chunks(lasso, X, np.eye(16), 1.0, chunk_size=100)
    >>> result.codes.shape, bool(np.all(result.codes.toarray() == lasso(X, np.eye(16), 1.0).codes))
    ((500, 16), True)
    """
    chunk_size = check_integer(chunk_size, "chunk_size", minimum=1)
    signals, observed = check_masked(X, "X", mask)
    end = None if time_limit is None else time.monotonic() + time_limit
    parts = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for begin in range(0, len(signals), chunk_size):
            rows = slice(begin, begin + chunk_size)
            if observed is not None:
                options["mask"] = observed[rows]
            if end is not None:
                options["time_limit"] = max(end - time.monotonic(), 0.0)
            try:
                result = code(signals[rows], *args, **options)
            except (ArithmeticError, MemoryError) as error:
                raise type(error)(
                    f"signals {begin} to {begin + len(signals[rows]) - 1} could not be coded: {error}"
                ) from error
            parts.append((sparse.csr_array(result.codes), result))
    codes = sparse.vstack([part for part, _ in parts], format="csr")

    def joined(name: str) -> Any:
        return np.concatenate([getattr(result, name) for _, result in parts])

    return collect(
        codes,
        (
            joined("n_iter"),
            status_numbers(joined("status")),
            joined("duality_gap"),
            joined("kkt_violation"),
            joined("objective"),
        ),
        stacklevel=3,
    )
