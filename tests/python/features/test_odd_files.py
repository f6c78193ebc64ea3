"""Odd files through reading and every own feature set: formats, lengths, rates, memory."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from sparsetransfer import audio, features
from sparsetransfer.corpora import Corpus

SETS = ("functionals", "is09-style", "wide")


def _voice(seconds, rate):
    time = np.arange(round(rate * seconds)) / rate
    tone = sum(np.sin(2 * np.pi * 150 * k * time) / k for k in range(1, 9))
    return 0.1 * tone * (1 + 0.5 * np.sin(2 * np.pi * 3 * time))


def _write(folder):
    """Write one voice in many guises, and files that are none."""
    files = {
        "plain.wav": (_voice(1.0, 16000), 16000, "PCM_16"),
        "8bit.wav": (_voice(1.0, 16000), 16000, "PCM_U8"),
        "96kHz.wav": (_voice(1.0, 96000), 96000, "PCM_24"),
        "stereo.wav": (np.stack([_voice(1.0, 44100)] * 2, axis=1), 44100, "PCM_16"),
        "float.wav": (_voice(1.0, 16000), 16000, "FLOAT"),
        "short.wav": (_voice(0.05, 16000), 16000, "PCM_16"),
        "silent.wav": (np.zeros(16000), 16000, "PCM_16"),
        "empty.wav": (np.zeros(0), 16000, "PCM_16"),
    }
    for name, (signal, rate, subtype) in files.items():
        soundfile.write(folder / name, signal, rate, subtype=subtype)
    whole = (folder / "plain.wav").read_bytes()
    (folder / "truncated.wav").write_bytes(whole[: len(whole) // 2])
    (folder / "text.wav").write_text("no audio")
    (folder / "nothing.wav").write_bytes(b"")
    return sorted(folder.glob("*.wav"))


UNREADABLE = {"empty.wav", "text.wav", "nothing.wav", "truncated.wav"}


@pytest.mark.parametrize("name", SETS)
def test_odd_files_give_features_or_a_reason(name, tmp_path):
    files = _write(tmp_path)
    corpus = Corpus("odd", pd.DataFrame({"file": list(map(str, files)), "label": "anger"}))
    table = features.extract(corpus, name, on_error="drop", n_jobs=1)
    failed = {Path(file).name for file in table.failures["file"]}
    assert failed == UNREADABLE
    assert all(table.failures["error"].str.len() > 0)
    rows = {Path(file).name: row for row, file in enumerate(table.index["file"])}
    assert np.isfinite(table.values).all()
    # the same voice in other formats: pitch, level and timbre stay
    column = {what: table.names.index(what) for what in ("f0_mean", "log_energy_mean")}
    for guise in ("float.wav", "96kHz.wav", "stereo.wav", "8bit.wav"):
        for what, place in column.items():
            expected = table.values[rows["plain.wav"], place]
            assert table.values[rows[guise], place] == pytest.approx(expected, abs=0.05), (
                guise,
                what,
            )


def test_long_files_are_resampled_block_by_block_to_the_same_signal(tmp_path, monkeypatch):
    soundfile.write(tmp_path / "long.wav", _voice(20.0, 44100), 44100)
    at_once = audio.load(tmp_path / "long.wav")
    monkeypatch.setattr("sparsetransfer.audio.io._LONG", 1 << 18)
    monkeypatch.setattr("sparsetransfer.audio.recording._BLOCK", 1 << 16)
    streamed = audio.load(tmp_path / "long.wav")
    assert abs(streamed.size - at_once.size) <= 1
    size = min(streamed.size, at_once.size)
    np.testing.assert_allclose(streamed[:size], at_once[:size], atol=1e-5)


LONG_RUN = """
import resource, sys
import numpy as np
from sparsetransfer import audio, features

chosen = features.feature_set("is09-style")
chosen.compute(np.zeros(16000, np.float32))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
values = chosen.compute(audio.load(sys.argv[1]))
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert np.isfinite(values).all()
print((after - before) / (1 if sys.platform == "darwin" else 1024))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not tell the peak like this")
def test_half_an_hour_needs_bounded_memory(tmp_path):
    minute = np.clip(np.round(128 + 100 * _voice(60.0, 16000)), 0, 255).astype(np.uint8)
    with soundfile.SoundFile(tmp_path / "long.wav", "w", 16000, 1, subtype="PCM_U8") as stream:
        for _ in range(30):
            stream.write((minute.astype(np.float32) - 128) / 128)
    finished = subprocess.run(
        [sys.executable, "-c", LONG_RUN, str(tmp_path / "long.wav")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    # six copies of the signal (110 MiB each), not a spectrum of it (1,400 MiB)
    assert float(finished.stdout) < 800
