"""Levels of recordings whose level and clipping are known."""

import numpy as np
import pytest
import soundfile

from sparsetransfer.audio.level import levels
from sparsetransfer.exceptions import CorpusError


def test_level_of_a_tone(tmp_path):
    tone = 0.5 * np.sin(2 * np.pi * 100 * np.arange(44100) / 44100)
    soundfile.write(tmp_path / "a.wav", np.stack([tone, tone], axis=1), 44100, subtype="FLOAT")
    peak, clipped, rms = levels(tmp_path / "a.wav")
    assert peak == pytest.approx(0.5, abs=1e-4)
    assert clipped == 0
    assert rms == pytest.approx(0.5 / np.sqrt(2), rel=1e-4)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24"])
def test_runs_at_full_scale_are_clipped_and_single_samples_are_not(tmp_path, subtype):
    signal = np.zeros(1000)
    signal[[10, 20, 21]] = 1.0
    soundfile.write(tmp_path / "a.wav", signal, 16000, subtype=subtype)
    assert levels(tmp_path / "a.wav")[1] == 0
    signal[100:105] = -1.0
    soundfile.write(tmp_path / "a.wav", signal, 16000, subtype=subtype)
    assert levels(tmp_path / "a.wav")[1] == pytest.approx(5 / 1000)


def test_unreadable_files_are_named(tmp_path):
    (tmp_path / "a.wav").write_text("no audio")
    with pytest.raises(CorpusError, match=r"a\.wav"):
        levels(tmp_path / "a.wav")
    soundfile.write(tmp_path / "b.wav", np.zeros(0), 16000)
    with pytest.raises(CorpusError, match="no samples"):
        levels(tmp_path / "b.wav")
