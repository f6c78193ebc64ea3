"""A method that refuses a task costs its own cell, and says so wherever the study is shown."""

import csv
import json
import math

import numpy as np
import pytest
from typer.testing import CliRunner

from sparsetransfer import reporting
from sparsetransfer.cli.application import application
from sparsetransfer.evaluation import (
    MethodOutput,
    StudyConfig,
    compare,
    make_methods,
    rank_methods,
)
from sparsetransfer.evaluation.study.store import CellStore
from sparsetransfer.reporting.overview import overview_rows
from sparsetransfer.reporting.terminal import summary_as_dict
from sparsetransfer.reporting.verdict import verdict

REASON = "method 'picky': needs\n <more> rows"
REFUSED = ("first → third", "picky", 0)


class Picky:
    """Answers like the first label, and refuses targets of few rows."""

    description = "Refuses small targets."
    adapts = True

    def __init__(self, name="picky", least=50):
        self.name, self.least = name, least

    def settings(self):
        return {}

    def predict(self, source, target, tuning):
        if len(target) < self.least:
            raise ZeroDivisionError(REASON)
        return MethodOutput(np.full(len(target), source.labels[0]))


@pytest.fixture(scope="module")
def study(evaluated):
    return evaluated([*make_methods(["majority", "svm"]), Picky()])


def test_the_others_have_the_figures_that_they_have_without_it(study, evaluated):
    (refused,) = study.refusals
    assert (refused.task, refused.method, refused.seed) == REFUSED
    assert refused.refusal == "needs <more> rows"
    assert refused.predictions == ()
    assert math.isnan(refused.scores.uar)
    assert study.cell("first → second", "picky").scores.uar == pytest.approx(1 / 3)
    alone = evaluated(make_methods(["majority", "svm"]))
    for cell in alone.cells:
        assert study.cell(cell.task, cell.method).as_dict() == cell.as_dict()


def test_what_is_refused_everywhere_is_an_error(evaluated):
    with pytest.raises(ValueError, match=r"^first → second: method 'picky': needs <more> rows$"):
        evaluated([Picky(least=1000)])


def test_a_run_that_continues_tries_it_again(tmp_path, evaluated):
    store = CellStore(tmp_path)
    evaluated([*make_methods(["svm"]), Picky()], store)
    assert len(list(tmp_path.iterdir())) == 3
    mended = evaluated([*make_methods(["svm"]), Picky(least=1)], store)
    assert not mended.refusals
    assert len(list(tmp_path.iterdir())) == 4


def test_its_mean_and_tests_are_missing_and_it_stands_last(study):
    standing = rank_methods(study).standings[-1]
    assert standing.method == "picky"
    assert (standing.wins, standing.losses, standing.worst_task) == (0, 1, "")
    for value in (standing.uar, standing.gain, standing.p_value, standing.worst_gain):
        assert math.isnan(value)
    over_tasks, per_task = compare(study)
    (part,) = [part for part in over_tasks if part.method == "picky"]
    assert (part.wins, part.losses, part.ties, part.worst_task) == (0, 1, 0, "")
    assert math.isnan(part.wilcoxon_holm)
    p_values = {(p.task, p.method): p.permutation_holm for p in per_task}
    assert math.isnan(p_values["first → third", "picky"])
    assert not math.isnan(p_values["first → third", "majority"])
    first, second = verdict(study)
    assert "majority" not in first
    assert "No other method" in second


def test_without_the_baseline_on_a_task_no_gain_is_stated(evaluated):
    study = evaluated([*make_methods(["majority"]), Picky("svm")])
    ranking = rank_methods(study)
    assert [part.method for part in ranking.standings] == ["majority", "svm"]
    assert math.isnan(ranking.standings[0].gain)
    assert "no gain can be stated" in verdict(study)[0]
    nobody = evaluated([Picky()])
    assert "Every method refused a task" in verdict(nobody)[0]
    for one in (study, nobody):
        assert "needs &lt;more&gt; rows" in reporting.render(one)


def test_every_table_says_so(study, tmp_path):
    assert overview_rows(study)[2:] == [
        ("first → third", overview_rows(study)[2][1], overview_rows(study)[2][2], "– / –"),
        ("mean", *overview_rows(study)[3][1:3], "– / –"),
    ]
    reporting.write(study, tmp_path)
    again = reporting.read(tmp_path)
    assert again.as_dict() == study.as_dict()
    assert "first → third, picky, seed 0: refused: needs &lt;more&gt; rows" in (
        tmp_path / "report.html"
    ).read_text(encoding="utf-8")
    assert "| first → third | picky | 0 | needs \\<more\\> rows |" in (
        tmp_path / "report.md"
    ).read_text(encoding="utf-8")
    with open(tmp_path / "results.csv", encoding="utf-8", newline="") as stream:
        rows = {(row["task"], row["method"]): row for row in csv.DictReader(stream)}
    assert rows[REFUSED[:2]]["refusal"] == "needs <more> rows"
    assert rows[REFUSED[:2]]["uar"] == ""
    assert "seed 0: first → third: method 'picky' refused: needs <more> rows" in repr(study)
    reason = {"task": REFUSED[0], "method": "picky", "seed": 0, "reason": "needs <more> rows"}
    assert summary_as_dict(study)["refused"] == [reason]
    shown = CliRunner().invoke(application, ["table", str(tmp_path), "--json"])
    assert json.loads(shown.stdout)["refused"] == [reason]
    assert "method 'picky' refused" in shown.stderr


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_the_exit_status_tells(study, monkeypatch, tmp_path, options):
    command = "sparsetransfer.cli.commands.evaluate"
    monkeypatch.setattr(f"{command}._config", lambda *_: StudyConfig((), {}))
    monkeypatch.setattr(f"{command}.run_study", lambda *_, **__: study)
    arguments = ["evaluate", "--methods", "svm", "--cache", str(tmp_path), *options]
    finished = CliRunner().invoke(application, arguments)
    assert finished.exit_code == 1, finished.output
    assert "refused: needs <more> rows" in finished.stderr
