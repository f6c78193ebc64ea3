"""The ranking against enumeration, and its invariances."""

import dataclasses
import itertools

import numpy as np
import pytest

from sparsetransfer.evaluation import (
    Dataset,
    EvaluationProtocol,
    OrderedPairs,
    SourceToTarget,
    compare,
    make_methods,
    permutation_test,
    rank_methods,
    run,
)
from sparsetransfer.evaluation.scoring.metrics import confusion_matrix, unweighted_average_recall

CLASSES = ("a", "b", "c")
N_SPEAKERS = 4


def domain(name, seed, n_speakers=N_SPEAKERS):
    rng = np.random.default_rng(seed)
    labels = np.tile(CLASSES, 6 * n_speakers)
    centres = 1.2 * np.eye(3, 5)[np.tile([0, 1, 2], 6 * n_speakers)]
    return Dataset(
        name=name,
        features=centres + rng.standard_normal((len(labels), 5)),
        labels=labels,
        speakers=np.repeat([f"s{number}" for number in range(n_speakers)], 18),
        files=np.array([f"{number}.wav" for number in range(len(labels))]),
        feature_names=tuple("abcde"),
        feature_set="toy-1",
    )


def study_of(design, names, methods=("svm", "majority", "svm-fixed"), seeds=(0,)):
    protocol = EvaluationProtocol(
        design, CLASSES, ("toy-1",), seeds=seeds, c_grid=(0.01, 1.0), n_resamples=200
    )
    domains = [domain(name, seed) for seed, name in enumerate(names)]
    return run(domains, make_methods(methods), protocol)


@pytest.fixture(scope="module")
def single():
    return study_of(SourceToTarget(("one",), ("two",)), ("one", "two"))


@pytest.fixture(scope="module")
def double():
    return study_of(SourceToTarget(("one",), ("two", "three")), ("one", "two", "three"))


def standings(study):
    return {part.method: part for part in rank_methods(study).standings}


def test_methods_stand_by_their_uar_and_the_baseline_has_no_gain(double):
    ranking = rank_methods(double)
    assert [part.uar for part in ranking.standings] == sorted(
        (part.uar for part in ranking.standings), reverse=True
    )
    base = standings(double)["svm"]
    assert np.isnan([base.gain, base.p_value, base.worst_gain, *base.gain_interval]).all()
    assert (ranking.baseline, ranking.test, ranking.n_tasks) == ("svm", "speakers", 2)
    assert ranking.n_speakers == 2 * N_SPEAKERS


def test_gains_wins_and_worst_tasks_are_those_of_the_comparison(double):
    found = standings(double)
    for part in compare(double)[0]:
        mine = found[part.method]
        assert mine.gain == pytest.approx(part.mean_gain)
        assert mine.uar == pytest.approx(part.mean_uar)
        assert (mine.wins, mine.losses, mine.worst_task) == (
            part.wins, part.losses, part.worst_task,
        )  # fmt: skip


def test_on_one_task_the_p_value_is_that_of_the_permutation_test(single):
    target = single.corpus("two")
    (task,) = single.tasks
    raw = []
    for name in ("majority", "svm-fixed"):
        raw.append(
            permutation_test(
                target.labels,
                single.cell(task.name, name).predictions,
                single.cell(task.name, "svm").predictions,
                target.speakers,
                CLASSES,
                rng=np.random.default_rng(0),
            )
        )
    smaller, larger = sorted(raw)
    holm = {smaller: min(1, 2 * smaller), larger: max(min(1, 2 * smaller), larger)}
    found = standings(single)
    assert [found["majority"].p_value, found["svm-fixed"].p_value] == [holm[p] for p in raw]


def test_over_two_tasks_the_p_value_counts_all_exchanges(double):
    """Exchange labels themselves, in place of their counts, for all 2^8 choices of speakers."""
    targets = {name: double.corpus(name) for name in ("two", "three")}

    def uar(corpus, answers):
        return float(unweighted_average_recall(confusion_matrix(corpus.labels, answers, CLASSES)))

    def gain(choices):
        total = 0.0
        for task, flags in zip(double.tasks, choices, strict=True):
            corpus = targets[task.target]
            one, two = (
                np.array(double.cell(task.name, name).predictions) for name in ("majority", "svm")
            )
            names = sorted(set(corpus.speakers))
            swap = np.isin(corpus.speakers, [n for n, f in zip(names, flags, strict=True) if f])
            total += uar(corpus, np.where(swap, two, one)) - uar(corpus, np.where(swap, one, two))
        return total / 2

    flags = list(itertools.product((0, 1), repeat=N_SPEAKERS))
    every = [abs(gain(pair)) for pair in itertools.product(flags, repeat=2)]
    observed = abs(gain((flags[0], flags[0])))
    expected = np.mean([value >= observed - 1e-12 for value in every])
    alone = dataclasses.replace(
        double,
        methods=double.methods[:2],
        cells=tuple(cell for cell in double.cells if cell.method != "svm-fixed"),
    )
    assert standings(alone)["majority"].p_value == pytest.approx(expected, abs=1e-15)


def test_six_tasks_are_tested_by_signed_ranks():
    study = study_of(OrderedPairs(("one", "two", "three")), ("one", "two", "three"))
    ranking = rank_methods(study)
    assert ranking.test == "tasks"
    expected = {part.method: part.wilcoxon_holm for part in compare(study)[0]}
    for name, value in expected.items():
        assert standings(study)[name].p_value == value


def test_intervals_hold_the_figure_and_shrink_to_it_without_spread(single):
    found = standings(single)
    for part in found.values():
        assert part.interval[0] <= part.uar <= part.interval[1]
    assert found["majority"].interval == pytest.approx((1 / 3, 1 / 3))
    low, high = found["svm-fixed"].gain_interval
    assert low <= found["svm-fixed"].gain <= high


def test_order_of_rows_and_names_of_speakers_do_not_matter(single):
    renamed = [
        dataclasses.replace(corpus, speakers=tuple(f"x{name}" for name in corpus.speakers))
        for corpus in single.corpora
    ]
    again = dataclasses.replace(single, corpora=tuple(renamed))
    assert standings(again)["majority"] == standings(single)["majority"]


def test_without_speakers_or_baseline_figures_are_missing_and_the_rest_is_there(single):
    unknown = [
        dataclasses.replace(corpus, speakers=("",) * len(corpus.speakers))
        for corpus in single.corpora
    ]
    ranking = rank_methods(dataclasses.replace(single, corpora=tuple(unknown)))
    assert ranking.n_speakers == 0
    assert all(np.isnan([*part.interval, part.p_value]).all() for part in ranking.standings)
    ranking = rank_methods(single, baseline="none")
    assert ranking.baseline == ""
    assert all(np.isnan(part.gain) for part in ranking.standings)
    assert all(part.as_dict()["gain"] is None for part in ranking.standings)
