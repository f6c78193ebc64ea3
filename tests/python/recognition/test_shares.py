import numpy as np
import pytest

from sparsetransfer.recognition.calibration import Adjustment, fit_adjustment, fit_calibration
from sparsetransfer.recognition.linear import Window, aggregate_windows
from sparsetransfer.recognition.shares import estimate_shares


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


def test_an_adjustment_is_found_again():
    rng = np.random.default_rng(3)
    shares = rng.dirichlet(np.ones(3), 20_000)
    wanted = shares**0.5 * np.exp([1.0, -1.0, 0.0])
    wanted /= wanted.sum(axis=1, keepdims=True)
    truth = (rng.random((20_000, 1)) > np.cumsum(wanted, axis=1)).sum(axis=1)
    found = fit_adjustment(shares, truth)
    assert found.slope == pytest.approx(0.5, rel=0.05)
    np.testing.assert_allclose(found.apply(shares), wanted, atol=0.02)


def test_few_labels_are_weighed_against_the_prior():
    rng = np.random.default_rng(4)
    shares, truth = rng.dirichlet(np.ones(4), 15), rng.integers(0, 3, 15)
    found = fit_adjustment(shares, truth)

    def loss(values):
        log_shares = np.log(shares ** np.exp(values[0]) * np.exp(values[1:]))
        log_shares -= np.log(np.exp(log_shares).sum(axis=1, keepdims=True))
        return 0.5 * values @ values - log_shares[np.arange(15), truth].sum()

    best = np.append(np.log(found.slope), found.offsets)
    least = loss(best)
    for direction in np.vstack([np.eye(5), -np.eye(5), rng.standard_normal((50, 5))]):
        assert loss(best + 1e-2 * direction) > least
    # No label of the last class: less likely, not impossible.
    assert -3 < found.offsets[3] < min(found.offsets[:3])


def test_without_labels_nothing_is_adjusted():
    shares = np.random.default_rng(5).dirichlet(np.ones(3), 4)
    found = fit_adjustment(shares[:0], np.empty(0, dtype=int))
    np.testing.assert_allclose(found.apply(shares), shares, rtol=1e-12)


def test_adjustments_follow_each_other_and_the_mean_over_windows():
    rng = np.random.default_rng(6)
    scores = rng.standard_normal((40, 3))
    calibration = fit_calibration(scores, rng.integers(0, 3, 40))
    steps = [Adjustment(0.4, rng.normal(size=3)), Adjustment(2.5, rng.normal(size=3))]
    shares, adjusted = calibration.probabilities(scores), calibration
    for step in steps:
        shares, adjusted = step.apply(shares), adjusted.adjusted(step)
    np.testing.assert_allclose(adjusted.probabilities(scores), shares, rtol=1e-10)
    windows = [Window(i, i + 1 + i % 2, tuple(row)) for i, row in enumerate(shares[:5])]
    after = [
        Window(w.start, w.end, tuple(steps[0].apply(np.array([w.probabilities]))[0]))
        for w in windows
    ]
    np.testing.assert_allclose(
        aggregate_windows(after),
        steps[0].apply(np.array([aggregate_windows(windows)]))[0],
        rtol=1e-9,
    )
