"""Certificates are those of what is returned: recomputed in extended precision on hard problems.

`SPARSETRANSFER_CERTIFICATES` sets the number of codes that are checked, 6,000 by default.
"""

import os
import warnings
from functools import partial
from typing import get_args

import numpy as np
import pytest

from sparsetransfer.exceptions import ConvergenceWarning
from sparsetransfer.sparse_coding import lasso, lasso_gram, lasso_path, omp, omp_gram
from sparsetransfer.sparse_coding.functional import LassoAlgorithm

CODES = int(os.environ.get("SPARSETRANSFER_CERTIFICATES", "6000"))
KINDS = ("plain", "unit", "nearly equal", "duplicated", "offset", "badly scaled")
DTYPES = (np.float64, np.float32)
ALGORITHMS = get_args(LassoAlgorithm)
TOLERANCES = {np.float64: 1e-9, np.float32: 8e-5}  # by default
LONG = np.longdouble


def draw_problem(kind, rng, dtype):
    n_samples, n_features, n_components = 12, rng.integers(2, 40), rng.integers(2, 60)
    X = rng.standard_normal((n_samples, n_features))
    D = rng.standard_normal((n_components, n_features))
    if kind == "unit":
        D /= np.linalg.norm(D, axis=1, keepdims=True)
        X /= np.linalg.norm(X, axis=1, keepdims=True)
    elif kind == "nearly equal":
        D = D[:1] + 10.0 ** rng.uniform(-6, -1) * D
    elif kind == "duplicated":
        D = D[rng.integers(0, (n_components + 1) // 2, n_components)]
    elif kind == "offset":
        offset = 10.0 ** rng.uniform(0, 3)
        X, D = X + offset, D + offset
    elif kind == "badly scaled":
        D *= 10.0 ** rng.uniform(-6, 6, (n_components, 1))
    return np.ascontiguousarray(X, dtype), np.ascontiguousarray(D, dtype)


def quietly(code, *args, **options):
    """The codes, and one warning if and only if some of them did not converge."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = code(*args, **options)
    assert [one.category for one in caught] == [ConvergenceWarning] * (not result.converged.all())
    return result


def check(reported, true, floor):
    """Hold what is reported to what is true, but for the rounding of double precision."""
    assert np.isfinite(reported).all()
    assert (np.abs(reported - true) <= 0.01 * np.abs(true) + floor).all()


def check_converged(converged, true, tolerance, floor):
    assert (true[converged] <= (1.01 * tolerance + floor)[converged]).all()
    assert (true[~converged] >= (0.99 * tolerance - floor)[~converged]).all()


def gap_and_objective(c, codes, residual, limits, *, positive):
    """The duality gap of the scaled residual, and the objective, in extended precision."""
    upward = np.maximum(c if positive else np.abs(c), 0)
    scale = 1 / np.maximum(1, (upward / limits).max(axis=1))
    penalty = (limits * np.abs(codes)).sum(axis=1)
    gap = (1 - scale) ** 2 * residual / 2 + penalty - scale * (c * codes).sum(axis=1)
    return np.maximum(gap, 0), residual / 2 + penalty, 1 - scale


def check_lasso(judge, rng, kind, dtype):
    X, D = draw_problem(kind, rng, dtype)
    wide = [array.astype(LONG) for array in (X, D)]
    ratio = 10.0 ** rng.choice([-0.3, -1, -2, -3, -5, -7])
    alpha = ratio * float(np.abs(wide[0] @ wide[1].T).max())
    options = {
        "algorithm": str(rng.choice(ALGORITHMS)),
        "positive_code": bool(rng.integers(2)),
        "l2": rng.choice([0.0, 0.1]) * float((wide[1] ** 2).sum(axis=1).max()),
        "tol": rng.choice([None, None, 1e-2, 1e-8]),
        "max_iter": int(rng.choice([5, 300])),
    }
    weights = rng.uniform(0.5, 2, len(D)) if rng.integers(3) == 0 else np.ones(len(D))
    form = rng.choice(["signals", "masked", "gram"])
    if form == "gram":
        gram, cov, norms = D @ D.T, X @ D.T, (X.astype(float) ** 2).sum(axis=1)
        gram = (gram + gram.T) / 2
        found = quietly(
            lasso_gram, gram, cov, alpha, squared_norms=norms, weights=weights, **options
        )
    elif form == "masked":
        mask = np.repeat(rng.integers(0, 4, (2, X.shape[1])) > 0, 6, axis=0)
        found = quietly(lasso, X, D, alpha, mask=mask, weights=weights, **options)
        wide[0] = np.where(mask, wide[0], 0)
    else:
        found = quietly(lasso, X, D, alpha, weights=weights, **options)
    codes = found.codes.astype(LONG)
    assert found.codes.dtype == dtype
    ridge = LONG(options["l2"])
    if form == "gram":
        c = cov - codes @ gram.astype(LONG) - ridge * codes
        residual = norms - ((cov + c) * codes).sum(axis=1)
    else:
        rest = wide[0] - codes @ wide[1]
        if form == "masked":
            rest = np.where(mask, rest, 0)
        c = rest @ wide[1].T - ridge * codes
        residual = (rest**2).sum(axis=1) + ridge * (codes**2).sum(axis=1)
    limits = LONG(alpha) * weights
    violation = judge.violation_at(c, codes, limits, positive=options["positive_code"])
    size = np.abs(codes).sum(axis=1)
    floor = judge.rounding(X, D, codes) + 16 * np.finfo(float).eps * ridge * size
    check(found.kkt_violation, violation, floor)
    tol = TOLERANCES[dtype] if options["tol"] is None else options["tol"]
    strict = floor if dtype == np.float64 else 1e-6 * tol * limits.max() + 0 * floor
    check_converged(found.converged, violation, tol * limits.max(), strict)
    gap, objective, slack = gap_and_objective(
        c, codes, residual, limits, positive=options["positive_code"]
    )
    eps = np.finfo(float).eps
    floor_of_value = floor * size + 8 * eps * (X.astype(float) ** 2).sum(axis=1)
    check(found.objective, objective, floor_of_value)
    # A rounded Gram matrix may be indefinite: a residual with a negative square bounds nothing.
    sound = residual >= 0
    lost = np.minimum(floor / limits.min(), 1)  # of the scale of the dual point
    floor_of_gap = floor * size + slack * floor_of_value + residual * lost * (lost + slack)
    floor_of_gap += (
        16 * eps * (np.abs(objective) * (slack > 0) + (limits * np.abs(codes)).sum(axis=1))
    )
    check(found.duality_gap[sound], gap[sound], floor_of_gap[sound])
    return len(X)


def check_pursuit(judge, rng, kind, dtype):
    X, D = draw_problem(kind, rng, dtype)
    wide = [array.astype(LONG) for array in (X, D)]
    norms = (wide[0] ** 2).sum(axis=1)
    options = {"rule": str(rng.choice(["omp", "ols"])), "positive_code": bool(rng.integers(2))}
    tol = rng.choice([0.5, 1e-2, 1e-6]) * float(norms.mean()) if rng.integers(2) else None
    count = min(int(rng.integers(1, 8)), len(D)) if tol is None else len(D)
    if rng.integers(2):
        found = quietly(omp, X, D, count, tol=tol, **options)
        codes = found.codes.astype(LONG)
        rest = wide[0] - codes @ wide[1]
        residual, c = (rest**2).sum(axis=1), rest @ wide[1].T
    else:
        gram, cov = D @ D.T, X @ D.T
        gram = (gram + gram.T) / 2
        found = quietly(omp_gram, gram, cov, norms.astype(float), count, tol=tol, **options)
        codes = found.codes.astype(LONG)
        c = cov - codes @ gram.astype(LONG)
        residual = norms.astype(float) - ((cov + c) * codes).sum(axis=1)
    floor = judge.rounding(X, D, codes)
    violation = np.where(codes != 0, np.abs(c), 0).max(axis=1)
    floor_of_value = floor * np.abs(codes).sum(axis=1) + 64 * np.finfo(float).eps * norms
    check(found.kkt_violation, violation, floor)
    check(2 * found.objective, np.maximum(residual, 0), floor_of_value)
    if tol is not None:
        check_converged(found.converged, residual, tol, floor_of_value)
    return len(X)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", KINDS)
def test_certificates_are_those_of_the_returned_codes(judge, kind, dtype):
    rng = np.random.default_rng([KINDS.index(kind), DTYPES.index(dtype)])
    left = CODES // (len(KINDS) * len(DTYPES))
    while left > 0:
        left -= check_lasso(judge, rng, kind, dtype)
        if rng.integers(4) == 0:
            left -= check_pursuit(judge, rng, kind, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("positive", [False, True])
def test_paths_are_certified_at_every_knot(judge, dtype, positive):
    for seed in range(40):
        rng = np.random.default_rng(seed)
        X, D = draw_problem(KINDS[seed % len(KINDS)], rng, dtype)
        least = 1e-3 * float(np.abs(X.astype(float) @ D.T.astype(float)).max())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            paths = lasso_path(X, D, least, positive_code=positive)
        for x, path in zip(X, paths, strict=True):
            codes = path.codes.toarray().astype(LONG)
            signals = np.repeat(x[None], len(codes), axis=0)
            c = judge.gradient(signals, D, codes)
            violation = judge.violation_at(c, codes, path.alphas[:, None], positive=positive)
            floor = judge.rounding(signals, D, codes)
            assert (path.kkt_violation >= 0.99 * violation - floor).all()
            if path.converged:
                assert (violation <= 1.01e-9 * path.alphas + 8 * floor).all()


CODERS = {
    **{name: partial(lasso, alpha=0.1, algorithm=name) for name in ALGORITHMS},
    "omp": partial(omp, n_nonzero_coefs=3),
    "ols": partial(omp, n_nonzero_coefs=3, rule="ols"),
    "path": partial(lasso_path, alpha_min=0.1),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("coder", CODERS)
@pytest.mark.parametrize("part", ["dictionary", "signals"])
def test_overflow_is_an_error_that_names_the_remedy(dtype, coder, part):
    if coder == "path":
        dtype = np.float64  # whatever the signals are
    large = 1e200 if dtype == np.float64 else 1e25
    rng = np.random.default_rng(0)
    D, X = rng.normal(size=(20, 10)), rng.normal(size=(5, 10))
    if part == "dictionary":
        D[3] *= large
    else:
        D, X = large**0.6 * D, large**1.2 * X
    with pytest.raises(ArithmeticError, match=f"overflow.*: divide the {part} by"):
        CODERS[coder](X.astype(dtype), D.astype(dtype))


def test_finite_codes_come_with_finite_certificates_at_any_scale():
    """Just below an overflow everything is finite; above it there is an error."""
    rng = np.random.default_rng(1)
    outcomes = set()
    for exponent in range(-300, 301, 20):
        for algorithm in ALGORITHMS:
            D = rng.normal(size=(12, 6)) * 10.0 ** rng.integers(-2, 3)
            X = rng.normal(size=(4, 6)) * 10.0**exponent
            D[0] *= 10.0 ** (rng.integers(-300, 300) if rng.integers(2) else 0)
            try:
                found = quietly(lasso, X, D, 1e-2 * 10.0 ** min(exponent, 300), algorithm=algorithm)
            except ArithmeticError:
                outcomes.add("refused")
                continue
            assert np.isfinite(found.codes).all()
            assert np.isfinite(found.kkt_violation).all()
            assert np.isfinite(found.objective).all()
            outcomes.add("coded")
    assert outcomes == {"refused", "coded"}
