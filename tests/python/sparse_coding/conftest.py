"""Problems, and the objective and certificate they are judged by."""

from types import SimpleNamespace

import numpy as np
import pytest


def unit_rows(array):
    return array / np.linalg.norm(array, axis=1, keepdims=True)


def violation(X, D, codes, alpha, *, l2=0.0, weights=1.0, positive=False):
    """The largest violation of the optimality conditions, in float64 and from their definition."""
    X, D, codes = (np.asarray(array, dtype=np.float64) for array in (X, D, codes))
    gradient = (X - codes @ D) @ D.T - np.reshape(l2, (-1, 1)) * codes
    limits = np.broadcast_to(alpha * np.asarray(weights), codes.shape)
    if positive:
        assert (codes >= 0).all()
        off = np.maximum(gradient - limits, 0)
    else:
        off = np.maximum(np.abs(gradient) - limits, 0)
    on = np.abs(gradient - limits * np.sign(codes))
    return np.where(codes != 0, on, off).max(axis=1)


def objective(X, D, codes, alpha):
    X, D, codes = (np.asarray(array, dtype=np.float64) for array in (X, D, codes))
    return 0.5 * ((X - codes @ D) ** 2).sum(axis=1) + alpha * np.abs(codes).sum(axis=1)


def gaussian(rng, n_samples=40, n_features=24, n_components=60):
    return (
        unit_rows(rng.standard_normal((n_samples, n_features))),
        unit_rows(rng.standard_normal((n_components, n_features))),
    )


def spectral(rng, n_samples=40, n_features=24, n_components=60):
    """Smooth positive spectra around one mean: all atoms are highly correlated, as in speech."""
    mean = 2 + np.sin(np.linspace(0, 5, n_features))
    frames = mean + 0.2 * np.cumsum(
        rng.standard_normal((n_samples + n_components, n_features)), axis=1
    )
    frames = unit_rows(frames)
    return frames[:n_samples], frames[n_samples:]


def degenerate(rng, n_samples=40, n_features=24, n_components=60):
    """Rank 6, with duplicated, negated and vanishing atoms, and a vanishing signal."""
    basis = rng.standard_normal((6, n_features))
    D = unit_rows(rng.standard_normal((n_components, 6)) @ basis)
    D[1], D[2], D[3] = D[0], -D[0], 0
    X = unit_rows(rng.standard_normal((n_samples, n_features)))
    X[0] = 0
    X[1] = D[0]
    return X, D


PROBLEMS = {"gaussian": gaussian, "spectral": spectral, "degenerate": degenerate}


@pytest.fixture(params=PROBLEMS)
def problem(request):
    return PROBLEMS[request.param](np.random.default_rng(0))


@pytest.fixture
def judge():
    return SimpleNamespace(violation=violation, objective=objective)


@pytest.fixture
def make():
    return SimpleNamespace(**PROBLEMS)
