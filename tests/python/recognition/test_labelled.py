import numpy as np
import pytest
from scipy.stats import binomtest

from sparsetransfer.recognition.labelled import labels_needed, score_labelled

CLASSES = ("anger", "neutral", "sadness")


def test_recall_is_the_mean_over_classes_that_have_a_label():
    truth = ["anger"] * 4 + ["sadness"] * 2
    found = ["anger", "anger", "anger", "neutral", "sadness", "anger"]
    score = score_labelled(truth, found, CLASSES, rng=0)
    assert score.uar == (3 / 4 + 1 / 2) / 2
    assert (score.n_right, score.n_labels) == ((3, 0, 1), (4, 0, 2))
    assert 0 < score.low < score.uar < score.high < 1


def test_one_class_has_the_interval_of_the_beta_distribution():
    from scipy.stats import beta

    score = score_labelled(["a"] * 20, ["a"] * 15 + ["b"] * 5, "ab", n_draws=200_000, rng=0)
    np.testing.assert_allclose([score.low, score.high], beta.ppf([0.025, 0.975], 16, 6), atol=0.003)


@pytest.mark.parametrize("right", [0, 6])
def test_the_interval_has_the_estimate(right):
    score = score_labelled(["a", "b"] * 3, (["a", "b"] if right else ["b", "a"]) * 3, "ab", rng=0)
    assert score.low <= score.uar == right / 6 <= score.high
    assert score.high - score.low > 0.2


def test_intervals_cover():
    rng = np.random.default_rng(0)
    rates = np.array([0.9, 0.5, 0.3])
    truth = np.repeat(CLASSES, 7)
    covered = 0
    for _ in range(400):
        hit = rng.random(21) < np.repeat(rates, 7)
        found = np.where(hit, truth, np.roll(truth, 7))
        score = score_labelled(truth, found, CLASSES, n_draws=2000, rng=rng)
        covered += score.low <= rates.mean() <= score.high
    assert covered / 400 >= 0.92


@pytest.mark.parametrize(("difference", "disagreement"), [(0.1, 0.2), (0.08, 0.3), (0.05, 0.1)])
def test_as_many_labels_find_the_difference_four_times_of_five(difference, disagreement):
    count = labels_needed(difference, disagreement)
    rng = np.random.default_rng(1)
    better = (disagreement + difference) / 2
    drawn = rng.multinomial(count, [better, disagreement - better, 1 - disagreement], 2000)
    # McNemar's statistic on the recordings that one method alone recognises.
    apart = (drawn[:, 0] - drawn[:, 1]) ** 2 / np.maximum(drawn[:, 0] + drawn[:, 1], 1)
    found = binomtest(int(np.sum(apart > 3.841)), 2000)
    assert 0.77 < found.statistic < 0.88


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: score_labelled([], [], CLASSES), "at least one, got 0 and 0"),
        (lambda: score_labelled(["anger"], [], CLASSES), "got 1 and 0"),
        (lambda: score_labelled(["joy"], ["anger"], CLASSES), "got joy"),
        (lambda: labels_needed(0.3, 0.2), "difference must be in"),
        (lambda: labels_needed(0.0), "got 0.0 and 0.2"),
        (lambda: labels_needed(0.1, power=1.0), "power must be in"),
    ],
)
def test_arguments_out_of_range_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
