"""Certificates are those of what is returned: recomputed in extended precision on hard problems.

`SPARSETRANSFER_CERTIFICATES` sets the number of problems of a cheap family, 5,000 by default.
"""

import os
import warnings

import numpy as np
import pytest
from sklearn.base import clone

from sparsetransfer.exceptions import ConvergenceWarning
from sparsetransfer.graph import knn_graph, laplacian
from sparsetransfer.transfer import (
    TDLR,
    TSDSL,
    DoSL,
    ImplicitDistributionAlignment,
    Optimisation,
    Regularisation,
    TransferSparseCoding,
    sparse_regression,
    transfer_encode,
    transfer_learn,
)

TIMES = max(int(os.environ.get("SPARSETRANSFER_CERTIFICATES", "5000")) // 5000, 1)
DTYPES = (np.float64, np.float32)
LONG = np.longdouble


def regression_objective(X, Y, W, *, l1=0.0, l21=0.0, group=0.0, groups=None):
    value = ((Y - X @ W.T) ** 2).sum() / 2 + l1 * abs(W).sum()
    value += l21 * np.sqrt((W**2).sum(axis=0)).sum()
    for name in np.unique(groups) if group else ():
        inside = np.asarray(groups) == name
        value += group * np.sqrt(LONG(inside.sum())) * np.sqrt((W[:, inside] ** 2).sum())
    return value


@pytest.mark.parametrize("dtype", DTYPES)
def test_sparse_regression(judge, kind, dtype):
    rng = np.random.default_rng(judge.kinds.index(kind))
    for trial in range(300 * TIMES):
        n, d, c = rng.integers(2, 25), rng.integers(1, 12), rng.integers(1, 4)
        X = judge.draw_matrix(kind, rng, n, d, dtype)
        Y = rng.normal(size=(n, c)).astype(dtype)
        strength = 10.0 ** rng.uniform(-6, 0) * abs(X.T.astype(float) @ Y).max()
        options = {name: strength for name in ("l1", "l21", "group") if rng.random() < 0.5}
        if "group" in options:
            options["groups"] = rng.integers(0, 3, d)
        kkt_tol = 10.0 ** rng.uniform(-8, -2)
        fit = judge.solve_quietly(sparse_regression, X, Y, kkt_tol=kkt_tol, **options)
        assert fit.coef.dtype == dtype
        W, X16, Y16 = (np.asarray(value, LONG) for value in (fit.coef, X, Y))
        gradient = (W @ X16.T - Y16.T) @ X16
        scale = sum(options.get(name, 0.0) for name in ("l1", "l21"))
        if "group" in options:
            scale += strength * np.sqrt(np.bincount(options["groups"]).max())
        if not scale:
            scale = abs(Y16.T @ X16).max()
        size = ((abs(W) @ abs(X16.T) + abs(Y16.T)) @ abs(X16)).max()
        rounding = 20 * np.finfo(float).eps * float(size)
        true = judge.regression_violation(W, gradient, **options)
        judge.check_certificate(fit.kkt_violation, true, fit.converged, kkt_tol * scale, rounding)
        value = regression_objective(X16, Y16, W, **options)
        assert abs(fit.objective - value) <= 1e-9 * value + rounding * abs(W).sum()
        if trial % 10 == 0:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                best = sparse_regression(X.astype(float), Y.astype(float), **options).coef
            lower = regression_objective(X16, Y16, best.astype(LONG), **options)
            energy = float((Y16**2).sum()) + float(abs(W).sum()) * float(size)
            assert fit.duality_gap >= 0.99 * (value - lower) - 1e-14 * energy


def coupled_point(X, D, S, L, *, alpha, mmd, gamma, l2, domains, weights, positive_code):
    """Violation in units of alpha, objective and rounding of coupled codes, by the definition."""
    X, D, S, L, weights = (np.asarray(value, LONG) for value in (X, D, S, L, weights))
    m = np.zeros(len(X), LONG)
    if mmd:
        for side in (1, -1):
            inside = domains == side
            m[inside] = side * weights[inside] / weights[inside].sum()
    share = mmd / (m @ m) if mmd else LONG(0)
    coupled = share * np.outer(m, m) + gamma * L
    residual = S @ D - X
    gradient = weights[:, None] * (residual @ D.T + l2 * S) + coupled @ S
    gradient /= weights[:, None]
    outward = -gradient if positive_code else abs(gradient)
    off = np.where(S != 0, abs(gradient + alpha * np.sign(S)), np.maximum(outward - alpha, 0))
    value = (weights * ((residual**2).sum(axis=1) + l2 * (S**2).sum(axis=1))).sum() / 2
    value += alpha * (weights * abs(S).sum(axis=1)).sum() + np.trace(S.T @ coupled @ S) / 2
    size = (abs(S) @ abs(D) + abs(X)) @ abs(D).T + l2 * abs(S) + abs(coupled) @ abs(S)
    return off.max(), value, float((size / np.minimum(weights, 1)[:, None]).max())


def draw_coupled(judge, kind, rng, dtype):
    n, d, k = rng.integers(6, 20), rng.integers(2, 8), rng.integers(2, 10)
    X = judge.draw_matrix(kind if kind == "offset" else "plain", rng, n, d, dtype)
    D = judge.draw_matrix(kind, rng, d, k, dtype).T.copy()
    alpha = 10.0 ** rng.uniform(-5, 0) * abs(X.astype(float) @ D.T).max()
    domains = rng.permutation(np.where(np.arange(n) % 2, 1, -1))
    terms = {
        "mmd": 10.0 ** rng.uniform(-1, 3) * (rng.random() < 0.7),
        "l2": 0.1 * (rng.random() < 0.3),
        "positive_code": bool(rng.random() < 0.3),
    }
    gamma = 0.1 * (rng.random() < 0.3)
    L = laplacian(knn_graph(X, 3)) if gamma else None
    weights = rng.uniform(0.1, 3, n) if rng.random() < 0.3 else None
    given = {**terms, "alpha": alpha, "laplacian": gamma, "graph": L, "sample_weight": weights}
    point = {
        **terms,
        "alpha": alpha,
        "gamma": gamma,
        "domains": domains,
        "weights": np.ones(n) if weights is None else weights,
    }
    return X, D, domains, np.zeros((n, n)) if L is None else L.toarray(), given, point


@pytest.mark.parametrize("dtype", DTYPES)
def test_transfer_encode(judge, kind, dtype):
    rng = np.random.default_rng(judge.kinds.index(kind))
    for trial in range(360 * TIMES):
        X, D, domains, L, given, point = draw_coupled(judge, kind, rng, dtype)
        solver = ("auto", "fista", "newton", "admm")[trial % 4]
        kkt_tol = 10.0 ** rng.uniform(-7, -2)
        found = judge.solve_quietly(
            transfer_encode, X, D, domains, kkt_tol=kkt_tol, solver=solver, max_iter=300, **given
        )
        assert found.codes.dtype == dtype
        true, value, size = coupled_point(X, D, found.codes, L, **point)
        rounding = 50 * np.finfo(float).eps * size
        tolerance = kkt_tol * given["alpha"]
        judge.check_certificate(found.kkt_violation, true, found.converged, tolerance, rounding)
        if trial % 5 == 0:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                best = transfer_encode(X.astype(float), D.astype(float), domains, **given).codes
            _, lower, _ = coupled_point(X, D, best, L, **point)
            slack = 1e-13 * float((X.astype(float) ** 2).sum()) * 4 + rounding * abs(best).sum()
            assert found.duality_gap >= 0.99 * (value - lower) - slack


@pytest.mark.parametrize("dtype", DTYPES)
def test_transfer_learn_and_batches(judge, kind, dtype):
    rng = np.random.default_rng(judge.kinds.index(kind))
    for _ in range(15 * TIMES):
        X, D, domains, L, given, point = draw_coupled(judge, kind, rng, dtype)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            found = transfer_learn(X, D, domains, max_iter=3, **given)
        codes, atoms = found.codes, found.components
        assert codes.codes.dtype == atoms.dtype == dtype
        true, _, size = coupled_point(X, atoms, codes.codes, L, **point)
        rounding = 50 * np.finfo(float).eps * size
        tolerance = (1e-6 if dtype == np.float64 else 1e-3) * given["alpha"]
        judge.check_certificate(codes.kkt_violation, true, codes.converged, tolerance, rounding)
        coder = TransferSparseCoding(
            len(D),
            alpha=given["alpha"],
            mmd=given["mmd"],
            regularisation=Regularisation(l2=given["l2"]),
            optimisation=Optimisation(dict_init=D),
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            coder.partial_fit(X, sample_domain=domains)
        plain = {**point, "weights": np.ones(len(X)), "gamma": 0.0, "positive_code": False}
        true, _, size = coupled_point(X, D, coder.codes_, L, **plain)
        rounding = 50 * np.finfo(float).eps * size
        assert coder.kkt_violation_ == pytest.approx(float(true), rel=1e-2, abs=rounding)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("offset", [0.0, 100.0])
@pytest.mark.parametrize(
    "model",
    [
        DoSL(mmd=0.0, class_weight=None),
        ImplicitDistributionAlignment(alignment=0.0, l21=0.02, class_weight=None),
        TDLR(mmd=0.0, reconstruction=0.0, max_iter=1, class_weight=None),
        TSDSL(graph=0.0),
    ],
    ids=lambda model: type(model).__name__,
)
def test_label_regression(judge, model, offset, dtype):
    rng = np.random.default_rng(0)
    X = (rng.normal(size=(60, 8)) + offset).astype(dtype)
    y = rng.integers(0, 3, 60)
    model = clone(model).fit(X, y, sample_domain=np.repeat([1, -1], [50, 10]))
    W = getattr(model, "projection_", None)
    W = (model.coef_ if W is None else W).astype(LONG)
    source = X[:50].astype(float)
    source -= source.mean(axis=0)
    sizes = np.bincount(y[:50])
    targets = np.eye(3)[y[:50]] - sizes / 50
    penalised = targets
    if isinstance(model, TSDSL):
        penalised = targets = targets * np.sqrt(50 / sizes)
    if isinstance(model, TDLR):
        signs = np.where(np.eye(3)[y[:50]] > 0, 1, -1)
        targets = targets + signs * model.relaxation_
    l21 = 0.02 * np.linalg.norm(penalised.T @ source, axis=0).max() / 50
    ridge = 0.01 * (source**2).sum() / 50
    gradient = (W @ source.T - targets.T) @ source / 50 + ridge * W
    true = judge.regression_violation(W, gradient, l21=l21)
    assert model.kkt_violation_ == pytest.approx(float(true), rel=1e-2, abs=1e-12)
    tolerance = 1e-6 if dtype == np.float64 else 1e-3
    assert model.converged_ == (model.kkt_violation_ <= tolerance * l21)
