"""A time budget: codes as far as they are, with certificates that hold."""

import time

import numpy as np
import pytest

from sparsetransfer.exceptions import ConvergenceWarning
from sparsetransfer.sparse_coding import by_chunks, lasso, lasso_gram, omp, omp_gram

ALGORITHMS = ["active_set", "coordinate_descent", "homotopy", "fista"]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_time_at_all_returns_the_start(make, judge, algorithm, dtype):
    X, D = (array.astype(dtype) for array in make.gaussian(np.random.default_rng(0)))
    X[5] = 0  # its code is right from the start
    with pytest.warns(ConvergenceWarning, match=r"39 of 40 codes .* \(39 of them stopped early\)"):
        result = lasso(X, D, 0.05, algorithm=algorithm, time_limit=0.0)
    assert not result.codes.any()
    assert set(np.delete(result.status, 5)) == {"stopped"}
    assert result.status[5] == "converged"
    assert np.array_equal(result.converged, result.status == "converged")
    best = lasso(X, D, 0.05).objective
    excess = judge.objective(X, D, result.codes, 0.05) - best
    assert (result.duality_gap >= excess - 1e-6).all()
    violation = judge.violation(X, D, result.codes, 0.05)
    np.testing.assert_allclose(result.kkt_violation, violation, atol=1e-5)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_certificates_hold_whenever_time_is_up(make, judge, algorithm):
    X, D = make.spectral(np.random.default_rng(1), 1000, 64, 256)
    lasso(X[:10], D, 0.001, n_threads=1)
    start = time.process_time()
    expected = lasso(X, D, 0.001, n_threads=1)
    spent = time.process_time() - start
    for share in (0.2, 0.5):
        with pytest.warns(ConvergenceWarning, match="stopped early"):
            result = lasso(X, D, 0.001, algorithm=algorithm, time_limit=share * spent, n_threads=1)
        done = result.status == "converged"
        assert not done.all()
        violation = judge.violation(X, D, result.codes, 0.001)
        np.testing.assert_allclose(result.kkt_violation, violation, atol=1e-10)
        assert (result.kkt_violation[done] <= 1e-11).all()
        assert (result.objective >= expected.objective - 1e-12).all()
        assert (result.duality_gap >= result.objective - expected.objective - 1e-12).all()


def test_a_long_limit_changes_nothing(make):
    X, D = make.gaussian(np.random.default_rng(2))
    for limit in (60.0, 1e300):
        assert np.array_equal(lasso(X, D, 0.1, time_limit=limit).codes, lasso(X, D, 0.1).codes)
        assert np.array_equal(omp(X, D, 3, time_limit=limit).codes, omp(X, D, 3).codes)


def test_a_long_call_ends_in_time(make):
    X, D = make.gaussian(np.random.default_rng(3), 20_000, 64, 512)
    start = time.perf_counter()
    with pytest.warns(ConvergenceWarning, match="stopped early"):
        lasso(X, D, 1e-3, algorithm="fista", time_limit=0.2, max_iter=100_000)
    assert time.perf_counter() - start < 5.0  # it takes minutes otherwise


def test_chunks_share_one_limit(make):
    X, D = make.gaussian(np.random.default_rng(4))
    with pytest.warns(ConvergenceWarning, match=r"40 of them stopped early"):
        result = by_chunks(lasso, X, D, 0.05, chunk_size=7, time_limit=0.0)
    assert set(result.status) == {"stopped"}
    assert result.codes.nnz == 0
    done = by_chunks(lasso, X, D, 0.05, chunk_size=7, time_limit=60.0)
    assert set(done.status) == {"converged"}


def test_pursuits_and_inner_products(make):
    X, D = make.gaussian(np.random.default_rng(5))
    gram, cov, norms = D @ D.T, X @ D.T, (X**2).sum(axis=1)
    for call in (
        lambda: omp(X, D, 5, time_limit=0.0),
        lambda: omp_gram(gram, cov, norms, 5, time_limit=0.0),
        lambda: lasso_gram(gram, cov, 0.1, squared_norms=norms, time_limit=0.0),
    ):
        with pytest.warns(ConvergenceWarning, match="stopped early"):
            result = call()
        assert set(result.status) == {"stopped"}
        np.testing.assert_allclose(result.objective, 0.5 * norms)


def test_bad_limits(make):
    X, D = make.gaussian(np.random.default_rng(6))
    for limit, error in [(-1.0, ValueError), (np.nan, ValueError), ("1", TypeError)]:
        with pytest.raises(error, match="time_limit"):
            lasso(X, D, 0.1, time_limit=limit)
