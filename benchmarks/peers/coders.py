"""Adapters: every coder is a function (X, D, alpha or count, threads) -> codes."""

import warnings

import numpy as np

from sparsetransfer.sparse_coding import PreparedDictionary, lasso, omp


def ours(X, D, alpha, threads):
    return lasso(X, D, alpha, n_jobs=threads).codes


def ours_float32(X, D, alpha, threads):
    return lasso(X.astype(np.float32), D.astype(np.float32), alpha, n_jobs=threads).codes


def ours_sparse(X, D, alpha, threads):
    return lasso(X, D, alpha, n_jobs=threads, sparse_output=True).codes


def prepared(D):
    """Return the prepared dictionary of the array that was given last."""
    if not _last or _last[0] is not D:
        _last[:] = [D, PreparedDictionary(D)]
    return _last[1]


_last = []


def ours_prepared(X, D, alpha, threads):
    return lasso(X, prepared(D), alpha, n_jobs=threads).codes


def spams_lasso(X, D, alpha, threads):
    import spams

    codes = spams.lasso(
        np.asfortranarray(X.T), D=np.asfortranarray(D.T), lambda1=alpha, mode=2, numThreads=threads
    )
    return codes.T


def sklearn_cd(X, D, alpha, threads):
    return _sklearn(X, D, "lasso_cd", alpha)


def sklearn_lars(X, D, alpha, threads):
    return _sklearn(X, D, "lasso_lars", alpha)


def _sklearn(X, D, algorithm, alpha):
    from sklearn.decomposition import sparse_encode

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return sparse_encode(X, D, algorithm=algorithm, alpha=alpha, max_iter=10_000)


def celer_lasso(X, D, alpha, threads):
    from celer import Lasso

    d = X.shape[1]
    model = Lasso(alpha / d, fit_intercept=False, tol=1e-8, max_iter=100)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.array([model.fit(np.asfortranarray(D.T), x).coef_ for x in X])


def ours_omp(X, D, count, threads):
    return omp(X, D, count, n_jobs=threads).codes


def ours_ols(X, D, count, threads):
    return omp(X, D, count, rule="ols", n_jobs=threads).codes


def ours_ols_sparse(X, D, count, threads):
    return omp(X, D, count, rule="ols", n_jobs=threads, sparse_output=True).codes


def ours_ols_prepared(X, D, count, threads):
    return omp(X, prepared(D), count, rule="ols", n_jobs=threads).codes


def spams_omp(X, D, count, threads):
    import spams

    codes = spams.omp(np.asfortranarray(X.T), np.asfortranarray(D.T), L=count, numThreads=threads)
    return codes.T


def sklearn_omp(X, D, count, threads):
    from sklearn.decomposition import sparse_encode

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return sparse_encode(X, D, algorithm="omp", n_nonzero_coefs=count)


LASSO = {
    "ours": ours,
    "ours_float32": ours_float32,
    "ours_sparse": ours_sparse,
    "ours_prepared": ours_prepared,
    "spams": spams_lasso,
    "sklearn_cd": sklearn_cd,
    "sklearn_lars": sklearn_lars,
    "celer": celer_lasso,
}
OMP = {
    "ours_omp": ours_omp,
    "ours_ols": ours_ols,
    "ours_ols_sparse": ours_ols_sparse,
    "ours_ols_prepared": ours_ols_prepared,
    "spams": spams_omp,
    "sklearn": sklearn_omp,
}
