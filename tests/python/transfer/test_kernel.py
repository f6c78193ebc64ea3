"""Codes under the Gaussian MMD: the gradient, descent, and an honest certificate."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sparsetransfer import mmd
from sparsetransfer.exceptions import ConvergenceWarning, DomainError
from sparsetransfer.transfer import kernel_encode, kernel_learn, transfer_encode
from sparsetransfer.transfer.kernel import alternation


def problem(n_source=30, n_target=20, d=8, k=10, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_source + n_target, d))
    X[n_source:] = 1.5 * X[n_source:] + 0.8 * rng.normal(size=d)
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    D = rng.normal(size=(k, d))
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    return X, D, np.repeat([1, -1], [n_source, n_target])


def smooth(S, X, D, domains, strength, sigmas):
    """The definition, kernel entry by kernel entry."""
    m = np.where(domains > 0, 1 / (domains > 0).sum(), -1 / (domains < 0).sum())
    distances = np.sum((S[:, None] - S[None]) ** 2, axis=2)
    K = np.mean([np.exp(-distances / (2 * s**2)) for s in sigmas], axis=0)
    return 0.5 * np.sum((X - S @ D) ** 2) + 0.5 * strength / (m @ m) * (m @ K @ m)


@pytest.mark.parametrize("sigmas", [[0.5], [0.25, 0.5, 1.0]])
def test_certificate_against_finite_differences(sigmas):
    X, D, domains = problem()
    result = kernel_encode(X, D, domains, alpha=0.05, mmd=20.0, bandwidths=sigmas, tol=1e-5)
    assert result.converged
    S = result.codes
    value = smooth(S, X, D, domains, 20.0, sigmas) + 0.05 * np.abs(S).sum()
    assert_allclose(result.objective, value, rtol=1e-10)
    gradient = np.zeros_like(S)
    h = 1e-5
    for index in np.ndindex(*S.shape):
        step = np.zeros_like(S)
        step[index] = h
        gradient[index] = (
            smooth(S + step, X, D, domains, 20.0, sigmas)
            - smooth(S - step, X, D, domains, 20.0, sigmas)
        ) / (2 * h)
    violation = np.where(
        S != 0, np.abs(gradient + 0.05 * np.sign(S)), np.maximum(np.abs(gradient) - 0.05, 0)
    ).max()
    assert violation <= 1e-5 * 0.05 + 1e-8
    assert_allclose(result.kkt_violation, violation, atol=1e-8)


@pytest.mark.parametrize("positive", [False, True])
def test_descent_is_monotone_and_lowers_the_discrepancy(positive):
    X, D, domains = problem()
    options = {"alpha": 0.05, "bandwidths": 0.4, "positive_code": positive, "max_iter": 20_000}
    free = kernel_encode(X, D, domains, mmd=0.0, **options)
    pulled = kernel_encode(X, D, domains, mmd=200.0, **options)
    for result in (free, pulled):
        assert result.converged
        assert (np.diff(result.history) <= 0).all()
        assert len(result.history) == result.n_iter + 1
    assert pulled.discrepancy < 0.5 * free.discrepancy
    S = pulled.codes
    exact = mmd.gaussian(S[domains > 0], S[domains < 0], bandwidths=0.4).value
    assert_allclose(pulled.discrepancy, exact, rtol=1e-9)
    if positive:
        assert (S >= 0).all()


def test_without_the_term_it_is_the_convex_problem():
    X, D, domains = problem()
    convex = transfer_encode(X, D, domains, alpha=0.05, mmd=0.0, l2=0.05)
    result = kernel_encode(X, D, domains, alpha=0.05, mmd=0.0, l2=0.05, tol=1e-7)
    assert_allclose(result.codes, convex.codes, atol=1e-6)


def test_a_wide_kernel_is_the_linear_one():
    X, D, domains = problem()
    sigma = 20.0
    linear = transfer_encode(X, D, domains, alpha=0.05, mmd=5.0, l2=0.05)
    # MMD^2 tends to |difference of means|^2 / sigma^2.
    result = kernel_encode(
        X, D, domains, alpha=0.05, mmd=5.0 * sigma**2, bandwidths=sigma, l2=0.05, tol=1e-3
    )
    assert_allclose(result.codes, linear.codes, atol=0.01)


def test_learning_is_monotone_and_certified():
    X, D, domains = problem()
    result = kernel_learn(X, D, domains, alpha=0.05, mmd=20.0, bandwidths=0.5)
    assert (np.diff(result.history) <= 1e-10 * result.history[0]).all()
    assert result.codes.objective <= result.history[-1] * (1 + 1e-12)
    assert result.codes.converged
    assert (np.linalg.norm(result.components, axis=1) <= 1 + 1e-12).all()


def test_float32_and_early_stops():
    X, D, domains = problem()
    single = kernel_encode(
        X.astype(np.float32), D.astype(np.float32), domains, alpha=0.05, bandwidths=0.5, tol=1e-2
    )
    assert single.codes.dtype == np.float32
    with pytest.warns(ConvergenceWarning, match="stationarity violation"):
        rough = kernel_encode(X, D, domains, alpha=0.05, max_iter=2)
    assert rough.n_iter == 2
    assert not rough.converged


def test_bad_arguments_are_named():
    X, D, domains = problem()
    with pytest.raises(ValueError, match="bandwidths must be positive"):
        kernel_encode(X, D, domains, bandwidths=0.0)
    with pytest.raises(DomainError, match="no target sample"):
        kernel_encode(X, D, np.ones(50, int))
    with pytest.raises(ValueError, match="alpha must be greater than 0"):
        kernel_learn(X, D, domains, alpha=0.0)


def test_an_alternation_that_stops_early_warns_once():
    X, D, domains = problem()
    options = {"alpha": 0.05, "mmd": 20.0, "bandwidths": 0.5}
    with pytest.warns(ConvergenceWarning) as caught:
        early = kernel_learn(X, D, domains, max_iter=4, **options)
    (message,) = [str(one.message) for one in caught]
    assert not early.converged
    assert early.codes.converged
    fall = (early.history[0] - early.history[3]) / 3 / early.history[3]
    assert message.startswith("the alternation stopped after 4 iterations")
    assert f"{fall:.2g} of itself per iteration" in message
    with pytest.warns(ConvergenceWarning) as caught:
        kernel_learn(X, D, domains, max_iter=2, code_iter=1, tol=1e-14, **options)
    (message,) = [str(one.message) for one in caught]
    assert "stationarity violation" in message
    assert "the alternation stopped after 2 iterations" in message
    settled = kernel_learn(X, D, domains, **options)
    assert settled.converged
    last = settled.history[-11:]
    assert (last[0] - last[-1]) / (len(last) - 1) <= 1e-4 * last[-1]
    codes_only = kernel_learn(X, D, domains, max_iter=0, **options)
    assert len(codes_only.history) == 0


def test_an_extrapolated_alternation_gets_further_than_a_plain_one(monkeypatch):
    X, D, domains = problem()
    options = {"alpha": 0.05, "mmd": 20.0, "bandwidths": 0.5, "objective_tol": 0.0}

    def learned():
        with pytest.warns(ConvergenceWarning, match="the alternation stopped"):
            return kernel_learn(X, D, domains, max_iter=25, **options).history

    ours = learned()
    assert (np.diff(ours) < 0).all()
    monkeypatch.setattr(alternation, "_extrapolated", lambda now, last, factor: now)
    assert ours[-1] < learned()[-1]
