"""One utterance is the same row of two indices, however its bounds and its file are spelt."""

import os

import numpy as np
import pandas as pd
import pytest
import soundfile

from sparsetransfer.audio.segments import match_segments, seconds

N_FRAMES = 44100 * 2 + 17
DURATION = N_FRAMES / 44100
WHOLE = [(np.nan, np.nan), (0.0, np.nan), (0.0, DURATION), (np.nan, DURATION), (0.0, 2.0004)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("recordings")
    for name in "abc":
        soundfile.write(place / f"{name}.wav", np.full(N_FRAMES, 0.1), 44100)
    return place


def index(folder, *rows):
    return pd.DataFrame(
        [(str(folder / name), start, end) for name, start, end in rows],
        columns=["file", "start", "end"],
    )


@pytest.mark.parametrize("one", WHOLE)
@pytest.mark.parametrize("other", WHOLE)
def test_whole_file_is_one_row_in_every_spelling(folder, one, other):
    left = index(folder, ("b.wav", *one), ("a.wav", *one))
    right = index(folder, ("a.wav", *other), ("c.wav", *other), ("b.wav", *other))
    assert match_segments(left, right).tolist() == [2, 0]


def test_times_are_the_same_within_half_a_sample(folder):
    step = 1 / 16000
    left = index(folder, ("a.wav", 0.5, 1.0), ("a.wav", 0.5 + step, 1.0), ("a.wav", 1.0, np.nan))
    right = index(
        folder, ("a.wav", 0.5 + 1.4 * step, 1.0 - 0.4 * step), ("a.wav", 1.0, DURATION),
        ("a.wav", 0.5 - 0.4 * step, 1.0),
    )  # fmt: skip
    assert match_segments(left, right).tolist() == [2, 0, 1]
    assert match_segments(left, right.assign(end=right["end"] + 0.6 * step)).tolist()[:2] == [-1, 0]
    assert match_segments(left, right.iloc[:0]).tolist() == [-1, -1, -1]


def test_names_of_one_file_match(folder, tmp_path):
    os.symlink(folder, tmp_path / "link")
    left, right = index(folder, ("a.wav", 0, np.nan)), index(tmp_path / "link", ("a.wav", 0, 1e9))
    assert match_segments(left, right).tolist() == [0]


@pytest.mark.parametrize("other", WHOLE)
def test_one_utterance_twice_is_refused(folder, other):
    twice = index(folder, ("a.wav", np.nan, np.nan), ("a.wav", *other))
    for left, right in ((twice, twice.iloc[:1]), (twice.iloc[:1], twice)):
        with pytest.raises(ValueError, match=r"more than once: .*a\.wav"):
            match_segments(left, right)


def test_seconds_of_every_spelling():
    expected = [1.5, np.nan]
    delta = pd.Timedelta(seconds=1.5)
    for times in (
        [1.5, None],
        ["1.5", ""],
        [delta, pd.NaT],
        ["0 days 00:00:01.500000", "NaT"],
        pd.Series([1.5, pd.NA], dtype="Float64"),
        pd.Series([delta, pd.NaT]),
        pd.Series([1.5, pd.NA], dtype=object),
        [np.float32(1.5), np.nan],
        pd.Series(["1.5", pd.NA], dtype="string"),
    ):
        np.testing.assert_array_equal(seconds(times), expected)
    for wrong in (["soon"], ["1.5", "later"]):
        with pytest.raises(ValueError, match=r"soon|later"):
            seconds(wrong)
