import dataclasses

import numpy as np
import pytest

from sparsetransfer import mmd


def kernel(X, Y):
    return X @ Y.T


@pytest.mark.parametrize("estimator", ["biased", "unbiased"])
def test_value_equals_the_closed_form(twin, domains, weights, estimator):
    result = mmd.linear(*domains, estimator=estimator, **weights)
    assert result.value == pytest.approx(twin.discrepancy(kernel, *domains, estimator, **weights))
    assert result.gradient_source is None


@pytest.mark.parametrize("estimator", ["biased", "unbiased"])
def test_gradients_equal_finite_differences(twin, domains, weights, estimator):
    source, target = domains
    options = {"estimator": estimator, **weights}
    result = mmd.linear(source, target, gradient=True, **options)
    expected = twin.finite_differences(lambda X: mmd.linear(X, target, **options).value, source)
    np.testing.assert_allclose(result.gradient_source, expected, atol=1e-8)
    expected = twin.finite_differences(lambda X: mmd.linear(source, X, **options).value, target)
    np.testing.assert_allclose(result.gradient_target, expected, atol=1e-8)


def test_linear_time_estimator(twin, domains):
    source, target = domains[0][:9], domains[1]
    options = {"estimator": "linear_time"}
    result = mmd.linear(source, target, gradient=True, **options)
    assert result.value == pytest.approx(twin.discrepancy(kernel, source, target, "linear_time"))
    expected = twin.finite_differences(lambda X: mmd.linear(X, target, **options).value, source)
    np.testing.assert_allclose(result.gradient_source, expected, atol=1e-8)
    expected = twin.finite_differences(lambda X: mmd.linear(source, X, **options).value, target)
    np.testing.assert_allclose(result.gradient_target, expected, atol=1e-8)
    assert not result.gradient_source[8].any()


def test_many_samples_in_float32_are_summed_in_float64(rng):
    source = (rng.normal(size=(9000, 3)) + 1000).astype(np.float32)
    target = (rng.normal(size=(5000, 3)) + 1000).astype(np.float32)
    result = mmd.linear(source, target, gradient=True)
    difference = source.astype(float).mean(axis=0) - target.astype(float).mean(axis=0)
    assert result.value == pytest.approx(difference @ difference, rel=1e-9)
    assert result.gradient_source.dtype == np.float32
    np.testing.assert_allclose(result.gradient_source[0], 2 * difference / 9000, rtol=1e-6)


def test_invariances(domains):
    source, target = domains
    value = mmd.linear(source, target).value
    assert mmd.linear(target, source).value == pytest.approx(value)
    assert mmd.linear(source + 5, target + 5).value == pytest.approx(value)
    assert mmd.linear(3 * source, 3 * target).value == pytest.approx(9 * value)
    # Twice a sample is the sample with weight two.
    twice = np.concatenate([source, source[:1]])
    counts = np.ones(13)
    counts[0] = 2
    assert mmd.linear(twice, target).value == pytest.approx(
        mmd.linear(source, target, source_weights=counts).value
    )
    assert mmd.linear(source, source).value == 0
    assert mmd.linear(source, source[::-1], estimator="unbiased").value < 0


def test_one_sample_per_domain():
    assert mmd.linear([[1.0]], [[3.0]]).value == 4
    with pytest.raises(ValueError, match="unbiased estimator needs at least 2 target samples"):
        mmd.linear([[1.0], [2.0]], [[3.0]], estimator="unbiased")
    with pytest.raises(ValueError, match="linear-time estimator needs at least 2 samples"):
        mmd.linear([[1.0]], [[3.0]], estimator="linear_time")


def test_the_result_is_frozen(domains):
    with pytest.raises(dataclasses.FrozenInstanceError):
        mmd.linear(*domains).value = 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"estimator": "v"}, "estimator must be one of biased, unbiased, linear_time, got 'v'"),
        ({"source_weights": np.ones(9)}, "source_weights must have 13 entries, got 9"),
        ({"source_weights": -np.ones(13)}, "source_weights must not be negative, got -1"),
        ({"target_weights": np.zeros(9)}, "target_weights must have a positive sum"),
        ({"target_weights": np.full(9, np.nan)}, "target_weights must be finite"),
        ({"target_weights": np.ones((8, 2))}, "target_weights must have 9 rows, got 8"),
        (
            {"source_weights": np.ones((13, 2)), "target_weights": np.ones((9, 3))},
            "must have the same number of columns, got 2 and 3",
        ),
        ({"estimator": "linear_time"}, "as many source as target samples, got 13 and 9"),
    ],
)
def test_unfit_arguments_are_refused(domains, options, message):
    with pytest.raises(ValueError, match=message):
        mmd.linear(*domains, **options)


def test_unfit_samples_are_refused(domains):
    source, target = domains
    with pytest.raises(ValueError, match="target must have 4 features, got 3"):
        mmd.linear(source, target[:, :3])
    target[2, 1] = np.nan
    with pytest.raises(ValueError, match=r"target must be finite, got nan at \[2, 1\]"):
        mmd.linear(source, target)
    with pytest.raises(ValueError, match="takes no weights"):
        mmd.linear(source, source, estimator="linear_time", source_weights=np.ones(13))


@pytest.mark.parametrize("estimator", ["biased", "unbiased", "linear_time"])
def test_a_discrepancy_that_overflows_is_refused(estimator):
    far = 1e200 * np.arange(1.0, 9.0).reshape(4, 2)
    with pytest.raises(OverflowError, match="divide the samples by their size"):
        mmd.linear(far, -far[::-1], estimator=estimator, gradient=True)
