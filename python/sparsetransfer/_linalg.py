"""Linear algebra whose last bits depend neither on BLAS's threads nor on memory alignment."""

import threading
from collections.abc import Callable
from contextlib import ContextDecorator
from functools import cache
from typing import Any, TypeVar

import numpy as np
import scipy.linalg  # noqa: F401  (loads SciPy's BLAS, for the controller to find)
import threadpoolctl

from sparsetransfer import _core, _threads
from sparsetransfer._validation import FloatArray

__all__ = [
    "gram_matrix",
    "inner",
    "lapack",
    "matmul",
    "single_threaded_blas",
    "squared_spectral_norm",
    "unit_rows",
]

T = TypeVar("T")


def matmul(left: FloatArray, right: FloatArray) -> Any:
    """Compute ``left @ right`` of matrices or vectors by the package's own kernel.

    Both are converted to their common type. The result does not depend on the number of threads.
    """
    dtype = np.result_type(left, right)
    rows = np.require(np.atleast_2d(left), dtype, ["C_CONTIGUOUS", "ALIGNED"])
    columns = np.atleast_2d(right) if right.ndim == 1 else right.T
    columns = np.require(columns, dtype, ["C_CONTIGUOUS", "ALIGNED"])
    if rows.shape[1] != columns.shape[1]:
        raise ValueError(f"shapes {left.shape} and {right.shape} do not fit in a matmul")
    found = _core.correlations(columns, rows, _threads.get_num_threads())
    return found.reshape(left.shape[:-1] + right.shape[1:])


def gram_matrix(rows: FloatArray) -> Any:
    """Compute ``rows @ rows.T`` in half the products; the same bits for any number of threads."""
    whole = np.require(rows, requirements=["C_CONTIGUOUS", "ALIGNED"])
    return _core.gram(whole, _threads.get_num_threads())


def inner(left: FloatArray, right: FloatArray) -> float:
    """Return the sum of the products of all entries of two arrays of one shape.

    Infinite or NaN, without a warning, where products overflow.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.sum(left * right))


def unit_rows(rows: FloatArray) -> Any:
    """Divide rows by their lengths, whose squares neither overflow nor underflow.

    `rows` (n, d): of any precision, which is kept. Returns (n, d): rows of zeros stay as they are.
    """
    exponents = np.frexp(np.abs(rows).max(axis=1, keepdims=True))[1]
    scaled = np.ldexp(rows, -exponents)  # a power of two apart, which changes no digit
    lengths = np.linalg.norm(scaled, axis=1, keepdims=True)
    return scaled / np.where(lengths > 0, lengths, 1)


def squared_spectral_norm(matrix: FloatArray) -> float:
    """Return the largest eigenvalue of ``matrix @ matrix.T``."""
    return float(lapack(np.linalg.norm, gram_matrix(matrix), 2))


def lapack(function: Callable[..., T], *arguments: Any, **options: Any) -> T:
    """Call a function of NumPy's or SciPy's linear algebra on one thread, open to Ctrl-C.

    LAPACK neither polls for signals nor can be stopped: the main thread waits for another, and
    leaves it behind when interrupted.
    """
    with single_threaded_blas():
        if threading.current_thread() is not threading.main_thread():
            return function(*arguments, **options)
        results: list[T] = []
        errors: list[Exception] = []

        def call() -> None:
            try:
                with single_threaded_blas():
                    results.append(function(*arguments, **options))
            except Exception as error:  # noqa: BLE001  (raised by the caller)
                errors.append(error)

        worker = threading.Thread(target=call, daemon=True)
        worker.start()
        worker.join()
        if errors:
            raise errors[0]
        return results[0]


class single_threaded_blas(ContextDecorator):
    """Run NumPy's and SciPy's BLAS and LAPACK on one thread, for their last bits follow the number.

    Concurrent uses share one limit, which the last of them takes back.
    """

    _lock = threading.Lock()
    _users = 0
    _limiter: Any = None

    def __enter__(self) -> None:
        shared = single_threaded_blas
        with shared._lock:
            if shared._users == 0:
                shared._limiter = _blas().limit(limits=1)
            shared._users += 1

    def __exit__(self, *error: object) -> None:
        shared = single_threaded_blas
        with shared._lock:
            shared._users -= 1
            if shared._users == 0:
                shared._limiter.restore_original_limits()


@cache
def _blas() -> threadpoolctl.ThreadpoolController:
    return threadpoolctl.ThreadpoolController().select(user_api="blas")
