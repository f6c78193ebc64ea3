"""Inputs that over- or underflow: an error by name or a true certificate, at every scale."""

import warnings

import numpy as np
import pytest

from sparsetransfer import _core
from sparsetransfer.dictionary import learn_dictionary
from sparsetransfer.exceptions import ConvergenceWarning
from sparsetransfer.transfer import (
    AKTLR,
    JDAR,
    TDLR,
    TSDSL,
    DoSL,
    ImplicitDistributionAlignment,
    TRaSL,
    kernel_encode,
    kernel_learn,
    sparse_regression,
    transfer_encode,
    transfer_learn,
)

SCALES = (1e-300, 1e-150, 1e75, 1e140, 1e152, 1e160, 1e300)
DOMAINS = np.where(np.arange(12) % 2, 1, -1)
LABELS = np.arange(12) // 2 % 3
GROUPS = np.arange(5) // 2

ROWS = {
    "entries": lambda X, y: sparse_regression(X, y, l1=1.0),
    "features": lambda X, y: sparse_regression(X, y, l21=1.0),
    "groups": lambda X, y: sparse_regression(X, y, group=1.0, l1=1.0, groups=GROUPS),
    "ridge": lambda X, y: sparse_regression(X, y, ridge=1.0),
    "kernel": lambda X, y: kernel_encode(X, np.eye(5), DOMAINS, max_iter=20),
    "kernel atoms": lambda X, y: kernel_encode(np.eye(12, 5), X, DOMAINS, max_iter=20),
    "kernel learn": lambda X, y: kernel_learn(X, np.eye(5), DOMAINS, max_iter=2, code_iter=3),
    "codes": lambda X, y: transfer_encode(X, np.eye(5), DOMAINS, max_iter=20),
    "atoms": lambda X, y: transfer_encode(np.eye(12, 5), X, DOMAINS, max_iter=20),
    "learn": lambda X, y: transfer_learn(X, np.eye(5), DOMAINS, max_iter=2),
    "dictionary": lambda X, y: learn_dictionary(X, 4, alpha=1.0, max_iter=2, rng=0),
    "masked": lambda X, y: learn_dictionary(X, 4, alpha=1.0, max_iter=2, rng=0, mask=X.max() > X),
}
MODELS = (
    AKTLR(conditional=1.0),
    JDAR(),
    TRaSL(laplacian=0.1),
    DoSL(),
    TDLR(max_iter=2),
    TSDSL(),
    ImplicitDistributionAlignment(),
)


def check_finite(found):
    for name in dir(found):
        skipped = name.startswith(("__", "stationarity_violation"))  # the former name warns
        value = None if skipped else getattr(found, name, None)
        if isinstance(value, float | np.ndarray) and np.asarray(value).dtype.kind == "f":
            assert np.isfinite(value).all(), name


def solved_or_refused(call):
    """Whether there is an answer, which must be finite; everything else is an overflow, named."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        try:
            found = call()
        except _core.NumericalError:
            return False
    check_finite(found)
    return True


@pytest.mark.parametrize("which", ["all", "column", "row"])
@pytest.mark.parametrize("solver", ROWS)
def test_solvers(solver, which):
    rng = np.random.default_rng(0)
    outcomes = []
    for scale in SCALES:
        X = rng.normal(size=(12, 5))
        if which == "all":
            X *= scale
        elif which == "column":
            X[:, 2] *= scale
        else:
            X[3] *= scale
        for dtype in (np.float64, np.float32):
            if dtype == np.float32:
                X = np.clip(X, -1e38, 1e38)
            Y = rng.normal(size=(12, 2))
            found = solved_or_refused(lambda: ROWS[solver](X.astype(dtype), Y.astype(dtype)))  # noqa: B023
            outcomes.append(found)
    assert True in outcomes
    assert False in outcomes


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_regression_to_labels(model):
    rng = np.random.default_rng(0)
    for scale in SCALES:
        X = rng.normal(size=(12, 5))
        X[:, 2] *= scale
        found = solved_or_refused(lambda: model.fit(X, LABELS, sample_domain=DOMAINS))  # noqa: B023
        assert found or scale > 1e100
    with pytest.raises(ValueError, match="X must have entries whose squares do not underflow"):
        model.fit(1e-160 * rng.normal(size=(12, 5)), LABELS, sample_domain=DOMAINS)


@pytest.mark.parametrize("groups", [None, [0, 0, 1]])
@pytest.mark.parametrize("scale", [1e80, 1e100, 1e150])
def test_coefficients_whose_squares_underflow_are_not_zero(scale, groups):
    X = scale * np.eye(3)
    Y = np.array([[1.0, 2.0], [3.0, 1.0], [0.5, 1.0]]) / scale
    if groups is None:
        fit = sparse_regression(X, Y, l21=0.1)
    else:
        fit = sparse_regression(X, Y, group=0.1, groups=groups)
    assert fit.coef.all()
    W = fit.coef.astype(np.longdouble)
    gradient = (W @ X.T - Y.T) @ X
    for number in range(3 if groups is None else 2):
        inside = np.arange(3) == number if groups is None else np.equal(groups, number)
        strength = 0.1 * np.sqrt(inside.sum())
        block = W[:, inside]
        off = abs(gradient[:, inside] + strength * block / np.sqrt((block**2).sum()))
        assert off.max() <= fit.kkt_violation + 1e-14 <= 1e-6


@pytest.mark.parametrize("newton_from", [0.0, 1.0, np.inf])
def test_an_infinite_violation_at_the_start_does_not_hold_up_the_regression(newton_from):
    # Half of an infinite violation is infinite, which once counted as progress for ever.
    coefficients = np.full((2, 3), 0.01)
    report = _core.transfer_regression(
        np.eye(3),
        np.ones((2, 3)),
        1.0,
        _core.NestedPenalty(
            element=0.1, row=0.1, groups=np.zeros(3, np.int32), strengths=np.array([1.7e308])
        ),
        tolerance=1e-6,
        max_iterations=30,
        newton_from=newton_from,
        coefficients=coefficients,
        num_threads=1,
    )
    # The penalty leaves nothing of any coefficient.
    np.testing.assert_array_equal(coefficients, 0)
    assert report.kkt_violation == 0
