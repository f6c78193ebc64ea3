"""The synthesiser does what it was asked to: pitch, formants, level, durations, recording."""

import dataclasses

import numpy as np
import pytest
import scipy.signal

from sparsetransfer.synthetic.phonemes import PHONEMES, VOWELS, articulate
from sparsetransfer.synthetic.synthesis import record, synthesise
from sparsetransfer.synthetic.voice import SAMPLE_RATE, Prosody, Recording, Voice

FLAT = Prosody(pitch_range=0.0, pitch_slope=0.0, emphasis=0.0)


def rng(seed=0):
    return np.random.default_rng(seed)


def pitch_track(wave):
    librosa = pytest.importorskip("librosa")
    pitch = librosa.yin(wave, fmin=60, fmax=600, sr=SAMPLE_RATE, frame_length=1024, hop_length=160)
    level = librosa.feature.rms(y=wave, frame_length=1024, hop_length=160)[0]
    return pitch[level > 0.3 * level.max()]


def active_level(wave):
    """Level without the leading and trailing silence, in dB full scale."""
    inner = wave[int(0.08 * SAMPLE_RATE) : -int(0.08 * SAMPLE_RATE)]
    return 20 * np.log10(np.sqrt(np.mean(inner**2)))


@pytest.mark.parametrize("habitual", [90.0, 130.0, 210.0, 300.0])
@pytest.mark.parametrize("shift", [0.0, 4.0])
def test_planned_pitch_is_heard(habitual, shift):
    prosody = dataclasses.replace(FLAT, pitch=shift)
    wave = synthesise("lamanela", Voice(pitch=habitual), prosody, rng())
    expected = habitual * 2 ** (shift / 12)
    assert np.median(pitch_track(wave)) == pytest.approx(expected, rel=0.02)


def test_pitch_range_and_slope_are_heard():
    voice = Voice(pitch=150, jitter=0)
    # only open vowels: where the second harmonic meets a formant the tracker errs by an octave
    lively = Prosody(pitch_range=3.0, pitch_slope=0.0, rate=0.5)
    wide = synthesise("lala rajala", voice, lively, rng())
    narrow = synthesise("lala rajala", voice, dataclasses.replace(lively, pitch_range=1.0), rng())
    falling = synthesise("lamanela", voice, dataclasses.replace(FLAT, pitch_slope=-8.0), rng())
    spread = [np.std(12 * np.log2(pitch_track(wave))) for wave in (narrow, wide)]
    assert 0.6 < spread[0] < 1.5
    assert spread[1] / spread[0] == pytest.approx(3.0, rel=0.15)  # the same contour, scaled
    track = 12 * np.log2(pitch_track(falling))
    assert track[-5:].mean() - track[:5].mean() < -4


def formant_peaks(wave, count, order=20):
    librosa = pytest.importorskip("librosa")
    """Frequencies of the strongest resonances by linear prediction, ascending, in hertz."""
    middle = wave[wave.size // 2 - 1600 : wave.size // 2 + 1600]
    emphasised = scipy.signal.lfilter([1, -0.9], [1], middle) * np.hanning(3200)
    roots = np.roots(librosa.lpc(emphasised, order=order))
    roots = roots[(roots.imag > 0) & (np.abs(roots) > 0.9)]
    hertz = np.sort(np.angle(roots) * SAMPLE_RATE / (2 * np.pi))
    return hertz[hertz > 200][:count]


@pytest.mark.parametrize("vowel", ["a", "e", "E", "2"])
@pytest.mark.parametrize("scale", [1.0, 1.15])
def test_formants_lie_where_planned(vowel, scale):
    # pitch far below the first formant, or the harmonics hide it
    voice = Voice(pitch=80, formant_scale=scale, jitter=0, shimmer=0, breathiness=0.0)
    wave = synthesise(vowel, voice, dataclasses.replace(FLAT, rate=0.3), rng())
    planned = scale * np.array(VOWELS[vowel][:2])
    np.testing.assert_allclose(formant_peaks(wave, 2), planned, rtol=0.12)


def test_nasal_has_a_murmur_and_fricatives_have_their_bands():
    def centroid(text):
        wave = synthesise(text, Voice(), dataclasses.replace(FLAT, rate=0.5), rng())
        spectrum = np.abs(np.fft.rfft(wave)) ** 2
        return np.sum(spectrum * np.fft.rfftfreq(wave.size, 1 / SAMPLE_RATE)) / spectrum.sum()

    assert centroid("m") < 600
    assert 1000 < centroid("x") < 2800 < centroid("S") < 4500 < centroid("s") < 7000


def test_plosive_is_a_silence_and_a_burst():
    librosa = pytest.importorskip("librosa")
    wave = synthesise("ata", Voice(), FLAT, rng())
    level = librosa.feature.rms(y=wave, frame_length=160, hop_length=80)[0]
    speech = level[20:-20]
    closure = 20 + int(np.argmin(speech))
    assert level[closure] < 0.05 * level.max()
    burst = wave[80 * closure :][: int(0.06 * SAMPLE_RATE)]
    crossings = librosa.zero_crossings(burst).mean()
    assert crossings > 0.2  # a vowel crosses far more rarely
    assert librosa.zero_crossings(wave[3000:4000]).mean() < 0.2


@pytest.mark.parametrize("energy", [-10.0, 0.0, 6.0])
def test_level_is_the_planned_one(energy):
    wave = synthesise("lamana", Voice(), dataclasses.replace(FLAT, energy=energy), rng())
    assert active_level(wave) == pytest.approx(-26 + energy, abs=0.5)


def test_rate_tilt_breath_and_pauses_work_in_their_direction():
    librosa = pytest.importorskip("librosa")

    def speak(text="lamana lana", **changes):
        return synthesise(text, Voice(), dataclasses.replace(FLAT, **changes), rng())

    assert speak(rate=2.0).size < 0.7 * speak().size
    assert speak(pause=0.5).size > speak().size + 0.2 * SAMPLE_RATE

    def high_share(wave):
        power = np.abs(np.fft.rfft(wave)) ** 2
        return power[np.fft.rfftfreq(wave.size, 1 / SAMPLE_RATE) > 2000].sum() / power.sum()

    assert high_share(speak(tilt=4.0)) > 2 * high_share(speak()) > 4 * high_share(speak(tilt=-4.0))

    def flatness(wave):
        return np.median(librosa.feature.spectral_flatness(y=wave))

    assert flatness(speak(breathiness=0.3)) > 3 * flatness(speak())


def test_articulation_moves_vowels_to_the_neutral_one():
    def formants(articulation):
        return np.array(articulate("a", Prosody(articulation=articulation), rng())[0].formants)

    np.testing.assert_allclose(formants(0.0), VOWELS["@"])
    np.testing.assert_allclose(formants(1.0), VOWELS["a"])
    np.testing.assert_allclose(formants(0.5), (np.array(VOWELS["a"]) + VOWELS["@"]) / 2)


def test_same_generator_same_wave_other_generator_other_wave():
    first = synthesise("mito", Voice(), Prosody(), rng(1))
    np.testing.assert_array_equal(first, synthesise("mito", Voice(), Prosody(), rng(1)))
    other = synthesise("mito", Voice(), Prosody(), rng(2))
    assert first.size != other.size or not np.allclose(first, other)


@pytest.mark.parametrize("symbol", sorted(PHONEMES))
def test_every_phoneme_alone_is_finite_sound(symbol):
    wave = synthesise(symbol, Voice(), Prosody(), rng())
    assert np.isfinite(wave).all()
    assert np.abs(wave).max() > 0.01


@pytest.mark.parametrize("text", ["", "   ", "ma1o", "mäno"])
def test_bad_text_is_named(text):
    with pytest.raises(ValueError, match="text"):
        synthesise(text, Voice(), Prosody(), rng())


@pytest.mark.parametrize(
    ("kind", "changes", "name"),
    [
        (Voice, {"pitch": 10.0}, "Voice.pitch"),
        (Voice, {"formant_scale": float("nan")}, "Voice.formant_scale"),
        (Prosody, {"rate": 0.0}, "Prosody.rate"),
        (Prosody, {"energy": float("inf")}, "Prosody.energy"),
        (Recording, {"noise": 3.0}, "Recording.noise"),
        (Recording, {"room": -1}, "Recording.room"),
    ],
)
def test_value_out_of_range_is_named(kind, changes, name):
    with pytest.raises(ValueError, match=name):
        kind(**changes)


@pytest.mark.parametrize(
    ("kind", "changes"),
    [(Voice, {"pitch": "high"}), (Prosody, {"rate": True}), (Recording, {"room": 1.5})],
)
def test_value_of_wrong_type_is_named(kind, changes):
    (name,) = changes
    with pytest.raises(TypeError, match=f"{kind.__name__}.{name}"):
        kind(**changes)


def test_impossible_pitch_is_refused():
    with pytest.raises(ValueError, match=r"\[30, 1000\] Hz"):
        synthesise("ma", Voice(pitch=500), Prosody(pitch=24), rng())


def test_recording_adds_its_noise_and_gain():
    silence = np.zeros(SAMPLE_RATE)
    noise = record(silence, Recording(noise=-50.0), rng())
    assert 20 * np.log10(np.sqrt(np.mean(noise**2))) == pytest.approx(-50, abs=0.1)
    tone = 0.1 * np.sin(2 * np.pi * 1000 * np.arange(SAMPLE_RATE) / SAMPLE_RATE)
    quiet = Recording(noise=-120.0, wetness=0.0, gain=-6.0)
    heard = record(tone, quiet, rng())[2000:]
    assert np.sqrt(np.mean(heard**2)) == pytest.approx(0.1 / np.sqrt(2) * 10**-0.3, rel=0.02)


def test_microphone_has_its_band_and_presence():
    microphone = Recording(
        low_cut=300, high_cut=3000, presence=12, presence_frequency=1000, noise=-120, wetness=0
    )
    impulse = np.zeros(SAMPLE_RATE)
    impulse[100] = 0.1
    response = 20 * np.log10(np.abs(np.fft.rfft(record(impulse, microphone, rng()))) / 0.1)
    assert response[1000] == pytest.approx(12, abs=1)
    assert response[50] < -25
    assert response[7000] < -20


def test_room_is_the_same_for_the_same_number_only():
    impulse = np.zeros(8000)
    impulse[0] = 0.1
    rooms = [
        record(impulse, Recording(wetness=1.0, room=room, noise=-120), rng()) for room in (1, 1, 2)
    ]
    np.testing.assert_array_equal(rooms[0], rooms[1])
    assert np.abs(rooms[0] - rooms[2]).max() > 1e-3


def test_loud_recording_is_turned_down_not_clipped():
    wave = synthesise("mana", Voice(), Prosody(energy=20.0), rng())
    recording = Recording(gain=10.0, noise=-120.0, wetness=0.0)
    loud = record(wave, recording, rng())
    soft = record(0.01 * wave, recording, rng())
    assert np.abs(loud).max() == pytest.approx(0.95)
    assert np.corrcoef(loud, soft)[0, 1] > 0.9999


@pytest.mark.parametrize("wave", [np.zeros((2, 3)), np.zeros(0), np.array([np.nan])])
def test_bad_wave_is_refused(wave):
    with pytest.raises(ValueError, match="wave"):
        record(wave, Recording(), rng())
