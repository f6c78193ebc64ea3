"""The feature set as a whole: names, units, known voices, awkward signals."""

import numpy as np
import pytest

from sparsetransfer.features.sets.functionals import Functionals

RATE = 16000
SET = Functionals()


def _voice(seconds=1.5, low=200.0, high=200.0):
    """A harmonic tone gliding evenly in pitch (in semitones)."""
    n = round(RATE * seconds)
    phase = 2 * np.pi * np.cumsum(np.geomspace(low, high, n)) / RATE
    tone = sum(np.sin(k * phase) / k for k in range(1, 9))
    return (0.1 * tone * (1.0 + 0.3 * np.sin(2 * np.pi * 4 * np.arange(n) / RATE))).astype(
        np.float32
    )


def _features(signal):
    return dict(zip(SET.names, SET.compute(signal), strict=True))


def _semitones(frequency):
    return 12 * np.log2(frequency / 55.0)


def test_columns_are_named_once_and_have_units():
    assert len(SET.names) == len(set(SET.names)) == len(SET.units) == 529
    assert all(SET.units)
    units = dict(zip(SET.names, SET.units, strict=True))
    assert units["f0_mean"] == "semitones above 55 Hz"
    assert units["log_energy_delta_std"] == "ln(RMS), full scale 1, per second"
    assert units["mfcc3_skewness"] == "1"


def test_pitch_of_a_steady_voice():
    values = _features(_voice())
    assert values["f0_mean"] == pytest.approx(_semitones(200.0), abs=0.05)
    assert values["f0_p50"] == pytest.approx(_semitones(200.0), abs=0.05)
    assert values["f0_range"] < 0.1
    assert values["voiced_share"] > 0.95
    assert values["voicing_mean"] > 0.95


def test_pitch_of_a_gliding_voice():
    values = _features(_voice(low=150.0, high=300.0))
    assert values["f0_slope"] == pytest.approx(12.0, abs=0.5)
    assert values["f0_p50"] == pytest.approx(_semitones(np.sqrt(150 * 300)), abs=0.2)
    assert values["f0_range"] == pytest.approx(0.9 * 12, abs=0.5)
    assert values["f0_step_rising"] > 0.95
    assert values["f0_step_mean_abs"] == pytest.approx(12 / 150, rel=0.1)


@pytest.mark.parametrize("factor", [0.5, 2.0, 2**-7])  # powers of 2: no rounding of samples
def test_level_moves_the_location_of_the_energy_and_nothing_else(factor):
    one, other = _features(_voice()), _features(np.float32(factor) * _voice())
    for name, value in other.items():
        shift = np.log(factor) if name in {f"log_energy_{w}" for w in ("mean", "p5", "p95")} else 0
        assert value - one[name] == pytest.approx(shift, abs=1e-2 * max(1, abs(one[name]))), name


def test_silence_at_both_ends_is_cut_away():
    rng = np.random.default_rng(0)
    voice = _voice()
    hiss = (1e-4 * rng.standard_normal(voice.size + 2 * RATE)).astype(np.float32)
    longer = hiss.copy()
    longer[RATE : RATE + voice.size] += voice
    short, padded = _features(voice + hiss[: voice.size]), _features(longer)
    for name in ("f0_mean", "voiced_share", "log_energy_mean", "mfcc1_mean", "centroid_mean"):
        assert padded[name] == pytest.approx(short[name], rel=0.05, abs=0.05), name
    assert short["speech_share"] > 0.98
    assert padded["speech_share"] == pytest.approx(1.5 / 3.5, abs=0.02)
    assert padded["duration"] == pytest.approx(np.log(1.5), abs=0.05)


def test_stretches_of_voice_are_counted():
    rng = np.random.default_rng(0)
    signal = (0.02 * rng.standard_normal(RATE)).astype(np.float32)
    for begin in (0.1, 0.4, 0.7):
        first = round(begin * RATE)
        signal[first : first + RATE // 5] += _voice(0.2)
    values = _features(signal)
    assert values["voiced_rate"] == pytest.approx(3 / np.exp(values["duration"]), rel=0.01)
    assert values["voiced_length"] == pytest.approx(0.2, abs=0.04)


AWKWARD = {
    "one sample": np.full(1, 0.5),
    "two samples": np.array([0.5, -0.5]),
    "0.05 s": 0.1 * np.random.default_rng(0).standard_normal(800),
    "silence": np.zeros(RATE),
    "short silence": np.zeros(800),
    "constant": np.full(RATE, 0.7),
    "-48 dBFS": 10 ** (-48 / 20) * _voice(),
    "quantised to 8 bit": np.round(_voice() * 128) / 128,
    "one click": np.eye(1, RATE, RATE // 2)[0],
    "clipped": np.sign(_voice()),
    "denormal": np.full(RATE, 1e-40),
    "very loud": 1e6 * _voice(),
}


@pytest.mark.parametrize("kind", AWKWARD)
def test_awkward_signals_give_finite_moderate_values(kind):
    signal = AWKWARD[kind].astype(np.float32)
    before = signal.copy()
    values = SET.compute(signal)
    assert values.dtype == np.float64
    assert np.isfinite(values).all()
    assert np.abs(values).max() < 1e4
    np.testing.assert_array_equal(signal, before)
    np.testing.assert_array_equal(SET.compute(signal), values)
