import numpy as np
import pytest

from sparsetransfer import mmd

SEED = 5


def features_of(X, frequencies):
    phases = X @ frequencies.T
    return np.hstack([np.cos(phases), np.sin(phases)]) / len(frequencies) ** 0.5


@pytest.mark.parametrize("estimator", ["biased", "unbiased"])
def test_value_is_the_linear_one_of_the_features(twin, domains, weights, estimator):
    options = {"estimator": estimator, **weights}
    widths = [1.0, 2.5]
    result = mmd.random_features(*domains, bandwidths=widths, n_frequencies=6, rng=SEED, **options)
    rng = np.random.default_rng(SEED)
    frequencies = np.concatenate([rng.normal(scale=1 / s, size=(6, 4)) for s in widths])
    features = [features_of(X, frequencies) for X in domains]
    expected = twin.discrepancy(lambda X, Y: X @ Y.T, *features, estimator, **weights)
    assert result.value == pytest.approx(expected, rel=1e-10)
    assert result.bandwidths == (1.0, 2.5)


@pytest.mark.parametrize("estimator", ["biased", "unbiased", "linear_time"])
def test_gradients_equal_finite_differences(twin, domains, weights, estimator):
    source, target = domains
    options = {"bandwidths": [1.0, 2.0], "n_frequencies": 8, "rng": SEED}
    options["estimator"] = estimator
    if estimator == "linear_time":
        source = source[:9]
    else:
        options |= weights
    result = mmd.random_features(source, target, gradient=True, **options)
    expected = twin.finite_differences(
        lambda X: mmd.random_features(X, target, **options).value, source
    )
    np.testing.assert_allclose(result.gradient_source, expected, atol=2e-10)
    expected = twin.finite_differences(
        lambda X: mmd.random_features(source, X, **options).value, target
    )
    np.testing.assert_allclose(result.gradient_target, expected, atol=2e-10)


@pytest.mark.parametrize("estimator", ["biased", "unbiased", "linear_time"])
def test_many_frequencies_approach_the_gaussian(rng, estimator):
    source, target = rng.normal(size=(60, 3)), rng.normal(size=(60, 3)) + 1
    options = {"bandwidths": [1.0, 2.0], "estimator": estimator, "gradient": True}
    exact = mmd.gaussian(source, target, **options)
    many = mmd.random_features(source, target, n_frequencies=20_000, rng=1, **options)
    assert many.value == pytest.approx(exact.value, abs=0.02)
    np.testing.assert_allclose(
        many.gradient_source, exact.gradient_source, atol=0.1 * np.abs(exact.gradient_source).max()
    )


def test_blocks_of_samples_agree_with_one_block(rng, monkeypatch):
    from sparsetransfer.mmd import random_feature_kernel

    source, target = rng.normal(size=(50, 3)), rng.normal(size=(50, 3)) + 1
    for estimator in ("unbiased", "linear_time"):
        options = {"estimator": estimator, "gradient": True, "rng": 0, "bandwidths": 1.0}
        whole = mmd.random_features(source, target, **options)
        with monkeypatch.context() as patch:
            patch.setattr(random_feature_kernel, "_BLOCK_ENTRIES", 7000)
            parts = mmd.random_features(source, target, **options)
        assert parts.value == pytest.approx(whole.value, rel=1e-12)
        np.testing.assert_allclose(parts.gradient_target, whole.gradient_target, atol=1e-14)


def test_float32_and_seeds(domains):
    source, target = (X.astype(np.float32) for X in domains)
    narrow = mmd.random_features(source, target, rng=0, gradient=True)
    assert narrow.gradient_target.dtype == np.float32
    wide = mmd.random_features(*domains, rng=0)
    assert narrow.value == pytest.approx(wide.value, rel=1e-4)
    assert wide.value == mmd.random_features(*domains, rng=0).value
    assert wide.value != mmd.random_features(*domains, rng=1).value
    with pytest.raises(ValueError, match="n_frequencies must be at least 1, got 0"):
        mmd.random_features(*domains, n_frequencies=0)
