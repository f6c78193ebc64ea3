"""Greedy pursuits against their definitions and scikit-learn."""

import numpy as np
import pytest
from sklearn.linear_model import orthogonal_mp_gram

from sparsetransfer.sparse_coding import omp, omp_gram


def twin(x, D, count, rule, tol=0.0):
    """The textbook loop: try, solve least squares, repeat."""
    support = []
    residual = x
    code = np.zeros(len(D))
    while len(support) < count and residual @ residual > tol:
        rest = [j for j in range(len(D)) if j not in support]
        if rule == "omp":
            best = max(rest, key=lambda j: abs(D[j] @ residual))
        else:

            def left(j):
                atoms = D[[*support, j]].T
                return np.sum((x - atoms @ np.linalg.lstsq(atoms, x)[0]) ** 2)

            best = min(rest, key=left)
        support.append(best)
        values = np.linalg.lstsq(D[support].T, x)[0]
        residual = x - values @ D[support]
        code[:] = 0
        code[support] = values
    return code


@pytest.mark.parametrize("rule", ["omp", "ols"])
@pytest.mark.parametrize("name", ["gaussian", "spectral"])
def test_is_the_textbook_loop(make, rule, name):
    X, D = getattr(make, name)(np.random.default_rng(0), n_samples=12)
    result = omp(X, D, 6, rule=rule)
    expected = np.array([twin(x, D, 6, rule) for x in X])
    np.testing.assert_allclose(result.codes, expected, atol=1e-8)
    residual = X - result.codes @ D
    np.testing.assert_allclose(result.objective, 0.5 * (residual**2).sum(axis=1), atol=1e-13)


@pytest.mark.parametrize("rule", ["omp", "ols"])
def test_stops_at_the_tolerance(make, rule):
    X, D = make.gaussian(np.random.default_rng(1))
    result = omp(X, D, tol=0.1, rule=rule)
    expected = np.array([twin(x, D, 60, rule, tol=0.1) for x in X])
    np.testing.assert_allclose(result.codes, expected, atol=1e-9)
    assert (2 * result.objective <= 0.1).all()


def test_agrees_with_scikit_learn(make):
    X, D = make.gaussian(np.random.default_rng(2))
    expected = orthogonal_mp_gram(D @ D.T, D @ X.T, n_nonzero_coefs=5).T
    np.testing.assert_allclose(omp(X, D, 5).codes, expected, atol=1e-9)
    norms = (X**2).sum(axis=1)
    np.testing.assert_allclose(omp_gram(D @ D.T, X @ D.T, norms, 5).codes, expected, atol=1e-9)


@pytest.mark.parametrize("rule", ["omp", "ols"])
def test_passes_over_dependent_atoms(make, rule):
    X, D = make.degenerate(np.random.default_rng(3))
    result = omp(X, D, 20, rule=rule)
    projection = D.T @ np.linalg.pinv(D.T)
    best = 0.5 * ((X - X @ projection) ** 2).sum(axis=1)
    np.testing.assert_allclose(result.objective, best, atol=1e-10)
    assert (result.codes != 0).sum(axis=1).max() <= 6
    assert not result.codes[0].any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rule", ["omp", "ols"])
def test_threads_and_precision(make, dtype, rule):
    X, D = (a.astype(dtype) for a in make.gaussian(np.random.default_rng(4), n_samples=500))
    one = omp(X, D, 5, rule=rule, n_threads=1).codes
    assert one.dtype == dtype
    for n_threads in (2, 3, 7):
        assert np.array_equal(one, omp(X, D, 5, rule=rule, n_threads=n_threads).codes)


def test_refuses_bad_options(make):
    X, D = make.gaussian(np.random.default_rng(5))
    with pytest.raises(ValueError, match="rule must be"):
        omp(X, D, 3, rule="mp")
    with pytest.raises(ValueError, match="n_nonzero_coefs"):
        omp(X, D, 0)
    with pytest.raises(ValueError, match="X"):
        omp(np.full((2, 24), np.nan), D, 3)
