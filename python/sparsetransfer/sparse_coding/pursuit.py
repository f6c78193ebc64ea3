"""Greedy sparse codes: orthogonal matching pursuit and its order-recursive variant."""

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from sparsetransfer import _core
from sparsetransfer._former import former_keywords
from sparsetransfer._validation import (
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
from sparsetransfer.sparse_coding.functional import check_dictionary, check_gram, check_seconds
from sparsetransfer.sparse_coding.result import SparseCodes, collect

__all__ = ["omp", "omp_gram"]

_RULES = {"omp": _core.SelectionRule.correlation, "ols": _core.SelectionRule.residual}


@former_keywords(positive="positive_code", n_threads="n_jobs")
def omp(
    X: ArrayLike,
    dictionary: ArrayLike,
    n_nonzero_coefs: int | None = None,
    *,
    tol: float | None = None,
    rule: Literal["omp", "ols"] = "omp",
    positive_code: bool = False,
    mask: Mask = None,
    time_limit: float | None = None,
    sparse_output: bool = False,
    n_jobs: int | None = None,
) -> SparseCodes:
    r"""Encode signals greedily, atom by atom, by orthogonal matching pursuit.

    Parameters
    ----------
    X : array_like of shape (n_samples, n_features)
        The signals. float32 is kept; all else becomes float64.
    dictionary : array_like of shape (n_components, n_features) or PreparedDictionary
        The atoms, one per row.
    n_nonzero_coefs : int, optional
        The largest number of atoms in a code. By default a tenth of the features (at least 1), or
        all atoms if `tol` is given.
    tol : float, optional
        Stop as soon as the squared residual is not above this.
    rule : {"omp", "ols"}, default="omp"
        The next atom is the one most correlated with the residual ("omp", plain orthogonal
        matching pursuit), or the one that leaves the smallest residual ("ols", orthogonal least
        squares, also called order-recursive or optimised matching pursuit).
    positive_code : bool, default=False
        Whether to allow non-negative codes only: atoms enter with a positive correlation, the code
        is the best non-negative one on them, and atoms that it puts to zero leave again.
    mask : array_like of bool, shape (n_samples, n_features), or "nan", optional
        As in `lasso`.
    time_limit : float, optional
        Seconds after which codes are returned with the atoms they have.
    sparse_output, n_jobs
        As in `lasso`.

    Returns
    -------
    SparseCodes
        `objective` is half the squared residual, `kkt_violation` the largest correlation of the
        residual with an atom in use; `duality_gap` is NaN, as greedy codes have none. `converged`
        is False where the squared residual of the returned code is above `tol` and less than
        `n_nonzero_coefs` atoms could be taken.

    Raises
    ------
    TypeError
        If an argument has the wrong type.
    ValueError
        If shapes do not fit, an entry is NaN or infinite, or a limit is out of range.

    Notes
    -----
    Both rules run in Gram form with a progressive orthogonalisation [1]_, which costs
    O(n_components * n_atoms^2 / 2) per signal. Atoms that depend on those already taken are passed
    over instead of ending the pursuit. Non-negative pursuits are those of [2]_, with the
    projection of Lawson and Hanson after every atom; a pursuit ends early where no correlation is
    positive, which is the non-negative least-squares code of all atoms.

    References
    ----------
    .. [1] R. Rubinstein, M. Zibulevsky, M. Elad, "Efficient implementation of the K-SVD algorithm
       using batch orthogonal matching pursuit", Technion CS-2008-08, 2008.
    .. [2] T. T. Nguyen, J. Idier, C. Soussen, E.-H. Djermoune, "Non-negative orthogonal greedy
       algorithms", IEEE Trans. Signal Process. 67, 2019. doi:10.1109/TSP.2019.2943225

    Examples
    --------
    >>> import numpy as np
    >>> codes = omp([[3.0, -0.5, 1.0]], np.eye(3), n_nonzero_coefs=2).codes
    >>> codes
    array([[3., 0., 1.]])
    """
    check_flags(sparse_output=sparse_output)
    signals, observed = check_masked(X, "X", mask)
    atoms, core = check_dictionary(dictionary, signals, observed)
    default = max(signals.shape[1] // 10, 1)
    settings = _pursuit_settings(n_nonzero_coefs, default, tol, rule, positive_code, atoms.shape[0])
    shape = (signals.shape[0], atoms.shape[0])
    codes = None if sparse_output else np.empty(shape, signals.dtype)
    options: list[Any] = [] if observed is None else [observed]
    with NamingInfinite(atoms, "dictionary"):
        found = _core.pursue(
            signals,
            core,
            settings,
            codes,
            resolve_threads(n_jobs),
            check_seconds(time_limit),
            bool(sparse_output),
            *options,
        )
    return collect(codes, found, shape[1])


@former_keywords(positive="positive_code", n_threads="n_jobs")
def omp_gram(
    gram: ArrayLike,
    cov: ArrayLike,
    squared_norms: ArrayLike,
    n_nonzero_coefs: int,
    *,
    tol: float | None = None,
    rule: Literal["omp", "ols"] = "omp",
    positive_code: bool = False,
    time_limit: float | None = None,
    n_jobs: int | None = None,
) -> SparseCodes:
    """Run `omp` from a precomputed Gram matrix and correlations.

    Parameters
    ----------
    gram : array_like of shape (n_components, n_components)
        The inner products of the atoms.
    cov : array_like of shape (n_samples, n_components)
        The inner products of signals and atoms, one signal per row.
    squared_norms : array_like of shape (n_samples,)
        The squared norms of the signals.
    n_nonzero_coefs : int
        The largest number of atoms in a code.
    tol, rule, positive_code, time_limit, n_jobs
        As in `omp`.

    Returns
    -------
    SparseCodes

    Raises
    ------
    TypeError
        If an argument has the wrong type.
    ValueError
        If shapes do not fit, an entry is NaN or infinite, or a limit is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([[3.0, -0.5, 1.0]])
    >>> omp_gram(np.eye(3), x, np.sum(x**2, axis=1), 2).codes
    array([[3., 0., 1.]])
    """
    dtype = common_dtype(gram, cov)
    matrix = check_gram(gram, dtype)
    correlations = check_matrix(cov, "cov", dtype=dtype, n_features=matrix.shape[0])
    norms = check_vector(
        squared_norms, "squared_norms", size=correlations.shape[0], dtype=np.float64, minimum=0
    )
    settings = _pursuit_settings(n_nonzero_coefs, 1, tol, rule, positive_code, matrix.shape[0])
    codes = np.empty((correlations.shape[0], matrix.shape[0]), dtype)
    reports = _core.pursue_gram(
        matrix,
        correlations,
        norms,
        settings,
        codes,
        time_limit=check_seconds(time_limit),
        n_threads=resolve_threads(n_jobs),
    )
    return collect(codes, reports)


def _pursuit_settings(
    n_nonzero_coefs: int | None,
    default: int,
    tol: float | None,
    rule: str,
    positive_code: bool,
    n_components: int,
) -> "_core.PursuitSettings":
    check_flags(positive_code=positive_code)
    check_choice(rule, "rule", _RULES)
    if n_nonzero_coefs is not None:
        count = check_integer(n_nonzero_coefs, "n_nonzero_coefs", minimum=1)
        if count > n_components:
            raise ValueError(
                f"n_nonzero_coefs must be at most the number of atoms, {n_components}, got {count}"
            )
    else:
        count = min(default, n_components) if tol is None else n_components
    tolerance = 0.0 if tol is None else check_real(tol, "tol", minimum=0.0)
    return _core.PursuitSettings(_RULES[rule], count, tolerance, bool(positive_code))
