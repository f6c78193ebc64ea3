"""Dictionaries for greedy codes: K-SVD and others with orthogonal matching pursuit."""

import warnings

import numpy as np
import pytest

from sparsetransfer.dictionary import learn_dictionary
from sparsetransfer.exceptions import ConvergenceWarning


def hidden(seed=0, n=800, d=20, k=12, count=2):
    rng = np.random.default_rng(seed)
    atoms = rng.normal(size=(k, d))
    atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
    codes = np.zeros((n, k))
    for row in codes:
        row[rng.choice(k, count, replace=False)] = rng.normal(size=count) + 2
    return codes @ atoms + 0.01 * rng.normal(size=(n, d)), atoms


def learn(X, k=12, **options):
    options = {"alpha": 0.0, "n_nonzero_coefs": 2, "rng": 0} | options
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return learn_dictionary(X, k, **options)


@pytest.mark.parametrize(
    "method", ["ksvd", "block_coordinate", "lagrange_dual", "optimal_directions"]
)
def test_the_squared_error_never_rises(method):
    X, _ = hidden()
    result = learn(X, dictionary_update=method, max_iter=30, tol=0.0)
    assert np.all(np.diff(result.history) <= 1e-10 * result.history[0])
    assert np.count_nonzero(result.codes, axis=1).max() <= 2
    error = 0.5 * np.sum((X - result.codes @ result.components) ** 2)
    assert result.objective == pytest.approx(error, rel=1e-10)
    assert result.objective <= result.history[-1] + 1e-10 * result.history[0]
    assert np.isnan(result.duality_gap)
    if method == "ksvd":
        np.testing.assert_allclose(np.linalg.norm(result.components, axis=1), 1, atol=1e-12)


def test_ksvd_recovers_hidden_atoms():
    X, atoms = hidden(n=1500)
    result = learn(X, dictionary_update="ksvd", init="spread", max_iter=100, tol=1e-8)
    cosine = np.abs(atoms @ result.components.T).max(axis=1)
    assert np.median(cosine) > 0.99
    assert result.objective < 0.05 * np.sum(X**2) / 2


def test_pursuits_with_masks():
    X, _ = hidden()
    mask = np.random.default_rng(1).random(X.shape) < 0.8
    result = learn(X, mask=mask, max_iter=15, tol=0.0)
    assert np.all(np.diff(result.history) <= 1e-10 * result.history[0])
    error = 0.5 * np.sum(np.where(mask, X - result.codes @ result.components, 0) ** 2)
    assert result.objective == pytest.approx(error, rel=1e-10)


def test_what_excludes_each_other_is_refused():
    X, _ = hidden(n=30)
    with pytest.raises(ValueError, match="alpha must be 0"):
        learn(X, alpha=0.1)
    with pytest.raises(ValueError, match="positive_code cannot"):
        learn(X, positive_code=True)
    with pytest.raises(ValueError, match="n_nonzero_coefs must be at least 1"):
        learn(X, n_nonzero_coefs=0)
