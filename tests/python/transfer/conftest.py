import warnings
from types import SimpleNamespace

import numpy as np
import pytest

from sparsetransfer.exceptions import ConvergenceWarning

KINDS = ("plain", "unit", "nearly equal", "duplicated", "offset", "badly scaled")
LONG = np.longdouble


def draw_matrix(kind, rng, n_samples, n_features, dtype):
    X = rng.normal(size=(n_samples, n_features))
    if kind == "unit":
        X = X / np.linalg.norm(X, axis=1, keepdims=True)
    elif kind == "nearly equal":
        X = X[:, :1] + 10.0 ** rng.uniform(-6, -1) * X
    elif kind == "duplicated":
        X = X[:, rng.integers(0, max(1, n_features // 2), n_features)]
    elif kind == "offset":
        X = X + 10.0 ** rng.uniform(0, 3)
    elif kind == "badly scaled":
        X = X * 10.0 ** rng.uniform(-3, 3, n_features)
    return np.ascontiguousarray(X, dtype)


def solve_quietly(solve, *args, **options):
    """The result, and whether the one warning of a miss came with it."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = solve(*args, **options)
    assert all(issubclass(one.category, ConvergenceWarning) for one in caught)
    assert len(caught) == (not result.converged)
    return result


def check_certificate(reported, true, converged, tolerance, rounding):
    """`rounding` is what a double-precision evaluation of the violation may be off by."""
    assert reported >= 0.99 * true - rounding
    assert reported <= 1.01 * true + rounding
    if converged:
        assert true <= 1.01 * tolerance + rounding
    else:
        assert true >= 0.99 * tolerance - rounding


def regression_violation(W, gradient, *, l1=0.0, l21=0.0, group=0.0, groups=None):
    """By the definition: entries of features in use, norms of features and groups that are not."""
    groups = np.arange(W.shape[1]) if groups is None else np.asarray(groups)
    worst = LONG(0)
    for name in np.unique(groups):
        inside = groups == name
        block, slope = W[:, inside], gradient[:, inside]
        strength = group * np.sqrt(LONG(inside.sum()))
        left = np.sqrt((np.maximum(abs(slope) - l1, 0) ** 2).sum(axis=0))
        if not block.any():
            found = np.sqrt((np.maximum(left - l21, 0) ** 2).sum()) - strength
            worst = max(worst, found)
            continue
        size = np.sqrt((block**2).sum())
        for w, g, rest in zip(block.T, slope.T, left, strict=True):
            if not w.any():
                worst = max(worst, rest - l21)
                continue
            smooth = g + (l21 / np.sqrt((w**2).sum()) + strength / size) * w
            entries = np.where(w != 0, abs(smooth + l1 * np.sign(w)), abs(g) - l1)
            worst = max(worst, entries.max())
    return worst


@pytest.fixture
def judge():
    """Problems that are hard to solve, and what their certificates are held against."""
    return SimpleNamespace(
        kinds=KINDS,
        draw_matrix=draw_matrix,
        solve_quietly=solve_quietly,
        check_certificate=check_certificate,
        regression_violation=regression_violation,
    )


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture(scope="session")
def planted_shift():
    """Two domains of three classes; the target is moved along a direction that classes use too.

    A classifier of the source relies on the direction of the shift; one that must not look at it
    finds the classes elsewhere.
    """
    rng = np.random.default_rng(4)
    n_features = 12
    labels = np.arange(90) % 3
    centres = np.zeros((3, n_features))
    centres[[0, 1, 2], [0, 1, 2]] = 1.6
    centres[:, 3] = [0.0, 2.5, -2.5]  # a strong cue of the source
    source = centres[labels] + 0.7 * rng.normal(size=(90, n_features))
    centres[:, 3] *= 0.5
    target = centres[labels] + 0.7 * rng.normal(size=(90, n_features))
    target[:, 3] += 4.0
    target[:, 4] += 3.0
    return source, labels, target, labels
