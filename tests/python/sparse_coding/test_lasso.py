"""The lasso coder against its optimality conditions, brute force and scikit-learn."""

import itertools
import signal
import threading
import time
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.decomposition import sparse_encode as reference

from sparsetransfer.exceptions import ConvergenceWarning
from sparsetransfer.sparse_coding import lasso, lasso_gram

ALPHAS = (0.3, 0.03, 0.003)


@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("positive", [False, True])
def test_codes_satisfy_the_optimality_conditions(problem, judge, alpha, positive):
    X, D = problem
    result = lasso(X, D, alpha, positive_code=positive)
    violation = judge.violation(X, D, result.codes, alpha, positive=positive)
    assert violation.max() <= 2e-9 * alpha
    assert result.converged.all()
    np.testing.assert_allclose(result.objective, judge.objective(X, D, result.codes, alpha))
    assert result.duality_gap.max() <= 1e-12
    assert result.duality_gap.min() >= 0


@pytest.mark.parametrize("alpha", ALPHAS)
def test_float32_codes_satisfy_the_optimality_conditions(problem, judge, alpha):
    X, D = (array.astype(np.float32) for array in problem)
    result = lasso(X, D, alpha)
    assert result.codes.dtype == np.float32
    violation = judge.violation(X, D, result.codes, alpha)
    assert violation.max() <= 1e-4 * alpha
    assert result.kkt_violation == pytest.approx(violation, abs=2e-5 * alpha)


@pytest.mark.parametrize("tol", [1e-2, 8e-5])
@pytest.mark.parametrize("size", [1.0, 1e12])
def test_float32_certificates_see_every_atom(make, judge, tol, size):
    """A gradient in float32 clears no atom that its rounding may hide behind the limit."""
    rng = np.random.default_rng(5)
    X, D = make.spectral(rng, 32, 96, 700)
    D *= rng.choice([0.1, 0.99, 1.0], (len(D), 1))
    X, D = (size * X).astype(np.float32), D.astype(np.float32)
    weights = rng.choice([0.0, 1.0, 1.1], len(D), p=[0.01, 0.9, 0.09])
    outside = []
    for alpha, options in (
        (3e-3, {}),
        (3e-4, {"positive_code": True}),
        (1e-3, {"weights": weights}),
        (1e-3, {"l2": 1e-3}),
    ):
        result = lasso(X, D, alpha * size, tol=tol, **options)
        codes = result.codes.astype(np.longdouble)
        limits = alpha * size * options.get("weights", 1.0)
        positive = "positive_code" in options
        c = judge.gradient(X, D, codes, options.get("l2", 0.0))
        seen = judge.violation_at(c, codes, limits, positive=positive)
        floor = judge.rounding(X, D, codes)
        assert (np.abs(result.kkt_violation - seen) <= 1e-6 * seen + floor).all()
        used = judge.violation_at(np.where(codes == 0, 0, c), codes, limits)
        outside.append(np.mean((used < seen) & (seen > 100 * floor)))
    assert tol < 1e-4 or max(outside) > 0.1  # it is an atom not in use that matters


@pytest.mark.parametrize("algorithm", ["active_set", "homotopy"])
@pytest.mark.parametrize("alpha", [3e-4, 1e-4, 3e-5])
def test_float32_codes_of_many_coherent_atoms(make, judge, algorithm, alpha):
    X, D = make.spectral(np.random.default_rng(7), 60, 96, 200)
    X, D = (array.astype(np.float32) for array in (X, D))
    wide = lasso(X.astype(float), D.astype(float), alpha)
    # Codes that are exact but for their own rounding violate the conditions: float32 codes have
    # to be chosen with care.
    nearest = judge.violation(X, D, wide.codes.astype(np.float32), alpha)
    assert nearest.max() > 2e-4 * alpha
    result = lasso(X, D, alpha, algorithm=algorithm)
    violation = judge.violation(X, D, result.codes, alpha)
    assert violation.max() <= 1e-4 * alpha
    assert result.converged.all()
    assert result.kkt_violation == pytest.approx(violation, abs=4e-5 * alpha)
    np.testing.assert_allclose(result.objective, wide.objective, rtol=1e-6)


def test_elastic_net_and_weights(problem, judge):
    X, D = problem
    rng = np.random.default_rng(1)
    l2 = rng.uniform(0.0, 0.5, len(X))
    weights = rng.uniform(0.2, 3.0, len(D))
    result = lasso(X, D, 0.02, l2=l2, weights=weights)
    violation = judge.violation(X, D, result.codes, 0.02, l2=l2, weights=weights)
    assert violation.max() <= 1e-10
    stacked = np.hstack([D, np.sqrt(l2[3]) * np.eye(len(D))])
    signal_3 = np.pad(X[3:4], ((0, 0), (0, len(D))))
    assert lasso(signal_3, stacked, 0.02, weights=weights).objective == pytest.approx(
        result.objective[3], rel=1e-10
    )


def test_duality_gap_bounds_the_distance_to_the_optimum(make, judge):
    X, D = make.gaussian(np.random.default_rng(2))
    best = judge.objective(X, D, lasso(X, D, 0.05).codes, 0.05)
    with pytest.warns(ConvergenceWarning, match="codes did not reach"):
        early = lasso(X, D, 0.05, max_iter=1)
    assert (~early.converged).any()
    excess = judge.objective(X, D, early.codes, 0.05) - best
    assert (early.duality_gap >= excess - 1e-14).all()
    assert excess.max() > 1e-4  # otherwise this test shows nothing


def brute_force(x, D, alpha):
    """The minimum over all supports and signs of the stationary points."""
    best = 0.5 * x @ x
    k = len(D)
    for size in range(1, min(k, D.shape[1]) + 1):
        for support in itertools.combinations(range(k), size):
            atoms = D[list(support)]
            for signs in itertools.product((-1.0, 1.0), repeat=size):
                code = np.linalg.solve(atoms @ atoms.T, atoms @ x - alpha * np.array(signs))
                if (code * signs > 0).all():
                    residual = x - code @ atoms
                    best = min(best, 0.5 * residual @ residual + alpha * np.abs(code).sum())
    return best


@pytest.mark.parametrize("seed", range(5))
def test_brute_force_finds_nothing_better(seed):
    rng = np.random.default_rng(seed)
    D = rng.standard_normal((5, 3))
    x = rng.standard_normal(3)
    assert lasso(x[None], D, 0.2).objective[0] == pytest.approx(brute_force(x, D, 0.2), rel=1e-10)


@pytest.mark.parametrize("positive", [False, True])
def test_agrees_with_scikit_learn(make, positive):
    X, D = make.gaussian(np.random.default_rng(3), n_features=30, n_components=50)
    expected = reference(X, D, algorithm="lasso_cd", alpha=0.1, max_iter=100_000, positive=positive)
    np.testing.assert_allclose(lasso(X, D, 0.1, positive_code=positive).codes, expected, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_threads_do_not_change_a_bit(make, dtype):
    X, D = (a.astype(dtype) for a in make.spectral(np.random.default_rng(4), n_samples=700))
    one = lasso(X, D, 0.01, n_jobs=1)
    for n_threads in (2, 3, 7):
        more = lasso(X, D, 0.01, n_jobs=n_threads)
        assert np.array_equal(one.codes, more.codes)
        assert np.array_equal(one.duality_gap, more.duality_gap)


def test_gram_form_gives_the_same_codes(problem, judge):
    X, D = problem
    direct = lasso(X, D, 0.02)
    gram = lasso_gram(D @ D.T, X @ D.T, 0.02, squared_norms=(X**2).sum(axis=1))
    np.testing.assert_allclose(gram.objective, direct.objective, rtol=1e-10, atol=1e-12)
    assert judge.violation(X, D, gram.codes, 0.02).max() <= 1e-10
    assert np.isnan(lasso_gram(D @ D.T, X @ D.T, 0.02).duality_gap).all()


def test_shifted_correlations_need_not_come_from_signals(make):
    _, D = make.gaussian(np.random.default_rng(5), n_features=80)
    gram = D @ D.T
    b = np.random.default_rng(6).standard_normal((20, len(D)))
    ridge = np.linspace(0.0, 2.0, 20)
    codes = lasso_gram(gram, b, 0.3, l2=ridge).codes
    gradient = b - codes @ gram - ridge[:, None] * codes
    on = np.abs(gradient - 0.3 * np.sign(codes))
    off = np.maximum(np.abs(gradient) - 0.3, 0)
    assert np.where(codes != 0, on, off).max() <= 1e-9


def test_warm_start_changes_the_time_only(problem):
    X, D = problem
    cold = lasso(X, D, 0.01)
    warm = lasso(X, D, 0.01, code_init=cold.codes)
    assert warm.n_iter.max() <= 1
    other = lasso(X, D, 0.01, code_init=np.random.default_rng(0).standard_normal(cold.codes.shape))
    np.testing.assert_allclose(other.objective, cold.objective, rtol=1e-10, atol=1e-13)


def test_large_penalty_gives_zero(problem):
    X, D = problem
    alpha = np.abs(X @ D.T).max()
    assert not lasso(X, D, alpha).codes.any()
    assert lasso(X, D, 0.99 * alpha).codes.any()


def test_no_penalty_gives_least_squares(make):
    X, D = make.gaussian(np.random.default_rng(7), n_features=60, n_components=20)
    expected = np.linalg.lstsq(D.T, X.T)[0].T
    np.testing.assert_allclose(lasso(X, D, 0.0).codes, expected, atol=1e-9)


def test_scaling_the_problem_scales_the_codes(make):
    X, D = make.gaussian(np.random.default_rng(8))
    codes = lasso(X, D, 0.05).codes
    np.testing.assert_allclose(lasso(1e6 * X, D, 5e4).codes, 1e6 * codes, rtol=1e-6, atol=1e-3)
    np.testing.assert_allclose(lasso(X, 1e3 * D, 50.0).codes, 1e-3 * codes, atol=1e-10)


def test_strided_and_integer_inputs(make):
    X, D = make.gaussian(np.random.default_rng(9))
    expected = lasso(X, D, 0.1).codes
    assert np.array_equal(lasso(np.asfortranarray(X), D[:, ::-1][:, ::-1], 0.1).codes, expected)
    assert lasso([[3, 0]], [[1, 0], [0, 1]], 1).codes.tolist() == [[2.0, 0.0]]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("name", ["X", "dictionary", "code_init", "weights", "l2"])
def test_refuses_what_is_not_finite(make, name, bad):
    X, D = make.gaussian(np.random.default_rng(10))
    arguments = {
        "X": X,
        "dictionary": D,
        "code_init": np.zeros((len(X), len(D))),
        "weights": np.ones(len(D)),
        "l2": np.ones(len(X)),
    }
    arguments[name] = arguments[name].copy()
    arguments[name].flat[-1] = bad
    with pytest.raises(ValueError, match=name):
        lasso(alpha=0.1, **arguments)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dictionary": np.eye(5)}, "dictionary must have 24 features"),
        ({"alpha": -1.0}, "alpha"),
        ({"alpha": np.nan}, "alpha"),
        ({"code_init": np.zeros((3, 60))}, "code_init must have shape"),
        ({"weights": np.ones(3)}, "weights must have 60 entries"),
        ({"l2": -1.0}, "l2"),
        ({"tol": -1.0}, "tol"),
        ({"max_iter": -1}, "max_iter"),
    ],
)
def test_refuses_what_does_not_fit(make, change, message):
    X, D = make.gaussian(np.random.default_rng(11))
    with pytest.raises(ValueError, match=message):
        lasso(**{"X": X, "dictionary": D, "alpha": 0.1} | change)


shapes = st.tuples(st.integers(1, 6), st.integers(1, 5), st.integers(1, 8))
floats = st.floats(-100, 100, width=32, allow_subnormal=False)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data(), shapes, st.sampled_from([np.float32, np.float64]), st.floats(0.01, 50))
def test_any_finite_problem_gets_a_certified_code(judge, data, shape, dtype, alpha):
    n_samples, n_features, n_components = shape
    X = data.draw(hnp.arrays(dtype, (n_samples, n_features), elements=floats))
    D = data.draw(hnp.arrays(dtype, (n_components, n_features), elements=floats))
    tol = 1e-2 if dtype == np.float32 else 1e-6
    check_certificate(judge, X, D, alpha, tol)


def check_certificate(judge, X, D, alpha, tol, *, positive=False):
    """Hold the reported violation to the true one; float32 may fail to reach `tol` if it says so."""
    with warnings.catch_warnings():
        if X.dtype == np.float32:
            warnings.simplefilter("ignore", ConvergenceWarning)
        result = lasso(X, D, alpha, tol=tol, positive_code=positive)
    violation = judge.violation(X, D, result.codes, alpha, positive=positive)
    rounding = judge.rounding(X, D, result.codes)
    assert (np.abs(violation - result.kkt_violation) <= 0.01 * violation + rounding).all()
    if X.dtype == np.float64:
        assert result.converged.all()
        assert (violation <= tol * alpha + rounding).all()
    else:
        assert (result.converged == (violation <= tol * alpha)).all()
        # What is left where that fails is the spacing of float32 numbers at the code.
        spacing = np.where(result.codes != 0, np.spacing(np.abs(result.codes)), 0).astype(float)
        grid = (spacing * (D.astype(float) ** 2).sum(axis=1)).max(axis=1)
        assert (violation <= np.maximum(tol * alpha, grid)).all()


def test_a_duplicate_beside_dependent_atoms_does_not_stall():
    # The exchange of the duplicates for each other went on for ever: it cost nothing.
    for dtype in (np.float32, np.float64):
        X = np.array([[0, 1]], dtype)
        D = np.array([[0, 19], [-6, 33], [-6, -6], [-6, -6]], dtype)
        result = lasso(X, D, 1.0, tol=1e-2)
        assert result.converged.all()
        without = lasso(X, D[:3], 1.0)
        assert float(result.objective[0]) == pytest.approx(float(without.objective[0]), rel=1e-4)


def dependent_problem(rng):
    """Small problems in which atoms depend on each other, exactly or nearly, in one of many ways."""
    n_samples, n_features, n_components = rng.integers(1, [7, 6, 12])
    kind = rng.integers(6)
    X = rng.standard_normal((n_samples, n_features))
    if kind == 0:  # few small integers: many ties
        X = rng.integers(-3, 4, (n_samples, n_features)).astype(float)
        D = rng.integers(-3, 4, (n_components, n_features)).astype(float)
    elif kind == 1:  # duplicates
        X = rng.integers(-100, 100, (n_samples, n_features)).astype(float)
        D = rng.integers(-100, 100, (n_components, n_features)).astype(float)
        D[rng.integers(0, n_components, n_components)] = D[rng.integers(n_components)]
    elif kind == 2:  # low rank
        basis = rng.standard_normal((max(1, n_features // 2), n_features))
        D = rng.standard_normal((n_components, len(basis))) @ basis
    elif kind == 3:  # almost parallel
        D = rng.standard_normal((1, n_features)) + 10.0 ** -rng.integers(1, 14) * (
            rng.standard_normal((n_components, n_features))
        )
    elif kind == 4:  # norms over eleven decades
        D = rng.standard_normal((n_components, n_features))
        D *= 10.0 ** rng.integers(-8, 3, (n_components, 1))
    else:  # a smooth family with duplicates, opposites and zeros
        X = rng.standard_normal((n_samples, 12))
        D = np.sin(np.outer(rng.uniform(0, 3, 40), np.linspace(0, 3, 12)))
        D[1], D[2], D[3] = D[0], -D[0], 0
    return X, D


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("positive", [False, True])
def test_dependent_atoms_do_not_stall(judge, dtype, positive):
    for seed in range(400):
        rng = np.random.default_rng(seed)
        X, D = (array.astype(dtype) for array in dependent_problem(rng))
        alpha = 10 ** rng.uniform(-3, 1.5)
        tol = 8e-5 if dtype == np.float32 else 1e-9
        check_certificate(judge, X, D, alpha, tol, positive=positive)


def test_interrupt_ends_a_long_call():
    rng = np.random.default_rng(12)
    D = rng.standard_normal((400, 200))
    X = rng.standard_normal((20_000, 200))
    sent = []

    def interrupt():
        sent.append(time.perf_counter())
        signal.raise_signal(signal.SIGINT)

    timer = threading.Timer(0.3, interrupt)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        lasso(X, D, 0.5, n_jobs=1)
    # One block of signals and one poll interval; generous for busy machines.
    assert time.perf_counter() - sent[0] < 1.0
