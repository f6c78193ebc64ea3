import csv
import json

import pytest

from sparsetransfer import reporting
from sparsetransfer.reporting import check_destination, write


@pytest.fixture
def blank_page(monkeypatch):
    """Spare the drawing where a test is about the folder."""
    monkeypatch.setattr(reporting.folder, "render", lambda study: "<!DOCTYPE html>")


FILES = [
    "coordinates.json",
    "report.html",
    "report.md",
    "report.tex",
    "results.csv",
    "results.json",
    "timings.json",
]


def test_folder_is_complete_and_leaves_nothing_beside_it(study, tmp_path):
    place = write(study, tmp_path / "deep" / "report")
    assert sorted(file.name for file in place.iterdir()) == FILES
    assert [file.name for file in place.parent.iterdir()] == ["report"]


def test_results_hold_the_figures_and_no_times(study, tmp_path, blank_page):
    place = write(study, tmp_path / "report")
    results = json.loads((place / "results.json").read_text(encoding="utf-8"))
    assert results["schema_version"] == 2
    assert results["protocol"]["id"] == study.protocol.id
    assert [cell["uar"] for cell in results["cells"]] == [c.scores.uar for c in study.cells]
    absent = [cell for cell in results["cells"] if cell["target"] == "third"]
    assert all(cell["recalls"]["sadness"] is None for cell in absent)
    assert "wall" not in json.dumps(results)
    times = json.loads((place / "timings.json").read_text(encoding="utf-8"))
    assert len(times["cells"]) == len(study.cells)
    with (place / "results.csv").open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    assert [float(row["uar"]) for row in rows] == [c.scores.uar for c in study.cells]
    assert rows[-1]["recall_sadness"] == ""
    assert float(rows[2]["kkt_violation"]) == 2e-9


def test_equal_runs_give_equal_bytes_whatever_the_jobs(make_study, tmp_path, blank_page):
    places = [
        write(make_study(seeds=(3, 4), n_jobs=jobs), tmp_path / f"run{number}")
        for number, jobs in enumerate((1, 2))
    ]
    for name in ("results.json", "results.csv"):
        assert len({(place / name).read_bytes() for place in places}) == 1


def test_an_earlier_report_is_replaced_and_an_empty_folder_used(
    study, make_study, tmp_path, blank_page
):
    place = tmp_path / "report"
    place.mkdir()
    write(study, place)
    (place / "old.txt").touch()
    write(make_study(seeds=(7,)), place)
    assert sorted(file.name for file in place.iterdir()) == FILES
    assert json.loads((place / "results.json").read_text())["protocol"]["seeds"] == [7]


@pytest.mark.parametrize("content", ["notes.txt", "results.json"])
def test_other_folders_and_files_are_never_replaced(study, tmp_path, content):
    place = tmp_path / "mine"
    place.mkdir()
    (place / content).write_text("{}")
    with pytest.raises(FileExistsError, match="holds no report"):
        write(study, place)
    assert (place / content).read_text() == "{}"
    with pytest.raises(FileExistsError, match="is a file"):
        check_destination(place / content)


def test_a_failure_leaves_the_earlier_report_as_it_was(study, tmp_path, monkeypatch):
    monkeypatch.setattr(reporting.folder, "render", lambda study: "the earlier page")
    place = write(study, tmp_path / "report")
    before = (place / "report.html").read_bytes()

    def fail(study):
        raise RuntimeError("no page today")

    monkeypatch.setattr(reporting.folder, "render", fail)
    with pytest.raises(RuntimeError, match="no page today"):
        write(study, place)
    assert (place / "report.html").read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["report"]
