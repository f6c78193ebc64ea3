"""Spectra, mel bands, contrast, pitch classes and YIN, against their definitions."""

import numpy as np
import pytest

from sparsetransfer.features.descriptors.framing import Grid
from sparsetransfer.features.descriptors.level import centred
from sparsetransfer.features.descriptors.pitch import F0_MAX, F0_MIN, fundamental
from sparsetransfer.features.descriptors.spectral import (
    chroma_filters,
    mel_filters,
    spectral_contrast,
    tonal_centroid,
)
from sparsetransfer.features.descriptors.spectrum import power_spectrum, spectral_floor, window

RATE = 16000


def _noise(n_samples):
    return (0.1 * np.random.default_rng(0).standard_normal(n_samples)).astype(np.float32)


def test_power_spectrum_is_that_of_the_windowed_frame():
    grid = Grid()
    (piece,) = grid.blocks(_noise(160 * 67))
    ours = power_spectrum(piece, grid, 512, name="hamming", length=400)
    assert ours.shape == (257, 68)
    n = np.arange(512)
    basis = np.exp(-2j * np.pi * np.outer(np.arange(257), n) / 512)
    shape = np.where((n >= 56) & (n < 456), 0.54 - 0.46 * np.cos(2 * np.pi * (n - 56) / 400), 0.0)
    expected = np.abs(basis @ (grid.frames(piece, 512) * shape).T) ** 2
    np.testing.assert_allclose(ours, expected, rtol=1e-6, atol=1e-9)


def test_the_floor_is_white_noise_100_db_below_the_loudest_frame():
    noise = np.sqrt(1e-10) * np.random.default_rng(0).standard_normal((20000, 400))
    power = np.abs(np.fft.rfft(noise * window("hann", 400), 512)[:, 5:-5]) ** 2
    assert spectral_floor(1.0, "hann", 400) == pytest.approx(power.mean(), rel=0.01)


@pytest.mark.parametrize("lowest", [0.0, 50.0])
def test_mel_triangles_of_htk_share_every_frequency(lowest):
    filters = mel_filters(4096, 26, lowest, htk=True)
    # from the top of the first to the top of the last triangle the heights sum to 1
    first, last = filters[0].argmax() + 1, filters[-1].argmax()
    np.testing.assert_allclose(filters.sum(axis=0)[first:last], 1.0, atol=1e-6)
    tops = filters.argmax(axis=1) * RATE / 4096
    steps = np.diff(2595 * np.log10(1 + tops / 700))
    np.testing.assert_allclose(steps, steps.mean(), atol=8.0)  # a bin is up to 4 mel off


def test_mel_triangles_of_slaney_have_unit_area_and_his_spacing():
    filters = mel_filters(1 << 14, 40, 0.0)
    np.testing.assert_allclose(filters.sum(axis=1) * RATE / (1 << 14), 1.0, rtol=1e-3)
    tops = filters.argmax(axis=1) * RATE / (1 << 14)
    low, high = tops[tops < 900], tops[tops > 1100]
    np.testing.assert_allclose(np.diff(low), np.diff(low).mean(), atol=2.0)
    ratios = high[1:] / high[:-1]
    np.testing.assert_allclose(ratios, ratios.mean(), rtol=2e-3)
    # mel per octave: 27 per factor 6.4 above 1 kHz; mel per Hz: 3 / 200 below
    per_filter = np.diff(low).mean() * 3 / 200
    assert np.log(ratios.mean()) * 27 / np.log(6.4) == pytest.approx(per_filter, rel=1e-3)


def test_filters_are_shared_and_cannot_be_written_to():
    for filters in (mel_filters(512, 26, 50.0), chroma_filters(1024, RATE), window("hann", 400)):
        with pytest.raises(ValueError, match="read-only"):
            filters[:] = 0


def test_contrast_is_the_ratio_of_a_peak_to_the_rest_of_its_octave():
    amplitude = np.ones((257, 2), np.float32)
    amplitude[40, 1] = 100.0  # 1250 Hz, in the octave from 1000 to 2000 Hz
    contrast = spectral_contrast(amplitude, RATE, 125.0, 5)
    np.testing.assert_array_equal(contrast[:, 0], 0.0)
    np.testing.assert_allclose(contrast[:, 1], [0, 0, 0, 0, 20, 0], atol=1e-6)


@pytest.mark.parametrize("octave", [-1, 0, 1])
def test_a_note_falls_into_its_pitch_class(octave):
    frequency = np.arange(1, 8193) * RATE / 16384
    classes = chroma_filters(16384, RATE)[:, 1:].argmax(axis=0)
    for place, semitones in ((9, 0), (0, 3), (4, 7)):  # A, C and E
        note = 440.0 * 2.0 ** (octave + semitones / 12)
        assert classes[np.argmin(np.abs(frequency - note))] == place


def test_tonal_centroid_of_a_class_lies_on_the_circles_and_that_of_all_in_their_middle():
    one = tonal_centroid(np.eye(12))
    for row, radius in ((0, 1.0), (2, 1.0), (4, 0.5)):
        np.testing.assert_allclose(np.hypot(one[row], one[row + 1]), radius)
    np.testing.assert_allclose(tonal_centroid(np.ones((12, 1))), 0.0, atol=1e-15)
    fifths = np.unwrap(np.arctan2(one[0], one[1])[np.arange(12) * 7 % 12])
    np.testing.assert_allclose(np.diff(fifths), np.pi / 6, atol=1e-12)  # a circle of fifths


def _yin(frame, shortest, longest):
    """The estimate of one frame, by the sums of the definition."""
    extended = np.concatenate([frame.astype(np.float64), np.zeros(longest)])
    width = frame.size
    d = np.array(
        [np.sum((extended[:width] - extended[t : t + width]) ** 2) for t in range(longest + 1)]
    )
    d[1] += extended[0] ** 2
    normalised = np.array([d[t] * t / d[1 : t + 1].sum() for t in range(shortest, longest + 1)])
    inner = [
        t
        for t in range(1, len(normalised) - 1)
        if normalised[t] < normalised[t - 1] and normalised[t] <= normalised[t + 1]
    ]
    deep = [t for t in inner if normalised[t] < 0.1]
    place = deep[0] if deep else int(normalised.argmin())
    if place not in inner:
        return shortest + place
    before, at, after = normalised[place - 1 : place + 2]
    return shortest + place + 0.5 * (before - after) / (before + after - 2 * at)


def test_yin_minimises_the_difference_function_of_its_definition():
    phase = 2 * np.pi * np.cumsum(np.geomspace(90, 400, RATE // 2)) / RATE
    signal = sum(np.sin(k * phase) / k for k in range(1, 9)).astype(np.float32)
    grid = Grid()
    (piece,) = grid.blocks(signal + _noise(signal.size))
    ours = fundamental(piece, grid, RATE)
    expected = [
        RATE / _yin(frame, int(RATE / F0_MAX), int(RATE / F0_MIN))
        for frame in grid.frames(piece, grid.longest)
    ]
    np.testing.assert_allclose(ours, np.clip(expected, F0_MIN, F0_MAX), rtol=1e-4)


def test_silence_has_a_guess_of_a_frequency():
    grid = Grid()
    (piece,) = grid.blocks(np.zeros(1600, np.float32))
    assert set(fundamental(piece, grid, RATE)) == {F0_MAX}


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_finite_are_refused(wrong):
    signal = _noise(1000)
    signal[[7, 900]] = wrong
    with pytest.raises(ValueError, match=r"2 samples that are NaN .* the first at .* 7"):
        centred(signal)


@pytest.mark.parametrize(
    "signal", [np.zeros(0, np.float32), np.zeros((2, 50), np.float32), np.ones(50, np.int16)]
)
def test_what_is_no_signal_is_refused(signal):
    with pytest.raises(ValueError, match="non-empty array of floating-point samples"):
        centred(signal)
