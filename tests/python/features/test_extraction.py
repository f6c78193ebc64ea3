"""A corpus becomes a table: in order, cached, whatever the number of processes, or it says why."""

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from sparsetransfer import audio, features
from sparsetransfer.corpora import Corpus
from sparsetransfer.exceptions import CorpusError
from sparsetransfer.features.cache import Cache

RATE = 16000
SET = features.feature_set("functionals")


class Levels:
    """A feature set of two numbers that counts how often it is asked."""

    id = "levels-1"
    sample_rate = 8000
    names = ("mean", "peak")
    units = ("1", "1")

    def __init__(self):
        self.calls = 0

    def compute(self, signal):
        self.calls += 1
        return np.array([signal.mean(), np.abs(signal).max()], dtype=np.float64)


def _signal(seed, seconds=0.3):
    rng = np.random.default_rng(seed)
    tone = np.sin(2 * np.pi * (100 + 20 * seed) * np.arange(round(RATE * seconds)) / RATE)
    return 0.2 * tone + 0.02 * rng.standard_normal(tone.size)


def _corpus(folder, n_files=4, **columns):
    folder.mkdir(exist_ok=True)
    files = [folder / f"{number}.wav" for number in range(n_files)]
    for number, file in enumerate(files):
        soundfile.write(file, _signal(number), RATE)
    table = pd.DataFrame({"file": list(map(str, files)), "label": "anger", **columns})
    return Corpus("test", table)


def test_rows_are_in_order_and_equal_to_single_computations(tmp_path):
    corpus = _corpus(tmp_path / "wav")
    table = features.extract(corpus)
    assert table.feature_set == SET.id
    assert table.names == list(SET.names)
    assert table.failures.empty
    assert list(table.failures.columns) == ["file", "start", "end", "error"]
    pd.testing.assert_frame_equal(table.index, corpus.table[["file", "start", "end"]])
    for file, row in zip(table.index["file"], table.values, strict=True):
        np.testing.assert_array_equal(row, SET.compute(audio.load(file)))
    with pytest.raises(ValueError, match="read-only"):
        table.values[0, 0] = 0


def test_segments_and_own_feature_set(tmp_path):
    own = Levels()
    corpus = _corpus(tmp_path / "wav", 2, start=[0.1, 0.0], end=[0.2, 0.2])
    table = features.extract(corpus, own)
    for row, (file, start, end) in enumerate(table.index.itertuples(index=False)):
        expected = own.compute(audio.load(file, sample_rate=8000, start=start, end=end))
        np.testing.assert_array_equal(table.values[row], expected)


@pytest.mark.parametrize("use_cache", [False, True])
def test_values_do_not_depend_on_the_number_of_processes(tmp_path, monkeypatch, use_cache):
    corpus = _corpus(tmp_path / "wav", 6)
    alone = features.extract(corpus, n_jobs=1)
    # make every run think that workers are free
    monkeypatch.setattr("sparsetransfer.features.pool._TRIAL_SECONDS", 0.0)
    monkeypatch.setattr("sparsetransfer.features.pool._START_SECONDS", (0.0, 0.0))
    asked = []
    import joblib

    class Pool(joblib.Parallel):
        def __call__(self, tasks):
            asked.append(self.n_jobs)
            return super().__call__(tasks)

    monkeypatch.setattr("joblib.Parallel", Pool)
    cache = tmp_path / "cache" if use_cache else None
    together = features.extract(corpus, n_jobs=2, cache=cache)
    assert asked == [2]
    np.testing.assert_array_equal(together.values, alone.values)
    pd.testing.assert_frame_equal(together.index, alone.index)


def test_an_executor_computes_instead(tmp_path, monkeypatch):
    corpus = _corpus(tmp_path / "wav", 5)
    alone = features.extract(corpus, Levels(), n_jobs=1)
    with ThreadPoolExecutor(2) as pool:
        submitted = []
        monkeypatch.setattr(
            pool, "submit", lambda *task: submitted.append(task) or type(pool).submit(pool, *task)
        )
        there = features.extract(corpus, Levels(), executor=pool)
    assert len(submitted) == 5
    np.testing.assert_array_equal(there.values, alone.values)


def test_little_work_starts_no_processes(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a pool was started")

    monkeypatch.setattr("joblib.Parallel", refuse)
    features.extract(_corpus(tmp_path / "wav", 3), n_jobs=8)


def test_progress_counts_to_the_end(tmp_path):
    seen = []
    corpus = _corpus(tmp_path / "wav", 3)
    features.extract(corpus, Levels(), cache=tmp_path / "c", progress=lambda *at: seen.append(at))
    assert seen == [(0, 3), (1, 3), (2, 3), (3, 3)]
    seen.clear()
    features.extract(corpus, Levels(), cache=tmp_path / "c", progress=lambda *at: seen.append(at))
    assert seen == [(3, 3)]


def test_unreadable_files_are_all_listed_and_the_rest_is_kept(tmp_path):
    corpus = _corpus(tmp_path / "wav", 4)
    broken, missing = corpus.table["file"][1], corpus.table["file"][3]
    Path(broken).write_text("no audio")
    Path(missing).unlink()
    own, cache = Levels(), tmp_path / "cache"
    with pytest.raises(CorpusError, match=r"2 of 4(.|\n)*1\.wav(.|\n)*3\.wav"):
        features.extract(corpus, own, cache=cache)
    assert own.calls == 2
    table = features.extract(corpus, own, cache=cache, on_error="drop")
    assert own.calls == 2
    assert len(table) == 2
    assert table.failures["file"].to_list() == [broken, missing]
    assert "cannot be read as audio" in table.failures["error"][0]
    assert "does not exist" in table.failures["error"][1]
    assert table.index["file"].to_list() == corpus.table["file"].iloc[[0, 2]].to_list()
    only = Corpus("broken", corpus.table.iloc[[1, 3]])
    with pytest.raises(CorpusError, match="2 of 2"):
        features.extract(only, own, on_error="drop")


def test_values_that_are_not_finite_are_a_failure(tmp_path):
    class Undefined(Levels):
        def compute(self, signal):
            return np.array([np.nan, 1.0])

    with pytest.raises(CorpusError, match="1 values are not finite: mean"):
        features.extract(_corpus(tmp_path / "wav", 1), Undefined(), cache=tmp_path / "cache")
    assert not list((tmp_path / "cache").rglob("*.npy"))


def test_arguments_are_checked_before_anything_is_read(tmp_path):
    corpus = _corpus(tmp_path / "wav", 1)
    for wrong in ({"n_jobs": 0}, {"n_jobs": -2}, {"on_error": "ignore"}, {"feature_set": "mfcc"}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            features.extract(corpus, **wrong)
    with pytest.raises(TypeError, match="feature_set"):
        features.extract(corpus, feature_set=3)


def test_feature_set_of_wrong_length_is_a_defect_of_the_set(tmp_path):
    class Short(Levels):
        def compute(self, signal):
            return np.zeros(1)

    with pytest.raises(ValueError, match=r"shape \(1,\)"):
        features.extract(_corpus(tmp_path / "wav", 1), Short())


def test_cache_follows_content_segment_and_version(tmp_path):
    own, cache = Levels(), tmp_path / "cache"
    corpus = _corpus(tmp_path / "wav", 2)
    first = features.extract(corpus, own, cache=cache)
    assert own.calls == 2
    np.testing.assert_array_equal(features.extract(corpus, own, cache=cache).values, first.values)
    assert own.calls == 2
    # renamed: the same entries
    (tmp_path / "wav").rename(tmp_path / "moved")
    moved = Corpus(
        "moved", corpus.table.assign(file=corpus.table["file"].str.replace("/wav/", "/moved/"))
    )
    np.testing.assert_array_equal(features.extract(moved, own, cache=cache).values, first.values)
    assert own.calls == 2
    # another segment, another content, another version: new entries
    features.extract(Corpus("part", moved.table.assign(end=0.1)), own, cache=cache)
    assert own.calls == 4
    soundfile.write(moved.table["file"][0], _signal(9), RATE)
    changed = features.extract(moved, own, cache=cache)
    assert own.calls == 5
    assert (changed.values[0] != first.values[0]).any()
    own.id = "levels-2"
    features.extract(moved, own, cache=cache)
    assert own.calls == 7


@pytest.mark.parametrize("damage", ["empty", "cut", "text", "shape", "dtype", "nan", "pickle"])
def test_damaged_cache_entries_are_computed_anew(tmp_path, damage, caplog):
    own, cache = Levels(), tmp_path / "cache"
    corpus = _corpus(tmp_path / "wav", 1)
    expected = features.extract(corpus, own, cache=cache).values
    (entry,) = cache.rglob("*.npy")
    if damage == "empty":
        entry.write_bytes(b"")
    elif damage == "cut":
        entry.write_bytes(entry.read_bytes()[:-3])
    elif damage == "text":
        entry.write_text("not an array")
    else:
        wrong = {
            "shape": np.zeros(3),
            "dtype": np.zeros(2, np.float32),
            "nan": np.full(2, np.nan),
            "pickle": np.array([{}, {}], dtype=object),
        }[damage]
        np.save(entry, wrong, allow_pickle=True)
    np.testing.assert_array_equal(features.extract(corpus, own, cache=cache).values, expected)
    assert own.calls == 2
    assert "recomputed" in caplog.text
    features.extract(corpus, own, cache=cache)
    assert own.calls == 2


def test_failed_write_leaves_the_old_entry_and_no_litter(tmp_path, monkeypatch):
    store = Cache(tmp_path, "levels-1", 2)
    path = store.path("0" * 32, float("nan"), float("nan"))
    store.save(path, np.array([1.0, 2.0]))

    def fail_half_way(stream, values, **kwargs):
        stream.write(b"\x93NUMPY")
        raise OSError("disk full")

    monkeypatch.setattr("numpy.save", fail_half_way)
    with pytest.raises(OSError, match="disk full"):
        store.save(path, np.array([3.0, 4.0]))
    np.testing.assert_array_equal(store.load(path), [1.0, 2.0])
    assert [file.name for file in tmp_path.rglob("*") if file.is_file()] == [path.name]


SLOW_RUN = """
import json, sys, time
import numpy as np, pandas as pd
from sparsetransfer import features
from sparsetransfer.corpora import Corpus

class Slow:
    id, sample_rate, names, units = "slow-1", 16000, ("peak",), ("1",)
    def compute(self, signal):
        time.sleep(0.2)
        return np.array([np.abs(signal).max()], dtype=np.float64)

table = pd.DataFrame({"file": json.loads(sys.argv[1]), "label": "anger"})
features.extract(Corpus("test", table), Slow(), cache=sys.argv[2], n_jobs=1)
"""


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_killed_run_continues_where_it_was(tmp_path):
    corpus = _corpus(tmp_path / "wav", 20)
    cache = tmp_path / "cache"
    files = corpus.table["file"].to_list()
    run = subprocess.Popen([sys.executable, "-c", SLOW_RUN, json.dumps(files), str(cache)])
    deadline = time.monotonic() + 60

    def entries():  # without those in hidden folders, which are being written
        return len([path for path in cache.rglob("*.npy") if path.parent.name[0] != "."])

    while entries() < 3:
        assert time.monotonic() < deadline
        assert run.poll() is None
        time.sleep(0.02)
    run.send_signal(signal.SIGKILL)
    run.wait()
    done = entries()
    assert 3 <= done < 20

    class Peak:
        id, sample_rate, names, units = "slow-1", 16000, ("peak",), ("1",)
        calls = 0

        def compute(self, signal):
            self.calls += 1
            return np.array([np.abs(signal).max()], dtype=np.float64)

    resumed = Peak()
    values = features.extract(corpus, resumed, cache=cache).values
    assert resumed.calls == 20 - done
    np.testing.assert_array_equal(values, features.extract(corpus, Peak()).values)


def test_table_refuses_parts_that_do_not_fit(tmp_path):
    table = features.extract(_corpus(tmp_path / "wav", 2), Levels())
    index, failures = table.index, table.failures
    with pytest.raises(ValueError, match="shape"):
        features.table.FeatureTable(np.zeros((3, 2)), ["a", "b"], index, "x", failures)
    with pytest.raises(ValueError, match="unique"):
        features.table.FeatureTable(np.zeros((2, 2)), ["a", "a"], index, "x", failures)


def test_known_sets_by_name():
    own = ("functionals", "is09-style", "wide")
    assert set(own) < set(features.names())
    for name in own:
        known = features.feature_set(name)
        assert isinstance(known, features.FeatureSet)
        assert known.id.startswith(f"{name}-")
    with pytest.raises(ValueError, match="functionals"):
        features.feature_set("other")
