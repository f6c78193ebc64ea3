"""Every algorithm for lasso codes: the same answers, each with its certificate."""

from typing import get_args

import numpy as np
import pytest

from sparsetransfer.exceptions import ConvergenceWarning
from sparsetransfer.sparse_coding import lasso, lasso_gram
from sparsetransfer.sparse_coding.functional import LassoAlgorithm

ALGORITHMS = get_args(LassoAlgorithm)


@pytest.fixture(params=ALGORITHMS)
def algorithm(request):
    return request.param


@pytest.mark.parametrize("alpha", [0.3, 0.03])
@pytest.mark.parametrize("positive", [False, True])
def test_codes_satisfy_the_optimality_conditions(make, judge, algorithm, alpha, positive):
    X, D = make.gaussian(np.random.default_rng(0))
    result = lasso(X, D, alpha, positive_code=positive, algorithm=algorithm, max_iter=20_000)
    violation = judge.violation(X, D, result.codes, alpha, positive=positive)
    assert violation.max() <= 2e-9 * alpha
    assert result.converged.all()
    np.testing.assert_allclose(result.kkt_violation, violation, atol=1e-14)
    np.testing.assert_allclose(result.objective, judge.objective(X, D, result.codes, alpha))
    assert (result.duality_gap >= 0).all()
    assert (result.duality_gap <= 2.1e-9 * alpha * np.abs(result.codes).sum(axis=1) + 1e-14).all()


def test_same_objective_on_every_problem(problem, judge, algorithm):
    X, D = problem
    expected = lasso(X, D, 0.05)
    result = lasso(X, D, 0.05, tol=1e-6, algorithm=algorithm, max_iter=50_000)
    np.testing.assert_allclose(
        judge.objective(X, D, result.codes, 0.05), expected.objective, rtol=1e-8, atol=1e-12
    )


def test_elastic_net_and_weights(make, judge, algorithm):
    X, D = make.gaussian(np.random.default_rng(1))
    rng = np.random.default_rng(2)
    options = {"l2": rng.uniform(0.0, 0.5, len(X)), "weights": rng.uniform(0.2, 3.0, len(D))}
    result = lasso(X, D, 0.02, algorithm=algorithm, max_iter=20_000, **options)
    assert judge.violation(X, D, result.codes, 0.02, **options).max() <= 1e-10
    norms = (X**2).sum(axis=1)
    gram = lasso_gram(
        D @ D.T,
        X @ D.T,
        0.02,
        squared_norms=norms,
        algorithm=algorithm,
        max_iter=20_000,
        **options,
    )
    np.testing.assert_allclose(gram.objective, result.objective, rtol=1e-12)


def test_float32_is_certified(make, judge, algorithm):
    for problem in (make.gaussian, make.spectral):
        X, D = (array.astype(np.float32) for array in problem(np.random.default_rng(3)))
        result = lasso(X, D, 0.05, algorithm=algorithm, max_iter=50_000)
        assert result.codes.dtype == np.float32
        assert judge.violation(X, D, result.codes, 0.05).max() <= 1e-4 * 0.05
        assert result.converged.all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_threads_do_not_change_a_bit(make, algorithm, dtype):
    X, D = (a.astype(dtype) for a in make.gaussian(np.random.default_rng(4), n_samples=400))
    one = lasso(X, D, 0.1, algorithm=algorithm, max_iter=20_000, n_jobs=1)
    for n_threads in (2, 3, 7):
        more = lasso(X, D, 0.1, algorithm=algorithm, max_iter=20_000, n_jobs=n_threads)
        assert np.array_equal(one.codes, more.codes)
        assert np.array_equal(one.duality_gap, more.duality_gap)


def test_warm_start_changes_the_time_only(make, algorithm):
    X, D = make.gaussian(np.random.default_rng(5))
    cold = lasso(X, D, 0.05, algorithm=algorithm, max_iter=20_000)
    warm = lasso(X, D, 0.05, algorithm=algorithm, max_iter=20_000, code_init=cold.codes)
    assert warm.n_iter.sum() <= cold.n_iter.sum()
    np.testing.assert_allclose(warm.objective, cold.objective, rtol=1e-10)


def test_zero_duplicate_and_dependent_atoms(make, judge, algorithm):
    X, D = make.degenerate(np.random.default_rng(6))
    result = lasso(X, D, 0.1, tol=1e-4, algorithm=algorithm, max_iter=100_000)
    assert result.converged.all()
    assert judge.violation(X, D, result.codes, 0.1).max() <= 1.01e-5
    assert not result.codes[:, 3].any()
    assert not result.codes[0].any()


def test_a_code_that_did_not_arrive_says_so(make, judge, algorithm):
    X, D = make.gaussian(np.random.default_rng(7))
    best = lasso(X, D, 0.05).objective
    with pytest.warns(ConvergenceWarning, match="codes did not reach"):
        early = lasso(X, D, 0.05, max_iter=1, algorithm=algorithm)
    excess = judge.objective(X, D, early.codes, 0.05) - best
    assert (early.duality_gap >= excess - 1e-14).all()
    violation = judge.violation(X, D, early.codes, 0.05)
    np.testing.assert_allclose(early.kkt_violation, violation, atol=1e-13)


@pytest.mark.filterwarnings("ignore::sparsetransfer.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("max_iter", [1, 1000])
@pytest.mark.parametrize("positive", [False, True])
def test_weights_of_one_change_no_bit(problem, algorithm, max_iter, positive):
    X, D = problem
    options = {"positive_code": positive, "max_iter": max_iter, "algorithm": algorithm}
    plain = lasso(X, D, 0.05, **options)
    weighted = lasso(X, D, 0.05, weights=np.ones(len(D)), **options)
    for name in ("codes", "duality_gap", "kkt_violation", "objective", "n_iter"):
        assert np.array_equal(getattr(plain, name), getattr(weighted, name)), name


def test_unknown_algorithm(make):
    X, D = make.gaussian(np.random.default_rng(8))
    with pytest.raises(ValueError, match="algorithm must be one of"):
        lasso(X, D, 0.1, algorithm="magic")
