import itertools
from math import comb

import numpy as np
import pandas as pd
import pytest
from scipy.stats import false_discovery_control
from scipy.stats import permutation_test as scipy_permutation
from sklearn.metrics import balanced_accuracy_score

from sparsetransfer.evaluation import mcnemar, permutation_test, score, speaker_bootstrap
from sparsetransfer.evaluation.scoring import tests
from sparsetransfer.evaluation.scoring.tests import holm, signed_rank_test

CLASSES = ("a", "b", "c")


def case(n=60, n_speakers=5, seed=0, better=0.3):
    rng = np.random.default_rng(seed)
    truth = rng.choice(CLASSES, n)
    speakers = np.array([f"s{k % n_speakers}" for k in range(n)])
    first, second = (
        np.where(rng.random(n) < share, truth, rng.choice(CLASSES, n))
        for share in (0.4 + better, 0.4)
    )
    return truth, first, second, speakers


def uar(truth, found):
    return balanced_accuracy_score(truth, found)


def test_exact_permutation_equals_all_exchanges_by_hand():
    truth, first, second, speakers = case()
    observed = abs(uar(truth, first) - uar(truth, second))
    names = sorted(set(speakers))
    count = 0
    for flags in itertools.product([False, True], repeat=len(names)):
        swap = np.isin(speakers, [name for name, flag in zip(names, flags, strict=True) if flag])
        one, two = np.where(swap, second, first), np.where(swap, first, second)
        count += abs(uar(truth, one) - uar(truth, two)) >= observed - 1e-12
    p = permutation_test(truth, first, second, speakers, CLASSES, rng=None)
    assert p == count / 2 ** len(names)


def test_drawn_permutation_agrees_with_the_exact_one(monkeypatch):
    truth, first, second, speakers = case(n=120, n_speakers=10, better=0.1)
    exact = permutation_test(truth, first, second, speakers, CLASSES, rng=None)
    monkeypatch.setattr(tests, "_EXACT_SPEAKERS", 0)
    rng = np.random.default_rng(1)
    drawn = permutation_test(truth, first, second, speakers, CLASSES, rng=rng, n_resamples=20_000)
    # Four standard errors of a share of 20 000 draws.
    assert drawn == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 20_000))


def test_with_one_row_per_speaker_it_is_the_paired_test_of_scipy(monkeypatch):
    truth, first, second, _ = case(n=11, better=0.6)
    speakers = np.arange(11).astype(str)

    def statistic(one, two):
        # Rows carry the true class in the tens and the answer in the ones.
        t = np.array(list(CLASSES))[one // 10]
        return abs(
            uar(t, np.array(list(CLASSES))[one % 10]) - uar(t, np.array(list(CLASSES))[two % 10])
        )

    def code(found):
        return 10 * np.searchsorted(CLASSES, truth) + np.searchsorted(CLASSES, found)

    peer = scipy_permutation(
        (code(first), code(second)),
        statistic,
        permutation_type="samples",
        alternative="greater",
        n_resamples=np.inf,
        vectorized=False,
    )
    ours = permutation_test(truth, first, second, speakers, CLASSES, rng=None)
    assert ours == pytest.approx(peer.pvalue)


def test_equal_methods_are_no_evidence():
    truth, first, _, speakers = case()
    assert permutation_test(truth, first, first, speakers, CLASSES, rng=None) == 1.0
    assert mcnemar(truth, first, first) == 1.0
    assert signed_rank_test([0.0, 0.0]) == 1.0


def test_smallest_possible_p_value():
    truth = np.array(list("abc") * 4)
    speakers = np.repeat(["s", "t", "u", "v"], 3)
    wrong = np.roll(truth, 1)
    assert permutation_test(truth, truth, wrong, speakers, CLASSES, rng=None) == 2 / 2**4


def test_level_of_the_permutation_test_is_kept():
    """Two methods of equal quality: p <= 0.1 in about a tenth of the trials, not more."""
    rng = np.random.default_rng(5)
    low = 0
    for trial in range(150):
        case_ = case(n=48, n_speakers=8, seed=1000 + trial, better=0.0)
        low += permutation_test(*case_, CLASSES, rng=rng) <= 0.1
    assert low <= 15 + 3 * np.sqrt(150 * 0.1 * 0.9)


def test_mcnemar_is_the_binomial_tail():
    truth = np.array(["a"] * 20)
    first = np.array(["a"] * 9 + ["b"] * 11)
    second = np.array(["b"] * 8 + ["a"] * 3 + ["b"] * 9)
    only_first, only_second = 8, 2
    tail = sum(comb(10, k) for k in range(only_second + 1)) / 2**10
    assert mcnemar(truth, first, second) == pytest.approx(2 * tail)
    assert mcnemar(truth, second, first) == pytest.approx(2 * tail)
    assert only_first + only_second == 10


def test_signed_rank_counts_all_signs():
    differences = np.array([0.5, -0.1, 0.3, 0.7, 0.2])
    ranks = np.argsort(np.argsort(abs(differences))) + 1
    observed = ranks[differences > 0].sum()
    sums = [
        sum(r for r, sign in zip(ranks, signs, strict=True) if sign)
        for signs in itertools.product([0, 1], repeat=5)
    ]
    expected = 2 * np.mean([s >= observed for s in sums])
    assert signed_rank_test(differences) == pytest.approx(expected)
    assert signed_rank_test([*differences, 0.0]) == pytest.approx(expected)


def test_holm_by_its_definition_and_never_below_benjamini_hochberg():
    rng = np.random.default_rng(2)
    p = rng.random(7) ** 3
    adjusted = holm(p)
    order = np.argsort(p)
    for level in (0.01, 0.05, 0.2):
        rejected = np.zeros(7, dtype=bool)
        for step, index in enumerate(order):
            if p[index] > level / (7 - step):
                break
            rejected[index] = True
        np.testing.assert_array_equal(adjusted <= level, rejected)
    assert (adjusted >= false_discovery_control(p) - 1e-15).all()
    assert (adjusted <= np.minimum(7 * p, 1) + 1e-15).all()


FIGURES = {
    "mcnemar": lambda y, first, speakers: mcnemar(y, first, y),
    "exchange": lambda y, first, speakers: permutation_test(y, first, y, speakers, CLASSES, rng=0),
    "interval": lambda y, first, speakers: speaker_bootstrap(y, first, speakers, CLASSES, rng=0),
    "score": lambda y, first, speakers: score(y, first, CLASSES),
}


@pytest.mark.parametrize("figure", FIGURES)
def test_what_is_missing_is_no_label_and_no_speaker(figure):
    whole = ["a", "b", "a", "c"]
    for none in (None, np.nan, pd.NA):
        part = pd.Series(["a", none, "a", none], dtype=object)
        for y, first, speakers in (
            (part, whole, whole),
            (whole, part, whole),
            (whole, whole, part),
        ):
            if speakers is part and figure in ("mcnemar", "score"):
                continue
            for texts in (part, part.astype("string")):
                given = (texts if column is part else column for column in (y, first, speakers))
                with pytest.raises(
                    ValueError, match="must have an entry for every row, got 2 missing"
                ):
                    FIGURES[figure](*given)


@pytest.mark.parametrize("figure", FIGURES)
def test_columns_of_other_lengths_are_refused(figure):
    whole = ["a", "b", "a", "c"]
    for first in (["a"], whole[:3], [], np.array(whole)[:, None]):
        with pytest.raises(
            ValueError, match="must be equally long and one-dimensional, got shapes"
        ):
            FIGURES[figure](whole, first, whole)
