"""A time budget: codes as far as they are, with certificates that hold."""

import time
from functools import partial
from typing import get_args

import numpy as np
import pytest

from sparsetransfer.dictionary import DictionaryLearning, MiniBatchDictionaryLearning
from sparsetransfer.exceptions import ConvergenceWarning
from sparsetransfer.sparse_coding import (
    SparseCoder,
    lasso,
    lasso_gram,
    lasso_path,
    omp,
    omp_gram,
    sparse_encode,
)
from sparsetransfer.sparse_coding.functional import LassoAlgorithm

ALGORITHMS = [name for name in get_args(LassoAlgorithm) if name != "auto"]


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
    lasso(X[:10], D, 0.001, n_jobs=1)
    start = time.process_time()
    expected = lasso(X, D, 0.001, n_jobs=1)
    spent = time.process_time() - start
    for share in (0.2, 0.5):
        with pytest.warns(ConvergenceWarning, match="stopped early"):
            result = lasso(X, D, 0.001, algorithm=algorithm, time_limit=share * spent, n_jobs=1)
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


def test_paths_end_at_the_knots_they_have_reached(make):
    X, D = make.gaussian(np.random.default_rng(7))
    X[5] = 0  # its path is at its end from the start
    expected = lasso_path(X, D)
    with pytest.warns(ConvergenceWarning, match=r"39 of 40 paths .* \(39 of them stopped early\)"):
        paths = lasso_path(X, D, time_limit=0.0)
    for i, (path, whole) in enumerate(zip(paths, expected, strict=True)):
        assert path.converged == (i == 5)
        assert 1 <= len(path.alphas) <= len(whole.alphas)
        np.testing.assert_allclose(path.alphas, whole.alphas[: len(path.alphas)])
        np.testing.assert_allclose(path.codes.toarray(), whole.codes[: len(path.alphas)].toarray())
    with pytest.raises(ValueError, match="alpha must be at least"):
        paths[0].at(0.0)
    for path, whole in zip(lasso_path(X, D, time_limit=60.0), expected, strict=True):
        assert np.array_equal(path.alphas, whole.alphas)


@pytest.mark.parametrize("algorithm", ["lasso_lars", "lasso_cd", "omp", "ols", "threshold"])
def test_estimators_and_drop_ins_have_a_limit(make, algorithm):
    X, D = make.gaussian(np.random.default_rng(8))
    expected = sparse_encode(X, D, algorithm=algorithm, alpha=0.05)
    assert np.array_equal(
        sparse_encode(X, D, algorithm=algorithm, alpha=0.05, time_limit=60.0), expected
    )
    options = {"transform_algorithm": algorithm, "transform_alpha": 0.05}
    learners = [
        SparseCoder(D, transform_time_limit=0.0, **options),
        DictionaryLearning(len(D), max_iter=0, dict_init=D, transform_time_limit=0.0, **options),
        MiniBatchDictionaryLearning(
            len(D), max_iter=0, dict_init=D, transform_time_limit=0.0, **options
        ),
    ]
    gram = D @ D.T
    if algorithm == "threshold":  # one product: there is nothing to cut short
        assert np.array_equal(learners[0].fit_transform(X), expected)
        return
    for call in (
        lambda: sparse_encode(X, D, algorithm=algorithm, alpha=0.05, time_limit=0.0),
        lambda: sparse_encode(X, D, gram=gram, algorithm=algorithm, alpha=0.05, time_limit=0.0),
        *(partial(learner.fit(X).transform, X) for learner in learners),
    ):
        with pytest.warns(ConvergenceWarning, match="stopped early"):
            codes = call()
        assert not codes.any()


def test_bad_limits(make):
    X, D = make.gaussian(np.random.default_rng(6))
    for limit, error in [(-1.0, ValueError), (np.nan, ValueError), ("1", TypeError)]:
        with pytest.raises(error, match="time_limit"):
            lasso(X, D, 0.1, time_limit=limit)
        with pytest.raises(error, match="time_limit"):
            lasso_path(X, D, time_limit=limit)
    with pytest.raises(ValueError, match="time_limit cannot be used"):
        sparse_encode(X, D, algorithm="lars", time_limit=1.0)
