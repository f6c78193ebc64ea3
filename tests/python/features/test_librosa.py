"""What the feature sets compute, against librosa: the values of cached features stay valid."""

import numpy as np
import pytest
from scipy.signal import get_window

from sparsetransfer.features.descriptors.contours import derivatives
from sparsetransfer.features.descriptors.framing import Grid
from sparsetransfer.features.descriptors.pitch import F0_MAX, F0_MIN, fundamental
from sparsetransfer.features.descriptors.spectral import (
    chroma_filters,
    mel_filters,
    spectral_contrast,
    tonal_centroid,
)
from sparsetransfer.features.descriptors.spectrum import power_spectrum, window
from sparsetransfer.features.sets.speaker import _windows

librosa = pytest.importorskip("librosa")

RATE = 16000
GRID = Grid(longest=1024)


def _signals():
    rng = np.random.default_rng(0)
    glide = 2 * np.pi * np.cumsum(np.geomspace(70, 450, 2 * RATE)) / RATE
    voice = sum(np.sin(k * glide) / k for k in range(1, 12))
    noise = rng.standard_normal(2 * RATE)
    return {
        "voice": 0.1 * voice,
        "voice in noise": 0.1 * voice + 0.02 * noise,
        "noise": 0.1 * noise,
        "quiet": 1e-5 * (voice + noise),
        "loud": 1e4 * voice,
        "silence": np.zeros(RATE),
        "silence, then a click": np.eye(1, RATE, RATE // 2)[0],
        "constant": np.full(RATE, 0.3),
        "30 samples": noise[:30],
        "one frame": noise[:100],
        "one sample": noise[:1],
        "more than a batch": noise[: 160 * 65],
    }


SIGNALS = {name: signal.astype(np.float32) for name, signal in _signals().items()}


def _piece(name):
    (piece,) = GRID.blocks(SIGNALS[name])
    return piece


def _stft(name, n_fft, length, shape="hann"):
    return librosa.stft(
        GRID.span(_piece(name), n_fft),
        n_fft=n_fft,
        hop_length=GRID.hop,
        win_length=length,
        window=shape,
        center=False,
    )


def _close(ours, theirs):
    """Compare within 1e-6 of the value, and of 1e-9 of the largest one near zero."""
    scale = float(np.max(np.abs(theirs), initial=0.0))
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-9 * scale)


def test_the_comparison_fails_beyond_a_millionth():
    with pytest.raises(AssertionError):
        _close(np.array([1.0, 1.0 + 3e-6]), np.ones(2))


@pytest.mark.parametrize("shape", ["hann", "hamming"])
@pytest.mark.parametrize("length", [400, 512, 1024])
def test_windows(shape, length):
    np.testing.assert_allclose(window(shape, length), get_window(shape, length), atol=1e-15)


@pytest.mark.parametrize("name", SIGNALS)
@pytest.mark.parametrize(
    ("n_fft", "length", "shape"),
    [(512, 400, "hann"), (512, 400, "hamming"), (1024, 1024, "hann"), (400, 400, "hann")],
)
def test_power_spectra(name, n_fft, length, shape):
    ours = power_spectrum(_piece(name), GRID, n_fft, name=shape, length=length)
    theirs = _stft(name, n_fft, length, shape)
    assert ours.dtype == np.float32
    _close(ours, theirs.real**2 + theirs.imag**2)


@pytest.mark.parametrize(
    ("n_fft", "n_mels", "lowest", "htk"),
    [(512, 26, 50.0, False), (512, 26, 0.0, True), (400, 40, 0.0, False), (512, 80, 50.0, False)],
)
def test_mel_filters(n_fft, n_mels, lowest, htk):
    theirs = librosa.filters.mel(
        sr=RATE,
        n_fft=n_fft,
        n_mels=n_mels,
        fmin=lowest,
        fmax=RATE / 2,
        htk=htk,
        norm=None if htk else "slaney",
    )
    _close(mel_filters(n_fft, n_mels, lowest, htk=htk), theirs)


@pytest.mark.parametrize("name", SIGNALS)
def test_fundamental_frequency(name):
    grid = Grid()
    (piece,) = grid.blocks(SIGNALS[name])
    theirs = librosa.yin(
        piece,
        fmin=F0_MIN,
        fmax=F0_MAX,
        sr=RATE,
        frame_length=grid.longest,
        hop_length=grid.hop,
        center=False,
    )
    np.testing.assert_allclose(
        fundamental(piece, grid, RATE), np.clip(theirs, F0_MIN, F0_MAX), rtol=1e-6
    )


@pytest.mark.parametrize("name", SIGNALS)
def test_spectral_contrast(name):
    amplitude = np.abs(_stft(name, 512, 400)) + np.float32(1e-10)
    theirs = librosa.feature.spectral_contrast(
        S=amplitude, sr=RATE, n_fft=512, fmin=125.0, n_bands=5
    )
    np.testing.assert_allclose(
        spectral_contrast(amplitude, RATE, 125.0, 5), theirs, rtol=1e-6, atol=1e-6
    )


def test_chroma_and_its_tonal_centroid():
    theirs = librosa.filters.chroma(sr=RATE, n_fft=1024, tuning=0.0)
    _close(chroma_filters(1024, RATE), theirs)
    chroma = np.random.default_rng(0).random((12, 50))
    np.testing.assert_allclose(
        tonal_centroid(chroma), librosa.feature.tonnetz(chroma=chroma), rtol=1e-6, atol=1e-14
    )


@pytest.mark.parametrize("n_frames", [1, 2, 5, 200])
def test_derivatives(n_frames):
    values = np.random.default_rng(0).standard_normal((7, n_frames))
    theirs = librosa.feature.delta(values, width=5, mode="nearest") / 0.01
    np.testing.assert_allclose(derivatives(values, 0.01), theirs, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("name", ["voice", "noise", "silence", "more than a batch"])
def test_input_of_the_speaker_network_ge2e(name):
    signal = SIGNALS[name]
    power = np.mean(signal.astype(np.float64) ** 2)
    level = np.float32(np.sqrt(1e-3 / power)) if power else np.float32(1)
    theirs = librosa.feature.melspectrogram(
        y=level * signal, sr=RATE, n_fft=400, hop_length=160, n_mels=40
    ).T
    ours = np.concatenate([frames[seen:] for frames, seen in _windows(signal)])
    assert ours.dtype == np.float32
    _close(ours, theirs)
