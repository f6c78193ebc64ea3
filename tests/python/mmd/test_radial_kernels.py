"""Laplace and inverse multiquadric kernels: closed forms in extended precision, and gradients."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from sparsetransfer import mmd

WIDTHS = [0.6, 1.0, 2.0, 2.3]


def laplace(distance, width):
    return np.exp(-distance / width)


def inverse_multiquadric(distance, width):
    return 1 / np.sqrt(1 + (distance / width) ** 2)


FORMULAS = {"laplace": laplace, "inverse_multiquadric": inverse_multiquadric}


@pytest.fixture(params=FORMULAS)
def name(request):
    return request.param


def kernel_of(name, widths):
    """The mean kernel of two arrays, in extended precision."""

    def kernel(X, Y):
        X, Y = np.asarray(X, np.longdouble), np.asarray(Y, np.longdouble)
        distance = np.sqrt(((X[:, None] - Y[None]) ** 2).sum(axis=2))
        return np.mean([FORMULAS[name](distance, np.longdouble(s)) for s in widths], axis=0)

    return kernel


@pytest.mark.parametrize("estimator", ["biased", "unbiased"])
def test_value_equals_the_closed_form(twin, domains, weights, name, estimator):
    result = getattr(mmd, name)(*domains, bandwidths=WIDTHS, estimator=estimator, **weights)
    expected = float(twin.discrepancy(kernel_of(name, WIDTHS), *domains, estimator, **weights))
    assert result.value == pytest.approx(expected, rel=1e-12, abs=1e-15)
    assert result.bandwidths == tuple(WIDTHS)


@pytest.mark.parametrize("estimator", ["biased", "unbiased", "linear_time"])
def test_gradients_equal_finite_differences(twin, domains, weights, name, estimator):
    source, target = domains
    if estimator == "linear_time":
        source, weights = source[:9], {}
    options = {"estimator": estimator, "bandwidths": WIDTHS, **weights}
    function = getattr(mmd, name)
    result = function(source, target, gradient=True, **options)
    expected = twin.finite_differences(lambda X: function(X, target, **options).value, source)
    np.testing.assert_allclose(result.gradient_source, expected, atol=1e-9)
    expected = twin.finite_differences(lambda X: function(source, X, **options).value, target)
    np.testing.assert_allclose(result.gradient_target, expected, atol=1e-9)
    assert result.value == function(source, target, **options).value


def test_linear_time_value(twin, domains, name):
    source, target = domains[0][:9], domains[1]
    value = getattr(mmd, name)(source, target, bandwidths=WIDTHS, estimator="linear_time").value
    expected = twin.discrepancy(kernel_of(name, WIDTHS), source, target, "linear_time")
    assert value == pytest.approx(float(expected))


def direct_gradient(name, source, target):
    """The derivative of the biased estimate as a sum over all pairs, of one bandwidth of one."""
    samples = np.concatenate([source, target])
    signs = np.concatenate(
        [np.full(len(source), 1 / len(source)), np.full(len(target), -1 / len(target))]
    )
    distance = cdist(samples, samples)
    if name == "laplace":
        slopes = np.exp(-distance) / np.where(distance > 0, distance, np.inf)
    else:
        slopes = (1 + distance**2) ** -1.5
    slopes *= np.outer(signs, signs)
    whole = 2 * (slopes @ samples - slopes.sum(axis=1)[:, None] * samples)
    return whole[: len(source)], whole[len(source) :]


# Sizes that fill tiles, leave a remainder, and have an odd number of blocks.
@pytest.mark.parametrize(("n", "m"), [(1, 1), (64, 64), (300, 77), (257, 1300)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_many_tiles_far_from_the_origin(rng, twin, name, n, m, dtype):
    source = rng.normal(size=(n, 6)).astype(dtype) + dtype(20)
    target = rng.normal(size=(m, 6)).astype(dtype) + dtype(20.5)
    result = getattr(mmd, name)(source, target, bandwidths=1.0, gradient=True)
    near = source.astype(float) - 20, target.astype(float) - 20
    formula = FORMULAS[name]
    expected = twin.discrepancy(lambda X, Y: formula(cdist(X, Y), 1.0), *near)
    unit = float(np.finfo(dtype).eps)
    assert result.value == pytest.approx(expected, abs=20 * unit)
    for ours, exact in zip(
        (result.gradient_source, result.gradient_target), direct_gradient(name, *near), strict=True
    ):
        assert ours.dtype == dtype
        np.testing.assert_allclose(ours, exact, rtol=0, atol=300 * unit * np.abs(exact).max())


@pytest.mark.parametrize("shift", [0.0, 1e3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_equal_samples_are_at_no_distance_and_do_not_pull(rng, name, dtype, shift):
    source = (rng.normal(size=(300, 5)) + shift).astype(dtype)
    result = getattr(mmd, name)(source, source[::-1].copy(), bandwidths=1.0, gradient=True)
    # Centred rows have the rounding of their coordinates, and Laplace is linear near zero.
    assert result.value == pytest.approx(0, abs=1e-15 if dtype is np.float64 else 1e-8)
    assert np.isfinite(result.gradient_source).all()
    np.testing.assert_allclose(result.gradient_source, 0, atol=1e-9)


def test_invariances(domains, name):
    source, target = domains
    function = getattr(mmd, name)
    value = function(source, target, bandwidths=1.0).value
    assert value > 0
    assert function(target, source, bandwidths=1.0).value == pytest.approx(value)
    assert function(source + 9, target + 9, bandwidths=1.0).value == pytest.approx(value)
    assert function(3 * source, 3 * target, bandwidths=3.0).value == pytest.approx(value)


def test_far_samples_pull_on_each_other_only_under_slow_kernels():
    source, target = [[0.0], [0.1]], [[60.0]]
    pulls = {
        name: abs(getattr(mmd, name)(source, target, bandwidths=1.0, gradient=True).gradient_target)
        for name in ("gaussian", *FORMULAS)
    }
    assert pulls["gaussian"] == 0 < pulls["laplace"] < 1e-20
    assert pulls["inverse_multiquadric"] == pytest.approx(2 / 60**2, rel=0.01)


def test_witness_integrates_to_the_discrepancy(domains, name):
    source, target = domains
    options = {"kernel": name, "bandwidths": WIDTHS}
    at = mmd.witness(np.concatenate(domains), source, target, **options)
    expected = getattr(mmd, name)(source, target, bandwidths=WIDTHS).value
    assert at[: len(source)].mean() - at[len(source) :].mean() == pytest.approx(expected)


@pytest.mark.parametrize("combine", ["mean", "fuse"])
def test_permutation_test_equals_discrepancies_of_permuted_rows(twin, domains, name, combine):
    source, target = domains
    options = {"kernel": name, "bandwidths": [0.7, 2.0], "combine": combine}
    test = mmd.two_sample_test(source, target, n_permutations=4, rng=3, **options)
    pooled = np.concatenate(domains)
    kernels = [kernel_of(name, [width]) for width in (0.7, 2.0)]

    def statistic(rows):
        parts = rows[: len(source)], rows[len(source) :]
        values = [float(twin.discrepancy(kernel, *parts, "unbiased")) for kernel in kernels]
        if combine == "mean":
            return np.mean(values)
        off = ~np.eye(len(pooled), dtype=bool)
        scale = [float((kernel(pooled, pooled)[off] ** 2).mean()) ** 0.5 for kernel in kernels]
        sharp = (len(target) * (len(target) - 1)) ** 0.5
        return np.log(np.mean(np.exp(sharp * np.array(values) / scale))) / sharp

    assert test.statistic == pytest.approx(statistic(pooled))
    assert len(test.null) == 4
    assert np.ptp(test.null) > 0


def test_the_level_holds_and_a_shift_is_found(name):
    rng = np.random.default_rng(5)
    options = {"kernel": name, "n_permutations": 99}
    draws = [rng.normal(size=(2, 40, 3)) for _ in range(100)]
    level = [mmd.two_sample_test(x, y, rng=0, **options).p_value for x, y in draws]
    assert np.mean(np.array(level) <= 0.05) <= 0.12  # 5 % and three standard errors
    found = [mmd.two_sample_test(x, y + 0.8, rng=0, **options).p_value for x, y in draws[:20]]
    assert np.mean(np.array(found) <= 0.05) >= 0.9


def test_unknown_kernels_are_refused(domains):
    message = "kernel must be one of gaussian, laplace, inverse_multiquadric, got 'cauchy'"
    with pytest.raises(ValueError, match=message):
        mmd.two_sample_test(*domains, kernel="cauchy")
    with pytest.raises(ValueError, match=message):
        mmd.witness(domains[0], *domains, kernel="cauchy")
    with pytest.raises(ValueError, match="kernel must be"):
        mmd.DriftDetector(domains[0], kernel="cauchy")


def test_a_drift_detector_takes_a_kernel(rng):
    detector = mmd.DriftDetector(rng.normal(size=(200, 3)), window=60, kernel="laplace", rng=0)
    (test,) = detector.push(rng.normal(loc=1.0, size=(60, 3)))
    assert test.p_value == 0.005
