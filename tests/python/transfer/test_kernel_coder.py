"""The estimator under the Gaussian MMD: certificates, the witness, and the contract."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.utils.estimator_checks import parametrize_with_checks

from sparsetransfer import mmd
from sparsetransfer.exceptions import ConvergenceWarning, DomainError, DomainWarning
from sparsetransfer.transfer import KernelTransferSparseCoding, kernel_encode, transfer_learn

# One domain is what generic checks give.
pytestmark = pytest.mark.filterwarnings(
    "ignore::sparsetransfer.exceptions.DomainWarning",
)


@parametrize_with_checks(
    [
        KernelTransferSparseCoding(1, alpha=0.1, random_state=0),
        KernelTransferSparseCoding(1, alpha=0.1, mmd=0.0, random_state=0),
    ]
)
def test_scikit_learn_contract(estimator, check):
    check(estimator)


@pytest.fixture
def problem():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(70, 8))
    X[40:] = 1.5 * X[40:] + 0.8 * rng.normal(size=8)
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    return X, np.repeat([1, -1], [40, 30])


def coder(**changes):
    settings = {"n_components": 12, "alpha": 0.05, "random_state": 0}
    return KernelTransferSparseCoding(**(settings | changes))


@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_codes_are_stationary_and_the_history_falls(problem, positive, dtype):
    X, domain = problem
    fitted = coder(positive_code=positive).fit(X.astype(dtype), sample_domain=domain)
    assert fitted.converged_
    assert fitted.codes_.dtype == fitted.components_.dtype == dtype
    assert np.all(np.diff(fitted.history_) <= 1e-9 * fitted.history_[0])
    again = kernel_encode(
        X.astype(dtype),
        fitted.components_,
        domain,
        alpha=0.05,
        mmd=60.0,
        bandwidths=fitted.bandwidths_,
        positive_code=positive,
        code_init=fitted.codes_,
        max_iter=0,
        tol=1.0,
    )
    assert again.kkt_violation <= 1e-3 * 0.05 * (1 + 1e-6)
    assert_allclose(again.objective, fitted.objective_, rtol=1e-6)
    term = mmd.gaussian(
        fitted.codes_[:40].astype(float),
        fitted.codes_[40:].astype(float),
        bandwidths=list(fitted.bandwidths_),
    )
    assert_allclose(fitted.discrepancy_, term.value, rtol=1e-5)


def test_the_pull_draws_the_distributions_together(problem):
    X, domain = problem
    width = 0.5
    free = coder(mmd=0.0, bandwidths=width).fit(X, sample_domain=domain)
    pulled = coder(mmd=60.0, bandwidths=width).fit(X, sample_domain=domain)
    assert pulled.discrepancy_ < 0.2 * free.discrepancy_


def test_fitted_samples_keep_their_codes(problem):
    X, domain = problem
    # With few atoms and a wide kernel there is one stationary point, and it is found again.
    fitted = coder(n_components=6, mmd=20.0, bandwidths=1.0, tol=1e-6, code_iter=100)
    fitted.fit(X, sample_domain=domain)
    codes = fitted.transform(X, sample_domain=domain)
    assert_allclose(codes, fitted.codes_, atol=1e-5)
    assert_array_equal(fitted.transform(X[40:]), fitted.transform(X[40:], sample_domain=[-1] * 30))


def test_new_codes_are_stationary_for_the_witness_function(problem):
    X, domain = problem
    fitted = coder(tol=1e-5, code_iter=400).fit(X, sample_domain=domain)
    new = np.random.default_rng(5).normal(size=(9, 8))
    new /= np.linalg.norm(new, axis=1, keepdims=True)
    sides = np.where(np.arange(9) % 2, 1, -1)
    codes = fitted.transform(new, sample_domain=sides)
    n_source, n_target = 40, 30
    strength = 60.0 / (1 / n_source + 1 / n_target)

    def smooth(s, row):
        witness = mmd.witness(
            s[None], fitted.codes_[:40], fitted.codes_[40:], bandwidths=list(fitted.bandwidths_)
        )[0]
        share = strength / n_source if sides[row] > 0 else -strength / n_target
        return 0.5 * np.sum((new[row] - s @ fitted.components_) ** 2) + share * witness

    h = 1e-6
    for row, code in enumerate(codes):
        gradient = np.array(
            [(smooth(code + h * e, row) - smooth(code - h * e, row)) / (2 * h) for e in np.eye(12)]
        )
        violation = np.where(
            code != 0, np.abs(gradient + 0.05 * np.sign(code)), np.maximum(abs(gradient) - 0.05, 0)
        )
        assert violation.max() <= 1e-5 * 0.05 + 1e-7
    alone = np.vstack([fitted.transform(new[[i]], sample_domain=sides[[i]]) for i in range(9)])
    assert_allclose(alone, codes, atol=1e-7)


def test_one_domain_is_plain_dictionary_learning(problem):
    X, _ = problem
    with pytest.warns(DomainWarning, match="one domain"):
        fitted = coder().fit(X)
    assert fitted.bandwidths_ == ()
    assert fitted.discrepancy_ == 0
    start = coder(mmd=0.0).fit(X)
    assert_array_equal(start.codes_, fitted.codes_)
    twin = transfer_learn(X, fitted.components_, alpha=0.05, mmd=0.0, max_iter=0, kkt_tol=1e-3)
    assert_allclose(twin.codes.objective, fitted.objective_, rtol=1e-4)
    assert_allclose(fitted.transform(X), fitted.codes_, atol=1e-3)


def test_masked_labels_tell_the_domains(problem):
    X, domain = problem
    labels = np.where(domain > 0, 3, -1)
    one, two = coder().fit(X, labels), coder().fit(X, sample_domain=domain)
    assert_array_equal(one.codes_, two.codes_)


def test_nothing_but_zero_codes(problem):
    X, domain = problem
    with pytest.warns(ConvergenceWarning, match="all codes are zero: alpha=10 outweighs") as caught:
        fitted = coder(alpha=10.0).fit(X, sample_domain=domain)
    assert len(caught) == 1
    assert not fitted.codes_.any()
    assert not fitted.transform(X).any()


def test_bad_arguments(problem):
    X, domain = problem
    with pytest.raises(
        ValueError, match="bandwidths must be numbers, 'median', 'mean' or 'quantiles'"
    ):
        coder(bandwidths="wide").fit(X, sample_domain=domain)
    with pytest.raises(DomainError):
        coder().fit(X, sample_domain=np.ones(70, int))
    fitted = coder().fit(X, sample_domain=domain)
    with pytest.raises(DomainError, match="positive"):
        fitted.transform(X, sample_domain=np.zeros(70, int))
    with pytest.raises(ValueError, match="shape"):
        fitted.transform(X, sample_domain=[1])
    hurried = coder(mmd=600.0, tol=1e-9, code_iter=1)
    with pytest.warns(ConvergenceWarning, match="stationarity violation"):
        hurried.fit(X, sample_domain=domain)
