"""Multi-output least squares with nested sparse penalties, as one function of arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from sparsetransfer._former import former_keywords
from sparsetransfer._linalg import gram_matrix, inner, matmul
from sparsetransfer._validation import (
    check_integer,
    check_matrix,
    check_real,
    common_dtype,
    resolve_threads,
)
from sparsetransfer.transfer.problem import resolve_kkt_tol
from sparsetransfer.transfer.regression.solver import (
    QuadraticProblem,
    RegressionCoefficients,
    SparsePenalty,
    group_strengths,
    warn_unconverged,
)

__all__ = ["sparse_regression"]


@former_keywords(init="coef_init", n_threads="n_jobs")
def sparse_regression(
    X: ArrayLike,
    Y: ArrayLike,
    *,
    l1: float = 0.0,
    l21: float = 0.0,
    group: float = 0.0,
    groups: ArrayLike | None = None,
    ridge: float = 0.0,
    coupling: ArrayLike | None = None,
    coef_init: ArrayLike | None = None,
    kkt_tol: float | None = None,
    max_iter: int = 20000,
    n_jobs: int | None = None,
) -> RegressionCoefficients:
    r"""Fit several outputs with entries, features and groups of features that may vanish.

    Parameters
    ----------
    X : array_like of shape (n_samples, n_features)
        Samples. No intercept is added: centre `X` and `Y` to have one.
    Y : array_like of shape (n_samples, n_outputs)
        Targets.
    l1 : float, default=0.0
        Weight of the sum of absolute coefficients, >= 0.
    l21 : float, default=0.0
        Weight of the sum over features of the Euclidean norm of their coefficients, >= 0.
    group : float, default=0.0
        Weight of the sum over groups of :math:`\sqrt{p_g}` times the Euclidean norm of their
        coefficients, >= 0, with :math:`p_g` the number of features in the group.
    groups : array_like of shape (n_features,), optional
        A label of the group of every feature; required for `group` > 0.
    ridge : float, default=0.0
        Weight of half the squared norm of the coefficients, >= 0.
    coupling : array_like of shape (n_terms, n_features), optional
        Rows :math:`e` that add :math:`\tfrac12\|We\|^2`: differences of means times the root of
        their strength.
    coef_init : array_like of shape (n_outputs, n_features), optional
        Coefficients to start from.
    kkt_tol : float, optional
        KKT violation at which to stop, relative to the sum of the strengths, or to the largest
        correlation of `X` and `Y` where there are none: 1e-6 by default in float64, 1e-3 in
        float32.
    max_iter : int, default=20000
        Most proximal gradient iterations.
    n_jobs : int, optional
        Threads, as in `sparsetransfer.get_num_threads`. No effect on the result.

    Returns
    -------
    RegressionCoefficients
        In the precision of `X` and `Y`, and the certificate is that of what is returned; the work
        is done in float64.

    Raises
    ------
    ValueError
        If shapes do not fit, an entry is not finite or a strength is negative.

    Warns
    -----
    ConvergenceWarning
        If `kkt_tol` is not reached.

    Notes
    -----
    The objective is, with :math:`w_r` the coefficients of a feature and :math:`W_g` those of a
    group,

    .. math:: \tfrac12\|Y - XW^\top\|_F^2 + \tfrac12\sum_e \|We\|^2 + \tfrac{\rho}{2}\|W\|_F^2
       + \lambda_1\|W\|_1 + \lambda_2\sum_r \|w_r\|_2 + \lambda_3\sum_g \sqrt{p_g}\,\|W_g\|_F.

    It is convex. Working sets of features are solved by accelerated proximal gradient steps that
    never raise the objective, and by Newton's method on the coefficients that are not zero. The
    penalties are nested, so that their proximal operator is exact [1]_ and so are the zeros.
    scikit-learn's `MultiTaskLasso(alpha)` is ``l21 = n_samples * alpha``. Cost:
    :math:`O(n d^2)` once, then :math:`O(d\,s\,C)` per working set and :math:`O(s^2 C)` per
    iteration for sets of s features.

    References
    ----------
    .. [1] R. Jenatton, J. Mairal, G. Obozinski, F. Bach, "Proximal Methods for Hierarchical
       Sparse Coding", Journal of Machine Learning Research 12, 2011 (Algorithm 1).

    Examples
    --------
    >>> import numpy as np
    >>> from sparsetransfer.transfer import sparse_regression
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(50, 6))
    >>> Y = X[:, [0, 1]] @ np.array([[1.0, 2.0], [0.0, 1.0]])
    >>> fit = sparse_regression(X, Y, l21=5.0)
    >>> np.flatnonzero(np.any(fit.coef != 0, axis=0))
    array([0, 1])
    """
    dtype = common_dtype(X, Y)
    rows = check_matrix(X, "X", dtype=np.float64)
    n_features = rows.shape[1]
    targets = check_matrix(Y, "Y", dtype=np.float64)
    if len(targets) != len(rows):
        raise ValueError(f"Y must have {len(rows)} rows as X has, got {len(targets)}")
    quadratic = gram_matrix(rows.T)
    if coupling is not None:
        terms = check_matrix(coupling, "coupling", dtype=np.float64, n_features=n_features)
        quadratic += gram_matrix(terms.T)
    quadratic[np.diag_indices(n_features)] += check_real(ridge, "ridge", minimum=0)
    problem = QuadraticProblem(quadratic, matmul(targets.T, rows), inner(targets, targets))
    penalty = SparsePenalty(
        check_real(l1, "l1", minimum=0),
        check_real(l21, "l21", minimum=0),
        *group_strengths(groups, check_real(group, "group", minimum=0), n_features),
    )
    start = None
    if coef_init is not None:
        start = np.asarray(
            check_matrix(coef_init, "coef_init", dtype=np.float64, n_features=n_features),
            np.float64,
        )
        if len(start) != targets.shape[1]:
            raise ValueError(f"coef_init must have {targets.shape[1]} rows, got {len(start)}")
    threads = resolve_threads(n_jobs)
    tolerance = resolve_kkt_tol(kkt_tol, dtype)
    fit = problem.solve(
        penalty,
        init=start,
        kkt_tol=tolerance,
        max_iter=check_integer(max_iter, "max_iter", minimum=0),
        threads=threads,
    )
    fit = problem.rounded(fit, penalty, dtype, kkt_tol=tolerance, threads=threads)
    if not fit.converged:
        warn_unconverged(fit, stacklevel=4)
    return fit
