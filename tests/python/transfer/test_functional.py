"""The coupled code problem and its alternation: certificates, identities and a brute-force twin."""

import itertools
import threading

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize
from sklearn.decomposition import sparse_encode

from sparsetransfer.exceptions import ConvergenceWarning, DomainError
from sparsetransfer.graph import knn_graph, laplacian
from sparsetransfer.transfer import transfer_encode, transfer_learn


def problem(seed=0, n_source=40, n_target=25, d=12, k=18, coherence=0.0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_source + n_target, d))
    X[n_source:] += 0.8 * rng.normal(size=d)
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    D = rng.normal(size=(k, d)) + coherence * rng.normal(size=d)
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    domains = np.repeat([1, -1], [n_source, n_target])
    return X, D, domains


def mmd_matrix(domains):
    source = domains > 0
    m = np.where(source, 1 / source.sum(), -1 / (~source).sum())
    return np.outer(m, m), m @ m


def dense_terms(X, D, S, *, domains=None, alpha, mmd=0.0, gamma=0.0, L=None, l2=0.0):
    """Objective and gradient of the smooth part by the defining dense matrices."""
    coupling = np.zeros((len(X), len(X)))
    if domains is not None and mmd:
        M, norm = mmd_matrix(domains)
        coupling += mmd / norm * M
    if L is not None:
        coupling += gamma * L.toarray()
    residual = X - S @ D
    value = (
        0.5 * np.sum(residual**2)
        + 0.5 * l2 * np.sum(S**2)
        + 0.5 * np.trace(S.T @ coupling @ S)
        + alpha * np.abs(S).sum()
    )
    return value, -residual @ D.T + l2 * S + coupling @ S


def kkt(S, gradient, alpha, positive=False):
    at_zero = np.maximum((-gradient if positive else np.abs(gradient)) - alpha, 0)
    return np.where(S != 0, np.abs(gradient + alpha * np.sign(S)), at_zero).max()


def graph_of(X, weights="binary", normalized=False):
    return laplacian(knn_graph(X, 4, weights=weights), normalized=normalized)


@pytest.mark.parametrize("coherence", [0.0, 3.0])
@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("gamma", [0.0, 0.7])
@pytest.mark.parametrize("mmd", [0.0, 1.0, 60.0, 600.0])
def test_certificate_holds_for_the_returned_point(mmd, gamma, positive, coherence):
    X, D, domains = problem(coherence=coherence)
    L = graph_of(X)
    options = {"alpha": 0.05, "mmd": mmd, "laplacian": gamma, "l2": 0.01, "positive_code": positive}
    result = transfer_encode(X, D, domains, graph=L, kkt_tol=1e-9, **options)
    value, gradient = dense_terms(
        X, D, result.codes, domains=domains, alpha=0.05, mmd=mmd, gamma=gamma, L=L, l2=0.01
    )
    assert result.converged
    assert_allclose(result.objective, value, rtol=1e-12)
    assert kkt(result.codes, gradient, 0.05, positive) <= 1e-9 * 0.05 * 1.01
    assert_allclose(result.kkt_violation, kkt(result.codes, gradient, 0.05, positive), atol=1e-12)
    assert 0 <= result.duality_gap <= 1e-7
    if positive:
        assert (result.codes >= 0).all()


@pytest.mark.parametrize(("mmd", "gamma"), [(0.0, 0.0), (60.0, 0.0), (60.0, 0.7)])
def test_matches_a_brute_force_minimiser(mmd, gamma):
    X, D, domains = problem(n_source=5, n_target=4, d=4, k=3)
    L = graph_of(X)
    alpha = 0.05

    # S = P - N with P, N >= 0: a smooth bound-constrained problem for a general solver.
    def split(z):
        parts = z.reshape(2, len(X), len(D))
        value, gradient = dense_terms(
            X, D, parts[0] - parts[1], domains=domains, alpha=0, mmd=mmd, gamma=gamma, L=L
        )
        slope = np.concatenate([gradient.ravel() + alpha, -gradient.ravel() + alpha])
        return value + alpha * parts.sum(), slope

    best = minimize(
        split,
        np.zeros(2 * len(X) * len(D)),
        jac=True,
        bounds=[(0, None)] * (2 * len(X) * len(D)),
        method="L-BFGS-B",
        options={"maxiter": 5000, "ftol": 1e-15, "gtol": 1e-10},
    )
    result = transfer_encode(X, D, domains, alpha=alpha, mmd=mmd, laplacian=gamma, graph=L)
    assert_allclose(result.objective, best.fun, rtol=1e-9)


def test_gap_bounds_the_suboptimality_of_unfinished_codes():
    X, D, domains = problem(coherence=2.0)
    L = graph_of(X)
    options = {"alpha": 0.05, "mmd": 60.0, "laplacian": 0.5, "graph": L}
    best = transfer_encode(X, D, domains, kkt_tol=1e-10, **options).objective
    for iterations in (0, 1, 3, 10, 30):
        with pytest.warns(ConvergenceWarning):
            rough = transfer_encode(X, D, domains, max_iter=iterations, kkt_tol=1e-12, **options)
        assert rough.duality_gap >= rough.objective - best - 1e-12
        assert rough.duality_gap > 0


def test_without_coupling_it_is_the_lasso():
    X, D, domains = problem()
    result = transfer_encode(X, D, domains, alpha=0.1, mmd=0.0, kkt_tol=1e-10)
    peer = sparse_encode(X, D, algorithm="lasso_lars", alpha=0.1)
    assert_allclose(result.codes, peer, atol=1e-8)


def test_swapping_the_domains_leaves_the_codes():
    X, D, domains = problem()
    first = transfer_encode(X, D, domains, alpha=0.05, kkt_tol=1e-10)
    second = transfer_encode(X, D, -domains, alpha=0.05, kkt_tol=1e-10)
    assert_allclose(second.codes, first.codes, atol=1e-9)
    assert_allclose(second.mean_difference, -first.mean_difference, atol=1e-9)


def test_a_stronger_mmd_term_never_widens_the_mean_difference():
    X, D, domains = problem(coherence=1.0)
    lengths = [
        np.linalg.norm(
            transfer_encode(X, D, domains, alpha=0.05, mmd=mmd, kkt_tol=1e-9).mean_difference
        )
        for mmd in (0.0, 0.1, 1.0, 10.0, 100.0, 1000.0, 1e4)
    ]
    assert all(later <= earlier + 1e-10 for earlier, later in itertools.pairwise(lengths))
    assert lengths[-1] < 0.02 * lengths[0]


def test_alpha_above_the_largest_correlation_gives_zeros():
    X, D, domains = problem()
    alpha = np.abs(X @ D.T).max() * 1.0001
    result = transfer_encode(X, D, domains, alpha=alpha, mmd=600.0)
    assert not result.codes.any()
    assert result.duality_gap == pytest.approx(0, abs=1e-12)


@pytest.mark.filterwarnings("ignore:the alternation stopped")
def test_duplicating_every_sample_changes_nothing_at_fixed_mmd():
    X, D, domains = problem()
    once = transfer_learn(X, D, domains, alpha=0.05, mmd=60.0, max_iter=15, kkt_tol=1e-9)
    twice = transfer_learn(
        np.repeat(X, 2, axis=0),
        D,
        np.repeat(domains, 2),
        alpha=0.05,
        mmd=60.0,
        max_iter=15,
        kkt_tol=1e-9,
    )
    assert_allclose(twice.components, once.components, atol=1e-7)
    assert_allclose(twice.codes.codes[::2], once.codes.codes, atol=1e-6)
    assert_allclose(twice.codes.codes[1::2], once.codes.codes, atol=1e-6)


@pytest.mark.filterwarnings("ignore:the alternation stopped")
@pytest.mark.parametrize("gamma", [0.0, 0.5])
@pytest.mark.parametrize("positive", [False, True])
def test_learning_is_monotone_and_certified(gamma, positive):
    X, D, domains = problem(n_source=80, n_target=60)
    L = graph_of(X, "cosine")
    seen = []
    result = transfer_learn(
        X,
        D,
        domains,
        alpha=0.05,
        laplacian=gamma,
        graph=L,
        positive_code=positive,
        max_iter=40,
        callback=lambda progress: seen.append(progress),
    )
    assert result.n_iter == len(result.history) == len(seen)
    assert (np.diff(result.history) <= 1e-10 * result.history[0]).all()
    assert result.codes.objective <= result.history[-1] + 1e-10 * result.history[0]
    assert result.codes.kkt_violation <= 1e-6 * 0.05
    assert (np.linalg.norm(result.components, axis=1) <= 1 + 1e-12).all()


def test_a_callback_stops():
    X, D, domains = problem()
    result = transfer_learn(
        X, D, domains, alpha=0.05, callback=lambda progress: progress.iteration == 3
    )
    assert result.n_iter == 3
    assert not result.converged


@pytest.mark.filterwarnings("ignore:the alternation stopped")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_threads_do_not_change_a_bit(dtype):
    X, D, domains = problem(n_source=900, n_target=700, d=24, k=40)
    L = graph_of(X)
    results = [
        transfer_learn(
            X.astype(dtype),
            D.astype(dtype),
            domains,
            alpha=0.05,
            laplacian=0.5,
            graph=L,
            max_iter=4,
            n_jobs=n_threads,
        )
        for n_threads in (1, 2, 3, 7)
    ]
    for other in results[1:]:
        assert_array_equal(other.components, results[0].components)
        assert_array_equal(other.codes.codes, results[0].codes.codes)
        assert other.codes.kkt_violation == results[0].codes.kkt_violation
        assert_array_equal(other.history, results[0].history)


@pytest.mark.parametrize("gamma", [0.0, 0.5])
@pytest.mark.parametrize("mmd", [0.0, 60.0, 600.0])
def test_float32_meets_its_tolerance(mmd, gamma):
    X, D, domains = problem(n_source=200, n_target=150, d=24, k=48, coherence=1.0)
    L = graph_of(X)
    single = X.astype(np.float32), D.astype(np.float32)
    result = transfer_encode(*single, domains, alpha=0.02, mmd=mmd, laplacian=gamma, graph=L)
    assert result.codes.dtype == np.float32
    assert result.converged
    _, gradient = dense_terms(
        *(array.astype(np.float64) for array in (*single, result.codes)),
        domains=domains,
        alpha=0.02,
        mmd=mmd,
        gamma=gamma,
        L=L,
    )
    # Measured in float64, not by the solver's own arithmetic.
    assert kkt(result.codes, gradient, 0.02) <= 2e-3 * 0.02


def test_a_warm_start_changes_the_time_not_the_answer():
    X, D, domains = problem()
    cold = transfer_encode(X, D, domains, alpha=0.05, kkt_tol=1e-10)
    warm = transfer_encode(X, D, domains, alpha=0.05, kkt_tol=1e-10, code_init=cold.codes)
    assert warm.n_iter == warm.n_newton == 0
    rng = np.random.default_rng(0)
    other = transfer_encode(
        X,
        D,
        domains,
        alpha=0.05,
        l2=0.1,
        kkt_tol=1e-10,
        code_init=rng.normal(size=cold.codes.shape),
    )
    same = transfer_encode(X, D, domains, alpha=0.05, l2=0.1, kkt_tol=1e-10)
    assert_allclose(other.codes, same.codes, atol=1e-8)


def degenerate(kind):
    X, D, domains = problem(n_source=20, n_target=15)
    if kind == "zero signal":
        X[3] = 0
    elif kind == "duplicate atom":
        D[5] = D[2]
    elif kind == "zero atom":
        D[4] = 0
    elif kind == "equal signals":
        X[:] = X[0]
    elif kind == "one sample per domain":
        X, domains = X[[0, -1]], domains[[0, -1]]
    elif kind == "one atom":
        D = D[:1]
    elif kind == "constant feature":
        X[:, 1] = 0.3
    return X, D, domains


@pytest.mark.filterwarnings("ignore:the alternation stopped")
@pytest.mark.parametrize(
    "kind",
    [
        "zero signal",
        "duplicate atom",
        "zero atom",
        "equal signals",
        "one sample per domain",
        "one atom",
        "constant feature",
    ],
)
@pytest.mark.parametrize("mmd", [0.0, 600.0])
def test_degenerate_problems_are_solved(kind, mmd):
    X, D, domains = degenerate(kind)
    learned = transfer_learn(X, D, domains, alpha=0.05, mmd=mmd, max_iter=10)
    for D_now, result in (
        (D, transfer_encode(X, D, domains, alpha=0.05, mmd=mmd)),
        (learned.components, learned.codes),
    ):
        value, gradient = dense_terms(X, D_now, result.codes, domains=domains, alpha=0.05, mmd=mmd)
        assert_allclose(result.objective, value, rtol=1e-10, atol=1e-12)
        assert kkt(result.codes, gradient, 0.05) <= 1.01e-6 * 0.05
    assert (np.diff(learned.history) <= 1e-10 * max(1.0, learned.history[0])).all()


def bad(**changes):
    X, D, domains = problem()
    arguments = {"X": X, "dictionary": D, "sample_domain": domains, "alpha": 0.05, **changes}
    return lambda: transfer_encode(**arguments)


X0 = problem()[0]


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"X": np.where(np.arange(12) == 3, np.nan, X0)}, ValueError, "X must be finite"),
        ({"X": X0[:, :5]}, ValueError, "dictionary must have 5 features, got 12"),
        ({"dictionary": np.full((3, 12), np.inf)}, ValueError, "dictionary must be finite"),
        ({"sample_domain": np.ones(65, int)}, DomainError, "no target sample"),
        ({"sample_domain": -np.ones(65, int)}, DomainError, "no source sample"),
        ({"sample_domain": np.zeros(65, int)}, DomainError, "got 0"),
        ({"sample_domain": np.ones(3, int)}, ValueError, "sample_domain must have shape"),
        ({"sample_domain": np.full(65, 0.5)}, ValueError, "must consist of integers"),
        ({"alpha": 0.0}, ValueError, "alpha must be greater than 0"),
        ({"alpha": np.nan}, ValueError, "alpha must be finite"),
        ({"mmd": -1.0}, ValueError, "mmd must be at least 0"),
        ({"laplacian": 1.0}, ValueError, "graph is required"),
        ({"laplacian": 1.0, "graph": np.eye(65)}, ValueError, "graph must be sparse"),
        ({"code_init": np.zeros((3, 18))}, ValueError, "code_init must have 65 rows, got 3"),
        ({"kkt_tol": 0.0}, ValueError, "kkt_tol must be greater than 0"),
        ({"max_iter": 2.5}, TypeError, "max_iter must be an integer"),
    ],
)
def test_bad_arguments_are_named(changes, error, message):
    with pytest.raises(error, match=message):
        bad(**changes)()


def test_an_asymmetric_graph_is_refused():
    from scipy import sparse

    graph = sparse.csr_array(np.triu(np.ones((65, 65))))
    with pytest.raises(ValueError, match="graph must be symmetric"):
        bad(laplacian=1.0, graph=graph)()


def test_several_callers_at_once_get_the_same_answer():
    X, D, domains = problem(n_source=300, n_target=200, d=24, k=40)
    expected = transfer_encode(X, D, domains, alpha=0.05).codes
    answers = [None] * 6

    def call(slot):
        answers[slot] = transfer_encode(X, D, domains, alpha=0.05).codes

    callers = [threading.Thread(target=call, args=(slot,)) for slot in range(6)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    for answer in answers:
        assert_array_equal(answer, expected)
