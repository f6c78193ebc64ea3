"""Adapters: every coder is a function (X, D, alpha or count, threads) -> codes."""

import warnings

import numpy as np

from sparsetransfer.sparse_coding import PreparedDictionary, lasso, omp


def remembering(make):
    """Wrap a function of an array so that it is computed once for an array that comes again."""
    last = [None, None]

    def call(array):
        if last[0] is not array:
            last[:] = array, make(array)
        return last[1]

    return call


prepared = remembering(PreparedDictionary)
# Who computes in single precision has arrays of it.
single_signals, single_atoms = (remembering(lambda array: array.astype(np.float32)) for _ in "XD")


def ours(X, D, alpha, threads):
    return lasso(X, D, alpha, n_jobs=threads).codes


def ours_float32(X, D, alpha, threads):
    return lasso(single_signals(X), single_atoms(D), alpha, n_jobs=threads).codes


def ours_sparse(X, D, alpha, threads):
    return lasso(X, D, alpha, n_jobs=threads, sparse_output=True).codes


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


def intel_lasso(X, D, alpha, threads):
    """Coordinate descent of oneDAL, which Intel's extension of scikit-learn brings and no longer patches in."""
    import daal4py

    daal4py.daalinit(threads)
    atoms, signals = np.ascontiguousarray(D.T), np.ascontiguousarray(X.T)
    loss = daal4py.optimization_solver_mse(numberOfTerms=len(atoms), fptype="double")
    loss.setup(atoms, signals, None)
    descent = daal4py.optimization_solver_coordinate_descent(
        function=loss, fptype="double", nIterations=10_000, accuracyThreshold=1e-4
    )
    training = daal4py.lasso_regression_training(
        fptype="double",
        interceptFlag=False,
        lassoParameters=np.array([[alpha / len(atoms)]]),
        optimizationSolver=descent,
    )
    return training.compute(data=atoms, dependentVariables=signals).model.Beta[:, 1:]


def dictlearn_fista(X, D, alpha, threads):
    from dictlearn import sparse_encode

    # Its loss is the whole square.
    return sparse_encode(X, D, algorithm="fista", alpha=2 * alpha, max_iter=10_000, tol=1e-5)


def numpy_fista(X, D, alpha, threads):
    """FISTA on all signals at once, each restarted on its own and dropped when it has arrived.

    What products of matrices in NumPy can do: the bar for compiled code.
    """
    G, A = D @ D.T, X @ D.T
    step = 1 / np.linalg.eigvalsh(G)[-1]
    codes, left = np.zeros_like(A), np.arange(len(X))
    S = Y = codes
    momentum = np.ones((len(X), 1))
    for _ in range(20_000):
        Z = Y - step * (Y @ G - A)
        new = Z - np.clip(Z, -step * alpha, step * alpha)
        restart = np.einsum("ij,ij->i", Y - new, new - S) > 0
        momentum[restart] = 1
        following = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        moving = np.abs(new - Y).max(axis=1) > 1e-4 * alpha * step
        Y = new + (momentum - 1) / following * (new - S)
        S, momentum = new, following
        if not moving.all():
            codes[left] = S
            A, S, Y, momentum, left = (part[moving] for part in (A, S, Y, momentum, left))
        if not len(left):
            break
    codes[left] = S
    return codes


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


def dictlearn_omp(X, D, count, threads):
    from dictlearn import sparse_encode

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
    "intel": intel_lasso,
    "dictlearn": dictlearn_fista,
    "numpy_fista": numpy_fista,
}
OMP = {
    "ours_omp": ours_omp,
    "ours_ols": ours_ols,
    "ours_ols_sparse": ours_ols_sparse,
    "ours_ols_prepared": ours_ols_prepared,
    "spams": spams_omp,
    "sklearn": sklearn_omp,
    "dictlearn": dictlearn_omp,
}
