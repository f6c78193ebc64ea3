import numpy as np
import pytest

from sparsetransfer import mmd


@pytest.mark.parametrize("estimator", ["biased", "unbiased"])
def test_statistic_and_null_are_discrepancies_of_permuted_samples(rng, estimator):
    source, target = rng.normal(size=(8, 2)), rng.normal(size=(5, 2)) + 1
    options = {"bandwidths": [1.0, 2.0], "estimator": estimator}
    test = mmd.two_sample_test(source, target, n_permutations=7, rng=3, **options)
    assert test.statistic == pytest.approx(mmd.gaussian(source, target, **options).value)
    pooled = np.concatenate([source, target])
    indicators = np.tile(np.r_[np.ones(8), np.zeros(5)], (7, 1))
    np.random.default_rng(3).permuted(indicators, axis=1, out=indicators)
    expected = [mmd.gaussian(pooled[z == 1], pooled[z == 0], **options).value for z in indicators]
    np.testing.assert_allclose(test.null, expected, atol=1e-14)
    larger = np.count_nonzero(np.array(expected) >= test.statistic - 1e-12)
    assert test.p_value == (1 + larger) / 8
    assert test.bandwidths == (1.0, 2.0)


def test_power_and_level(rng):
    different = mmd.two_sample_test(
        rng.normal(size=(60, 3)), rng.normal(size=(50, 3)) + 1, n_permutations=199, rng=0
    )
    assert different.p_value == 1 / 200
    p_values = [
        mmd.two_sample_test(
            rng.normal(size=(15, 2)), rng.normal(size=(20, 2)), n_permutations=99, rng=rng
        ).p_value
        for _ in range(200)
    ]
    # Uniform on {0.01, ..., 1}: 20 of 200 expected at most 0.1, standard deviation 4.2.
    assert 4 <= np.count_nonzero(np.array(p_values) <= 0.1) <= 37


@pytest.mark.parametrize("estimator", ["biased", "unbiased"])
def test_fused_statistic_by_its_definition(rng, estimator):
    source, target = rng.normal(size=(8, 2)), rng.normal(size=(5, 2)) + 1
    widths = [0.3, 1.0, 2.0]
    options = {"bandwidths": widths, "combine": "fuse", "estimator": estimator}
    test = mmd.two_sample_test(source, target, n_permutations=7, rng=3, **options)
    pooled = np.concatenate([source, target])
    squared = ((pooled[:, None] - pooled) ** 2).sum(axis=2)
    indicators = np.tile(np.r_[np.ones(8), np.zeros(5)], (8, 1))
    np.random.default_rng(3).permuted(indicators[1:], axis=1, out=indicators[1:])
    sharpness = np.sqrt(5 * 4)
    expected = []
    for z in indicators:
        terms = []
        for width in widths:
            kernel = np.exp(-squared / (2 * width**2))
            spread = (kernel**2)[~np.eye(13, dtype=bool)].mean()
            value = mmd.gaussian(
                pooled[z == 1], pooled[z == 0], bandwidths=width, estimator=estimator
            ).value
            terms.append(np.exp(sharpness * value / np.sqrt(spread)))
        expected.append(np.log(np.mean(terms)) / sharpness)
    np.testing.assert_allclose(np.r_[test.statistic, test.null], expected, rtol=1e-12)


def test_fusion_of_one_kernel_orders_permutations_as_its_discrepancy_does(rng):
    source, target = rng.normal(size=(20, 2)), rng.normal(size=(15, 2)) + 0.5
    options = {"bandwidths": 1.5, "n_permutations": 99, "rng": 0}
    plain = mmd.two_sample_test(source, target, **options)
    fused = mmd.two_sample_test(source, target, combine="fuse", **options)
    assert fused.p_value == plain.p_value
    np.testing.assert_array_equal(np.argsort(fused.null), np.argsort(plain.null))


def test_fusion_keeps_the_level_and_finds_differences_at_any_scale(rng):
    options = {"bandwidths": "quantiles", "combine": "fuse", "n_permutations": 99}
    p_values = [
        mmd.two_sample_test(
            rng.normal(size=(15, 2)), rng.normal(size=(20, 2)), rng=rng, **options
        ).p_value
        for _ in range(200)
    ]
    # Uniform on {0.01, ..., 1}: 20 of 200 expected at most 0.1, standard deviation 4.2.
    assert 4 <= np.count_nonzero(np.array(p_values) <= 0.1) <= 37
    flat = rng.uniform(size=(300, 1))
    ripples = (rng.integers(10, size=(300, 1)) + rng.uniform(0, 0.5, size=(300, 1))) / 10
    assert mmd.two_sample_test(ripples, flat, rng=0, **options).p_value == 0.01
    far = mmd.two_sample_test(flat, flat + 2, rng=0, **options)
    assert far.p_value == 0.01


def test_kernels_that_see_no_pair_or_nothing_else_do_not_spoil_the_fusion(rng):
    source, target = rng.normal(size=(20, 2)), rng.normal(size=(15, 2)) + 1
    options = {"combine": "fuse", "n_permutations": 99, "rng": 0}
    useful = mmd.two_sample_test(source, target, bandwidths=[1.0], **options)
    padded = mmd.two_sample_test(source, target, bandwidths=[1e-9, 1.0, 1e9], **options)
    assert np.isfinite(padded.null).all()
    assert np.isfinite(padded.statistic)
    assert padded.p_value <= 2 * useful.p_value


def test_quantile_grid_spans_the_distances(rng):
    source, target = rng.normal(size=(30, 3)), rng.normal(size=(20, 3))
    pooled = np.concatenate([source, target])
    distances = np.sqrt(((pooled[:, None] - pooled) ** 2).sum(axis=2))[np.triu_indices(50, 1)]
    low, high = np.quantile(distances, [0.05, 0.95])
    widths = np.array(
        mmd.two_sample_test(source, target, bandwidths="quantiles", n_permutations=1).bandwidths
    )
    np.testing.assert_allclose(widths[[0, -1]], [low / 2, 2 * high], rtol=0.01)
    np.testing.assert_allclose(np.diff(np.log(widths)), np.log(widths[1] / widths[0]))
    with pytest.raises(ValueError, match="bandwidths='quantiles' is zero for these samples"):
        mmd.two_sample_test(np.ones((4, 2)), np.ones((4, 2)), bandwidths="quantiles")


def test_equal_samples_have_p_value_one():
    test = mmd.two_sample_test(np.ones((4, 2)), np.ones((3, 2)), bandwidths=1.0, n_permutations=20)
    assert test.p_value == 1


def test_chunks_and_threads_change_nothing(rng, monkeypatch):
    from sparsetransfer.mmd import permutation

    source, target = rng.normal(size=(300, 4)), rng.normal(size=(400, 4))
    options = {"n_permutations": 30, "rng": 0}
    whole = mmd.two_sample_test(source, target, n_jobs=1, **options)
    threads = mmd.two_sample_test(source, target, n_jobs=3, **options)
    np.testing.assert_array_equal(whole.null, threads.null)
    monkeypatch.setattr(permutation, "_FORMS_BYTES", 8)
    parts = mmd.two_sample_test(source, target, **options)
    np.testing.assert_allclose(parts.null, whole.null, atol=1e-15)


def test_unfit_arguments_are_refused(rng):
    source = rng.normal(size=(4, 2))
    with pytest.raises(ValueError, match="estimator must be one of biased, unbiased, got"):
        mmd.two_sample_test(source, source, estimator="linear_time")
    with pytest.raises(ValueError, match="combine must be one of mean, fuse, got 'max'"):
        mmd.two_sample_test(source, source, combine="max")
    with pytest.raises(ValueError, match=r"source must have at least 2 sample\(s\), got 1"):
        mmd.two_sample_test(source[:1], source)
    with pytest.raises(ValueError, match="n_permutations must be at least 1, got 0"):
        mmd.two_sample_test(source, source, n_permutations=0)
