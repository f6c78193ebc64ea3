import io
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from sparsetransfer.evaluation import Study
from sparsetransfer.reporting import render
from sparsetransfer.reporting.summary import notes, summarise
from sparsetransfer.reporting.tables import cells_csv, rich_tables


def test_rows_are_means_over_seeds_and_gains_are_against_the_svm(make_study):
    study = make_study(seeds=(0, 1, 2))
    rows = summarise(study)
    assert len(rows) == len(study.tasks) * len(study.methods)
    for row in rows:
        cells = [c for c in study.cells if (c.task, c.method) == (row.task, row.method)]
        recalls = [c.scores.uar for c in cells]
        assert row.n_seeds == 3
        assert row.uar == pytest.approx(np.mean(recalls))
        assert row.uar_spread == pytest.approx(np.std(recalls, ddof=1))
        svm = next(r for r in rows if (r.task, r.method) == (row.task, "svm"))
        assert row.gain == pytest.approx(row.uar - svm.uar)
    coder = rows[2]
    assert coder.kkt_violation == 2e-9
    assert coder.gaussian_after > 0
    assert np.isnan(rows[1].gaussian_after)
    assert np.isnan(rows[-1].recalls[-1])


def test_terminal_tables_show_everything_in_80_columns(study):
    console = Console(file=io.StringIO(), width=80)
    for table in rich_tables(study):
        console.print(table)
    text = console.file.getvalue()
    for expected in ("second", "third", "majority", "svm", "anger", "KKT", study.protocol.id):
        assert expected in text
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= 80
    for row in summarise(study):
        if not np.isnan(row.validated_uar):
            assert f"{100 * row.validated_uar:.1f}\n" in text
    for cell in study.cells:
        assert f"{100 * cell.scores.uar:.1f}" in text


def test_notes_say_that_the_baseline_is_missing(study):
    assert "tuned linear SVM" not in "\n".join(notes(study))
    without = Study(
        **{
            **vars(study),
            "methods": study.methods[:1],
            "cells": tuple(c for c in study.cells if c.method == "majority"),
        }
    )
    assert "without it a figure cannot be judged" in "\n".join(notes(without))


def test_chosen_settings_stand_beside_those_of_the_classifier(study):
    score = 0.4321
    picked = {"parameters": {"mmd": 60.0, "graph": "heat"}, "validated_uar": score}
    picked |= {"at_edge_of_grid": True}
    cells = [
        replace(c, diagnostics={**c.diagnostics, "settings": picked}) if c.method == "svm" else c
        for c in study.cells
    ]
    chosen = Study(**{**vars(study), "cells": tuple(cells)})
    rows = [row for row in summarise(chosen) if row.method == "svm"]
    assert all(row.parameters.startswith("mmd=60, graph=heat, C=") for row in rows)
    assert [row.validated_uar for row in rows] == [score] * 2
    assert any("the choice mmd=60, graph=heat, C=" in text for text in notes(chosen))
    for text in (render(chosen), cells_csv(chosen)):
        assert "mmd=60, graph=heat, C=" in text
    assert "43.2" in render(chosen)
