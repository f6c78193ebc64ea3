import numpy as np
import pytest
from scipy import signal as filters

from sparsetransfer.features.descriptors.contours import speech_share

RATE = 16_000


def energies(signal):
    frames = signal[: len(signal) // 160 * 160].reshape(-1, 160)
    return 0.5 * np.log(frames.var(axis=1) + 1e-12)


def noises():
    rng = np.random.default_rng(0)
    white, time = rng.standard_normal(4 * RATE), np.arange(4 * RATE) / RATE
    spectrum = np.fft.rfft(white)
    pink = np.fft.irfft(spectrum / np.sqrt(np.maximum(np.arange(len(spectrum)), 1)))
    lowpass = filters.butter(2, 2000, fs=RATE, output="sos")
    return {
        "white": white,
        "pink": pink,
        "low": filters.sosfilt(lowpass, white),
        "tone": np.sin(2 * np.pi * 440 * time),
        "hiss and hum": np.sin(2 * np.pi * 50 * time) + white,
    }


@pytest.mark.parametrize("name", list(noises()))
@pytest.mark.parametrize("level", [1e-4, 0.5])
def test_what_does_not_rise_and_fall_is_no_speech(name, level):
    assert speech_share(energies(level * noises()[name])) < 0.01


@pytest.mark.parametrize("share", [0.1, 0.4, 0.9])
@pytest.mark.parametrize("drop", [0.01, 0.1, 0.2])
def test_the_share_is_that_of_the_loud_part(share, drop):
    noise = noises()["white"]
    loud = np.arange(len(noise)) % RATE < share * RATE
    signal = noise * np.where(loud, 1.0, drop)
    assert speech_share(energies(signal)) == pytest.approx(share, abs=0.01)
    assert speech_share(energies(1e-3 * signal)) == pytest.approx(share, abs=0.01)
