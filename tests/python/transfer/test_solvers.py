"""Every solver by name: one answer, certified, and the published iteration as published."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sparsetransfer.exceptions import ConvergenceWarning
from sparsetransfer.graph import knn_graph, laplacian
from sparsetransfer.transfer import (
    Optimisation,
    TransferSparseCoding,
    couple_classes,
    couple_domains,
    transfer_encode,
    transfer_learn,
)

SOLVERS = ["auto", "fista", "newton", "admm"]


def problem(seed=0, n_source=40, n_target=25, d=12, k=18):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_source + n_target, d)) + rng.normal(size=d)
    X[n_source:] += 0.8 * rng.normal(size=d)
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    D = rng.normal(size=(k, d)) + rng.normal(size=d)
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    domains = np.repeat([1, -1], [n_source, n_target])
    graph = laplacian(knn_graph(X, 4, weights="binary"))
    return X, D, domains, graph


@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("gamma", [0.0, 0.7])
@pytest.mark.parametrize("mmd", [0.0, 1.0, 60.0, 600.0])
def test_all_solvers_have_one_answer(mmd, gamma, positive):
    X, D, domains, graph = problem()
    options = {"alpha": 0.05, "mmd": mmd, "laplacian": gamma, "graph": graph, "l2": 0.02}
    results = [
        transfer_encode(
            X, D, domains, solver=solver, kkt_tol=1e-9, positive_code=positive, **options
        )
        for solver in SOLVERS
    ]
    for result in results:
        assert result.converged
        assert result.kkt_violation <= 1e-9 * 0.05
        assert_allclose(result.objective, results[0].objective, rtol=1e-10)
        # A ridge makes the codes unique.
        assert_allclose(result.codes, results[0].codes, atol=1e-8)


def test_all_solvers_agree_on_several_couplings():
    X, D, domains, graph = problem()
    labels = np.arange(len(X)) % 3
    coupling = couple_domains(domains) + couple_classes(domains, labels)
    for gamma in (0.0, 0.5):
        options = {"alpha": 0.05, "mmd": 60.0, "laplacian": gamma, "graph": graph, "l2": 0.02}
        results = [
            transfer_encode(X, D, coupling=coupling, solver=solver, kkt_tol=1e-9, **options)
            for solver in SOLVERS
        ]
        for result in results[1:]:
            assert_allclose(result.codes, results[0].codes, atol=1e-8)


def test_newton_reaches_a_violation_of_1e_10():
    X, D, domains, _ = problem(d=24)
    for mmd in (0.0, 60.0, 600.0):
        result = transfer_encode(X, D, domains, alpha=0.05, mmd=mmd, solver="newton", kkt_tol=1e-10)
        S, m = result.codes, couple_domains(domains).pooled
        gradient = (S @ D - X) @ D.T + mmd / (m @ m) * np.outer(m, m @ S)
        violation = np.where(
            S != 0, np.abs(gradient + 0.05 * np.sign(S)), np.maximum(np.abs(gradient) - 0.05, 0)
        )
        assert violation.max() <= 1e-10
        assert result.n_newton > 0


def test_admm_without_enough_iterations_is_no_worse_than_its_start():
    X, D, domains, _ = problem()
    best = transfer_encode(X, D, domains, alpha=0.05).codes
    exact = transfer_encode(X, D, domains, alpha=0.05, kkt_tol=1e-10).objective
    for iterations in (0, 1, 2, 5):
        with pytest.warns(ConvergenceWarning):
            result = transfer_encode(
                X,
                D,
                domains,
                alpha=0.05,
                solver="admm",
                code_init=0.9 * best,
                max_iter=iterations,
                kkt_tol=1e-12,
            )
        start = transfer_encode_objective(X, D, domains, 0.9 * best)
        assert result.objective <= start * (1 + 1e-10)
        assert result.duality_gap >= result.objective - exact - 1e-12


def transfer_encode_objective(X, D, domains, S, alpha=0.05, mmd=60.0):
    m = couple_domains(domains).pooled
    return (
        0.5 * np.sum((X - S @ D) ** 2)
        + 0.5 * mmd / (m @ m) * np.sum((m @ S) ** 2)
        + alpha * np.abs(S).sum()
    )


def published_feature_sign(G, h, linear, alpha, s):
    """Feature-sign search for 1/2 s'(G + hI)s - linear's + alpha |s|_1, as in the public codes."""
    s = s.copy()
    theta = np.sign(s)
    warm = bool(theta.any())
    for _ in range(1000):
        gradient = G @ s + h * s - linear
        zero = s == 0
        if not warm:
            a = int(np.argmax(np.where(zero & (theta == 0), np.abs(gradient), -1)))
            if np.abs(gradient[a]) <= alpha * (1 + 1e-14) or not zero[a]:
                return s
            theta[a] = -np.sign(gradient[a])
        warm = False
        for _ in range(1000):
            A = np.flatnonzero(theta)
            H = G[np.ix_(A, A)] + h * np.eye(len(A))
            new = np.linalg.solve(H, linear[A] - alpha * theta[A])
            old = s[A]
            if (np.sign(new) == np.sign(old)).all() or (np.sign(new) == theta[A]).all():
                s[A] = new
                break
            step = new - old
            with np.errstate(divide="ignore", invalid="ignore"):
                crossing = -old / step
            lengths = [t for t in crossing if 0 < t <= 1] + [1.0]

            def value(t, step=step, old=old, H=H, A=A):
                z = old + t * step
                return 0.5 * z @ H @ z - linear[A] @ z + alpha * np.abs(z).sum()

            best = min(lengths, key=value)
            s[A] = np.where(crossing == best, 0.0, old + best * step)
            theta = np.sign(s)
    raise AssertionError("feature-sign search did not end")


def published_sweep(X, D, M, L, alpha, S):
    """One outer iteration with dense n x n matrices: newest codes before i, old ones after."""
    S = S.copy()
    G, A = D @ D.T, X @ D.T
    C = M + L
    for i in range(len(X)):
        others = S.T @ C[:, i] - C[i, i] * S[i]
        S[i] = published_feature_sign(G, C[i, i], A[i] - others, alpha, S[i])
    return S


@pytest.mark.parametrize("gamma", [0.0, 0.7])
@pytest.mark.parametrize("conditional", [False, True])
def test_gauss_seidel_is_the_published_iteration(gamma, conditional):
    X, D, domains, graph = problem(n_source=14, n_target=11, d=8, k=10)
    coupling = couple_domains(domains)
    if conditional:
        coupling = coupling + couple_classes(domains, np.arange(25) % 2)
    E = coupling.factor(60.0)
    S = np.zeros((25, 10))
    for sweeps in (1, 2, 3, 4):
        S = published_sweep(X, D, E @ E.T, gamma * graph.toarray(), 0.05, S)
        with pytest.warns(ConvergenceWarning, match="KKT violation"):
            ours = transfer_encode(
                X,
                D,
                coupling=coupling,
                alpha=0.05,
                mmd=60.0,
                laplacian=gamma,
                graph=graph,
                solver="gauss-seidel",
                max_iter=sweeps,
                kkt_tol=1e-12,
            )
        assert ours.n_iter == sweeps
        assert_allclose(ours.codes, S, atol=1e-11)
        assert_array_equal(ours.codes != 0, S != 0)


def test_gauss_seidel_tells_how_far_it_stays_from_the_optimum():
    X, D, domains, _ = problem()
    best = transfer_encode(X, D, domains, alpha=0.05, mmd=600.0, kkt_tol=1e-10)
    last = np.inf
    for sweeps in (1, 10, 50):
        with pytest.warns(ConvergenceWarning, match="duality gap"):
            rough = transfer_encode(
                X, D, domains, alpha=0.05, mmd=600.0, solver="gauss-seidel", max_iter=sweeps
            )
        assert best.objective < rough.objective <= last
        assert rough.duality_gap >= rough.objective - best.objective
        assert rough.kkt_violation > 1e-3 * 0.05
        last = rough.objective
    # Weakly coupled, the same loop gets there.
    weak = transfer_encode(X, D, domains, alpha=0.05, mmd=0.5, solver="gauss-seidel")
    assert weak.converged


@pytest.mark.filterwarnings("ignore:the alternation stopped")
@pytest.mark.parametrize("solver", [*SOLVERS, "gauss-seidel"])
@pytest.mark.parametrize("update", ["block_coordinate", "lagrange_dual"])
def test_learning_never_raises_the_objective(solver, update):
    X, D, domains, graph = problem()
    options = {"alpha": 0.05, "mmd": 5.0, "laplacian": 0.2, "graph": graph}
    published = solver == "gauss-seidel"
    if published:
        with pytest.warns(ConvergenceWarning):
            result = transfer_learn(
                X, D, domains, solver=solver, dictionary_update=update, max_iter=8, tol=0, **options
            )
    else:
        result = transfer_learn(
            X, D, domains, solver=solver, dictionary_update=update, max_iter=8, tol=0, **options
        )
    assert result.n_iter == 8
    assert (np.diff(result.history) <= 1e-10 * result.history[0]).all()
    assert (np.linalg.norm(result.components, axis=1) <= 1 + 1e-9).all()
    assert result.codes.converged != published
    # The certificate is that of the returned pair.
    with pytest.warns(ConvergenceWarning):
        again = transfer_encode(
            X,
            result.components,
            domains,
            code_init=result.codes.codes,
            solver="fista",
            max_iter=0,
            kkt_tol=1e-15,
            **options,
        )
    assert_allclose(again.objective, result.codes.objective, rtol=1e-12)
    assert_allclose(again.kkt_violation, result.codes.kkt_violation, rtol=1e-6, atol=1e-12)
    if published:
        assert_allclose(result.codes.objective, result.history[-1], rtol=1e-12)


@pytest.mark.filterwarnings("ignore:the alternation stopped")
def test_the_lagrange_dual_is_the_exact_dictionary_step():
    X, D, domains, _ = problem()
    codes = transfer_encode(X, D, domains, alpha=0.05).codes

    def after(update):
        return transfer_learn(
            X, D, domains, alpha=0.05, dictionary_update=update, code_init=codes, max_iter=1
        ).history[0]

    # A callback sees the objective after one iteration: same codes, better or equal atoms.
    assert after("lagrange_dual") <= after("block_coordinate") * (1 + 1e-10)


@pytest.mark.parametrize("gamma", [0.0, 0.7])
def test_admm_does_not_depend_on_the_threads(gamma):
    X, D, domains, graph = problem(n_source=400, n_target=300, d=16, k=24)
    codes = [
        transfer_encode(
            X,
            D,
            domains,
            alpha=0.05,
            laplacian=gamma,
            graph=graph,
            solver="admm",
            kkt_tol=1e-4,
            n_jobs=n_threads,
        ).codes
        for n_threads in (1, 2, 5)
    ]
    assert_array_equal(codes[1], codes[0])
    assert_array_equal(codes[2], codes[0])


def test_admm_keeps_float32():
    X, D, domains, _ = problem()
    result = transfer_encode(
        X.astype(np.float32), D.astype(np.float32), domains, alpha=0.05, solver="admm"
    )
    assert result.codes.dtype == np.float32
    assert result.converged


@pytest.mark.filterwarnings("ignore:the alternation stopped")
def test_estimator_hands_the_solver_on():
    X, D, domains, _ = problem()
    model = TransferSparseCoding(
        18, alpha=0.05, optimisation=Optimisation(D, "admm", "lagrange_dual"), max_iter=5
    ).fit(X, sample_domain=domains)
    expected = transfer_learn(
        X, D, domains, alpha=0.05, solver="admm", dictionary_update="lagrange_dual", max_iter=5
    )
    assert_array_equal(model.codes_, expected.codes.codes)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"solver": "lars"}, "solver must be one of auto, fista, newton, admm, gauss-seidel"),
        ({"solver": "gauss-seidel", "positive_code": True}, "without positive codes"),
        ({"dictionary_update": "svd"}, "dictionary_update must be one of"),
        ({"dictionary_update": "ksvd"}, "does not suit: it changes codes"),
        ({"dictionary_update": "optimal_directions"}, "does not suit: its atoms have any length"),
        (
            {"dictionary_update": "lagrange_dual", "positive_dict": True},
            "positive_dict needs dictionary_update='block_coordinate'",
        ),
    ],
)
def test_what_does_not_exist_is_refused(options, message):
    X, D, domains, _ = problem()
    with pytest.raises(ValueError, match=message):
        transfer_learn(X, D, domains, **options)


@pytest.mark.parametrize("separation", [1e-3, 1e-4])
@pytest.mark.parametrize("seed", range(3))
def test_newton_steps_get_past_nearly_equal_atoms(separation, seed):
    # All samples share their codes between an atom and its near twin, where one has to become zero:
    # steps that end at the first sign change of all samples leave it to thousands of gradient steps.
    rng = np.random.default_rng(seed)
    D = rng.normal(size=(6, 8))
    D = np.vstack([D, D[0] + separation * rng.normal(size=8)])
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    X = np.abs(rng.normal(size=(40, 6))) @ D[:6]
    codes = transfer_encode(X, D[:6], alpha=0.05, mmd=0.0, kkt_tol=1e-8).codes
    shared = np.column_stack([codes, codes[:, 0]]) * ([0.5] + 5 * [1.0] + [0.5])
    result = transfer_encode(X, D, alpha=0.05, mmd=0.0, code_init=shared, solver="newton")
    assert result.converged
    assert result.n_newton > 0
    assert result.n_iter < 100
