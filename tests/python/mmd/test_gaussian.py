import signal
import threading
import time

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.metrics.pairwise import rbf_kernel

from sparsetransfer import mmd

WIDTHS = {
    "one": [1.3],
    "powers of two": [0.5, 0.5 * 2**0.5, 1.0, 2.0, 4.0],
    "unrelated": [0.7, 1.0, 1.9],
    "equal": [1.0, 1.0, 2.0],
}


def kernel_of(widths):
    """The mean of scikit-learn's kernels."""
    return lambda X, Y: np.mean([rbf_kernel(X, Y, 1 / (2 * s * s)) for s in widths], axis=0)


@pytest.fixture(params=WIDTHS)
def widths(request):
    return WIDTHS[request.param]


@pytest.mark.parametrize("estimator", ["biased", "unbiased"])
def test_value_equals_the_closed_form(twin, domains, weights, widths, estimator):
    result = mmd.gaussian(*domains, bandwidths=widths, estimator=estimator, **weights)
    expected = twin.discrepancy(kernel_of(widths), *domains, estimator, **weights)
    assert result.value == pytest.approx(expected, rel=1e-12, abs=1e-15)
    assert result.bandwidths == tuple(widths)
    assert result.gradient_source is None


@pytest.mark.parametrize("estimator", ["biased", "unbiased"])
def test_gradients_equal_finite_differences(twin, domains, weights, widths, estimator):
    source, target = domains
    options = {"estimator": estimator, "bandwidths": widths, **weights}
    result = mmd.gaussian(source, target, gradient=True, **options)
    expected = twin.finite_differences(lambda X: mmd.gaussian(X, target, **options).value, source)
    np.testing.assert_allclose(result.gradient_source, expected, atol=2e-10)
    expected = twin.finite_differences(lambda X: mmd.gaussian(source, X, **options).value, target)
    np.testing.assert_allclose(result.gradient_target, expected, atol=2e-10)
    assert result.value == mmd.gaussian(source, target, **options).value


def test_linear_time_estimator(twin, domains, widths):
    source, target = domains[0][:9], domains[1]
    options = {"estimator": "linear_time", "bandwidths": widths}
    result = mmd.gaussian(source, target, gradient=True, **options)
    expected = twin.discrepancy(kernel_of(widths), source, target, "linear_time")
    assert result.value == pytest.approx(expected)
    expected = twin.finite_differences(lambda X: mmd.gaussian(X, target, **options).value, source)
    np.testing.assert_allclose(result.gradient_source, expected, atol=2e-10)
    expected = twin.finite_differences(lambda X: mmd.gaussian(source, X, **options).value, target)
    np.testing.assert_allclose(result.gradient_target, expected, atol=2e-10)
    assert not result.gradient_source[8].any()


def direct_gradient(source, target, widths, weights, estimator):
    """The derivative as a sum over all pairs."""
    samples = np.concatenate([source, target])
    n = len(source)
    pairs = np.outer(weights, weights)
    if estimator == "unbiased":
        np.fill_diagonal(pairs, 0)
        pairs[:n, :n] *= n / (n - 1)
        pairs[n:, n:] *= len(target) / (len(target) - 1)
    slopes = np.mean([rbf_kernel(samples, gamma=1 / (2 * s * s)) / s**2 for s in widths], axis=0)
    slopes *= pairs
    return 2 * (slopes @ samples - slopes.sum(axis=1)[:, None] * samples)


# Sizes that fill tiles, leave a remainder, and have an odd number of blocks.
@pytest.mark.parametrize(("n", "m"), [(1, 1), (64, 64), (300, 77), (257, 1300), (1100, 1048)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_many_tiles(rng, twin, n, m, dtype):
    source = rng.normal(size=(n, 6)).astype(dtype) + dtype(20)
    target = rng.normal(size=(m, 6)).astype(dtype) + dtype(20.5)
    widths = [1.0, 2.0, 2.0**1.5]
    result = mmd.gaussian(source, target, bandwidths=widths, gradient=True)
    # scikit-learn does not centre.
    wide = source.astype(float) - 20, target.astype(float) - 20
    expected = twin.discrepancy(kernel_of(widths), *wide)
    unit = float(np.finfo(dtype).eps)
    assert result.value == pytest.approx(expected, abs=20 * unit)
    weights = np.concatenate([np.full(n, 1 / n), np.full(m, -1 / m)])
    gradient = direct_gradient(*wide, widths, weights, "biased")
    for ours, exact in zip(
        (result.gradient_source, result.gradient_target),
        (gradient[:n], gradient[n:]),
        strict=True,
    ):
        assert ours.dtype == dtype
        np.testing.assert_allclose(ours, exact, rtol=0, atol=100 * unit * np.abs(exact).max())


@pytest.mark.parametrize("estimator", ["biased", "unbiased"])
def test_classes_over_many_tiles_equal_the_mean_of_single_classes(rng, estimator):
    source, target = rng.normal(size=(400, 5)), rng.normal(size=(333, 5)) + 0.5
    ys, yt = rng.integers(0, 3, 400), rng.integers(0, 3, 333)
    source_weights, target_weights, classes = mmd.class_weights(ys, yt)
    options = {"bandwidths": [1.0, 2.0], "estimator": estimator, "gradient": True}
    joint = mmd.gaussian(
        source, target, source_weights=source_weights, target_weights=target_weights, **options
    )
    single = [mmd.gaussian(source[ys == c], target[yt == c], **options) for c in classes]
    assert joint.value == pytest.approx(np.mean([one.value for one in single]), abs=1e-14)
    for c, one in zip(classes, single, strict=True):
        np.testing.assert_allclose(
            3 * joint.gradient_source[ys == c], one.gradient_source, atol=1e-14
        )
        np.testing.assert_allclose(
            3 * joint.gradient_target[yt == c], one.gradient_target, atol=1e-14
        )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("columns", [1, 2])
@pytest.mark.parametrize("distance", [mmd.gaussian, mmd.laplace, mmd.inverse_multiquadric])
def test_threads_change_no_bit(rng, distance, dtype, columns):
    source, target = (rng.normal(size=(n, 9)).astype(dtype) for n in (1200, 1111))
    options = {
        "bandwidths": [1.0, 2.0, 3.0],
        "gradient": True,
        "source_weights": rng.random((1200, columns)),
        "target_weights": rng.random((1111, columns)),
    }
    one = distance(source, target, n_jobs=1, **options)
    for threads in (2, 5):
        many = distance(source, target, n_jobs=threads, **options)
        assert one.value == many.value
        np.testing.assert_array_equal(one.gradient_source, many.gradient_source)
        np.testing.assert_array_equal(one.gradient_target, many.gradient_target)


def test_invariances(domains):
    source, target = domains
    value = mmd.gaussian(source, target, bandwidths=1.0).value
    assert mmd.gaussian(target, source, bandwidths=1.0).value == pytest.approx(value)
    assert mmd.gaussian(source + 9, target + 9, bandwidths=1.0).value == pytest.approx(value)
    assert mmd.gaussian(3 * source, 3 * target, bandwidths=3.0).value == pytest.approx(value)
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(4, 4)))[0]
    assert mmd.gaussian(
        source @ rotation, target @ rotation, bandwidths=1.0
    ).value == pytest.approx(value)
    assert mmd.gaussian(source[::-1], target, bandwidths=1.0).value == pytest.approx(value)
    twice = np.concatenate([source, source[:1]])
    counts = np.ones(13)
    counts[0] = 2
    assert mmd.gaussian(twice, target, bandwidths=1.0).value == pytest.approx(
        mmd.gaussian(source, target, bandwidths=1.0, source_weights=counts).value
    )


def test_gradients_of_equal_weights_sum_to_zero(rng):
    # A common shift of all samples changes nothing.
    result = mmd.gaussian(rng.normal(size=(300, 4)), rng.normal(size=(500, 4)), gradient=True)
    total = result.gradient_source.sum(axis=0) + result.gradient_target.sum(axis=0)
    np.testing.assert_allclose(total, 0, atol=1e-15)


def test_biased_is_zero_for_equal_samples_and_unbiased_may_be_negative(rng):
    source = rng.normal(size=(400, 3))
    same = mmd.gaussian(source, source[::-1].copy())
    assert same.value == pytest.approx(0, abs=1e-15)
    assert mmd.gaussian(source, source, estimator="unbiased").value < 0


def test_unbiased_estimate_has_the_right_mean(rng):
    # Equal distributions: the mean over many draws is zero within its standard error.
    draws = [
        mmd.gaussian(
            rng.normal(size=(20, 2)), rng.normal(size=(15, 2)), bandwidths=1.0, estimator=estimator
        ).value
        for estimator in ("unbiased", "biased")
        for _ in range(300)
    ]
    unbiased, biased = np.array(draws[:300]), np.array(draws[300:])
    error = unbiased.std() / 300**0.5
    assert abs(unbiased.mean()) < 4 * error
    assert biased.mean() > 10 * error


def test_far_and_equal_samples(rng):
    source = np.zeros((3, 2))
    target = np.full((2, 2), 1e6)
    result = mmd.gaussian(source, target, bandwidths=1.0, gradient=True)
    assert result.value == pytest.approx(2.0, abs=1e-15)
    np.testing.assert_allclose(result.gradient_source, 0, atol=1e-9)
    tight = mmd.gaussian(rng.normal(size=(5, 2)), rng.normal(size=(4, 2)), bandwidths=1e-9)
    assert tight.value == pytest.approx(1 / 5 + 1 / 4, rel=1e-12)


def test_named_bandwidths(domains):
    source, target = domains
    samples = np.concatenate(domains)
    squared = cdist(samples, samples, "sqeuclidean")[np.triu_indices(22, 1)]
    for name, expected in (("median", np.median(squared)), ("mean", squared.mean())):
        base = np.sqrt(expected / 2)
        result = mmd.gaussian(source, target, bandwidths=name)
        np.testing.assert_allclose(
            result.bandwidths, base * np.array([0.5, 0.5**0.5, 1, 2**0.5, 2])
        )
        assert mmd.gaussian(
            source, target, bandwidths=name, multipliers=[1]
        ).bandwidths == pytest.approx([base])
    grid = mmd.gaussian(source, target, bandwidths=[1, 3], multipliers=[1, 4]).bandwidths
    assert grid == (1, 2, 3, 6)


def test_median_of_many_samples_is_close_to_that_of_all(rng):
    source, target = rng.normal(size=(2500, 3)), rng.normal(size=(1500, 3)) + 1
    (ours,) = mmd.gaussian(source, target, multipliers=[1]).bandwidths
    samples = np.concatenate([source, target])
    squared = cdist(samples, samples, "sqeuclidean")[np.triu_indices(4000, 1)]
    assert ours == pytest.approx(np.sqrt(np.median(squared) / 2), rel=0.02)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"bandwidths": "max"},
            "bandwidths must be numbers, 'median', 'mean' or 'quantiles', got 'max'",
        ),
        ({"bandwidths": []}, "bandwidths and multipliers must not be empty"),
        ({"bandwidths": [1.0, 0.0]}, r"bandwidths must be greater than 0, got 0\.0"),
        ({"multipliers": [-1.0]}, r"multipliers must be greater than 0, got -1\.0"),
        ({"estimator": "u"}, "estimator must be one of biased, unbiased, linear_time, got 'u'"),
        ({"source_weights": np.ones(3)}, "source_weights must have 13 entries, got 3"),
        ({"n_jobs": 0}, "n_jobs must be positive"),
    ],
)
def test_unfit_arguments_are_refused(domains, options, message):
    with pytest.raises(ValueError, match=message):
        mmd.gaussian(*domains, **options)


def test_unfit_samples_are_refused(domains):
    source, target = domains
    with pytest.raises(ValueError, match="bandwidths='median' is zero for these samples"):
        mmd.gaussian(np.ones((3, 2)), np.ones((2, 2)))
    with pytest.raises(ValueError, match="target must have 4 features, got 2"):
        mmd.gaussian(source, target[:, :2])
    source[0, 0] = np.inf
    with pytest.raises(ValueError, match=r"source must be finite, got inf at \[0, 0\]"):
        mmd.gaussian(source, target)


def test_overflow_is_an_error_and_no_number():
    far = np.array([[0.0], [1e30]], np.float32)
    for call in (
        lambda: mmd.gaussian(far, far, bandwidths=1.0),
        lambda: mmd.witness(far, far, far, bandwidths=1.0),
    ):
        with pytest.raises(ArithmeticError, match=r"squared distances .* overflow"):
            call()


def test_ctrl_c_ends_a_long_call(rng):
    samples = rng.normal(size=(30_000, 64))
    main = threading.get_ident()
    timer = threading.Timer(0.3, signal.pthread_kill, (main, signal.SIGINT))
    timer.start()
    start = time.perf_counter()
    with pytest.raises(KeyboardInterrupt):
        mmd.gaussian(samples, samples, bandwidths=8.0, gradient=True, n_jobs=2)
    assert time.perf_counter() - start < 5
    timer.join()


def test_witness_equals_its_definition(domains, widths):
    source, target = domains
    points = np.random.default_rng(2).normal(size=(7, 4))
    kernel = kernel_of(widths)
    expected = kernel(points, source).mean(axis=1) - kernel(points, target).mean(axis=1)
    ours = mmd.witness(points, source, target, bandwidths=widths)
    np.testing.assert_allclose(ours, expected, atol=1e-14)
    weights = np.random.default_rng(3).random(13)
    expected = kernel(points, source) @ weights / weights.sum() - kernel(points, target).mean(
        axis=1
    )
    ours = mmd.witness(points, source, target, bandwidths=widths, source_weights=weights)
    np.testing.assert_allclose(ours, expected, atol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_witness_integrates_to_the_discrepancy(rng, dtype):
    source = rng.normal(size=(700, 3)).astype(dtype)
    target = rng.normal(size=(300, 3)).astype(dtype) + dtype(0.5)
    one, two = (
        mmd.witness(np.concatenate([source, target]), source, target, n_jobs=n) for n in (1, 2)
    )
    np.testing.assert_array_equal(one, two)
    difference = one[:700].mean() - one[700:].mean()
    assert difference == pytest.approx(
        mmd.gaussian(source, target).value, abs=float(np.finfo(dtype).eps)
    )
    with pytest.raises(ValueError, match="takes one column of weights per domain"):
        mmd.witness(source, source, target, source_weights=np.ones((700, 2)))


@pytest.mark.parametrize("distance", [mmd.gaussian, mmd.laplace, mmd.inverse_multiquadric])
@pytest.mark.parametrize("bandwidths", ["median", "mean", "quantiles"])
def test_widths_of_samples_whose_distances_overflow_are_refused_by_that_name(
    rng, distance, bandwidths
):
    far = 1e200 * rng.normal(size=(6, 2))
    with pytest.raises(OverflowError, match="squared distances of source and target overflow"):
        distance(far, -far, bandwidths=bandwidths)
