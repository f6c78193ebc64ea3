"""Jitter, shimmer and harmonicity of signals that are made with a known amount of each."""

import numpy as np
import pytest

from sparsetransfer.features.descriptors.framing import Grid
from sparsetransfer.features.descriptors.pitch import fundamental, periodicity
from sparsetransfer.features.descriptors.voice import harmonicity, jitter, shimmer

RATE = 16000


def _pulses(amplitudes, period=160):
    """One decaying resonance per period, of known amplitudes."""
    shape = np.exp(-np.arange(period) / 20) * np.sin(2 * np.pi * np.arange(period) / 16)
    return (np.asarray(amplitudes)[:, None] * shape).ravel().astype(np.float32)


def _shimmer(amplitudes):
    grid = Grid(longest=1024)
    (piece,) = grid.blocks(_pulses(amplitudes))
    n_frames = len(grid.frames(piece, 400))
    local, curved = shimmer(piece, grid, np.full(n_frames, 100.0), RATE)
    return local[3:-3], curved[3:-3]


def test_steady_pulses_have_no_shimmer_and_alternating_ones_have_it_in_decibel():
    np.testing.assert_allclose(_shimmer(np.full(100, 0.3)), 0.0, atol=1e-4)
    local, curved = _shimmer(0.3 * 10 ** (np.tile([0.0, -1.0], 50) / 20))  # 1 dB up and down
    # frames are centred within a period: shares of two neighbours enter each
    assert local.max() <= 1.0 + 1e-3
    np.testing.assert_allclose(curved, 2 * local, atol=1e-3)
    assert local.mean() > 0.9


def test_an_even_decay_counts_as_local_shimmer_only():
    local, curved = _shimmer(0.5 * 10 ** (-0.5 * np.arange(100) / 20))
    np.testing.assert_allclose(local, 0.5, atol=0.01)
    np.testing.assert_allclose(curved, 0.0, atol=0.01)


def test_jitter_is_the_relative_step_of_the_period():
    period = 0.005 * np.tile([1.0, 1.02], 20)
    voiced = np.ones(40, dtype=bool)
    local, curved = jitter(1 / period, voiced)
    np.testing.assert_allclose(local, 0.02 / 1.01, rtol=1e-6)
    np.testing.assert_allclose(curved, np.where(np.arange(38) % 2, 0.04, 0.04 / 1.02), rtol=1e-6)
    glide = 0.005 + 1e-5 * np.arange(40)
    local, curved = jitter(1 / glide, voiced)
    assert local.min() > 1e-3
    np.testing.assert_allclose(curved, 0.0, atol=1e-9)


def test_octave_errors_and_unvoiced_frames_are_left_out():
    f0 = np.full(20, 200.0)
    f0[10] = 400.0
    voiced = np.ones(20, dtype=bool)
    voiced[5] = False
    f0[5] = 210.0
    local, curved = jitter(f0, voiced)
    assert local.size == 19 - 2 - 2
    assert curved.size == 18 - 3 - 3
    assert local.max() == curved.max() == 0.0


@pytest.mark.parametrize("ratio_db", [0.0, 10.0, 20.0])
def test_harmonicity_tells_the_ratio_of_tone_to_noise(ratio_db):
    rng = np.random.default_rng(0)
    tone = _pulses(np.ones(400))
    noise = rng.standard_normal(tone.size).astype(np.float32)
    noise *= np.sqrt(np.mean(tone**2)) / 10 ** (ratio_db / 20)
    grid = Grid()
    (piece,) = grid.blocks(tone + noise)
    f0 = np.full(len(grid.frames(piece, 640)), 100.0)
    found = harmonicity(periodicity(piece, grid, f0, RATE))[5:-5]
    assert np.median(found) == pytest.approx(ratio_db, abs=1.0)
    assert np.median(fundamental(piece, grid, RATE)) == pytest.approx(100.0, abs=2.0)
