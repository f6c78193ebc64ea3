"""scikit-learn's `sparse_encode`, with the same arguments and the same answers."""

from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike

from sparsetransfer import _core
from sparsetransfer._linalg import matmul
from sparsetransfer._validation import (
    FloatArray,
    Mask,
    check_choice,
    check_flags,
    check_integer,
    check_masked,
    check_matrix,
    resolve_threads,
)
from sparsetransfer.sparse_coding.functional import LassoAlgorithm, lasso, lasso_gram, threshold
from sparsetransfer.sparse_coding.pursuit import omp, omp_gram

__all__ = ["ALGORITHMS", "sparse_encode"]

Algorithm: TypeAlias = Literal[
    "lasso_lars", "lasso_cd", LassoAlgorithm, "lars", "omp", "ols", "threshold"
]
ALGORITHMS = get_args(Algorithm)


def sparse_encode(
    X: ArrayLike,
    dictionary: ArrayLike,
    *,
    gram: ArrayLike | None = None,
    cov: ArrayLike | None = None,
    algorithm: Algorithm = "lasso_lars",
    n_nonzero_coefs: int | None = None,
    alpha: float | None = None,
    copy_cov: bool = True,
    init: ArrayLike | None = None,
    max_iter: int = 1000,
    n_jobs: int | None = None,
    check_input: bool = True,
    verbose: int = 0,
    positive: bool = False,
    mask: Mask = None,
    time_limit: float | None = None,
) -> FloatArray:
    """Encode signals: a drop-in for `sklearn.decomposition.sparse_encode`.

    Parameters
    ----------
    X : array_like of shape (n_samples, n_features)
        The signals. float32 is kept; all else becomes float64.
    dictionary : array_like of shape (n_components, n_features) or PreparedDictionary
        The atoms, one per row.
    gram : array_like of shape (n_components, n_components), optional
        ``dictionary @ dictionary.T``, if it is at hand.
    cov : array_like of shape (n_components, n_samples), optional
        ``dictionary @ X.T``, if it is at hand. Used together with `gram` only.
    algorithm : str, default="lasso_lars"
        "lasso_lars" and "lasso_cd" both give the solution of the lasso, which they reach to
        machine precision by the active-set method of `lasso`; "auto", "active_set",
        "coordinate_descent", "homotopy" and "fista" name the method; "omp" and "ols" are the two
        greedy pursuits of `omp`; "threshold" is `threshold`; "lars" is least angle regression,
        in float64 whatever `X` is. Where atoms depend on those in use it passes over them, which
        scikit-learn's does with a warning, or with a code that is not on the path.
    n_nonzero_coefs : int, optional
        The number of atoms of "lars", "omp" and "ols"; by default a tenth of the features, within
        1 and n_components.
    alpha : float, optional
        The penalty, or the threshold; 1 by default. As in scikit-learn's code (its documentation
        says otherwise) the greedy pursuits do not look at it; call `omp` for a tolerance.
    copy_cov : bool, default=True
        Without effect: `cov` is never changed.
    init : array_like of shape (n_samples, n_components), optional
        Codes for "lasso_cd" and "lasso_lars" to start from.
    max_iter : int, default=1000
        The largest number of rounds for one signal.
    n_jobs : int, optional
        The number of threads; None means as many as `sparsetransfer.get_num_threads` says. Codes
        do not depend on it.
    check_input, verbose
        Without effect; they are there so that calls need not change.
    positive : bool, default=False
        Whether codes must not be negative. Not possible with "lars"; scikit-learn refuses it
        with "omp" too.
    mask : array_like of bool, shape (n_samples, n_features), or "nan", optional
        Which entries of `X` were observed, as in `lasso`. Not possible with "lars", `gram` or
        `cov`.
    time_limit : float, optional
        Seconds after which codes are returned as far as they are, as in `lasso` and `omp`. Not
        possible with "lars"; "threshold" does not look at it.

    Returns
    -------
    numpy.ndarray of shape (n_samples, n_components)

    Raises
    ------
    TypeError
        If an argument has the wrong type.
    ValueError
        If shapes do not fit, an entry is NaN or infinite, or an option is unknown.

    Warns
    -----
    ConvergenceWarning
        If some codes did not reach the tolerance, or were stopped by `time_limit`.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsetransfer.sparse_coding import sparse_encode
    >>> sparse_encode(np.array([[-2.0, 0.5]]), np.eye(2), alpha=1.0)
    array([[-1.,  0.]])
    """
    check_flags(copy_cov=copy_cov, check_input=check_input, positive=positive)
    check_choice(algorithm, "algorithm", ALGORITHMS)
    if positive and algorithm == "lars":
        raise ValueError("positive codes are not supported by algorithm='lars'")
    if mask is not None and (algorithm == "lars" or gram is not None or cov is not None):
        raise ValueError("mask cannot be used with algorithm='lars', gram or cov")
    if time_limit is not None and algorithm == "lars":
        raise ValueError("time_limit cannot be used with algorithm='lars'")
    penalty = 1.0 if alpha is None else alpha
    if algorithm == "threshold":
        signals, _ = check_masked(X, "X", mask)
        return threshold(signals, dictionary, penalty, positive_code=positive)
    inner = None
    if gram is not None or algorithm == "lars":
        signals = check_matrix(X, "X")
        atoms = check_matrix(
            dictionary, "dictionary", dtype=signals.dtype, n_features=signals.shape[1]
        )
        inner = _inner_products(signals, atoms, gram, cov)
    if algorithm in ("lars", "omp", "ols"):
        if inner is not None and algorithm == "lars":
            matrix, correlations, _ = inner
            count = _count(n_nonzero_coefs, atoms)
            return _lars(matrix, correlations, count, n_jobs)
        greedy: dict[str, Any] = {
            "rule": algorithm,
            "positive_code": positive,
            "time_limit": time_limit,
            "n_jobs": n_jobs,
        }
        if inner is None:
            return omp(X, dictionary, n_nonzero_coefs, mask=mask, **greedy).codes
        return omp_gram(*inner, _count(n_nonzero_coefs, atoms), **greedy).codes
    options: dict[str, Any] = {
        "positive_code": positive,
        "code_init": init,
        "max_iter": max_iter,
        "algorithm": algorithm if algorithm in get_args(LassoAlgorithm) else "auto",
        "time_limit": time_limit,
        "n_jobs": n_jobs,
    }
    if inner is None:
        return lasso(X, dictionary, penalty, mask=mask, **options).codes
    matrix, correlations, norms = inner
    return lasso_gram(matrix, correlations, penalty, squared_norms=norms, **options).codes


def _count(n_nonzero_coefs: int | None, atoms: FloatArray) -> int:
    if n_nonzero_coefs is None:
        return int(min(max(atoms.shape[1] / 10, 1), atoms.shape[0]))
    return check_integer(n_nonzero_coefs, "n_nonzero_coefs", minimum=1)


def _inner_products(
    signals: FloatArray, atoms: FloatArray, gram: ArrayLike | None, cov: ArrayLike | None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    if gram is None:
        matrix, cov = matmul(atoms, atoms.T), None
    else:
        matrix = check_matrix(gram, "gram", dtype=signals.dtype, n_features=atoms.shape[0])
    if cov is None:
        correlations = matmul(signals, atoms.T)
    else:
        checked = check_matrix(cov, "cov", dtype=signals.dtype, n_features=signals.shape[0])
        correlations = np.ascontiguousarray(checked.T)
    return matrix, correlations, np.einsum("ij,ij->i", signals, signals)


def _lars(gram: FloatArray, cov: FloatArray, count: int, n_jobs: int | None) -> FloatArray:
    codes = np.empty(cov.shape)
    wide, correlations = (np.ascontiguousarray(array, dtype=np.float64) for array in (gram, cov))
    _core.lars(wide, correlations, count, codes, n_threads=resolve_threads(n_jobs))
    return codes.astype(cov.dtype, copy=False)
