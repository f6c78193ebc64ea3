"""What holds for every feature set of the package: names, units, levels, awkward signals."""

import numpy as np
import pytest
import threadpoolctl

from sparsetransfer import features
from sparsetransfer.features.sets.is09 import _contours
from sparsetransfer.features.sets.wide import WIDE_DESCRIPTORS, describe_wide

RATE = 16000
SIZES = {"functionals": 529, "is09-style": 384, "wide": 1476}
SETS = {name: features.feature_set(name) for name in SIZES}


def _voice(seconds=1.5, low=180.0, high=220.0):
    """A harmonic tone gliding evenly in pitch (in semitones), with a pulsating level."""
    n = round(RATE * seconds)
    phase = 2 * np.pi * np.cumsum(np.geomspace(low, high, n)) / RATE
    tone = sum(np.sin(k * phase) / k for k in range(1, 9))
    return (0.1 * tone * (1.0 + 0.3 * np.sin(2 * np.pi * 4 * np.arange(n) / RATE))).astype(
        np.float32
    )


def _features(name, signal):
    chosen = SETS[name]
    return dict(zip(chosen.names, chosen.compute(signal), strict=True))


@pytest.mark.parametrize("name", SETS)
def test_columns_are_named_once_have_units_and_the_set_states_its_parameters(name):
    chosen = SETS[name]
    assert len(chosen.names) == len(set(chosen.names)) == len(chosen.units) == SIZES[name]
    assert all(chosen.units)
    assert all(chosen.parameters.values())


AWKWARD = {
    "one sample": np.full(1, 0.5),
    "two samples": np.array([0.5, -0.5]),
    "30 samples": 0.1 * np.random.default_rng(1).standard_normal(30),
    "0.05 s": 0.1 * np.random.default_rng(0).standard_normal(800),
    "silence": np.zeros(RATE),
    "constant": np.full(RATE, 0.7),
    "quantised to 8 bit": np.round(_voice() * 128) / 128,
    "one click": np.eye(1, RATE, RATE // 2)[0],
    "clipped": np.sign(_voice()),
    "denormal": np.full(RATE, 1e-40),
    "very loud": 1e6 * _voice(),
}


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("kind", AWKWARD)
def test_awkward_signals_give_finite_moderate_values(name, kind):
    signal = AWKWARD[kind].astype(np.float32)
    before = signal.copy()
    values = SETS[name].compute(signal)
    assert values.dtype == np.float64
    assert values.shape == (SIZES[name],)
    assert np.isfinite(values).all()
    assert np.abs(values).max() < 1e5
    np.testing.assert_array_equal(signal, before)
    np.testing.assert_array_equal(SETS[name].compute(signal), values)


@pytest.mark.parametrize("name", SETS)
def test_samples_that_are_not_finite_are_refused(name):
    signal = _voice()
    signal[100] = np.nan
    with pytest.raises(
        ValueError, match=r"1 samples that are NaN or infinite, the first at .* 100"
    ):
        SETS[name].compute(signal)


@pytest.mark.parametrize("name", ["is09-style", "wide"])
@pytest.mark.parametrize("factor", [2.0, 2**-7])  # powers of 2: no rounding of samples
def test_level_moves_the_location_of_the_energy_and_nothing_else(name, factor):
    noise = np.float32(1e-3) * np.random.default_rng(1).standard_normal(_voice().size)
    signal = _voice() + noise.astype(np.float32)
    one, other = _features(name, signal), _features(name, np.float32(factor) * signal)
    location = ("mean", "min", "max", "offset", "p5", "p25", "p50", "p75", "p95")
    moved = {f"log_energy_{what}" for what in location}
    for column, value in other.items():
        shift = np.log(factor) if column in moved else 0.0
        tolerance = 1e-2 * max(1.0, abs(one[column]))
        assert value - one[column] == pytest.approx(shift, abs=tolerance), column


@pytest.mark.parametrize("name", ["is09-style", "wide"])
def test_silence_at_both_ends_is_cut_away(name):
    rng = np.random.default_rng(0)
    voice = _voice()
    hiss = (1e-4 * rng.standard_normal(voice.size + 2 * RATE)).astype(np.float32)
    longer = hiss.copy()
    longer[RATE : RATE + voice.size] += voice
    short, padded = _features(name, voice + hiss[: voice.size]), _features(name, longer)
    for column in ("log_energy_mean", "mfcc1_mean", "voicing_mean", "f0_slope", "f0_mean"):
        assert padded[column] == pytest.approx(short[column], rel=0.06, abs=0.06), column


def test_challenge_contours_are_those_of_their_definition():
    librosa = pytest.importorskip("librosa")
    signal = _voice() + np.float32(0.01) * np.random.default_rng(0).standard_normal(
        _voice().size
    ).astype(np.float32)
    energy, crossings, voicing, height, *cepstra = _contours(signal)
    centred = signal - signal.mean()
    frames = librosa.util.frame(np.pad(centred, 200), frame_length=400, hop_length=160, axis=0)
    np.testing.assert_allclose(
        energy, 0.5 * np.log((frames.astype(float) ** 2).mean(axis=1)), atol=1e-4
    )
    expected = librosa.zero_crossings(frames, threshold=0.0, pad=False, axis=-1).mean(axis=1)
    np.testing.assert_allclose(crossings * 399 / 400, expected, atol=1e-9)
    assert voicing[5:-5].min() > 0.8
    assert height[10:-10].min() > 12 * np.log2(180 / 55) - 0.1
    assert height[10:-10].max() < 12 * np.log2(220 / 55) + 0.1
    bright = librosa.effects.preemphasis(centred, coef=0.97, zi=[0.0])
    magnitude = np.abs(
        librosa.stft(bright, n_fft=512, hop_length=160, win_length=400, window="hamming")
    )
    bank = librosa.filters.mel(
        sr=RATE, n_fft=512, n_mels=26, fmin=0, fmax=8000, htk=True, norm=None
    )
    mfcc = librosa.feature.mfcc(S=np.log(bank @ magnitude), n_mfcc=13, norm="ortho")[1:]
    np.testing.assert_allclose(np.array(cepstra)[:, 3:-3], mfcc[:, 3:-3], atol=2e-2)


def test_wide_descriptors_agree_with_librosa():
    librosa = pytest.importorskip("librosa")
    signal = 0.1 * np.random.default_rng(0).standard_normal(RATE).astype(np.float32)
    frames = dict(zip(WIDE_DESCRIPTORS, describe_wide(signal).values, strict=True))
    centred = signal - signal.mean()
    amplitude = np.abs(librosa.stft(centred, n_fft=512, hop_length=160, win_length=400))
    inner = slice(5, -5)
    centroid = librosa.feature.spectral_centroid(S=amplitude**2, sr=RATE)[0]
    np.testing.assert_allclose(
        np.exp(frames["centroid"][inner]) - RATE / 512, centroid[inner], rtol=1e-3
    )
    for share in (25, 50, 85):
        rolloff = librosa.feature.spectral_rolloff(
            S=amplitude**2, sr=RATE, roll_percent=share / 100
        )[0]
        np.testing.assert_allclose(
            np.exp(frames[f"rolloff{share}"][inner]) - RATE / 512, rolloff[inner], rtol=1e-4
        )
    flatness = librosa.feature.spectral_flatness(S=amplitude, power=2.0)[0]
    np.testing.assert_allclose(frames["flatness"][inner], np.log(flatness)[inner], atol=1e-3)
    fine = np.abs(librosa.stft(centred, n_fft=1024, hop_length=160)) ** 2
    chroma = librosa.feature.chroma_stft(S=fine, sr=RATE, n_fft=1024, tuning=0.0)
    ours = np.stack([frames[f"chroma{i}"] for i in range(1, 13)])
    np.testing.assert_allclose(ours[:, inner], chroma[:, inner], atol=1e-3)
    tonnetz = librosa.feature.tonnetz(chroma=chroma)
    ours = np.stack([frames[f"tonnetz{i}"] for i in range(1, 7)])
    np.testing.assert_allclose(ours[:, inner], tonnetz[:, inner], atol=1e-3)


def test_white_noise_has_full_entropy_no_tilt_beyond_its_bands_and_no_pitch_class():
    signal = 0.1 * np.random.default_rng(0).standard_normal(4 * RATE).astype(np.float32)
    frames = dict(zip(WIDE_DESCRIPTORS, describe_wide(signal).values, strict=True))
    # for exponential shares E[p ln p] gives 1 - (1 - gamma) / ln(n) of the largest entropy
    expected = 1 - (1 - np.euler_gamma) / np.log(257)
    assert frames["entropy"].mean() == pytest.approx(expected, abs=0.003)
    assert frames["voicing"].mean() < 0.45
    assert frames["harmonicity"].mean() < 0
    # bands of equal area: their power does not depend on their place
    assert abs(frames["tilt"].mean()) < 0.01


@pytest.mark.parametrize("name", ["is09-style", "wide"])
def test_blocks_do_not_show(name, monkeypatch):
    signal = _voice() + np.float32(0.01) * np.random.default_rng(0).standard_normal(
        _voice().size
    ).astype(np.float32)
    whole = SETS[name].compute(signal)
    module = {"is09-style": "sets.is09", "wide": "sets.wide"}[name]
    longest = {"is09-style": 640, "wide": 1024}[name]
    monkeypatch.setattr(
        f"sparsetransfer.features.{module}._GRID",
        features.descriptors.framing.Grid(longest=longest, block=13),
    )
    parts = SETS[name].compute(signal)
    np.testing.assert_allclose(parts, whole, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize(
    "chosen", [*SETS.values(), features.LogMel()], ids=lambda chosen: chosen.id
)
def test_values_do_not_depend_on_the_threads_of_blas(chosen):
    signal = np.random.default_rng(0).normal(scale=0.1, size=2 * 22_050).astype(np.float32)
    found = []
    for n_threads in (1, 2, 3):
        with threadpoolctl.threadpool_limits(n_threads):
            found.append(chosen.compute(signal))
    assert found[0].tobytes() == found[1].tobytes() == found[2].tobytes()
