"""Descriptors of signals whose properties are known."""

import numpy as np
import pytest
from scipy.signal import lfilter

from sparsetransfer import _core
from sparsetransfer.features.descriptors.framing import Grid
from sparsetransfer.features.descriptors.level import centred, zero_crossings
from sparsetransfer.features.sets.functionals import DESCRIPTORS, describe

RATE = 16000


def _harmonic(f0, seconds=1.0, n_harmonics=10):
    """A voice-like tone; `f0` in Hz, constant or one value per sample."""
    f0 = np.broadcast_to(f0, round(RATE * seconds))
    phase = 2 * np.pi * np.cumsum(f0) / RATE
    return sum(np.sin(k * phase) / k for k in range(1, n_harmonics + 1)).astype(np.float32) * 0.1


def _noise(seconds=1.0, seed=0):
    rng = np.random.default_rng(seed)
    return (0.1 * rng.standard_normal(round(RATE * seconds))).astype(np.float32)


def _inner(values):
    return values[..., 5:-5]


@pytest.mark.parametrize("f0", [70.0, 110.0, 200.0, 333.0, 480.0])
def test_harmonic_tone_is_voiced_at_its_frequency(f0):
    frames = describe(_harmonic(f0))
    np.testing.assert_allclose(_inner(frames.f0), f0, rtol=0.01)
    assert _inner(frames["voicing"]).min() > 0.95


def test_noise_and_silence_are_not_voiced():
    assert np.median(describe(_noise())["voicing"]) < 0.4
    assert describe(np.zeros(RATE, np.float32))["voicing"].max() == 0


@pytest.mark.parametrize("factor", [2.0, 1e-2, 8.0])
def test_level_moves_log_energy_and_nothing_else(factor):
    signal = _harmonic(200.0) + _noise() * np.hanning(RATE).astype(np.float32)
    one, other = describe(signal), describe(np.float32(factor) * signal)
    np.testing.assert_allclose(other["log_energy"] - one["log_energy"], np.log(factor), atol=1e-3)
    np.testing.assert_allclose(other.values[1:], one.values[1:], rtol=1e-3, atol=2e-3)
    np.testing.assert_allclose(other.f0, one.f0, rtol=1e-3)


def test_log_energy_is_the_logarithm_of_the_root_mean_square():
    tone = np.float32(0.5) * np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE).astype(np.float32)
    np.testing.assert_allclose(
        _inner(describe(tone)["log_energy"]), np.log(0.5 / np.sqrt(2)), atol=1e-4
    )


def test_pure_tone_has_its_frequency_as_centroid_and_crosses_zero_twice_a_period():
    frames = describe(_harmonic(400.0, n_harmonics=1))
    one_bin = RATE / 512
    np.testing.assert_allclose(_inner(frames["centroid"]), np.log(400 + one_bin), atol=0.02)
    np.testing.assert_allclose(_inner(frames["rolloff"]), np.log(400 + one_bin), atol=0.1)
    np.testing.assert_allclose(_inner(frames["zero_crossings"]), 2 * 400 / RATE, atol=0.003)


def test_white_noise_is_flat_and_wide():
    frames = describe(_noise(3.0))
    # the mean of ln(power) of a Gaussian spectrum is -0.577 (Euler's constant) below its mean
    assert frames["flatness"].mean() == pytest.approx(-np.euler_gamma, abs=0.03)
    assert np.exp(frames["centroid"]).mean() == pytest.approx(RATE / 4, rel=0.02)
    tone = describe(_harmonic(400.0, n_harmonics=1))
    assert _inner(tone["flatness"]).max() < -5


def test_flux_is_nothing_for_a_constant_spectrum_and_marks_a_change():
    steady = _harmonic(200.0)
    changed = steady.copy()
    changed[RATE // 2 :] = _noise()[RATE // 2 :]
    flux = describe(changed)["flux"]
    assert _inner(describe(steady)["flux"]).max() < 0.02
    assert 47 <= int(np.argmax(flux[:-5])) <= 53


def test_cepstrum_agrees_with_librosa():
    librosa = pytest.importorskip("librosa")
    signal = _noise(1.0)
    frames = describe(signal)
    centred = signal - signal.mean()
    power = np.abs(librosa.stft(centred, n_fft=512, hop_length=160, win_length=400)) ** 2
    mels = librosa.feature.melspectrogram(S=power, sr=RATE, n_mels=26, fmin=50, fmax=8000)
    ours = np.stack([frames[f"mfcc{i}"] for i in range(1, 13)])
    theirs = librosa.feature.mfcc(S=np.log(mels), n_mfcc=13, norm="ortho")[1:]
    np.testing.assert_allclose(ours, theirs, atol=5e-3)


def test_a_resonance_stands_out_in_its_band():
    librosa = pytest.importorskip("librosa")
    pole = 0.97 * np.exp(2j * np.pi * 2000 / RATE)
    resonant = lfilter([1.0], np.real(np.poly([pole, pole.conj()])), _noise()).astype(np.float32)
    frames = describe(resonant)
    bands = np.array([frames[f"mel{i}"].mean() for i in range(1, 14)])
    edges = librosa.mel_frequencies(28, fmin=50, fmax=8000)
    strongest = int(bands.argmax())
    assert edges[2 * strongest] < 2000 < edges[2 * strongest + 3]


def test_offset_is_removed():
    signal = _harmonic(200.0)
    np.testing.assert_allclose(
        describe(signal + np.float32(0.2)).values[0], describe(signal).values[0], atol=0.05
    )


@pytest.mark.parametrize("n_samples", [1, 2, 159, 160, 800, 16000])
def test_any_length_gives_finite_frames(n_samples):
    for signal in (_noise()[:n_samples], np.zeros(n_samples), np.full(n_samples, 0.3)):
        frames = describe(np.asarray(signal, dtype=np.float32))
        assert frames.values.shape == (len(DESCRIPTORS), 1 + n_samples // 160)
        assert frames.f0.shape == frames.values.shape[1:]
        assert np.isfinite(frames.values).all()
        assert np.isfinite(frames.f0).all()


@pytest.mark.parametrize("block", [1, 7, 50, 101, 10000])
@pytest.mark.parametrize("n_samples", [1, 159, 160, 5000])
def test_blocks_do_not_show_in_the_frames(block, n_samples):
    signal = _noise()[:n_samples]
    padded = np.pad(signal, 320)
    grid = Grid(block=block)
    for length in (400, 512, 640):
        views = [grid.frames(piece, length) for piece in grid.blocks(signal)]
        frames = np.concatenate(views)
        assert len(frames) == grid.n_frames(n_samples)
        assert max(map(len, views)) <= block
        for row, frame in enumerate(frames):
            centre = 320 + row * grid.hop
            expected = padded[centre - length // 2 : centre + length // 2]
            np.testing.assert_array_equal(frame, expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(0, 4), (3, 0), (1, 1), (8, 5), (21, 256)])
def test_running_sums_are_numpys_to_the_last_bit(shape, dtype):
    values = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    values[values < -1] = -0.0
    assert _core.running_sums(values).tobytes() == np.cumsum(values, axis=1).tobytes()


@pytest.mark.parametrize("n_samples", [1, 159, 5000])
def test_zero_crossings_are_counted_in_every_frame(n_samples):
    grid = Grid()
    (piece,) = grid.blocks(_noise()[:n_samples])
    signs = np.signbit(grid.frames(piece, 400))
    expected = np.mean(signs[:, 1:] != signs[:, :-1], axis=1)
    np.testing.assert_array_equal(zero_crossings(piece, grid, 400), expected)


@pytest.mark.parametrize("dtype", ["float16", "longdouble", ">f4"])
def test_samples_of_other_widths_are_taken_as_float32(dtype):
    samples = _noise()[:4000].astype(dtype)
    assert centred(samples).dtype == np.float32
    expected = describe(samples.astype(np.float32))
    np.testing.assert_array_equal(describe(samples).f0, expected.f0)


def test_blocks_do_not_show_in_the_descriptors(monkeypatch):
    signal = _harmonic(np.linspace(100, 300, RATE)) + 0.1 * _noise()
    whole = describe(signal)
    monkeypatch.setattr("sparsetransfer.features.sets.functionals._GRID", Grid(block=13))
    parts = describe(signal)
    np.testing.assert_allclose(parts.values, whole.values, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(parts.f0, whole.f0, rtol=1e-5)
