import numpy as np
import pytest

from sparsetransfer.classification.evidence import (
    agreement_rise,
    cluster_share,
    domain_separability,
    group_tie_rise,
    mean_recall,
    reverse_recall,
)


def noisy(truth, accuracy, n_classes, rng):
    other = (truth + rng.integers(1, n_classes, len(truth))) % n_classes
    return np.where(rng.random(len(truth)) < accuracy, truth, other)


def test_agreement_follows_accuracy_by_the_formula():
    rng = np.random.default_rng(0)
    k, a, b = 4, 0.7, 0.5
    truth = rng.integers(0, k, 100_000)
    views = [noisy(truth, a, k, rng), noisy(truth, b, k, rng)]
    better = [noisy(truth, 0.8, k, rng), noisy(truth, 0.6, k, rng)]
    rise = agreement_rise(views, better)
    assert rise.before == pytest.approx(a * b + (1 - a) * (1 - b) / (k - 1) - 1 / k, abs=5e-3)
    assert rise.after == pytest.approx(0.8 * 0.6 + 0.2 * 0.4 / 3 - 1 / k, abs=5e-3)
    assert rise.z > 10
    assert agreement_rise(better, views).z == pytest.approx(-rise.z)


def test_agreement_is_a_test_of_its_level_when_nothing_changes():
    rng = np.random.default_rng(1)
    k, z = 4, []
    for _ in range(400):
        truth = rng.integers(0, k, 200)
        before, after = ([noisy(truth, 0.5, k, rng) for _ in range(2)] for _ in range(2))
        z.append(agreement_rise(before, after).z)
    assert np.mean(np.array(z) > 1.645) == pytest.approx(0.05, abs=0.03)


def test_views_that_give_up_do_not_agree_beyond_chance():
    before = np.array([[0, 1, 2, 0, 1, 2], [0, 1, 2, 0, 2, 1]])
    rise = agreement_rise(before, np.zeros_like(before))
    assert rise.after == pytest.approx(0.0)
    assert rise.z < 0


def test_no_change_is_no_rise():
    views = np.array([[0, 1, 1], [1, 1, 0]])
    assert agreement_rise(views, views).z == 0.0


def test_tie_is_the_share_of_variance_between_groups():
    rng = np.random.default_rng(2)
    groups = np.repeat(["x", "y", "z"], 20)
    before, after = rng.integers(0, 3, 60), np.repeat([0, 1, 2], 20)
    rise = group_tie_rise(before, after, groups, n_classes=3)
    one_hot = np.eye(3)[before]
    centred = one_hot - one_hot.mean(axis=0)
    means = np.stack([centred[groups == g].mean(axis=0) for g in "xyz"])
    assert rise.before == pytest.approx(20 * np.square(means).sum() / np.square(centred).sum())
    assert rise.after == pytest.approx(1.0)


def test_jackknife_is_the_brute_force():
    rng = np.random.default_rng(3)
    groups = np.repeat(np.arange(6), 10)
    before, after = rng.integers(0, 3, 60), (rng.integers(0, 3, 60) + groups) % 3

    def rise_without(g):
        keep = groups != g
        r = group_tie_rise(before[keep], after[keep], groups[keep], n_classes=3)
        return r.after - r.before

    parts = np.array([rise_without(g) for g in range(6)])
    expected = np.sqrt(5 / 6 * np.square(parts - parts.mean()).sum())
    found = group_tie_rise(before, after, groups, n_classes=3).standard_error
    assert found == pytest.approx(expected)


def test_groups_that_cannot_have_shown_every_class_are_not_asked():
    labels = np.zeros(30, dtype=int)
    assert group_tie_rise(labels, labels, np.arange(30) // 3, n_classes=3) is None
    assert group_tie_rise(labels, labels, np.arange(30) % 2, n_classes=3) is None
    assert group_tie_rise(labels, labels, np.arange(30) % 4, n_classes=3) is not None


def test_further_evidence_tells_what_it_says():
    rng = np.random.default_rng(4)
    truth = np.repeat([0, 1, 2], 30)
    means = 4.0 * np.eye(3)
    source, target = (means[truth] + rng.normal(size=(90, 3)) for _ in range(2))
    assert reverse_recall(source, truth, target, truth) > 0.9
    assert reverse_recall(source, truth, target, (truth + 1) % 3) < 0.1
    assert reverse_recall(source, truth, target, np.ones(90, dtype=int)) == pytest.approx(1 / 3)
    assert abs(domain_separability(source, target) - 0.5) < 0.2
    assert domain_separability(source, target + 9.0) == 1.0
    assert cluster_share(target, truth) > 0.5 > cluster_share(target, rng.permutation(truth))
    assert mean_recall(np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1])) == pytest.approx(5 / 6)


@pytest.mark.parametrize(
    ("before", "match"),
    [
        ([[0, 1]], "at least two views"),
        ([[0.0, 1.0], [0.0, 1.0]], "integers of shape"),
        ([[0, 1], [0, -1]], "class numbers from 0"),
        ([[0, 1, 1], [0, 1, 1]], "one shape"),
    ],
)
def test_bad_arguments(before, match):
    with pytest.raises(ValueError, match=match):
        agreement_rise(before, [[0, 1], [0, 1]])
