"""Sparse codes of signals in a given dictionary: arrays in, codes with certificates out."""

from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sparsetransfer import _core
from sparsetransfer._former import former_keywords
from sparsetransfer._linalg import matmul
from sparsetransfer._validation import (
    FloatArray,
    Mask,
    NamingInfinite,
    check_choice,
    check_flags,
    check_integer,
    check_masked,
    check_matrix,
    check_real,
    check_vector,
    common_dtype,
    resolve_threads,
)
from sparsetransfer.sparse_coding.prepared import PreparedDictionary
from sparsetransfer.sparse_coding.result import SparseCodes, collect

__all__ = ["check_dictionary", "check_gram", "check_seconds", "lasso", "lasso_gram", "threshold"]

LassoAlgorithm: TypeAlias = Literal["auto", "active_set", "coordinate_descent", "homotopy", "fista"]

_ALGORITHMS = {
    name: getattr(_core.Algorithm, "active_set" if name == "auto" else name)
    for name in get_args(LassoAlgorithm)
}

# Violation of the optimality conditions in units of alpha. Rounding a code to float32 leaves about
# as much on atoms with much in common at penalties of a thousandth of the largest correlation.
TOLERANCE = {np.dtype(np.float64): 1e-9, np.dtype(np.float32): 8e-5}


@former_keywords(positive="positive_code", init="code_init", n_threads="n_jobs")
def lasso(
    X: ArrayLike,
    dictionary: ArrayLike,
    alpha: float = 1.0,
    *,
    l2: ArrayLike = 0.0,
    weights: ArrayLike | None = None,
    positive_code: bool = False,
    code_init: ArrayLike | None = None,
    tol: float | None = None,
    max_iter: int = 1000,
    mask: Mask = None,
    algorithm: LassoAlgorithm = "auto",
    time_limit: float | None = None,
    sparse_output: bool = False,
    n_jobs: int | None = None,
) -> SparseCodes:
    r"""Solve the lasso for many signals, to machine precision.

    Parameters
    ----------
    X : array_like of shape (n_samples, n_features)
        The signals. float32 is kept; all else becomes float64.
    dictionary : array_like of shape (n_components, n_features) or PreparedDictionary
        The atoms, one per row. They need not have unit norm, nor be independent.
    alpha : float, default=1.0
        The penalty, at least 0.
    l2 : float or array_like of shape (n_samples,), default=0.0
        The ridge penalty `h` of an elastic net, at least 0, for all signals or for each one.
    weights : array_like of shape (n_components,), optional
        Factors of `alpha` for each atom, at least 0. Ones by default.
    positive_code : bool, default=False
        Whether to allow non-negative codes only.
    code_init : array_like of shape (n_samples, n_components), optional
        Codes to start from. They change the time, not the answer.
    tol : float, optional
        The violation of the optimality conditions to accept in the returned code, in units of the
        largest penalty of an atom (of the largest correlation where `alpha` is 0). By default 1e-9
        for float64 and 8e-5 for float32. See the notes for what precision allows.
    max_iter : int, default=1000
        The largest number of rounds for one signal; of epochs with coordinate descent, knots with
        homotopy, and steps with FISTA.
    mask : array_like of bool, shape (n_samples, n_features), or "nan", optional
        True where an entry of `X` was observed; the others are not read. "nan" takes NaN for
        missing. Codes and certificates are those of the observed entries alone; signals of equal
        mask share one Gram matrix.
    algorithm : {"auto", "active_set", "coordinate_descent", "homotopy", "fista"}, default="auto"
        How the codes are computed; all give the same ones. "auto" is the active set, which was the
        fastest at every size, sparsity and tolerance measured (user guide). "homotopy" walks down from the penalty
        of the first atom (see `lasso_path`), in float64 whatever `X` is, needs positive `alpha` and
        `weights`, and does not look at `code_init`; "fista" takes accelerated gradient steps [2]_ with
        restarts [3]_, the only one whose cost does not grow with the non-zeros of a code.
    time_limit : float, optional
        Seconds after which codes are returned as far as they are: those that were not begun are
        `code_init`, or zero. Each has its certificate, and its `status` says so. The Gram matrix and
        the correlations are computed in any case. By default there is no limit.
    sparse_output : bool, default=False
        Whether to return codes as a `scipy.sparse.csr_array` in canonical form, of the same values.
        A dense array of all codes is never made.
    n_jobs : int, optional
        As in `sparsetransfer.set_num_threads`; negative numbers count as in joblib. The codes are
        the same, bit for bit, for any number of threads.

    Returns
    -------
    SparseCodes

    Raises
    ------
    TypeError
        If an argument has the wrong type.
    ValueError
        If shapes do not fit, an entry is NaN or infinite, or a penalty is negative.

    Warns
    -----
    ConvergenceWarning
        If some codes did not reach `tol`, or were stopped by `time_limit`; once, with the counts
        and the worst values.

    See Also
    --------
    sparse_encode : The same answers under scikit-learn's signature.

    Notes
    -----
    Each row :math:`a` of the codes minimises

    .. math:: \tfrac12 \|x - D^\top a\|^2 + \tfrac h2 \|a\|^2 + \alpha \sum_j w_j |a_j|.

    A block active-set method: all atoms that clearly violate the optimality conditions enter
    at once, the resulting system is solved with a Cholesky factor that grows and shrinks, and
    coefficients that would change sign leave. The objective falls in every round, so that the
    method is finite, as feature-sign search [1]_ is. float32 codes are refined with
    residuals in double precision.

    Violation, gap and `converged` are those of the returned code, evaluated in double precision
    from the data as they are given. That evaluation is exact up to some units of rounding of
    :math:`\max_j \|d_j\| (\|x\| + \max_j \|d_j\| \, \|a\|_1)`; float64 codes count as converged
    within four of them, too. float32 codes cannot satisfy the conditions better than the spacing
    of float32 numbers lets them, about :math:`6 \cdot 10^{-8} \max_j |a_j| \|d_j\|^2`: where that
    exceeds `tol`, as it does for penalties far below a thousandth of the largest correlation, they
    do not converge, and say so. Take float64 data there, or a larger `tol`.

    References
    ----------
    .. [1] H. Lee, A. Battle, R. Raina, A. Y. Ng, "Efficient sparse coding algorithms", NIPS 2006.
    .. [2] A. Beck, M. Teboulle, "A fast iterative shrinkage-thresholding algorithm for linear
       inverse problems", SIAM J. Imaging Sci. 2, 2009. doi:10.1137/080716542
    .. [3] B. O'Donoghue, E. Candes, "Adaptive restart for accelerated gradient schemes", Found.
       Comput. Math. 15, 2015. doi:10.1007/s10208-013-9150-3

    Examples
    --------
    >>> import numpy as np
    >>> from sparsetransfer.sparse_coding import lasso
    >>> result = lasso([[3.0, 0.5]], np.eye(2), alpha=1.0)
    >>> result.codes
    array([[2., 0.]])
    >>> result.converged.all()
    np.True_
    """
    check_flags(sparse_output=sparse_output)
    signals, observed = check_masked(X, "X", mask)
    atoms, core = check_dictionary(dictionary, signals, observed)
    shape = (signals.shape[0], atoms.shape[0])
    codes = None
    if not sparse_output or code_init is not None:
        codes = _start(code_init, shape, signals.dtype, positive_code)
    settings = _settings(
        alpha, tol, max_iter, positive_code, code_init is not None, signals.dtype, algorithm
    )
    options: list[Any] = [] if observed is None else [observed]
    with NamingInfinite(atoms, "dictionary"):
        found = _core.lasso(
            signals,
            core,
            settings,
            codes,
            resolve_threads(n_jobs),
            check_seconds(time_limit),
            bool(sparse_output),
            _ridge(l2, shape[0]),
            _weights(weights, shape[1]),
            *options,
        )
    return collect(codes, found, shape[1])


@former_keywords(positive="positive_code", init="code_init", n_threads="n_jobs")
def lasso_gram(
    gram: ArrayLike,
    cov: ArrayLike,
    alpha: float = 1.0,
    *,
    squared_norms: ArrayLike | None = None,
    l2: ArrayLike = 0.0,
    weights: ArrayLike | None = None,
    positive_code: bool = False,
    code_init: ArrayLike | None = None,
    tol: float | None = None,
    max_iter: int = 1000,
    algorithm: LassoAlgorithm = "auto",
    time_limit: float | None = None,
    n_jobs: int | None = None,
) -> SparseCodes:
    r"""Solve the lasso from a precomputed Gram matrix and correlations.

    Parameters
    ----------
    gram : array_like of shape (n_components, n_components)
        The inner products of the atoms: symmetric and positive semi-definite (not checked).
    cov : array_like of shape (n_samples, n_components)
        The inner products `b` of signals and atoms, one signal per row.
    alpha : float, default=1.0
        The penalty, at least 0.
    squared_norms : array_like of shape (n_samples,), optional
        The squared norms of the signals. Without them objective and duality gap are NaN.
    l2, weights, positive_code, code_init, tol, max_iter, algorithm, time_limit, n_jobs
        As in `lasso`.

    Returns
    -------
    SparseCodes

    Raises
    ------
    TypeError
        If an argument has the wrong type.
    ValueError
        If shapes do not fit, an entry is NaN or infinite, or a penalty is negative.

    Notes
    -----
    Each row minimises :math:`\tfrac12 a^\top (G + h I) a - b^\top a + \alpha \sum_j w_j |a_j|`.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> D, X = rng.normal(size=(8, 5)), rng.normal(size=(3, 5))
    >>> codes = lasso_gram(D @ D.T, X @ D.T, alpha=0.5).codes
    >>> np.allclose(codes, lasso(X, D, alpha=0.5).codes, atol=1e-3)
    True
    """
    dtype = common_dtype(gram, cov)
    matrix = check_gram(gram, dtype)
    correlations = check_matrix(cov, "cov", dtype=dtype, n_features=matrix.shape[0])
    shape = (correlations.shape[0], matrix.shape[0])
    norms = None
    if squared_norms is not None:
        norms = check_vector(
            squared_norms, "squared_norms", size=shape[0], dtype=np.float64, minimum=0
        )
    codes = _start(code_init, shape, dtype, positive_code)
    settings = _settings(
        alpha, tol, max_iter, positive_code, code_init is not None, dtype, algorithm
    )
    reports = _core.lasso_gram(
        matrix,
        correlations,
        settings,
        codes,
        ridge=_ridge(l2, shape[0]),
        weights=_weights(weights, shape[1]),
        squared_norms=norms,
        time_limit=check_seconds(time_limit),
        n_threads=resolve_threads(n_jobs),
    )
    return collect(codes, reports)


@former_keywords(positive="positive_code")
def threshold(
    X: ArrayLike, dictionary: ArrayLike, alpha: float = 1.0, *, positive_code: bool = False
) -> FloatArray:
    """Encode signals by soft thresholding of their correlations with the atoms.

    Parameters
    ----------
    X : array_like of shape (n_samples, n_features)
        The signals. float32 is kept; all else becomes float64.
    dictionary : array_like of shape (n_components, n_features)
        The atoms, one per row.
    alpha : float, default=1.0
        What is taken off every magnitude, at least 0.
    positive_code : bool, default=False
        Whether negative codes are set to zero.

    Returns
    -------
    numpy.ndarray of shape (n_samples, n_components)
        The solution of the lasso if the atoms are orthonormal, an approximation otherwise.

    Raises
    ------
    ValueError
        If shapes do not fit, an entry is NaN or infinite, or `alpha` is negative.

    Examples
    --------
    >>> threshold([[3.0, 0.5]], [[1.0, 0.0], [0.0, 1.0]], alpha=1.0)
    array([[2., 0.]])
    """
    check_flags(positive_code=positive_code)
    signals = check_matrix(X, "X")
    atoms = check_matrix(dictionary, "dictionary", dtype=signals.dtype, n_features=signals.shape[1])
    limit = signals.dtype.type(check_real(alpha, "alpha", minimum=0.0))
    cov: FloatArray = matmul(signals, atoms.T)
    codes = np.maximum(np.abs(cov) - limit, 0) * np.sign(cov)
    return np.maximum(codes, 0) if positive_code else codes


def check_dictionary(
    dictionary: ArrayLike, signals: FloatArray, observed: NDArray[np.bool_] | None
) -> tuple[FloatArray, Any]:
    """Return the atoms, and them or their prepared form as the kernels take it.

    Masked signals have Gram matrices of their own. NaN and infinity are left to the kernels, which
    compute the norms of all atoms; those of masked signals do not see every entry.
    """
    if isinstance(dictionary, PreparedDictionary) and observed is None:
        atoms = check_matrix(
            dictionary.atoms, "dictionary", n_features=signals.shape[1], finite=False
        )
        return atoms, dictionary.core(signals.dtype)
    atoms = check_matrix(
        dictionary,
        "dictionary",
        dtype=signals.dtype,
        n_features=signals.shape[1],
        finite=observed is not None,
    )
    return atoms, atoms


def check_gram(gram: ArrayLike, dtype: np.dtype[np.floating]) -> FloatArray:
    """Validate a square Gram matrix."""
    matrix = check_matrix(gram, "gram", dtype=dtype)
    if matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"gram must be square, got shape {matrix.shape}")
    return matrix


def _settings(
    alpha: float,
    tol: float | None,
    max_iter: int,
    positive_code: bool,
    warm_start: bool,
    dtype: np.dtype[np.floating],
    algorithm: str,
) -> "_core.CodingSettings":
    check_flags(positive_code=positive_code)
    check_choice(algorithm, "algorithm", _ALGORITHMS)
    tolerance = TOLERANCE[dtype] if tol is None else check_real(tol, "tol", minimum=0.0)
    return _core.CodingSettings(
        check_real(alpha, "alpha", minimum=0.0),
        tolerance,
        check_integer(max_iter, "max_iter", minimum=0),
        bool(positive_code),
        warm_start,
        _ALGORITHMS[algorithm],
    )


def _start(
    code_init: ArrayLike | None,
    shape: tuple[int, int],
    dtype: np.dtype[np.floating],
    positive_code: bool,
) -> FloatArray:
    if code_init is None:
        return np.empty(shape, dtype)
    start = check_matrix(code_init, "code_init", dtype=dtype, n_features=shape[1])
    if start.shape[0] != shape[0]:
        raise ValueError(f"code_init must have shape {shape}, got {start.shape}")
    return start.copy()


def check_seconds(time_limit: float | None) -> float | None:
    """Return a time limit that is a number of seconds, or None."""
    return None if time_limit is None else check_real(time_limit, "time_limit", minimum=0.0)


def _ridge(l2: ArrayLike, n_samples: int) -> FloatArray | None:
    if np.isscalar(l2) or np.ndim(l2) == 0:
        value = check_real(l2, "l2", minimum=0.0)
        return np.full(n_samples, value) if value > 0 else None
    return check_vector(l2, "l2", size=n_samples, dtype=np.float64, minimum=0.0)


def _weights(weights: ArrayLike | None, n_components: int) -> FloatArray | None:
    if weights is None:
        return None
    return check_vector(weights, "weights", size=n_components, dtype=np.float64, minimum=0.0)
