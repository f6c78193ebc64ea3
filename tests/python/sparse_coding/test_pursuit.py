"""Greedy pursuits against their definitions and scikit-learn."""

import numpy as np
import pytest
from scipy.optimize import nnls
from sklearn.linear_model import orthogonal_mp_gram

from sparsetransfer.dictionary import learn_dictionary
from sparsetransfer.sparse_coding import SparseCoder, omp, omp_gram, sparse_encode


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
    one = omp(X, D, 5, rule=rule, n_jobs=1).codes
    assert one.dtype == dtype
    for n_threads in (2, 3, 7):
        assert np.array_equal(one, omp(X, D, 5, rule=rule, n_jobs=n_threads).codes)


def test_refuses_bad_options(make):
    X, D = make.gaussian(np.random.default_rng(5))
    with pytest.raises(ValueError, match="rule must be"):
        omp(X, D, 3, rule="mp")
    with pytest.raises(ValueError, match="n_nonzero_coefs"):
        omp(X, D, 0)
    with pytest.raises(ValueError, match="X"):
        omp(np.full((2, 24), np.nan), D, 3)


def positive_twin(x, D, count, rule):
    """Try, solve non-negative least squares, keep what is positive, repeat."""
    support = []
    code = np.zeros(len(D))
    while len(support) < count:
        residual = x - code @ D
        scores = D @ residual
        if rule == "ols":
            basis = np.linalg.qr(D[support].T)[0] if support else np.zeros((len(x), 0))
            outside = D - (D @ basis) @ basis.T
            scores = np.where(scores > 0, scores, 0) ** 2 / np.maximum((outside**2).sum(1), 1e-12)
        scores[support] = 0
        if scores.max() <= 1e-13:
            break
        support.append(int(np.argmax(scores)))
        values, _ = nnls(D[support].T, x)
        code[:] = 0
        code[support] = values
        support = [j for j in support if code[j] > 1e-12]
    return code


@pytest.mark.parametrize("rule", ["omp", "ols"])
@pytest.mark.parametrize("name", ["gaussian", "spectral"])
def test_positive_pursuit_is_the_textbook_loop(make, rule, name):
    X, D = getattr(make, name)(np.random.default_rng(6), n_samples=60)
    for count in (3, 12):
        result = omp(X, D, count, rule=rule, positive_code=True)
        expected = np.array([positive_twin(x, D, count, rule) for x in X])
        np.testing.assert_allclose(result.codes, expected, atol=1e-8)
        residual = X - result.codes @ D
        np.testing.assert_allclose(result.objective, 0.5 * (residual**2).sum(axis=1), atol=1e-13)


@pytest.mark.parametrize("rule", ["omp", "ols"])
def test_positive_pursuit_ends_at_non_negative_least_squares(problem, rule):
    X, D = problem
    result = omp(X, D, len(D), rule=rule, positive_code=True)
    gradient = (X - result.codes @ D) @ D.T
    assert result.converged.all()
    assert (result.codes >= 0).all()
    assert gradient.max() <= 1e-8
    np.testing.assert_allclose(gradient[result.codes > 0], 0.0, atol=1e-9)
    expected = np.array([nnls(D.T, x)[1] ** 2 for x in X])
    np.testing.assert_allclose(2 * result.objective, expected, atol=1e-9)


@pytest.mark.parametrize("rule", ["omp", "ols"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_positive_pursuit_of_signals_that_few_atoms_rebuild_has_no_negative_code(dtype, rule):
    rng = np.random.default_rng(0)
    for _ in range(300):
        k, d = rng.integers(2, 5, 2)
        D = rng.integers(0, 6, (k, d)).astype(dtype)
        X = (rng.integers(1, 4, (40, k)) * (rng.random((40, k)) < 0.6)).astype(dtype) @ D
        codes = omp(X, D, int(k), rule=rule, positive_code=True).codes
        assert codes.min() >= 0
        if dtype == np.float64:  # float32 takes atoms within 1.1 degrees of others for dependent
            np.testing.assert_allclose(codes @ D, X, atol=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_positive_pursuit_in_any_form(make, dtype):
    X, D = (array.astype(dtype) for array in make.gaussian(np.random.default_rng(7), 200))
    one = omp(X, D, 8, positive_code=True, n_jobs=1)
    assert one.codes.dtype == dtype
    assert np.array_equal(one.codes, omp(X, D, 8, positive_code=True, n_jobs=3).codes)
    norms = (X**2).sum(axis=1)
    inner = omp_gram(D @ D.T, X @ D.T, norms, 8, positive_code=True)
    tolerance = 2e-4 if dtype == np.float32 else 1e-9
    np.testing.assert_allclose(inner.codes, one.codes, atol=tolerance)
    mask = np.ones(X.shape, dtype=bool)
    masked = omp(X, D, 8, positive_code=True, mask=mask)
    np.testing.assert_allclose(masked.codes, one.codes, atol=tolerance)


def test_more_non_zeros_than_atoms_are_refused_as_by_scikit_learn():
    rng = np.random.default_rng(0)
    D = rng.normal(size=(8, 5))
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    X = rng.normal(size=(3, 5))
    with pytest.raises(ValueError, match="cannot be more than"):
        orthogonal_mp_gram(D @ D.T, D @ X.T, n_nonzero_coefs=9)
    message = "n_nonzero_coefs must be at most the number of atoms, 8, got 9"
    with pytest.raises(ValueError, match=message):
        omp(X, D, 9)
    with pytest.raises(ValueError, match=message):
        omp_gram(D @ D.T, X @ D.T, np.square(X).sum(axis=1), 9)
    with pytest.raises(ValueError, match=message):
        sparse_encode(X, D, algorithm="omp", n_nonzero_coefs=9)
    with pytest.raises(ValueError, match=message):
        SparseCoder(D, transform_n_nonzero_coefs=9).fit(X).transform(X)
    with pytest.raises(ValueError, match=message):
        learn_dictionary(X, 8, alpha=0.0, n_nonzero_coefs=9)
    # The default stays within the atoms.
    assert omp(rng.normal(size=(2, 40)), rng.normal(size=(2, 40))).codes.shape == (2, 2)
