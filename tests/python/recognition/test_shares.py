import numpy as np
import pytest

from sparsetransfer.recognition import estimate_shares, fit_calibration


def test_the_confusion_is_taken_back():
    rates = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.1, 0.3, 0.6]])
    truth = np.array([0.2, 0.3, 0.5])
    decided = np.round(100_000 * truth @ rates).astype(int)
    found = estimate_shares(decided, (1000 * rates).astype(int), n_resamples=200, rng=0)
    np.testing.assert_allclose(found.estimated, truth, atol=1e-4)
    assert (found.low < truth).all()
    assert (truth < found.high).all()


def test_the_estimate_is_the_nearest_on_the_simplex():
    rng = np.random.default_rng(0)
    table = rng.integers(1, 20, (3, 3))
    counts = np.array([97, 2, 1])
    found = estimate_shares(counts, table, n_resamples=10, rng=0)
    rates, decided = table / table.sum(axis=1, keepdims=True), counts / counts.sum()
    grid = np.array([(i, j, 200 - i - j) for i in range(201) for j in range(201 - i)]) / 200
    best = np.square(decided - grid @ rates).sum(axis=1).min()
    assert np.square(decided - found.estimated @ rates).sum() <= best + 1e-9
    assert found.estimated.sum() == pytest.approx(1)
    assert found.estimated.min() >= 0


def test_intervals_cover():
    rates, truth = np.array([[0.7, 0.3], [0.2, 0.8]]), np.array([0.3, 0.7])
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(100):
        table = np.stack([rng.multinomial(60, rate) for rate in rates])
        counts = rng.multinomial(200, truth @ rates)
        found = estimate_shares(counts, table, n_resamples=200, rng=rng)
        covered += bool(found.low[0] <= truth[0] <= found.high[0])
    assert 88 <= covered <= 100


@pytest.mark.parametrize(
    ("counts", "table"),
    [([0, 0], np.eye(2)), ([1, 1], [[1, 0], [0, 0]]), ([1, -1], np.eye(2)), ([1, 1], np.eye(3))],
    ids=["nothing decided", "a class without rows", "negative", "other shape"],
)
def test_what_are_no_counts_is_refused(counts, table):
    with pytest.raises(ValueError, match="must"):
        estimate_shares(counts, table)


def test_a_temperature_is_found_again():
    rng = np.random.default_rng(2)
    logits = 2.0 * rng.standard_normal((20_000, 3))
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = (rng.random((20_000, 1)) > np.cumsum(shares, axis=1)).sum(axis=1)
    found = fit_calibration(logits / 4.0, truth)
    assert found.slope == pytest.approx(4.0, rel=0.05)
    assert found.error < 0.01
    np.testing.assert_array_equal(found.confusion.sum(axis=1), np.bincount(truth))
