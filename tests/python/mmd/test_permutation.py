import numpy as np
import pytest

from sparsetransfer import mmd


@pytest.mark.parametrize("estimator", ["biased", "unbiased"])
def test_statistic_and_null_are_discrepancies_of_permuted_samples(rng, estimator):
    source, target = rng.normal(size=(8, 2)), rng.normal(size=(5, 2)) + 1
    options = {"bandwidths": [1.0, 2.0], "estimator": estimator}
    test = mmd.two_sample_test(source, target, n_permutations=7, random_state=3, **options)
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
        rng.normal(size=(60, 3)), rng.normal(size=(50, 3)) + 1, n_permutations=199, random_state=0
    )
    assert different.p_value == 1 / 200
    p_values = [
        mmd.two_sample_test(
            rng.normal(size=(15, 2)), rng.normal(size=(20, 2)), n_permutations=99, random_state=rng
        ).p_value
        for _ in range(200)
    ]
    # Uniform on {0.01, ..., 1}: 20 of 200 expected at most 0.1, standard deviation 4.2.
    assert 4 <= np.count_nonzero(np.array(p_values) <= 0.1) <= 37


def test_equal_samples_have_p_value_one():
    test = mmd.two_sample_test(np.ones((4, 2)), np.ones((3, 2)), bandwidths=1.0, n_permutations=20)
    assert test.p_value == 1


def test_chunks_and_threads_change_nothing(rng, monkeypatch):
    from sparsetransfer.mmd import permutation

    source, target = rng.normal(size=(300, 4)), rng.normal(size=(400, 4))
    options = {"n_permutations": 30, "random_state": 0}
    whole = mmd.two_sample_test(source, target, n_threads=1, **options)
    threads = mmd.two_sample_test(source, target, n_threads=3, **options)
    np.testing.assert_array_equal(whole.null, threads.null)
    monkeypatch.setattr(permutation, "_FORMS_BYTES", 8)
    parts = mmd.two_sample_test(source, target, **options)
    np.testing.assert_allclose(parts.null, whole.null, atol=1e-15)


def test_unfit_arguments_are_refused(rng):
    source = rng.normal(size=(4, 2))
    with pytest.raises(ValueError, match="estimator must be 'biased' or 'unbiased'"):
        mmd.two_sample_test(source, source, estimator="linear_time")
    with pytest.raises(ValueError, match=r"source must have at least 2 sample\(s\), got 1"):
        mmd.two_sample_test(source[:1], source)
    with pytest.raises(ValueError, match="n_permutations must be at least 1, got 0"):
        mmd.two_sample_test(source, source, n_permutations=0)
