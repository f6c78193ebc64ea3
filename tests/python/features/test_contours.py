"""Operations on contours: against their definitions."""

import numpy as np
import pytest

from sparsetransfer.features.descriptors.contours import (
    bridged,
    derivatives,
    percentiles,
    smoothed,
    speech_stretch,
)


def test_smoothing_is_the_mean_of_three():
    values = np.random.default_rng(0).standard_normal((2, 20))
    expected = np.apply_along_axis(np.convolve, 1, values, np.ones(3) / 3, "valid")
    np.testing.assert_allclose(smoothed(values)[:, 1:-1], expected, atol=1e-12)
    np.testing.assert_allclose(smoothed(values)[:, 0], (2 * values[:, 0] + values[:, 1]) / 3)


def test_derivative_of_a_line_is_its_slope_per_second():
    line = 3.0 * np.arange(30)[None] * 0.01
    np.testing.assert_allclose(derivatives(line, 0.01)[:, 2:-2], 3.0)


@pytest.mark.parametrize("n_frames", [1, 2, 3, 21, 100, 257])
def test_percentiles_are_numpys_to_the_last_bit(n_frames):
    values = np.random.default_rng(n_frames).standard_normal((7, n_frames))
    values[0] = 3.0
    levels = [0.0, 5.0, 25.0, 50.0, 75.0, 95.0, 100.0]
    expected = np.percentile(values, levels, axis=1)
    np.testing.assert_array_equal(percentiles(values, levels), expected)


def test_speech_is_what_stands_out():
    level = np.full(100, np.log(1e-4))
    level[30:60] = np.log(0.1)
    level[40:45] = np.log(1e-3)  # a pause within is kept
    assert speech_stretch(level) == slice(30, 60)
    assert speech_stretch(level[:2]) == slice(0, 2)


def test_gaps_are_bridged_by_lines():
    values = np.array([9.0, 1.0, 9.0, 9.0, 4.0, 5.0, 9.0])
    known = np.array([False, True, False, False, True, True, False])
    np.testing.assert_allclose(bridged(values, known), [1, 1, 2, 3, 4, 5, 5])


@pytest.mark.parametrize("n_known", [0, 2])
def test_too_few_known_frames_are_no_contour(n_known):
    known = np.arange(6) < n_known
    np.testing.assert_array_equal(bridged(np.ones(6), known), 0)
