"""Paths and least angles: every knot is a solution, between knots codes are linear."""

import itertools

import numpy as np
import pytest
from sklearn.linear_model import lars_path

from sparsetransfer.exceptions import ConvergenceWarning
from sparsetransfer.sparse_coding import lasso, lasso_path, sparse_encode


@pytest.mark.parametrize("positive", [False, True])
def test_every_knot_and_every_point_between_is_a_solution(problem, judge, positive):
    X, D = problem
    for x, path in zip(X, lasso_path(X, D, 0.05, positive_code=positive), strict=True):
        assert path.converged
        assert (np.diff(path.alphas) <= 0).all()
        assert path.alphas[-1] == 0.05
        middles = 0.5 * (path.alphas[1:] + path.alphas[:-1])
        for alpha in np.concatenate([path.alphas, middles]):
            code = path.at(alpha)
            assert judge.violation(x[None], D, code[None], alpha, positive=positive) <= 1e-10
    assert any(len(path.alphas) > 5 for path in lasso_path(X, D, 0.05))


def test_the_certificate_is_the_violation_at_the_knots(make, judge):
    X, D = make.gaussian(np.random.default_rng(0), n_samples=5)
    for x, path in zip(X, lasso_path(X, D, 0.01), strict=True):
        codes = path.codes.toarray()
        for alpha, code, kkt in zip(path.alphas, codes, path.kkt_violation, strict=True):
            assert judge.violation(x[None], D, code[None], alpha)[0] <= kkt + 1e-14


def test_knots_of_scikit_learn(make):
    X, D = make.gaussian(np.random.default_rng(1), n_samples=8)
    for x, path in zip(X, lasso_path(X, D), strict=True):
        alphas, _, codes = lars_path(D.T, x, method="lasso")
        n_features = D.shape[1]
        # scikit-learn's penalty is over the number of rows; below 1e-6 it is rounding that ends.
        kept = alphas * n_features > 1e-6
        ours = path.alphas > 1e-6
        np.testing.assert_allclose(path.alphas[ours], alphas[kept] * n_features, rtol=1e-7)
        np.testing.assert_allclose(path.codes.toarray()[ours], codes.T[kept], atol=1e-7)


def test_codes_of_the_active_set(problem):
    X, D = problem
    alphas = [0.5, 0.1, 0.02]
    paths = lasso_path(X, D, 0.02)
    for alpha in alphas:
        expected = lasso(X, D, alpha)
        codes = np.array([path.at(alpha) for path in paths])
        values = 0.5 * ((X - codes @ D) ** 2).sum(axis=1) + alpha * np.abs(codes).sum(axis=1)
        np.testing.assert_allclose(values, expected.objective, rtol=1e-9, atol=1e-12)


def test_brute_force(make):
    X, D = make.gaussian(np.random.default_rng(2), n_samples=6, n_features=4, n_components=5)
    gram, cov = D @ D.T, X @ D.T

    def best(b, alpha):
        """The smallest objective over all sets of atoms and signs whose solution keeps them."""
        values = [0.0]
        for signs in itertools.product([-1, 0, 1], repeat=5):
            support = np.flatnonzero(signs)
            if 0 < len(support) <= 4:
                s = np.array(signs)[support]
                a = np.linalg.solve(gram[np.ix_(support, support)], b[support] - alpha * s)
                if (a * s >= 0).all():
                    quadratic = 0.5 * a @ gram[np.ix_(support, support)] @ a
                    values.append(quadratic - b[support] @ a + alpha * np.abs(a).sum())
        return min(values)

    for b, path in zip(cov, lasso_path(X, D, 0.01), strict=True):
        for alpha in (0.4, 0.1, 0.03):
            a = path.at(alpha)
            value = 0.5 * a @ gram @ a - b @ a + alpha * np.abs(a).sum()
            assert value == pytest.approx(best(b, alpha), abs=1e-12)


def test_elastic_net_and_weights(make, judge):
    X, D = make.gaussian(np.random.default_rng(3), n_samples=10)
    rng = np.random.default_rng(4)
    options = {"l2": rng.uniform(0.0, 0.5, len(X)), "weights": rng.uniform(0.2, 3.0, len(D))}
    paths = lasso_path(X, D, 0.02, **options)
    for alpha in (0.2, 0.02):
        codes = np.array([path.at(alpha) for path in paths])
        assert judge.violation(X, D, codes, alpha, **options).max() <= 1e-12


def test_down_to_least_squares(make):
    X, D = make.gaussian(np.random.default_rng(5), n_samples=10, n_components=20)
    codes = np.array([path.at(0.0) for path in lasso_path(X, D)])
    np.testing.assert_allclose((X - codes @ D) @ D.T, 0.0, atol=1e-12)


def test_threads_do_not_change_a_bit(make):
    X, D = make.gaussian(np.random.default_rng(6), n_samples=100)
    one = lasso_path(X, D, 0.1, n_jobs=1)
    for more in (lasso_path(X, D, 0.1, n_jobs=n) for n in (2, 3)):
        for a, b in zip(one, more, strict=True):
            assert np.array_equal(a.alphas, b.alphas)
            assert np.array_equal(a.codes.data, b.codes.data)


def test_a_path_that_is_cut_says_so(make, judge):
    X, D = make.gaussian(np.random.default_rng(7), n_samples=3)
    with pytest.warns(ConvergenceWarning, match="3 of 3 paths"):
        paths = lasso_path(X, D, 0.01, max_iter=4)
    for x, path in zip(X, paths, strict=True):
        assert not path.converged
        assert len(path.alphas) == 4
        last = path.alphas[-1]
        assert judge.violation(x[None], D, path.codes.toarray()[-1:], last) <= 1e-12
        with pytest.raises(ValueError, match="alpha must be at least"):
            path.at(0.5 * last)


def test_bad_input(make):
    X, D = make.gaussian(np.random.default_rng(8), n_samples=3)
    for options, name in [
        ({"alpha_min": -1.0}, "alpha_min"),
        ({"l2": [1.0]}, "l2"),
        ({"weights": np.zeros(len(D))}, "weights"),
        ({"max_iter": 0}, "max_iter"),
    ]:
        with pytest.raises(ValueError, match=name):
            lasso_path(X, D, **options)
    with pytest.raises(ValueError, match="X"):
        lasso_path(X * np.nan, D)
    for options in ({"alpha": 0.0}, {"alpha": 1.0, "weights": np.zeros(len(D))}):
        with pytest.raises(ValueError, match="alpha and weights must be positive"):
            lasso(X, D, algorithm="homotopy", **options)


def unequal(x, D, code):
    """By how much correlations differ on the support, and exceed that off it."""
    sizes = np.abs(D @ (x - code @ D))
    return np.abs(sizes - sizes.max())[code != 0].max()


def test_least_angle_regression_of_scikit_learn(make):
    X, D = make.gaussian(np.random.default_rng(9), n_features=40, n_components=30)
    compared = 0
    for count in (1, 4, 12):
        codes = sparse_encode(X, D, algorithm="lars", n_nonzero_coefs=count)
        assert ((codes != 0).sum(axis=1) == count).all()
        for x, code in zip(X, codes, strict=True):
            assert unequal(x, D, code) <= 1e-14
            expected = lars_path(D.T, x, method="lar", max_iter=count, return_path=False)[2]
            # Where two knots are close scikit-learn's sometimes leaves the path.
            if unequal(x, D, expected) <= 1e-10:
                compared += 1
                np.testing.assert_allclose(code, expected, atol=1e-10)
    assert compared >= 0.95 * 3 * len(X)
    # With all atoms it ends at least squares.
    codes = sparse_encode(X, D, algorithm="lars", n_nonzero_coefs=99)
    np.testing.assert_allclose(codes, np.linalg.lstsq(D.T, X.T)[0].T, atol=1e-10)


def test_least_angle_regression_passes_over_dependent_atoms(make):
    X, D = make.degenerate(np.random.default_rng(10))
    codes = sparse_encode(X, D, algorithm="lars", n_nonzero_coefs=20)
    assert ((codes != 0).sum(axis=1) <= 6).all()  # the rank
    assert not codes[0].any()
    correlations = (X - codes @ D) @ D.T
    np.testing.assert_allclose(correlations, 0.0, atol=1e-12)
