"""Small spectrograms with a planted emotion, speaker and shift between corpora."""

from dataclasses import dataclass

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra 'deep' is not installed")


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """PyTorch's threads wait by spinning: on a busy machine small networks take minutes."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@dataclass
class Speech:
    X: list
    y: np.ndarray
    sample_domain: np.ndarray
    speakers: np.ndarray
    truth: np.ndarray


def make_speech(n=48, n_bands=12, n_frames=(30, 60), shift=0.5, seed=0, n_speakers=4):
    """Emotion is the band of an energy ridge, speaker a tilt, corpus an offset of all bands."""
    rng = np.random.default_rng(seed)
    names = np.array(["anger", "happiness", "sadness"])
    emotion = rng.integers(0, 3, n)
    speaker = rng.integers(0, n_speakers, n)
    domain = np.where(np.arange(n) < n // 2, 1, -1)
    X = []
    for e, s, d in zip(emotion, speaker, domain, strict=True):
        frames = rng.normal(0, 0.3, (rng.integers(*n_frames), n_bands))
        frames[:, 1 + 3 * e : 4 + 3 * e] += 2.0
        frames += 0.2 * s * np.linspace(-1, 1, n_bands)
        frames += shift * (d < 0) * np.cos(np.arange(n_bands))
        X.append(frames.astype(np.float32))
    y = np.where(domain > 0, names[emotion].astype(object), None)
    return Speech(X, y, domain, np.array([f"s{s}" for s in speaker]), names[emotion])


@pytest.fixture(scope="session")
def speech():
    return make_speech()
