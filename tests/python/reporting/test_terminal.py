"""The summary at three widths, and the verdict against the tests it quotes."""

import dataclasses
import io
import json
import re

import pytest
from rich.console import Console

from sparsetransfer.evaluation import rank_methods, score
from sparsetransfer.reporting import verdict
from sparsetransfer.reporting.summary import notes
from sparsetransfer.reporting.terminal import (
    count_notes,
    summary_as_dict,
    summary_caption,
    summary_table,
)


def printed(study, width):
    console = Console(file=io.StringIO(), width=width)
    console.print(summary_table(study))
    return console.file.getvalue()


def one_task(study):
    """Restrict the study to its first task, with the design to match."""
    (first, *_) = study.tasks
    design = dataclasses.replace(study.protocol.design, targets=(first.target,))
    return dataclasses.replace(
        study,
        protocol=dataclasses.replace(study.protocol, design=design),
        cells=tuple(cell for cell in study.cells if cell.task == first.name),
    )


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("restrict", [one_task, lambda study: study])
def test_the_table_fits_and_holds_every_figure(study, width, restrict):
    study = restrict(study)
    text = printed(study, width)
    lines = text.splitlines()
    assert max(map(len, lines)) <= width
    assert "…" not in text
    (rule,) = [number for number, line in enumerate(lines) if "──" in line]
    standings = rank_methods(study).standings
    figures = [line for line in lines[rule + 1 :] if re.search(r"\d\d\.\d", line)]
    assert len(figures) == len(standings), "one line of figures per method"
    for line, part in zip(figures, standings, strict=True):
        assert part.method.split()[0][:14] in line
        assert f" {100 * part.uar:.1f}" in line
        if part.worst_task:
            assert f"{100 * part.gain:+.1f}" in line
    if width >= 80:
        folded = "".join(text.split())
        for method in study.methods:
            assert "".join(method.name.split()) in folded


def test_several_tasks_name_the_worst_and_one_task_shows_the_interval_of_the_gain(study):
    several, single = printed(study, 120), printed(one_task(study), 120)
    assert "W–L" in several
    assert "worst task" in several
    worst = next(p for p in rank_methods(study).standings if p.method == "majority")
    assert f"{100 * worst.worst_gain:+.1f} {worst.worst_task}" in several
    assert "W–L" not in single
    assert single.count("95 %") == 2


def test_the_summary_as_json_holds_the_ranking(study):
    content = json.loads(json.dumps(summary_as_dict(study), allow_nan=False))
    found = {part["method"]: part for part in content["methods"]}
    for part in rank_methods(study).standings:
        assert found[part.method]["uar"] == part.uar
    assert found["svm"]["gain"] is None
    assert content["verdict"] == " ".join(verdict(study))


def test_notes_are_counted(study):
    total = int(count_notes(study).split()[0])
    assert total == len(notes(study))
    parts = count_notes(study).split(": ", 1)[1]
    assert sum(map(int, re.findall(r"\d+", parts))) == total
    assert study.protocol.id in summary_caption(study)


def changed(study, method, share):
    """Let a method answer rightly on the given share of rows, speaker by speaker alike."""
    cells, classes = [], study.protocol.classes
    for cell in study.cells:
        labels = study.corpus(cell.target).labels
        right = [number % 10 < 10 * share for number in range(len(labels))]
        wrong = dict(zip(classes, classes[1:] + classes[:1], strict=True))
        if cell.method == method:
            found = tuple(
                name if good else wrong[name] for name, good in zip(labels, right, strict=True)
            )
            scores = score(labels, found, classes)
            cell = dataclasses.replace(cell, predictions=found, scores=scores)
        cells.append(cell)
    return dataclasses.replace(study, cells=tuple(cells))


def test_the_verdict_names_a_gain_only_where_the_test_finds_one(study):
    name = "squared <codes> name"
    weak = changed(study, "svm", 0.3)
    clear, equal = changed(weak, name, 0.9), changed(weak, name, 0.3)
    assert next(p for p in rank_methods(clear).standings if p.method == name).p_value < 0.05
    assert verdict(clear)[0].startswith(f"{name} recognises")
    assert "distinguishable from zero" in verdict(clear)[0]
    assert verdict(equal)[0].startswith("No method is distinguishably better")
    lost = changed(changed(study, "svm", 0.9), name, 0.3)
    assert "0 are better than it, 1 worse and 0 not distinguishable" in verdict(lost)[1]


def test_the_verdict_says_that_few_speakers_cannot_decide(study):
    assert "too few for any difference" in verdict(one_task(study))[1]
    assert "too few" not in verdict(study)[1]


def test_the_verdict_without_a_baseline_states_no_gain(study):
    without = dataclasses.replace(
        study,
        methods=study.methods[:1],
        cells=tuple(cell for cell in study.cells if cell.method == "majority"),
    )
    assert "no gain can be stated" in verdict(without)[1]


def test_a_study_shows_itself_as_a_table(study):
    head, titles, *rows = repr(study).splitlines()
    assert study.protocol.id in head
    assert titles.split() == ["method", "UAR", "%", "gain", "p"]
    html = study._repr_html_()
    assert "<codes>" not in html
    for row, part in zip(rows, rank_methods(study).standings, strict=True):
        assert row.startswith(part.method)
        assert f"{100 * part.uar:.1f}" in row
        assert f"<td>{100 * part.uar:.1f}</td>" in html
