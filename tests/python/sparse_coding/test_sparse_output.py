"""Sparse codes straight from the kernels: the values of the dense ones, bit for bit."""

import warnings
from functools import partial

import numpy as np
import pytest
from scipy import sparse

from sparsetransfer import _core
from sparsetransfer.exceptions import ConvergenceWarning
from sparsetransfer.sparse_coding import PreparedDictionary, lasso, omp

CODERS = {
    **{
        f"lasso, {name}": partial(lasso, alpha=0.2, algorithm=name)
        for name in ("active_set", "coordinate_descent", "homotopy", "fista")
    },
    "lasso, positive": partial(lasso, alpha=0.1, positive_code=True),
    "lasso, ridge and weights": partial(lasso, alpha=0.2, l2=0.1, weights=np.linspace(0.5, 1, 70)),
    "lasso, start": partial(lasso, alpha=0.2, code_init=np.eye(300, 70), max_iter=2),
    "omp": partial(omp, n_nonzero_coefs=4),
    "ols": partial(omp, n_nonzero_coefs=4, rule="ols"),
    "omp, positive": partial(omp, n_nonzero_coefs=4, positive_code=True),
    "omp, tolerance": partial(omp, tol=0.3),
}


def assert_same(found, expected):
    """Codes in canonical form, equal to dense ones in value, and the same certificates."""
    codes = found.codes
    assert isinstance(codes, sparse.csr_array)
    assert codes.dtype == expected.codes.dtype
    assert codes.indices.dtype == codes.indptr.dtype == np.int32
    fresh = sparse.csr_array((codes.data, codes.indices, codes.indptr), shape=codes.shape)
    assert fresh.has_canonical_format  # counted anew, not as the result claims
    assert codes.nnz == np.count_nonzero(expected.codes)
    np.testing.assert_array_equal(codes.toarray(), expected.codes)
    for name in ("objective", "duality_gap", "kkt_violation", "n_iter", "status"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


@pytest.mark.filterwarnings("ignore::sparsetransfer.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", CODERS)
def test_values_of_dense_codes(make, name, dtype):
    X, D = (array.astype(dtype) for array in make.gaussian(np.random.default_rng(0), 300, 24, 70))
    X[7] = 0
    code = CODERS[name]
    expected = code(X, D, n_jobs=1)
    for dictionary in (D, PreparedDictionary(D)):
        for n_jobs in (1, 2):
            assert_same(code(X, dictionary, n_jobs=n_jobs, sparse_output=True), expected)


@pytest.mark.parametrize("code", [partial(lasso, alpha=0.2), partial(omp, n_nonzero_coefs=3)])
@pytest.mark.parametrize("n_signals", [1, 3, 65])
def test_few_signals_and_many_atoms(make, code, n_signals):
    X, D = make.spectral(np.random.default_rng(1), n_signals, 30, 259)
    assert_same(code(X, D, sparse_output=True), code(X, D))


@pytest.mark.parametrize("code", [partial(lasso, alpha=0.1), partial(omp, n_nonzero_coefs=3)])
def test_masks(make, code):
    X, D = make.gaussian(np.random.default_rng(2), 120, 24, 60)
    mask = np.random.default_rng(3).random(X.shape) < 0.7
    mask[20:100], mask[5] = mask[20], False  # a group with threads of its own, and nothing seen
    assert_same(code(X, D, mask=mask, sparse_output=True), code(X, D, mask=mask))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_codes_that_are_solved_again(make, dtype):
    X, D = (array.astype(dtype) for array in make.degenerate(np.random.default_rng(4)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for options in ({}, {"code_init": np.ones((len(X), len(D)))}):
            code = partial(lasso, X, D, 1e-4, **options)
            assert_same(code(sparse_output=True), code())


def test_codes_without_entries(make):
    X, D = make.gaussian(np.random.default_rng(5))
    found = lasso(X, D, 10.0, sparse_output=True)
    assert found.codes.nnz == 0
    assert found.codes.shape == (len(X), len(D))
    with pytest.warns(ConvergenceWarning, match="40 of 40 codes .* stopped early"):
        found = omp(X, D, 3, time_limit=0.0, sparse_output=True)
    assert found.codes.nnz == 0
    late = partial(lasso, X, D, 0.01, time_limit=0.0, code_init=np.eye(40, 60))
    with pytest.warns(ConvergenceWarning, match="stopped early"):
        found = late(sparse_output=True)
    assert found.codes.nnz == 40
    with pytest.warns(ConvergenceWarning, match="stopped early"):
        assert_same(found, late())


def test_bad_data_are_refused(make):
    X, D = make.gaussian(np.random.default_rng(6))
    for code in (partial(lasso, alpha=0.1), partial(omp, n_nonzero_coefs=2)):
        with pytest.raises(ValueError, match="X must be finite, got nan"):
            code(np.where(X > 0.5, np.nan, X), D, sparse_output=True)
        with pytest.raises(ArithmeticError, match="overflows"):
            code(1e200 * X, 1e200 * D, sparse_output=True)
    with pytest.raises(ValueError, match="code_init must have shape"):
        lasso(X, D, code_init=np.zeros((3, len(D))), sparse_output=True)
    settings = _core.CodingSettings(alpha=1.0, tolerance=0.1, max_iterations=9, warm_start=True)
    with pytest.raises(ValueError, match="codes must be an array"):
        _core.lasso(X, D, settings, None, sparse=True, n_threads=1)
    with pytest.raises(ValueError, match="codes must have shape"):
        _core.lasso(X, D, settings, np.zeros((3, 60)), sparse=True, n_threads=1)
