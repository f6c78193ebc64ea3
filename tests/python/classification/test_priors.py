import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import logsumexp

from sparsetransfer.classification.priors import balance_prior


@pytest.fixture
def scores():
    rng = np.random.default_rng(0)
    return rng.normal(size=(200, 4)) * 3.0 + np.array([2.0, 0.0, 0.0, -4.0])


@pytest.mark.parametrize("prior", [None, [0.1, 0.2, 0.3, 0.4]])
def test_mean_posterior_is_the_prior(scores, prior):
    posteriors = balance_prior(scores, prior).posteriors(scores)
    np.testing.assert_allclose(posteriors.sum(axis=1), 1.0)
    np.testing.assert_allclose(posteriors.mean(axis=0), prior or 0.25, atol=1e-8)


def test_offsets_minimise_the_convex_function(scores):
    balance = balance_prior(scores, [0.1, 0.2, 0.3, 0.4])
    scaled = scores / balance.scale

    def function(offsets):
        value = logsumexp(scaled + offsets, axis=1).mean() - offsets @ [0.1, 0.2, 0.3, 0.4]
        return value + 0.5 * offsets.sum() ** 2

    found = minimize(function, np.zeros(4), tol=1e-10).x
    np.testing.assert_allclose(balance.offsets, found - found.mean(), atol=1e-4)


def test_shift_and_scale_of_scores_do_not_matter(scores):
    first = balance_prior(scores).posteriors(scores)
    other = 7.0 * scores + np.array([5.0, -3.0, 0.0, 1.0])
    # A shift per class changes the standard deviation and with it the temperature: not that one.
    moved = 7.0 * scores + 11.0
    np.testing.assert_allclose(balance_prior(moved).posteriors(moved), first, atol=1e-8)
    assert not np.allclose(balance_prior(other).posteriors(other), first)
    per_row = scores + np.random.default_rng(1).normal(size=(200, 1))
    np.testing.assert_allclose(balance_prior(per_row).posteriors(per_row), first, atol=1e-8)


def test_temperature_sharpens(scores):
    cold = balance_prior(scores, temperature=0.1).posteriors(scores)
    warm = balance_prior(scores, temperature=2.0).posteriors(scores)
    assert cold.max(axis=1).mean() > warm.max(axis=1).mean()


def test_equal_scores_give_the_prior():
    posteriors = balance_prior(np.ones((5, 3)), [0.2, 0.3, 0.5]).posteriors(np.ones((2, 3)))
    np.testing.assert_allclose(posteriors, [[0.2, 0.3, 0.5]] * 2)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"prior": [0.5, 0.6]}, "sum to 1"),
        ({"prior": [1.0, 0.0]}, "must be positive"),
        ({"prior": [1.0]}, "prior must have 2 entries"),
        ({"temperature": 0.0}, "temperature must be greater than"),
        ({"scores": [[1.0], [2.0]]}, "at least two columns"),
    ],
)
def test_bad_arguments(arguments, match):
    with pytest.raises(ValueError, match=match):
        balance_prior(**({"scores": [[0.0, 1.0], [1.0, 0.0]]} | arguments))
