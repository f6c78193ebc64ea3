import dataclasses

import numpy as np
import pytest

from sparsetransfer.evaluation import OrderedPairs, compare, make_methods, mcnemar, run
from sparsetransfer.evaluation.scoring.tests import signed_rank_test
from sparsetransfer.evaluation.study.comparison import comparison_as_dict


@pytest.fixture
def study(domains, protocol, make_domain):
    three = (*domains, make_domain("gamma", seed=3, spread=2.0))
    design = OrderedPairs(tuple(domain.name for domain in three))
    protocol = dataclasses.replace(protocol, design=design, seeds=(0, 1))
    return run(three, make_methods(["majority", "svm", "ridge"]), protocol)


def test_gains_wins_and_the_worst_task(study):
    over_tasks, per_task = compare(study)
    assert [part.method for part in over_tasks] == ["majority", "ridge"]
    for part in over_tasks:
        gains = [
            np.mean([study.cell(t.name, part.method, s).scores.uar for s in (0, 1)])
            - np.mean([study.cell(t.name, "svm", s).scores.uar for s in (0, 1)])
            for t in study.tasks
        ]
        assert part.mean_gain == pytest.approx(np.mean(gains))
        assert part.wins == sum(g > 1e-12 for g in gains)
        assert part.losses == sum(g < -1e-12 for g in gains)
        assert part.wins + part.losses + part.ties == 6
        assert part.worst_gain == pytest.approx(min(gains))
        assert part.worst_task == study.tasks[int(np.argmin(gains))].name
        assert part.wilcoxon_p == signed_rank_test(
            [p.gain for p in per_task if p.method == part.method]
        )
    assert over_tasks[0].losses == 6
    assert over_tasks[0].wilcoxon_p == pytest.approx(2 / 2**6)
    assert over_tasks[0].wilcoxon_holm == pytest.approx(4 / 2**6)


def test_paired_tests_are_of_the_first_seed(study):
    _, per_task = compare(study)
    assert len(per_task) == 12
    for part in per_task:
        one, two = study.cell(part.task, part.method, 0), study.cell(part.task, "svm", 0)
        truth = study.corpus(one.target).labels
        assert part.mcnemar_p == mcnemar(truth, one.predictions, two.predictions)
        assert part.mcnemar_holm >= part.mcnemar_p
        assert 2 / 2**5 <= part.permutation_p <= part.permutation_holm <= 1


def test_unknown_speakers_leave_the_permutation_out(domains, protocol):
    target = dataclasses.replace(domains[1], speakers=np.full(len(domains[1]), ""))
    study = run([domains[0], target], make_methods(["majority", "svm"]), protocol)
    (part,) = comparison_as_dict(study)["per_task"]
    assert part["permutation_p"] is None
    assert part["mcnemar_p"] < 0.01


def test_without_the_baseline_there_is_nothing_to_compare(domains, protocol):
    assert compare(run(domains, make_methods(["ridge"]), protocol)) == ((), ())
