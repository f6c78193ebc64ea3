"""Paths that the user gives are regular files, or are refused before they are opened."""

import os
import signal

import numpy as np
import pytest

from sparsetransfer import audio, corpora, features
from sparsetransfer._files import existing_file
from sparsetransfer.cli.inputs import parse_label_map
from sparsetransfer.dictionary import Statistics
from sparsetransfer.distributed import Chunks
from sparsetransfer.evaluation import read_config
from sparsetransfer.exceptions import CorpusError
from sparsetransfer.features.cache import Cache
from sparsetransfer.recognition import load_model
from sparsetransfer.reporting.folder import check_destination

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no FIFOs")

READERS = {
    "manifest.csv": corpora.read_manifest,
    "manifest.jsonl": corpora.read_manifest,
    "manifest.parquet": corpora.read_manifest,
    "db.yaml": corpora.read_manifest,
    "table.csv": features.read_table,
    "table.arff": features.read_table,
    "table.parquet": features.read_table,
    "table.npy": lambda path: features.read_table(path, index=path),
    "model.safetensors": load_model,
    "study.toml": read_config,
    "statistics.npz": Statistics.load,
    "labels.json": lambda path: parse_label_map([str(path)]),
}


@pytest.fixture(autouse=True)
def deadline():
    """Interrupt what waits for a FIFO's other end."""
    signal.alarm(20)
    yield
    signal.alarm(0)


@pytest.mark.parametrize("name", READERS)
def test_fifo_folder_and_pointer_are_refused(tmp_path, name):
    place = tmp_path / name
    with pytest.raises((ValueError, OSError), match=r"does not exist"):
        READERS[name](place)
    os.mkfifo(place)
    with pytest.raises((ValueError, OSError), match="is a FIFO"):
        READERS[name](place)
    place.unlink()
    place.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n")
    with pytest.raises((ValueError, OSError), match="git lfs pull"):
        READERS[name](place)


ARRAYS = {
    "statistics.npz": Statistics.load,
    "rows.npy": lambda path: Chunks.from_npy(path, chunk_size=2),
    "table.npy": lambda path: features.read_table(path, index=path.with_name("index.csv")),
    "rows.parquet": Chunks.from_parquet,
}


@pytest.mark.parametrize("name", ARRAYS)
def test_damaged_arrays_are_named(tmp_path, name):
    if name.endswith(".parquet"):
        pytest.importorskip("pyarrow")
    (tmp_path / "index.csv").write_text("file\na.wav\nb.wav\n")
    place = tmp_path / name
    np.save(tmp_path / "whole.npy", np.ones((2, 3)))
    whole = (tmp_path / "whole.npy").read_bytes()
    unbalanced = whole.replace(b"}", b"{")  # tokenize.TokenError from NumPy's parser
    for content in (b"", b"PK\x03\x04 no archive", whole[:-1], unbalanced, bytes(64)):
        place.write_bytes(content)
        with pytest.raises(ValueError, match=rf"{name}.* cannot be read: .+"):
            ARRAYS[name](place)


def test_a_damaged_cache_entry_is_computed_anew(tmp_path):
    cache = Cache(tmp_path, "set", 3)
    place = cache.path("hash", 0.0, 1.0)
    cache.save(place, np.ones(3))
    place.write_bytes(place.read_bytes().replace(b"}", b"{"))
    assert cache.load(place) is None


@pytest.mark.parametrize("name", ["a\0.wav", "\ud800.wav"])
def test_a_name_that_no_file_can_have_is_refused(name):
    for read in (existing_file, audio.duration):
        with pytest.raises((CorpusError, FileNotFoundError), match="does not exist"):
            read(name)


def test_a_fifo_in_a_report_is_refused_before_the_work(tmp_path):
    pytest.importorskip("matplotlib")
    (tmp_path / "study.json").write_text('{"schema": "sparsetransfer.config"}')
    check_destination(tmp_path)
    os.mkfifo(tmp_path / "results.csv")
    with pytest.raises(OSError, match=r"results\.csv' is a FIFO"):
        check_destination(tmp_path)


def test_fifo_among_recordings_costs_only_itself(tmp_path):
    os.mkfifo(tmp_path / "03a01Fa.wav")
    (tmp_path / "03a01Wa.wav").write_bytes(b"no audio")
    result = corpora.check("emodb", tmp_path)
    reasons = sorted(result.unreadable.values())
    assert len(reasons) == 2
    assert any("is a FIFO" in reason for reason in reasons)
