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
    pytest.param(
        partial(mmd.random_features, bandwidths=1.0, n_frequencies=16, rng=0),
        id="features",
    ),
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


def features_of(samples, centre):
    """The random features of `METHODS`, from the frequencies that its seed draws."""
    frequencies = np.random.default_rng(0).normal(size=(16, samples.shape[1]))
    phases = (samples - centre) @ frequencies.T.astype(samples.dtype)
    return np.hstack([np.cos(phases), np.sin(phases)]) / 4


def kernel_of(name, X, Y):
    """The kernel of a method, on samples of long doubles."""
    if name == "linear":
        return lambda x, y: x @ y.T
    if name == "gaussian":
        return lambda x, y: np.exp(-np.square(x[:, None] - y).sum(axis=2) / 2)
    centre = (X.mean(axis=0) + Y.mean(axis=0)) / 2
    return lambda x, y: features_of(x, centre) @ features_of(y, centre).T


def definition(kernel, X, Y, source_weights, target_weights):
    """Sum over all pairs of different samples, in long doubles, whose range holds 1e400."""
    total = np.longdouble(0)
    among_source, among_target, between = kernel(X, X), kernel(Y, Y), kernel(X, Y)
    for a, b in zip(source_weights.T, target_weights.T, strict=True):
        a, b = a / a.sum(), b / b.sum()
        for weights, among in ((a, among_source), (b, among_target)):
            pairs = np.outer(weights, weights)
            np.fill_diagonal(pairs, 0)
            total += (pairs * among).sum() / pairs.sum()
        total -= 2 * (np.outer(a, b) * between).sum()
    return total / source_weights.shape[1]


@pytest.mark.skipif(
    np.finfo(np.longdouble).eps > 1e-18, reason="needs long doubles beyond float64 to compare with"
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("heavy", [1, 1e3, 1e8, 1e16, 1e200])
@pytest.mark.parametrize(
    ("name", "method"), [(parameter.id, parameter.values[0]) for parameter in METHODS]
)
def test_the_unbiased_estimate_with_heavy_samples_is_that_of_its_definition(
    name, method, heavy, dtype
):
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(12, 3)).astype(dtype), rng.normal(size=(9, 3)).astype(dtype)
    source_weights, target_weights = rng.uniform(1, 2, (12, 3)), rng.uniform(1, 2, (9, 3))
    source_weights[[4, 4], [0, 1]] = heavy  # one sample heavy in two columns
    target_weights[2, 1] = heavy
    target_weights[[3, 5], 2] = heavy  # two heavy samples in one
    weights = {"source_weights": source_weights, "target_weights": target_weights}
    found = method(X, Y, estimator="unbiased", gradient=True, **weights)

    x, y, a, b = (array.astype(np.longdouble) for array in (X, Y, *weights.values()))
    kernel = kernel_of(name, x, y)
    expected = definition(kernel, x, y, a, b)
    rtol = 2e-5 if dtype == np.float32 else 1e-11
    assert_allclose(found.value, float(expected), rtol=rtol, atol=rtol)
    step = np.longdouble(1e-5)
    for samples, gradient in ((x, found.gradient_source), (y, found.gradient_target)):
        assert gradient.dtype == dtype
        for index in np.ndindex(samples.shape):
            middle = samples[index]
            samples[index] = middle + step
            above = definition(kernel, x, y, a, b)
            samples[index] = middle - step
            slope = (above - definition(kernel, x, y, a, b)) / (2 * step)
            samples[index] = middle
            assert_allclose(
                gradient[index],
                float(slope),
                rtol=1e-4 if rtol > 1e-6 else 1e-7,
                atol=max(rtol, 1e-9),
            )


@pytest.mark.parametrize("method", METHODS)
def test_the_unbiased_estimate_of_one_sample_is_refused(method):
    X, Y = np.random.default_rng(0).normal(size=(2, 6, 3))
    for alone in (1.0, 1e200):
        with pytest.raises(ValueError, match="at least 2 target samples of positive weight"):
            method(X, Y, target_weights=[0, 0, alone, 0, 0, 0], estimator="unbiased")
    with pytest.raises(
        ValueError, match=r"got one sample with all but .* limit the largest weight"
    ):
        method(X, Y, source_weights=[1, 1, 1e300, 1, 1, 1], estimator="unbiased")
