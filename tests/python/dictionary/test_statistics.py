"""Statistics are sums: of chunks, of machines, on disk."""

import numpy as np
import pytest

from sparsetransfer.dictionary import Statistics, update_dictionary
from sparsetransfer.dictionary.masked_statistics import MaskedStatistics


def data(seed=0, n=90, k=6, d=5, dtype=np.float64):
    rng = np.random.default_rng(seed)
    codes = rng.normal(size=(n, k)) * (rng.random((n, k)) < 0.4)
    return rng.normal(size=(n, d)).astype(dtype), codes.astype(dtype), rng.random(n)


def assert_same(one, other, rtol=1e-12):
    np.testing.assert_allclose(one.A, other.A, rtol=rtol, atol=1e-12)
    np.testing.assert_allclose(one.B, other.B, rtol=rtol, atol=1e-12)
    for name in ("n", "energy", "l1"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), rel=rtol)


@pytest.mark.parametrize("weighted", [False, True])
def test_map_reduce_gives_the_dictionary_of_one_pass(weighted):
    X, codes, weights = data()
    cuts = [slice(0, 1), slice(1, 40), slice(40, 45), slice(45, 90)]
    whole = Statistics(6, 5).add(X, codes, sample_weight=weights if weighted else None)
    total = Statistics(6, 5)
    for rows in reversed(cuts):
        part = Statistics(6, 5).add(
            X[rows], codes[rows], sample_weight=weights[rows] if weighted else None
        )
        total = part.merge(total)
    assert_same(total, whole)
    start = np.random.default_rng(1).normal(size=(6, 5))
    start /= np.linalg.norm(start, axis=1, keepdims=True)
    np.testing.assert_allclose(
        update_dictionary(start, total, passes=20),
        update_dictionary(start, whole, passes=20),
        atol=1e-10,
    )


@pytest.mark.parametrize("weighted", [False, True])
def test_objective_needs_no_samples(weighted):
    X, codes, weights = data(2)
    if not weighted:
        weights = np.ones(len(X))
    D = np.random.default_rng(3).normal(size=(6, 5))
    statistics = Statistics(6, 5).add(X, codes, sample_weight=weights)
    per_sample = 0.5 * np.sum((X - codes @ D) ** 2, axis=1) + 0.3 * np.abs(codes).sum(axis=1)
    assert statistics.objective(D, 0.3) == pytest.approx(weights @ per_sample)


def test_integer_weights_repeat_samples():
    X, codes, _ = data(4)
    counts = np.random.default_rng(5).integers(0, 4, size=len(X))
    weighted = Statistics(6, 5).add(X, codes, sample_weight=counts)
    repeated = Statistics(6, 5).add(np.repeat(X, counts, axis=0), np.repeat(codes, counts, axis=0))
    assert_same(weighted, repeated)


def test_decay_scales_everything():
    X, codes, weights = data(6)
    decayed = Statistics(6, 5).add(X, codes, sample_weight=weights).decay(0.25)
    assert_same(decayed, Statistics(6, 5).add(X, codes, sample_weight=0.25 * weights))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_files_hold_all_of_it(tmp_path, dtype):
    X, codes, _ = data(7, dtype=dtype)
    statistics = Statistics(6, 5, dtype).add(X, codes)
    path = tmp_path / "statistics.npz"
    path.write_bytes(b"old")
    statistics.save(path)
    loaded = Statistics.load(path)
    assert loaded.A.dtype == dtype
    np.testing.assert_array_equal(loaded.A, statistics.A)
    np.testing.assert_array_equal(loaded.B, statistics.B)
    assert (loaded.n, loaded.energy, loaded.l1) == (
        statistics.n,
        statistics.energy,
        statistics.l1,
    )
    assert [file.name for file in tmp_path.iterdir()] == ["statistics.npz"]


@pytest.mark.parametrize(
    "broken",
    [
        {"A": np.eye(5)},
        {"A": np.full((6, 6), np.nan)},
        {"B": np.ones(6)},
        {"scalars": np.ones(2)},
        {"schema": 99},
        {"A": np.eye(6) - 0.5 * np.ones((6, 6))},  # indefinite
        {"A": np.eye(6) + np.eye(6, k=1)},  # not symmetric
        {"scalars": -np.ones(3)},
        {"A": np.diag([1.0, 1, 1, 1, 1, 0])},  # B of an atom that no code uses
        {"B": 2 * np.ones((6, 5))},  # explains more than the samples
    ],
)
def test_broken_files_are_refused(tmp_path, broken):
    whole = {"schema": 1, "A": np.eye(6), "B": np.ones((6, 5)), "scalars": np.array([6.0, 30, 6])}
    np.savez(tmp_path / "x.npz", **whole)
    Statistics.load(tmp_path / "x.npz")
    np.savez(tmp_path / "x.npz", **(whole | broken))
    with pytest.raises(ValueError, match=r"x\.npz"):
        Statistics.load(tmp_path / "x.npz")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", [Statistics, MaskedStatistics])
@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_what_was_saved_is_never_taken_for_damaged(tmp_path, kind, dtype, scale):
    rng = np.random.default_rng(0)
    codes = np.repeat(rng.normal(size=(500, 3)), 2, axis=1).astype(dtype)  # A is singular
    X = (scale * (codes @ rng.normal(size=(6, 5)))).astype(dtype)  # and explains everything
    kind(6, 5, dtype).add(X, codes).decay(0.3).save(tmp_path / "x.npz")
    kind.load(tmp_path / "x.npz")


def test_copies_are_independent():
    X, codes, _ = data(8)
    statistics = Statistics(6, 5).add(X, codes)
    copy = statistics.copy()
    statistics.decay(0.0)
    assert copy.n == len(X)
    assert np.abs(copy.A).max() > 0


def test_misfits_are_refused():
    X, codes, weights = data(9)
    statistics = Statistics(6, 5)
    with pytest.raises(ValueError, match="codes must have one row per sample"):
        statistics.add(X, codes[:-1])
    with pytest.raises(ValueError, match="X must be finite"):
        statistics.add(np.where(X > 1, np.nan, X), codes)
    with pytest.raises(ValueError, match="sample_weight must be at least 0"):
        statistics.add(X, codes, sample_weight=-weights)
    with pytest.raises(ValueError, match="factor"):
        statistics.decay(1.5)
    with pytest.raises(ValueError, match="other must have"):
        statistics.merge(Statistics(5, 5))
    assert statistics.n == 0
