"""Spectrograms against librosa, and a corpus of them on disk."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from sparsetransfer import features
from sparsetransfer.corpora import Corpus
from sparsetransfer.exceptions import CorpusError
from sparsetransfer.features.descriptors.framing import Grid

RATE = 16000


def _noise(seconds, seed=0):
    rng = np.random.default_rng(seed)
    return (0.1 * rng.standard_normal(round(seconds * RATE))).astype(np.float32)


def _corpus(folder):
    files = [str(folder / f"{number}.wav") for number in range(3)]
    for number, file in enumerate(files):
        soundfile.write(file, _noise(0.2 + 0.1 * number, number), RATE)
    return Corpus("test", pd.DataFrame({"file": files, "label": "anger"}))


def test_log_mel_is_librosas_mel_spectrogram():
    librosa = pytest.importorskip("librosa")
    signal = _noise(0.5)
    values = features.LogMel(40).compute(signal)
    expected = librosa.feature.melspectrogram(
        y=signal - signal.mean(),
        sr=RATE,
        n_fft=512,
        win_length=400,
        hop_length=160,
        n_mels=40,
        fmin=50,
        pad_mode="constant",
    )
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, np.log(expected).T, atol=2e-3)


def test_every_band_has_a_bin_and_blocks_do_not_show(monkeypatch):
    widest = features.LogMel(80)
    whole = widest.compute(_noise(1.0))
    assert whole.min() > np.log(1e-8)
    monkeypatch.setattr("sparsetransfer.features.sets.spectrogram._GRID", Grid(block=7))
    np.testing.assert_allclose(widest.compute(_noise(1.0)), whole, atol=1e-4)
    with pytest.raises(ValueError, match="n_mels"):
        features.LogMel(81)


@pytest.mark.parametrize("n_samples", [1, 160, 800])
def test_any_signal_gives_finite_frames(n_samples):
    for signal in (np.zeros(n_samples), np.ones(n_samples), _noise(1.0)[:n_samples]):
        values = features.LogMel().compute(signal.astype(np.float32))
        assert values.shape == (1 + n_samples // 160, 64)
        assert np.isfinite(values).all()


@pytest.mark.parametrize("gain", [1e-3, 1.0])
def test_trimming_leaves_out_silence_at_the_ends_and_pauses_in(gain):
    silence = 1e-4 * _noise(0.5, 7)
    speech = np.concatenate([_noise(0.4), silence, _noise(0.4, 2)])
    signal = gain * np.concatenate([silence, speech, silence, silence]).astype(np.float32)
    spectrogram = features.LogMel(40, trim=True)
    values = spectrogram.compute(signal)
    assert abs(len(values) - len(speech) / 160) <= 4
    whole = features.LogMel(40).compute(signal)
    (first,) = [i for i in range(48, 53) if np.array_equal(whole[i : i + len(values)], values)]
    assert first > 0
    assert spectrogram.id != features.LogMel(40).id


@pytest.mark.parametrize("signal", [np.zeros(800), np.ones(1), 0.1 * np.ones(3200)])
def test_trimming_leaves_something_of_any_signal(signal):
    values = features.LogMel(trim=True).compute(signal.astype(np.float32))
    assert len(values) >= 1
    assert np.isfinite(values).all()


def test_sequences_lie_in_files_and_are_not_computed_twice(tmp_path, monkeypatch):
    corpus = _corpus(tmp_path)
    seen = []
    table = features.extract_sequences(
        corpus, tmp_path / "mel", n_jobs=1, progress=lambda *at: seen.append(at)
    )
    assert seen == [(1, 3), (2, 3), (3, 3)]
    assert table.feature_set == "log-mel-64-2"
    assert len(table) == 3
    pd.testing.assert_frame_equal(table.index, corpus.table[["file", "start", "end"]])
    for row in range(3):
        signal = soundfile.read(table.index["file"][row], dtype="float32")[0]
        np.testing.assert_array_equal(table[row], features.LogMel().compute(signal))
        assert table.lengths[row] == len(table[row])

    def refuse(self, signal):
        raise AssertionError("computed again")

    monkeypatch.setattr(features.LogMel, "compute", refuse)
    again = features.extract_sequences(corpus, tmp_path / "mel", n_jobs=1)
    assert again.paths == table.paths


def test_unreadable_files_are_listed(tmp_path):
    corpus = _corpus(tmp_path)
    Path(corpus.table["file"][1]).write_text("no audio")
    with pytest.raises(CorpusError, match=r"1 of 3(.|\n)*1\.wav"):
        features.extract_sequences(corpus, tmp_path / "mel", n_jobs=1)
    table = features.extract_sequences(corpus, tmp_path / "mel", n_jobs=1, on_error="drop")
    assert len(table) == 2
    assert table.failures["file"].to_list() == [corpus.table["file"][1]]
