"""Weights of the kernels in their mean: closed forms in extended precision, gradients, the test."""

import numpy as np
import pytest
from scipy.special import logsumexp

from sparsetransfer import mmd

WIDTHS = [0.6, 1.0, 2.0, 2.3]  # the second and the third share an exponential of Gaussians
WEIGHTS = [3.0, 0.5, 0.0, 1.5]
PROFILES = {
    "gaussian": lambda r: np.exp(-(r**2) / 2),
    "laplace": lambda r: np.exp(-r),
    "inverse_multiquadric": lambda r: 1 / np.sqrt(1 + r**2),
}


@pytest.fixture(params=PROFILES)
def name(request):
    return request.param


def weighted(name, weights=WEIGHTS):
    """The weighted mean kernel of two arrays, in extended precision."""
    shares = np.asarray(weights, np.longdouble) / np.sum(weights, dtype=np.longdouble)

    def kernel(X, Y):
        X, Y = np.asarray(X, np.longdouble), np.asarray(Y, np.longdouble)
        distance = np.sqrt(((X[:, None] - Y[None]) ** 2).sum(axis=2))
        return sum(w * PROFILES[name](distance / s) for w, s in zip(shares, WIDTHS, strict=True))

    return kernel


@pytest.mark.parametrize("estimator", ["biased", "unbiased", "linear_time"])
def test_value_and_gradients(twin, domains, weights, name, estimator):
    source, target = domains
    if estimator == "linear_time":
        source, target, weights = source[:9], target[:9], {}
    options = {"bandwidths": WIDTHS, "kernel_weights": WEIGHTS, "estimator": estimator, **weights}
    function = getattr(mmd, name)
    result = function(source, target, gradient=True, **options)
    expected = twin.discrepancy(weighted(name), source, target, estimator, **weights)
    assert result.value == pytest.approx(float(expected), rel=1e-12, abs=1e-15)
    differences = twin.finite_differences(lambda X: function(X, target, **options).value, source)
    np.testing.assert_allclose(result.gradient_source, differences, atol=1e-9)
    differences = twin.finite_differences(lambda X: function(source, X, **options).value, target)
    np.testing.assert_allclose(result.gradient_target, differences, atol=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_weighted_mean_is_the_mean_of_single_kernels(rng, name, dtype):
    """Over several tiles with a remainder, in both precisions."""
    source = rng.normal(size=(300, 6)).astype(dtype)
    target = rng.normal(0.5, size=(277, 6)).astype(dtype)
    function = getattr(mmd, name)
    whole = function(
        source, target, bandwidths=WIDTHS, kernel_weights=WEIGHTS, gradient=True, n_jobs=2
    )
    parts = [function(source, target, bandwidths=width, gradient=True) for width in WIDTHS]
    unit = float(np.finfo(dtype).eps)
    shares = np.array(WEIGHTS) / np.sum(WEIGHTS)
    assert whole.value == pytest.approx(shares @ [part.value for part in parts], abs=20 * unit)
    for side in ("gradient_source", "gradient_target"):
        mean = sum(w * getattr(part, side) for w, part in zip(shares, parts, strict=True))
        exact = np.abs(mean).max()
        np.testing.assert_allclose(getattr(whole, side), mean, rtol=0, atol=300 * unit * exact)


def test_only_ratios_count_and_equal_weights_are_none(domains, name):
    function = getattr(mmd, name)
    values = [
        function(*domains, bandwidths=WIDTHS, kernel_weights=weights).value
        for weights in (WEIGHTS, 1e200 * np.array(WEIGHTS), [7.0] * 4)
    ]
    assert values[1] == pytest.approx(values[0])
    assert values[2] == function(*domains, bandwidths=WIDTHS).value
    named = {"bandwidths": "median", "multipliers": [0.5, 2.0], "kernel_weights": [0.0, 1.0]}
    single = function(*domains, bandwidths="median", multipliers=[2.0])
    assert function(*domains, **named).value == pytest.approx(single.value)


def test_weights_follow_their_bandwidths_in_any_order(domains, name):
    function, order = getattr(mmd, name), [2, 0, 3, 1]
    mixed = function(
        *domains,
        bandwidths=[WIDTHS[k] for k in order],
        kernel_weights=[WEIGHTS[k] for k in order],
    )
    plain = function(*domains, bandwidths=WIDTHS, kernel_weights=WEIGHTS)
    assert mixed.value == pytest.approx(plain.value, rel=1e-14)


def test_the_witness_integrates_to_the_weighted_discrepancy(domains, name):
    options = {"bandwidths": WIDTHS, "kernel_weights": WEIGHTS}
    at = mmd.witness(np.concatenate(domains), *domains, kernel=name, **options)
    split = len(domains[0])
    expected = getattr(mmd, name)(*domains, **options).value
    assert at[:split].mean() - at[split:].mean() == pytest.approx(expected)


def test_two_sample_tests_with_weights(twin, domains, name):
    options = {"kernel": name, "n_permutations": 49, "rng": 0}
    mean = mmd.two_sample_test(*domains, bandwidths=WIDTHS, kernel_weights=WEIGHTS, **options)
    expected = twin.discrepancy(weighted(name), *domains, "unbiased")
    assert mean.statistic == pytest.approx(float(expected), rel=1e-10)
    fused = mmd.two_sample_test(
        *domains, bandwidths=WIDTHS, kernel_weights=WEIGHTS, combine="fuse", **options
    )
    pooled = np.concatenate(domains)
    scaled = []
    for hot in np.eye(4):
        kernel = weighted(name, hot)
        squares = np.square(kernel(pooled, pooled))
        np.fill_diagonal(squares, 0)
        size = len(pooled) * (len(pooled) - 1)
        scaled.append(
            twin.discrepancy(kernel, *domains, "unbiased") / np.sqrt(squares.sum() / size)
        )
    smaller = min(map(len, domains))
    sharp = np.sqrt(smaller * (smaller - 1))
    shares = np.array(WEIGHTS) / np.sum(WEIGHTS)
    expected = logsumexp(sharp * np.array(scaled, float), b=shares) / sharp
    assert fused.statistic == pytest.approx(float(expected), rel=1e-10)
    single = mmd.two_sample_test(*domains, bandwidths=WIDTHS[0], **options)
    hot = mmd.two_sample_test(*domains, bandwidths=WIDTHS, kernel_weights=[1, 0, 0, 0], **options)
    np.testing.assert_allclose(hot.null, single.null, atol=1e-14)
    assert hot.p_value == single.p_value


@pytest.mark.parametrize(
    ("weights", "complaint"),
    [
        ([1.0, 2.0], "kernel_weights must have 4 entries, got 2"),
        ([1.0, -0.5, 1.0, 1.0], "kernel_weights must be at least 0, got -0.5"),
        ([0.0] * 4, "kernel_weights must not all be zero"),
        ([1.0, np.nan, 1.0, 1.0], "kernel_weights"),
        ([[1.0] * 4], "kernel_weights must be a 1-D array"),
    ],
)
def test_bad_weights_are_refused(domains, name, weights, complaint):
    with pytest.raises(ValueError, match=complaint):
        getattr(mmd, name)(*domains, bandwidths=WIDTHS, kernel_weights=weights)
    with pytest.raises(ValueError, match=complaint):
        mmd.two_sample_test(*domains, bandwidths=WIDTHS, kernel_weights=weights)
