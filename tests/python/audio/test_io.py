"""Every format comes out as one mono signal at the asked rate; every defect names its file."""

import numpy as np
import pytest
import soundfile

from sparsetransfer import audio
from sparsetransfer.exceptions import CorpusError


def _tone(rate, seconds, frequency=200.0):
    return 0.5 * np.sin(2 * np.pi * frequency * np.arange(round(rate * seconds)) / rate)


@pytest.mark.parametrize(
    ("rate", "subtype", "tolerance"),
    [
        (8000, "PCM_U8", 0.02),
        (16000, "PCM_16", 1e-3),
        (44100, "PCM_24", 1e-3),
        (96000, "FLOAT", 1e-3),
        (96000, "DOUBLE", 1e-3),
    ],
)
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_tone_is_the_same_whatever_the_format(tmp_path, rate, subtype, tolerance, channels):
    name = tmp_path / "tone.wav"
    soundfile.write(name, np.tile(_tone(rate, 0.5)[:, None], channels), rate, subtype=subtype)
    signal = audio.load(name, sample_rate=16000)
    assert signal.dtype == np.float32
    assert signal.shape == (8000,)
    middle = slice(800, 7200)  # the resampler's filter rings at both ends
    np.testing.assert_allclose(signal[middle], _tone(16000, 0.5)[middle], atol=tolerance)


def test_channels_are_averaged(tmp_path):
    name = tmp_path / "two.wav"
    left = _tone(16000, 0.1)
    soundfile.write(name, np.stack([left, -left], axis=1), 16000, subtype="DOUBLE")
    assert np.abs(audio.load(name)).max() == 0


def test_resampling_removes_what_the_new_rate_cannot_hold(tmp_path):
    name = tmp_path / "high.wav"
    soundfile.write(name, _tone(48000, 0.5, 12000.0), 48000, subtype="DOUBLE")
    signal = audio.load(name, sample_rate=16000)[800:-800]
    assert np.abs(signal).max() < 1e-4


def test_segment_is_a_slice_of_the_file(tmp_path):
    name = tmp_path / "noise.flac"
    rng = np.random.default_rng(0)
    soundfile.write(name, 0.1 * rng.standard_normal(16000), 16000)
    whole = audio.load(name)
    np.testing.assert_array_equal(audio.load(name, start=0.25, end=0.5), whole[4000:8000])
    np.testing.assert_array_equal(audio.load(name, start=0.25, end=float("nan")), whole[4000:])
    np.testing.assert_array_equal(audio.load(name, start=0.5, end=1.005), whole[8000:])


@pytest.mark.parametrize("segment", [(0.5, 0.5), (0.6, 0.5), (-0.1, 0.5), (1.0, None), (0.0, 1.1)])
def test_segment_outside_the_file_is_refused(tmp_path, segment):
    name = tmp_path / "tone.wav"
    soundfile.write(name, _tone(16000, 1.0), 16000)
    with pytest.raises(CorpusError, match=r"tone\.wav.*segment"):
        audio.load(name, start=segment[0], end=segment[1])


def test_very_short_file(tmp_path):
    name = tmp_path / "short.wav"
    soundfile.write(name, _tone(96000, 0.05), 96000)
    assert audio.load(name).shape == (800,)


def test_defects_name_the_file(tmp_path):
    text = tmp_path / "text.wav"
    text.write_text("this is no audio")
    empty = tmp_path / "empty.wav"
    empty.touch()
    silent = tmp_path / "nothing.wav"
    soundfile.write(silent, np.zeros(0), 16000)
    nan = tmp_path / "nan.wav"
    soundfile.write(nan, np.array([0.0, np.nan, 0.0]), 16000, subtype="FLOAT")
    cut = tmp_path / "cut.flac"
    rng = np.random.default_rng(0)
    soundfile.write(cut, 0.1 * rng.standard_normal(160000), 16000)
    cut.write_bytes(cut.read_bytes()[:100000])
    for name in (text, empty, silent, nan, cut, tmp_path / "missing.wav", tmp_path):
        with pytest.raises(CorpusError, match=name.name):
            audio.load(name)


def test_one_sample_of_a_high_rate_survives_or_is_refused(tmp_path):
    name = tmp_path / "one.wav"
    soundfile.write(name, np.array([0.5]), 96000)
    with pytest.raises(CorpusError, match="less than one sample"):
        audio.load(name, sample_rate=8000)


def test_rate_must_be_positive(tmp_path):
    with pytest.raises(ValueError, match="sample_rate"):
        audio.load(tmp_path / "any.wav", sample_rate=0)
