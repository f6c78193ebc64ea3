"""Certificates of kernels, labels and couplings, recomputed in extended precision.

`SPARSETRANSFER_CERTIFICATES` sets the number of problems of a cheap family, 5,000 by default.
"""

import os
import warnings

import numpy as np
import pytest

from sparsetransfer.exceptions import ConvergenceWarning
from sparsetransfer.graph import knn_graph, laplacian
from sparsetransfer.transfer import (
    AKTLR,
    JDAR,
    DoSL,
    KernelTransferSparseCoding,
    TRaSL,
    couple_classes,
    couple_domains,
    kernel_encode,
    kernel_learn,
    transfer_encode,
)

TIMES = max(int(os.environ.get("SPARSETRANSFER_CERTIFICATES", "5000")) // 5000, 1)
DTYPES = (np.float64, np.float32)
EPS = np.finfo(float).eps
LONG = np.longdouble


def draw_domains(rng, n):
    return rng.permutation(np.where(np.arange(n) % 2, 1, -1))


def draw_signals(judge, kind, rng, dtype, n_atoms=(2, 10)):
    n, d, k = rng.integers(6, 20), rng.integers(2, 8), rng.integers(*n_atoms)
    X = judge.draw_matrix(kind if kind == "offset" else "plain", rng, n, d, dtype)
    D = judge.draw_matrix(kind, rng, d, k, dtype).T.copy()
    return X, D, draw_domains(rng, n)


def code_violation(S, gradient, alpha, positive):
    pull = -gradient if positive else abs(gradient)
    return np.where(S != 0, abs(gradient + alpha * np.sign(S)), np.maximum(pull - alpha, 0)).max()


def kernel_point(X, D, S, domains, *, alpha, mmd, bandwidths, l2, positive_code):
    """Violation, objective, squared MMD and rounding of codes under Gaussian kernels."""
    X, D, S = (np.asarray(value, LONG) for value in (X, D, S))
    m = np.where(domains > 0, 1 / LONG((domains > 0).sum()), -1 / LONG((domains < 0).sum()))
    pairs, apart = np.outer(m, m), S[:, None] - S[None]
    squares = (apart**2).sum(axis=2)
    far = float(((S - S.mean(axis=0)) ** 2).sum(axis=1).max())
    term, pull, lost, lost_value = LONG(0), np.zeros_like(S), np.zeros_like(S), 0.0
    for width in np.asarray(bandwidths, LONG):
        kernel = pairs * np.exp(-squares / (2 * width**2)) / len(bandwidths)
        term += kernel.sum()
        pull -= 2 * (kernel[:, :, None] * apart).sum(axis=1) / width**2
        blur = 1 + far / float(width) ** 2  # of squared distances from a matrix product
        lost += blur * (abs(kernel)[:, :, None] * (abs(apart) + EPS)).sum(axis=1) / width**2
        lost_value += blur * float(abs(kernel).sum())
    share = mmd / (m @ m)
    residual = S @ D - X
    gradient = residual @ D.T + l2 * S + share / 2 * pull
    objective = (residual**2).sum() / 2 + alpha * abs(S).sum() + l2 / 2 * (S**2).sum()
    size = (abs(S) @ abs(D) + abs(X)) @ abs(D).T + l2 * abs(S) + share * lost
    return {
        "violation": code_violation(S, gradient, alpha, positive_code),
        "objective": objective + share / 2 * term,
        "discrepancy": term,
        "rounding": 50 * EPS * float(size.max()),
        "rounding of the value": 50 * EPS * float((X**2).sum() + objective + share * lost_value),
    }


@pytest.mark.parametrize("dtype", DTYPES)
def test_kernel_codes(judge, kind, dtype):
    rng = np.random.default_rng([judge.kinds.index(kind), 1])
    for trial in range(16 * TIMES):
        X, D, domains = draw_signals(judge, kind, rng, dtype)
        given = {
            "alpha": 10.0 ** rng.uniform(-5, 0) * abs(X.astype(float) @ D.T).max(),
            "mmd": 10.0 ** rng.uniform(-1, 3) * (rng.random() < 0.8),
            "bandwidths": 10.0 ** rng.uniform(-1, 1, rng.integers(1, 3)),
            "l2": 0.1 * (rng.random() < 0.3),
            "positive_code": bool(rng.random() < 0.3),
        }
        tol = 10.0 ** rng.uniform(-5, -1)
        if trial % 4:
            found = judge.solve_quietly(
                kernel_encode, X, D, domains, tol=tol, max_iter=int(rng.choice([3, 100])), **given
            )
            atoms = D
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                learned = kernel_learn(X, D, domains, max_iter=2, code_iter=5, tol=tol, **given)
            found, atoms = learned.codes, learned.components
            assert atoms.dtype == dtype
        assert found.codes.dtype == dtype
        true = kernel_point(X, atoms, found.codes, domains, **given)
        judge.check_certificate(
            found.kkt_violation,
            true["violation"],
            found.converged,
            tol * given["alpha"],
            true["rounding"],
        )
        assert abs(found.objective - true["objective"]) <= true["rounding of the value"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_kernel_coder(judge, kind, dtype):
    rng = np.random.default_rng([judge.kinds.index(kind), 2])
    for _ in range(6 * TIMES):
        X, D, domains = draw_signals(judge, kind, rng, dtype)
        alpha = 10.0 ** rng.uniform(-3, 0) * abs(X.astype(float) @ D.T).max()
        positive = bool(rng.random() < 0.3)
        coder = KernelTransferSparseCoding(
            len(D),
            alpha=alpha,
            positive_code=positive,
            dict_init=D,
            max_iter=2,
            code_iter=10,
            bandwidths=float(10.0 ** rng.uniform(-1, 1)),
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            coder.fit(X, sample_domain=domains)
        true = kernel_point(
            X,
            coder.components_,
            coder.codes_,
            domains,
            alpha=alpha,
            mmd=coder.mmd,
            bandwidths=coder.bandwidths_,
            l2=coder.l2,
            positive_code=positive,
        )
        # Two alternations settle few objectives: the certificate speaks of the codes alone.
        codes_converged = coder.kkt_violation_ <= coder.tol * alpha
        judge.check_certificate(
            coder.kkt_violation_,
            true["violation"],
            codes_converged,
            coder.tol * alpha,
            true["rounding"],
        )
        assert codes_converged or not coder.converged_


def draw_model(rng, n_features):
    options = {"ridge": 0.01 * (rng.random() < 0.7), "mmd": 10.0 ** rng.uniform(-2, 2)}
    options["class_weight"] = rng.choice(["balanced", None])
    options["kkt_tol"] = 10.0 ** rng.uniform(-7, -3) if rng.random() < 0.5 else None
    share = 10.0 ** rng.uniform(-5, 0)
    match rng.integers(4):
        case 0:
            return DoSL(l21=share, **options)
        case 1:
            return JDAR(l21=share, conditional=10.0 ** rng.uniform(-1, 1), **options)
        case 2:
            return TRaSL(l1=share, l21=share, laplacian=0.1 * (rng.random() < 0.5), **options)
    groups = rng.integers(0, 3, n_features) if rng.random() < 0.7 else None
    conditional = rng.choice([0.0, 1.0])
    return AKTLR(l1=share, group=share, groups=groups, conditional=conditional, **options)


def label_problem(model, X, y, domains):
    """The quadratic form, the linear one and the penalties, by the equations of the classes."""
    source = domains > 0
    classes, sizes = np.unique(y[source], return_counts=True)
    weights = np.ones(source.sum(), LONG)
    if model.class_weight == "balanced":
        weights = 1 / sizes.astype(LONG)[np.searchsorted(classes, y[source])]
    weights /= weights.sum()
    X16 = X.astype(LONG)
    rows = X16 - weights @ X16[source]
    targets = (y[source][:, None] == classes).astype(LONG)
    targets -= weights @ targets
    H = rows[source].T @ (weights[:, None] * rows[source])
    H += model.ridge * np.trace(H) * np.eye(X.shape[1])
    apart = [(model.mmd, rows[source].mean(axis=0) - rows[~source].mean(axis=0))]
    if model.pseudo_labels_.size:
        apart += [
            (model.conditional, rows[source][y[source] == c].mean(axis=0) - guessed.mean(axis=0))
            for c in classes
            if len(guessed := rows[~source][model.pseudo_labels_ == c])
        ]
    for strength, difference in apart:
        H += strength * np.outer(difference, difference)
    if model.laplacian:
        centred = (X.astype(float) - (weights @ X16[source]).astype(float)).astype(float)
        graph = laplacian(knn_graph(centred, model.n_neighbors, weights="cosine"), normalized=True)
        H += model.laplacian / LONG(len(X)) * (rows.T @ graph.toarray().astype(LONG) @ rows)
    B = targets.T @ (weights[:, None] * rows[source])
    penalties = {
        "l1": model.l1 * abs(B).max(),
        "l21": model.l21 * np.sqrt((B**2).sum(axis=0)).max(),
    }
    if model.group:
        groups = np.arange(X.shape[1]) if model.groups is None else np.asarray(model.groups)
        largest = max(
            np.sqrt((B[:, groups == name] ** 2).sum() / (groups == name).sum())
            for name in np.unique(groups)
        )
        penalties |= {"group": model.group * largest, "groups": groups}
    return H, B, penalties, max(abs(X16).max() ** 2 * (1 + model.mmd + model.conditional), 1)


@pytest.mark.parametrize("dtype", DTYPES)
def test_label_regression(judge, kind, dtype):
    rng = np.random.default_rng([judge.kinds.index(kind), 3])
    for _ in range(60 * TIMES):
        n, d = rng.integers(14, 30), rng.integers(2, 10)
        X = judge.draw_matrix(kind, rng, n, d, dtype)
        domains = draw_domains(rng, n)
        y = rng.permutation(np.arange(n) % rng.integers(2, 4))
        if len(np.unique(y[domains > 0])) < 2:
            continue
        model = draw_model(rng, d)
        if getattr(model, "laplacian", 0):
            # Neighbours by the cosine are ties where all features are one.
            model.set_params(n_neighbors=3, laplacian=0.1 * (np.linalg.matrix_rank(X) > 2))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(X, y, sample_domain=domains)
        assert model.coef_.dtype == dtype
        H, B, penalties, scale = label_problem(model, X, y, domains)
        W = model.coef_.astype(LONG)
        true = judge.regression_violation(W, W @ H - B, **penalties)
        sizes = {name: value for name, value in penalties.items() if name != "groups"}
        if "group" in sizes:
            sizes["group"] *= np.sqrt(
                LONG(np.unique(penalties["groups"], return_counts=True)[1].max())
            )
        rounding = 100 * EPS * float(scale * (1 + abs(W).sum(axis=1).max()))
        tolerance = model.kkt_tol or (1e-6 if dtype == np.float64 else 1e-3)
        judge.check_certificate(
            model.kkt_violation_,
            true,
            model.converged_,
            tolerance * float(sum(sizes.values())),
            rounding,
        )


@pytest.mark.parametrize("dtype", DTYPES)
def test_class_couplings(judge, kind, dtype):
    rng = np.random.default_rng([judge.kinds.index(kind), 4])
    for trial in range(30 * TIMES):
        X, D, domains = draw_signals(judge, kind, rng, dtype)
        weights = rng.uniform(0.1, 3, len(X)) if rng.random() < 0.3 else None
        labels = rng.permutation(np.arange(len(X)) % 2)
        try:
            coupling = couple_domains(domains, sample_weight=weights)
            coupling = coupling + rng.uniform(0.1, 2) * couple_classes(
                domains, labels, sample_weight=weights
            )
        except ValueError:
            continue
        alpha = 10.0 ** rng.uniform(-5, 0) * abs(X.astype(float) @ D.T).max()
        mmd, tol = 10.0 ** rng.uniform(-1, 3), 10.0 ** rng.uniform(-7, -2)
        positive = bool(rng.random() < 0.3)
        found = judge.solve_quietly(
            transfer_encode,
            X,
            D,
            alpha=alpha,
            mmd=mmd,
            coupling=coupling,
            positive_code=positive,
            solver=("auto", "fista", "newton", "admm")[trial % 4],
            kkt_tol=tol,
            max_iter=300,
        )
        S, X16, D16 = (np.asarray(value, LONG) for value in (found.codes, X, D))
        pooled = coupling.pooled.astype(LONG)
        share = mmd / (pooled @ pooled)
        E = coupling.columns.astype(LONG) * np.sqrt(share * coupling.weights)
        gradient = (S @ D16 - X16) @ D16.T + E @ (E.T @ S)
        size = (abs(S) @ abs(D16) + abs(X16)) @ abs(D16).T + abs(E) @ (abs(E.T) @ abs(S))
        judge.check_certificate(
            found.kkt_violation,
            code_violation(S, gradient, alpha, positive),
            found.converged,
            tol * alpha,
            50 * EPS * float(size.max()),
        )
