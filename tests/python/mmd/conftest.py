"""Samples, and closed forms and finite differences written for clarity on tiny samples."""

from types import SimpleNamespace

import numpy as np
import pytest


def columns(weights, size):
    weights = np.full((size, 1), 1.0) if weights is None else np.asarray(weights, float)
    weights = weights.reshape(size, -1)
    return weights / weights.sum(axis=0)


def discrepancy(
    kernel, source, target, estimator="biased", source_weights=None, target_weights=None
):
    """Sum over all pairs, as the definitions have it; kernel(X, Y) -> (len(X), len(Y))."""
    if estimator == "linear_time":
        pairs = len(source) // 2
        total = 0.0
        for i in range(pairs):
            s, s_next = source[2 * i : 2 * i + 1], source[2 * i + 1 : 2 * i + 2]
            t, t_next = target[2 * i : 2 * i + 1], target[2 * i + 1 : 2 * i + 2]
            total += (kernel(s, s_next) + kernel(t, t_next)).item()
            total -= (kernel(s, t_next) + kernel(s_next, t)).item()
        return total / pairs
    source_weights = columns(source_weights, len(source))
    target_weights = columns(target_weights, len(target))
    values = []
    for a, b in zip(source_weights.T, target_weights.T, strict=True):
        ss, tt = np.outer(a, a), np.outer(b, b)
        if estimator == "unbiased":
            for pairs in (ss, tt):
                np.fill_diagonal(pairs, 0)
                pairs /= pairs.sum()
        value = (ss * kernel(source, source)).sum() + (tt * kernel(target, target)).sum()
        values.append(value - 2 * (np.outer(a, b) * kernel(source, target)).sum())
    return np.mean(values)


def finite_differences(function, point, step=1e-5):
    """Central differences of a scalar function of an array."""
    gradient = np.empty_like(point)
    for index in np.ndindex(point.shape):
        moved = point.copy()
        moved[index] += step
        above = function(moved)
        moved[index] -= 2 * step
        gradient[index] = (above - function(moved)) / (2 * step)
    return gradient


@pytest.fixture
def twin():
    return SimpleNamespace(
        columns=columns, discrepancy=discrepancy, finite_differences=finite_differences
    )


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def domains(rng):
    """A source and a target of different size, apart from each other and from the origin."""
    return rng.normal(size=(13, 4)) + 1, 0.7 * rng.normal(size=(9, 4)) + 1.5


@pytest.fixture(params=["equal", "weighted", "conditional"])
def weights(request, rng):
    """Weights for `domains`: none, one column, or three columns with zeros."""
    if request.param == "equal":
        return {}
    if request.param == "weighted":
        return {"source_weights": rng.random(13), "target_weights": rng.random(9)}
    source = np.eye(3)[np.arange(13) % 3]
    target = rng.random((9, 3))
    return {"source_weights": source, "target_weights": target}
