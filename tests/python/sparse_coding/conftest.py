"""Problems, and the objective and certificate they are judged by."""

from types import SimpleNamespace

import numpy as np
import pytest


def unit_rows(array):
    return array / np.linalg.norm(array, axis=1, keepdims=True)


def extended(*arrays):
    return (np.asarray(array, dtype=np.longdouble) for array in arrays)


def gradient(X, D, codes, l2=0.0):
    """Minus the gradient of the smooth part, in extended precision."""
    X, D, codes, l2 = extended(X, D, codes, l2)
    return (X - codes @ D) @ D.T - np.reshape(l2, (-1, 1)) * codes


def violation_at(c, codes, limits, *, positive=False):
    """The largest violation of the optimality conditions for correlations `c` of the residual."""
    if positive:
        assert (codes >= 0).all()
    off = np.maximum((c if positive else np.abs(c)) - limits, 0)
    return np.where(codes != 0, np.abs(c - limits * np.sign(codes)), off).max(axis=1)


def violation(X, D, codes, alpha, *, l2=0.0, weights=1.0, positive=False):
    """The largest violation of the optimality conditions, from their definition."""
    alpha, weights, codes = extended(alpha, weights, codes)
    c = gradient(X, D, codes, l2)
    return violation_at(c, codes, alpha * weights, positive=positive).astype(float)


def objective(X, D, codes, alpha):
    X, D, codes = (np.asarray(array, dtype=np.float64) for array in (X, D, codes))
    return 0.5 * ((X - codes @ D) ** 2).sum(axis=1) + alpha * np.abs(codes).sum(axis=1)


def rounding(X, D, codes):
    """What evaluating the conditions in double precision may be off by, per signal."""
    X, D, codes = (np.asarray(array, dtype=np.float64) for array in (X, D, codes))
    largest = np.linalg.norm(D, axis=1).max()
    size = largest * (np.linalg.norm(X, axis=1) + largest * np.abs(codes).sum(axis=1))
    return (8 + X.shape[1]) * np.finfo(np.float64).eps * size


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
    return SimpleNamespace(
        gradient=gradient,
        violation=violation,
        violation_at=violation_at,
        objective=objective,
        rounding=rounding,
    )


@pytest.fixture
def make():
    return SimpleNamespace(**PROBLEMS)
