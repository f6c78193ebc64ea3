"""Pooled codes of sequences: the codes and their statistics, computed one after the other."""

import signal
import threading
import time

import numpy as np
import pytest

from sparsetransfer.exceptions import ConvergenceWarning
from sparsetransfer.sparse_coding import lasso, lasso_pooled

STATISTICS = ("mean", "rms", "max")


def pooled_by_hand(codes, lengths):
    """Positive and negative parts of stored codes, pooled by NumPy in float64."""
    out = []
    for part in np.split(codes.astype(np.float64), np.cumsum(lengths)[:-1]):
        sides = np.stack([np.maximum(part, 0), np.maximum(-part, 0)])
        out.append([sides.mean(axis=1), np.sqrt((sides**2).mean(axis=1)), sides.max(axis=1)])
    return np.array(out)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values_are_statistics_of_the_codes(problem, dtype):
    X, D = (array.astype(dtype) for array in problem)
    lengths = [1, 12, 2, 25]
    result = lasso_pooled(X, lengths, D, 0.1, pooling=STATISTICS)
    codes = lasso(X, D, 0.1)
    assert result.values.dtype == dtype
    assert result.values.shape == (4, 3, 2, len(D))
    np.testing.assert_allclose(
        result.values, pooled_by_hand(codes.codes, lengths), rtol=4 * np.finfo(dtype).eps, atol=1e-7
    )
    worst = [part.max() for part in np.split(codes.kkt_violation, np.cumsum(lengths)[:-1])]
    np.testing.assert_allclose(result.kkt_violation, worst, atol=1e-9)
    assert not result.n_unconverged.any()


@pytest.mark.parametrize("exponent", [-600, 250])
def test_statistics_scale_with_the_frames(make, exponent):
    X, D = make.gaussian(np.random.default_rng(0))
    plain = lasso_pooled(X, [1, 39], D, 0.1, pooling=STATISTICS).values
    scaled = lasso_pooled(
        np.ldexp(X, exponent), [1, 39], D, np.ldexp(0.1, exponent), pooling=STATISTICS
    )
    np.testing.assert_allclose(np.ldexp(scaled.values, -exponent), plain, rtol=1e-7)


def test_statistics_come_in_the_order_asked_for(make):
    X, D = make.gaussian(np.random.default_rng(0))
    everything = lasso_pooled(X, [40], D, 0.1, pooling=STATISTICS).values
    for names in (["max", "mean"], ["rms"], ["rms", "mean", "max"]):
        chosen = lasso_pooled(X, [40], D, 0.1, pooling=names).values
        assert np.array_equal(chosen, everything[:, [STATISTICS.index(name) for name in names]])


def longer(rng, dtype):
    """More frames than codes are held at a time, one sequence longer than that."""
    X = rng.standard_normal((9000, 6)).astype(dtype)
    D = rng.standard_normal((1024, 6)).astype(dtype)
    return X, D / np.linalg.norm(D, axis=1, keepdims=True), [100, 1, 6000, 899, 2000]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sequences_may_be_longer_than_a_tile_of_codes(dtype):
    X, D, lengths = longer(np.random.default_rng(0), dtype)
    result = lasso_pooled(X, lengths, D, 1.0, pooling=STATISTICS)
    codes = lasso(X, D, 1.0).codes
    np.testing.assert_allclose(result.values, pooled_by_hand(codes, lengths), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bits_do_not_depend_on_threads(dtype):
    X, D, lengths = longer(np.random.default_rng(1), dtype)
    first, *others = (
        lasso_pooled(X, lengths, D, 1.0, pooling=STATISTICS, n_jobs=jobs) for jobs in (1, 2, 5)
    )
    for other in others:
        assert np.array_equal(first.values, other.values)
        assert np.array_equal(first.kkt_violation, other.kkt_violation)


def test_a_large_penalty_leaves_nothing(make):
    X, D = make.gaussian(np.random.default_rng(0))
    result = lasso_pooled(X, [30, 10], D, 100.0, pooling=STATISTICS)
    assert not result.values.any()
    assert result.kkt_violation.max() == 0


def test_codes_that_do_not_converge_are_counted(make):
    X, D = make.spectral(np.random.default_rng(0))
    with pytest.warns(ConvergenceWarning, match="codes did not reach the tolerance"):
        result = lasso_pooled(X, [15, 25], D, 1e-4, max_iter=1)
    with pytest.warns(ConvergenceWarning):
        codes = lasso(X, D, 1e-4, max_iter=1)
    expected = [np.sum(~part) for part in np.split(codes.converged, [15])]
    assert result.n_unconverged.tolist() == expected
    assert result.kkt_violation.max() == pytest.approx(codes.kkt_violation.max())


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"lengths": [30, 0, 10]}, ValueError, r"lengths\[1\] is 0: .* at least one frame"),
        ({"lengths": [30, 11]}, ValueError, "add up to 41 frames, but X has 40"),
        ({"lengths": [20.0, 20.0]}, TypeError, "array of integers"),
        ({"pooling": ()}, ValueError, "pooling must hold some of 'mean', 'rms', 'max'"),
        ({"pooling": ("median",)}, ValueError, "pooling must hold"),
        ({"pooling": ("mean", "mean")}, ValueError, "each once"),
        ({"dictionary": np.eye(5)}, ValueError, "dictionary must have 24 features, got 5"),
        ({"alpha": -1.0}, ValueError, "alpha must be at least 0"),
    ],
)
def test_wrong_arguments_are_named(make, change, error, message):
    X, D = make.gaussian(np.random.default_rng(0))
    with pytest.raises(error, match=message):
        lasso_pooled(**({"X": X, "lengths": [30, 10], "dictionary": D} | change))


def test_nan_is_refused(make):
    X, D = make.gaussian(np.random.default_rng(0))
    X[3, 4] = np.nan
    with pytest.raises(ValueError, match="X"):
        lasso_pooled(X, [40], D)


def test_no_sequences_give_no_rows():
    assert lasso_pooled(np.zeros((0, 4)), [], np.eye(4)).values.shape == (0, 1, 2, 4)


def test_interrupts_stop_the_kernel():
    rng = np.random.default_rng(0)
    D = rng.standard_normal((400, 200))
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    X = rng.standard_normal((20_000, 200))
    sent = []

    def interrupt():
        sent.append(time.perf_counter())
        signal.raise_signal(signal.SIGINT)

    threading.Timer(0.3, interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        lasso_pooled(X, [20_000], D, 0.5, n_jobs=1)
    assert time.perf_counter() - sent[0] < 1.0
