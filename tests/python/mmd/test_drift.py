"""Windows of a stream are tested as single calls would test them, at the level that is stated."""

import numpy as np
import pytest
from scipy.stats import binom, kstest

from sparsetransfer import mmd

QUICK = {"n_permutations": 49, "bandwidths": "median", "combine": "mean"}


def test_a_stream_in_pieces_is_the_stream():
    rng = np.random.default_rng(0)
    reference, stream = rng.normal(size=(80, 3)), rng.normal(size=(233, 3))
    whole = mmd.DriftDetector(reference, window=30, rng=1, **QUICK)
    pieces = mmd.DriftDetector(reference, window=30, rng=1, **QUICK)
    at_once = whole.push(stream)
    cuts = np.sort(rng.choice(233, 12, replace=False))
    in_turn = [test for part in np.split(stream, cuts) for test in pieces.push(part)]
    assert len(at_once) == len(in_turn) == whole.n_windows == pieces.n_windows == 7
    for first, second in zip(at_once, in_turn, strict=True):
        assert first.statistic == second.statistic
        np.testing.assert_array_equal(first.null, second.null)
    assert len({test.null.tobytes() for test in at_once}) == 7  # permutations of their own


def test_the_statistic_is_that_of_the_two_samples():
    rng = np.random.default_rng(0)
    reference, window = rng.normal(size=(40, 2)), rng.normal(loc=1.0, size=(25, 2))
    detector = mmd.DriftDetector(reference, window=25, rng=0)
    (found,) = detector.push(window)
    expected = mmd.two_sample_test(
        reference, window, combine="fuse", bandwidths="quantiles", n_permutations=199
    )
    assert found.statistic == expected.statistic
    assert found.bandwidths == expected.bandwidths


def test_the_level_holds_and_drift_is_found():
    """200 windows without a drift: p-values are uniform; and afterwards each of ten finds it."""
    rng = np.random.default_rng(3)
    p_values = [
        test.p_value
        for seed in range(50)  # references anew: windows of one reference are not independent
        for test in mmd.DriftDetector(rng.normal(size=(60, 4)), window=40, rng=seed, **QUICK).push(
            rng.normal(size=(160, 4))
        )
    ]
    assert len(p_values) == 200
    assert np.sum(np.array(p_values) <= 0.1) <= binom.ppf(0.9999, 200, 0.1)
    assert kstest(p_values, "uniform").pvalue > 1e-4
    detector = mmd.DriftDetector(rng.normal(size=(60, 4)), window=40, rng=0, **QUICK)
    drifted = detector.push(rng.normal(loc=1.5, size=(400, 4)))
    assert [test.p_value for test in drifted] == [0.02] * 10


def test_a_large_reference_is_thinned():
    rng = np.random.default_rng(0)
    reference = rng.normal(size=(500, 2))
    detector = mmd.DriftDetector(reference, max_reference=100, rng=0, **QUICK)
    assert detector.reference.shape == (100, 2)
    rows = {tuple(row) for row in reference.tolist()}
    kept = [tuple(row) for row in detector.reference.tolist()]
    assert len(set(kept)) == 100
    assert set(kept) <= rows
    other = mmd.DriftDetector(reference, max_reference=100, rng=1, **QUICK)
    assert not np.array_equal(other.reference, detector.reference)


def test_the_reference_is_a_copy_and_no_more_than_a_window_waits():
    rng = np.random.default_rng(0)
    reference = rng.normal(size=(20, 2))
    detector = mmd.DriftDetector(reference, window=10, rng=0, **QUICK)
    stream = rng.normal(size=(1009, 2))
    detector.push(stream)
    assert detector._waiting.shape == (9, 2)
    assert detector._waiting.base is None
    reference[:] = 0
    assert np.abs(detector.reference).min() > 0


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (np.zeros((3, 5)), "rows must have 2 features"),
        (np.full((12, 2), np.nan), "rows.*finite|rows.*NaN"),
        (np.zeros(4), "rows must"),
    ],
)
def test_bad_rows_leave_the_stream_as_it_was(rows, message):
    rng = np.random.default_rng(0)
    reference, stream = rng.normal(size=(20, 2)), rng.normal(size=(10, 2))
    detector = mmd.DriftDetector(reference, window=10, rng=0, **QUICK)
    twin = mmd.DriftDetector(reference, window=10, rng=0, **QUICK)
    detector.push(stream[:7])
    with pytest.raises(ValueError, match=message):
        detector.push(rows)
    (found,), (expected,) = detector.push(stream[7:]), twin.push(stream)
    assert found.p_value == expected.p_value
    np.testing.assert_array_equal(found.null, expected.null)


def test_an_interrupted_test_leaves_the_stream_as_it_was(monkeypatch):
    rng = np.random.default_rng(0)
    detector = mmd.DriftDetector(rng.normal(size=(20, 2)), window=10, rng=0, **QUICK)

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    stream = rng.normal(size=(10, 2))
    with monkeypatch.context() as patch:
        patch.setattr("sparsetransfer.mmd.drift.two_sample_test", interrupted)
        with pytest.raises(KeyboardInterrupt):
            detector.push(stream)
    assert detector.n_windows == 0
    assert len(detector.push(stream)) == 1


def test_columns_of_frames_have_to_agree():
    pandas = pytest.importorskip("pandas", reason="the extra 'speech' is not installed")
    frame = pandas.DataFrame(np.random.default_rng(0).normal(size=(20, 2)), columns=["a", "b"])
    detector = mmd.DriftDetector(frame, window=10, rng=0, **QUICK)
    with pytest.raises(ValueError, match=r"columns of the reference.*\['b', 'a'\]"):
        detector.push(frame[["b", "a"]])
    assert len(detector.push(frame)) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": 1}, "window"),
        ({"max_reference": 1}, "max_reference"),
        ({"window": 2.5}, "window"),
        ({"combine": "best"}, "combine"),
        ({"permutations": 9}, "permutations"),
    ],
)
def test_settings_are_checked(options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        mmd.DriftDetector(np.zeros((5, 2)), **options)


def test_one_row_is_no_reference():
    with pytest.raises(ValueError, match="reference must have at least 2"):
        mmd.DriftDetector(np.zeros((1, 2)))


def test_a_generator_gives_the_seed_and_the_former_keyword_warns():
    rng = np.random.default_rng(5)
    reference, stream = rng.normal(size=(40, 2)), rng.normal(size=(60, 2))
    options = {"window": 20, "max_reference": 30, **QUICK}
    first, second = (
        mmd.DriftDetector(reference, rng=np.random.default_rng(7), **options) for _ in range(2)
    )
    np.testing.assert_array_equal(first.reference, second.reference)
    nulls = [[test.null.tolist() for test in each.push(stream)] for each in (first, second)]
    assert nulls[0] == nulls[1]
    one = np.random.default_rng(7)
    again, other = (mmd.DriftDetector(reference, rng=one, **options) for _ in range(2))
    np.testing.assert_array_equal(again.reference, first.reference)
    assert not np.array_equal(other.reference, first.reference)
    seeded = mmd.DriftDetector(reference, rng=np.random.SeedSequence(7), **options)
    np.testing.assert_array_equal(seeded.reference, first.reference)
    with pytest.warns(DeprecationWarning, match="random_state is now rng"):
        former = mmd.DriftDetector(reference, random_state=3, **options)
    np.testing.assert_array_equal(
        former.reference, mmd.DriftDetector(reference, rng=3, **options).reference
    )
