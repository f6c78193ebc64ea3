"""Starts change the time and not the answer, and a bad one costs little time."""

import numpy as np
import pytest

from sparsetransfer.sparse_coding import lasso, lasso_gram


def starts(X, D, codes):
    """Codes to start from: dense and useless, dense and close, signs wrong, too large, right."""
    rng = np.random.default_rng(0)
    noise = rng.standard_normal(codes.shape)
    ridge = np.linalg.solve(D @ D.T + 1e-3 * np.eye(len(D)), D @ X.T).T
    return {
        "noise": 0.01 * noise,
        "close": codes + 1e-9 * noise,
        "ridge": ridge,
        "negated": -codes,
        "huge": 1e6 * noise,
        "right": codes,
    }


@pytest.mark.parametrize("positive", [False, True])
def test_any_start_gives_the_certified_answer(problem, judge, positive):
    X, D = problem
    for alpha in (0.05, 0.005):
        cold = lasso(X, D, alpha, positive_code=positive)
        for name, init in starts(X, D, cold.codes).items():
            warm = lasso(X, D, alpha, positive_code=positive, code_init=init)
            assert warm.converged.all(), name
            assert judge.violation(X, D, warm.codes, alpha, positive=positive).max() <= 1e-10
            np.testing.assert_allclose(warm.objective, cold.objective, rtol=1e-9, atol=1e-12)


def test_any_start_with_a_ridge_and_weights(make, judge):
    X, D = make.spectral(np.random.default_rng(1), 40, 100, 200)
    rng = np.random.default_rng(2)
    options = {"l2": rng.uniform(0.0, 0.1, len(X)), "weights": rng.uniform(0.2, 3.0, len(D))}
    cold = lasso(X, D, 0.01, **options)
    for init in starts(X, D, cold.codes).values():
        warm = lasso(X, D, 0.01, code_init=init, **options)
        assert judge.violation(X, D, warm.codes, 0.01, **options).max() <= 1e-11
        inner = lasso_gram(D @ D.T, X @ D.T, 0.01, code_init=init, **options)
        assert judge.violation(X, D, inner.codes, 0.01, **options).max() <= 1e-11


def test_any_start_in_single_precision(make, judge):
    X, D = (a.astype(np.float32) for a in make.spectral(np.random.default_rng(3), 40, 48, 200))
    cold = lasso(X, D, 0.05)
    for name, init in starts(X, D, cold.codes).items():
        warm = lasso(X, D, 0.05, code_init=init)
        assert warm.converged.all(), name
        assert judge.violation(X, D, warm.codes, 0.05).max() <= 1e-4 * 0.05


def test_without_a_penalty(make, judge):
    X, D = make.gaussian(np.random.default_rng(4), 10, 60, 50)
    cold = lasso(X, D, 0.0)
    for init in starts(X, D, cold.codes).values():
        assert judge.violation(X, D, lasso(X, D, 0.0, code_init=init).codes, 0.0).max() <= 1e-9


def test_a_useless_start_costs_no_more_steps_than_none(make):
    X, D = make.spectral(np.random.default_rng(5), 40, 600, 900)
    cold = lasso(X, D, 0.01)
    # Factorising all atoms and dropping them again took one step for each of them.
    for name, init in starts(X, D, cold.codes).items():
        warm = lasso(X, D, 0.01, code_init=init)
        assert warm.n_iter.sum() <= 2 * cold.n_iter.sum(), name
