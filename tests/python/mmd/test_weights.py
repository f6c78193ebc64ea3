from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sparsetransfer import mmd
from sparsetransfer.exceptions import DomainError


def test_labels_give_the_mean_of_the_classes_discrepancies(domains):
    source, target = domains
    ys, yt = np.arange(13) % 3, np.arange(9) % 4
    source_weights, target_weights, classes = mmd.class_weights(ys, yt)
    assert classes.tolist() == [0, 1, 2]
    joint = mmd.linear(source, target, source_weights=source_weights, target_weights=target_weights)
    single = [mmd.linear(source[ys == c], target[yt == c]).value for c in classes]
    assert joint.value == pytest.approx(np.mean(single))


def test_marginal_column_comes_first():
    ys, yt = np.array(["a", "b"] * 6 + ["c"]), np.array(["b", "a", "b"] * 3)
    source_weights, target_weights, classes = mmd.class_weights(ys, yt, marginal=True)
    assert classes.tolist() == ["a", "b"]
    assert source_weights.shape == (13, 3)
    assert (source_weights[:, 0] == 1).all()
    assert (target_weights[:, 0] == 1).all()


def test_one_hot_probabilities_equal_labels():
    ys, yt = np.array([3, 1, 1, 2]), np.array([1, 2, 3, 3, 1])
    hard = mmd.class_weights(ys, yt)
    soft = mmd.class_weights(ys, target_probabilities=yt[:, None] == np.array([1, 2, 3]))
    for left, right in zip(hard, soft, strict=True):
        np.testing.assert_array_equal(left, right)
    order = [3, 1, 2]
    _, _, classes = mmd.class_weights(
        ys, target_probabilities=np.full((5, 3), 1 / 3), classes=order
    )
    assert classes.tolist() == order


def test_unfit_arguments_are_refused():
    with pytest.raises(ValueError, match="give either target_labels or target_probabilities"):
        mmd.class_weights([0, 1])
    with pytest.raises(DomainError, match="no class occurs in both"):
        mmd.class_weights([0, 1], [2, 3])
    with pytest.raises(ValueError, match="target_probabilities must have 2 features, got 3"):
        mmd.class_weights([0, 1], target_probabilities=np.ones((4, 3)))
    with pytest.raises(ValueError, match="target_probabilities must not be negative"):
        mmd.class_weights([0, 1], target_probabilities=-np.ones((4, 2)))
    with pytest.raises(ValueError, match="source_labels must be a 1-D array"):
        mmd.class_weights([], [2, 3])


METHODS = [
    pytest.param(mmd.linear, id="linear"),
    pytest.param(partial(mmd.gaussian, bandwidths=1.0), id="gaussian"),
    pytest.param(partial(mmd.random_features, bandwidths=1.0, random_state=0), id="features"),
]


@pytest.mark.parametrize("estimator", ["biased", "unbiased"])
@pytest.mark.parametrize("scale", [1e-300, 1e-200, 1e200, 1e307])
@pytest.mark.parametrize("method", METHODS)
def test_the_scale_of_weights_does_not_matter(method, scale, estimator):
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(30, 3)), rng.normal(size=(20, 3))
    weights = rng.uniform(1, 9, 30)
    options = {"estimator": estimator, "gradient": True}
    plain = method(X, Y, source_weights=weights, **options)
    scaled = method(
        X, Y, source_weights=scale * weights, target_weights=np.full(20, scale), **options
    )
    assert_allclose(scaled.value, plain.value, rtol=1e-10)
    assert_allclose(scaled.gradient_source, plain.gradient_source, rtol=1e-9, atol=1e-15)
    assert_allclose(scaled.gradient_target, plain.gradient_target, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("heavy", [1e3, 1e6, 1e200])
@pytest.mark.parametrize("method", METHODS)
def test_one_heavy_sample(method, heavy):
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(30, 3)), rng.normal(size=(20, 3))
    weights = np.ones(30)
    weights[4] = heavy
    limit = method(X[4:5], Y, gradient=True)
    biased = method(X, Y, source_weights=weights, gradient=True)
    assert_allclose(biased.value, limit.value, rtol=200 / heavy, atol=1e-12)
    assert_allclose(biased.gradient_source[4:5], limit.gradient_source, atol=600 / heavy + 1e-12)
    if heavy == 1e200:
        with pytest.raises(ValueError, match="limit the largest weight"):
            method(X, Y, source_weights=weights, estimator="unbiased")
        return
    unbiased = method(X, Y, source_weights=weights, gradient=True, estimator="unbiased")
    assert np.isfinite(unbiased.value)
    assert np.isfinite(unbiased.gradient_source).all()


def test_the_unbiased_estimate_with_a_heavy_sample_is_that_of_its_definition():
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(12, 3)), rng.normal(size=(9, 3))
    weights = np.ones(12)
    weights[4] = 1e6
    a, x, y = (value.astype(np.longdouble) for value in (weights, X, Y))
    pairs = np.outer(a, a)
    np.fill_diagonal(pairs, 0)
    inner = y @ y.T
    expected = (pairs * (x @ x.T)).sum() / pairs.sum() - 2 * ((a / a.sum()) @ x) @ y.mean(axis=0)
    expected += (inner.sum() - np.trace(inner)) / 72
    found = mmd.linear(X, Y, source_weights=weights, estimator="unbiased").value
    assert_allclose(found, float(expected), rtol=1e-8)
