import dataclasses
import re

import numpy as np
import pytest

from sparsetransfer.evaluation import EvaluationProtocol, OrderedPairs, compare, make_methods, run
from sparsetransfer.reporting import read, render, write
from sparsetransfer.reporting.overview import (
    comparison_rows,
    latex,
    markdown,
    overview_rows,
    safeguard_rows,
)


def test_overview_holds_every_figure_and_the_means(study):
    head, *rows = overview_rows(study)
    assert head == ("task", "majority", "svm", "squared <codes> name")
    for row, task in zip(rows, study.tasks, strict=False):
        scores = study.cell(task.name, "svm").scores
        assert row[2] == f"{100 * scores.uar:.1f} / {100 * scores.war:.1f}"
    uar = np.mean([study.cell(task.name, "svm").scores.uar for task in study.tasks])
    assert rows[-1][0] == "mean"
    assert rows[-1][2].startswith(f"{100 * uar:.1f} / ")


def test_markdown_has_tables_of_equal_width(study):
    text = markdown(study)
    assert study.protocol.id in text
    widths = {}
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        lines = block.splitlines()
        widths[lines[0]] = {line.count("|") for line in lines}
    assert len(widths) == 2
    assert all(len(counts) == 1 for counts in widths.values())


def test_latex_is_escaped_and_rectangular(study):
    text = latex(study)
    body = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert len({line.count("&") for line in body}) == 1
    assert r"\textless{}codes\textgreater{}" in text
    assert "→" not in text
    assert text.count("{") == text.count("}")


def test_comparison_shows_what_compare_finds(study):
    head, *rows = comparison_rows(study)
    found = {row[0]: dict(zip(head, row, strict=True)) for row in rows}
    assert [float(row[1]) for row in rows] == sorted((float(row[1]) for row in rows), reverse=True)
    for part in compare(study)[0]:
        row = found[part.method]
        assert row["wins–losses"] == f"{part.wins}–{part.losses}"
        assert row["gain"] == f"{100 * part.mean_gain:+.1f}"
        assert row["worst task"] == part.worst_task
    assert found["svm"]["gain"] == "–"


def test_a_safeguard_tells_its_decision(study):
    assert safeguard_rows(study) == []
    told = [
        dataclasses.replace(
            cell, diagnostics={"safeguard": {"adapted": False, "agreement": 0.5, "reason": "drift"}}
        )
        for cell in study.cells
    ]
    guarded = dataclasses.replace(study, cells=tuple(told))
    rows = safeguard_rows(guarded)
    assert len(rows) == 6
    assert rows[0][2:] == ("no", "agreement: 0.5; reason: drift")
    assert "What the safeguard decided" in render(guarded)
    assert "## Safeguard" in markdown(guarded)


def test_a_written_study_is_read_back(study, tmp_path):
    place = write(study, tmp_path / "report")
    again = read(place)
    assert again.as_dict() == study.as_dict()
    assert render(again) == render(study)
    (place / "timings.json").write_text("{}")
    with pytest.raises(ValueError, match=r"expected sparsetransfer\.timings of version"):
        read(place)


def test_ordered_pairs_have_a_heat_map(study):
    from sparsetransfer.evaluation import Dataset

    rng = np.random.default_rng(0)
    domains = [
        Dataset(
            name=name,
            features=rng.standard_normal((24, 4)),
            labels=np.tile(["a", "b"], 12),
            speakers=np.repeat(["s", "t", "u"], 8),
            files=np.arange(24).astype(str),
            feature_names=tuple("abcd"),
            feature_set="toy-1",
        )
        for name in ("one", "two")
    ]
    protocol = EvaluationProtocol(
        OrderedPairs(("one", "two")), ("a", "b"), ("toy-1",), c_grid=(1.0,), n_resamples=10
    )
    page = render(run(domains, make_methods(["svm", "ridge"]), protocol))
    assert "UAR of every ordered pair" in page
    assert "UAR of every ordered pair" not in render(study)
