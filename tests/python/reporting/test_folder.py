import csv
import itertools
import json
import os
import shutil
import subprocess
import sys

import pytest

from sparsetransfer import reporting
from sparsetransfer.reporting import write
from sparsetransfer.reporting.folder import check_destination, reserved


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


def test_an_earlier_report_is_replaced_without_the_files_of_others(
    study, make_study, tmp_path, blank_page
):
    place = tmp_path / "report"
    place.mkdir()
    write(study, place)
    (place / "a note.txt").touch()
    write(make_study(seeds=(7,)), place)
    assert sorted(file.name for file in place.iterdir()) == ["a note.txt", *FILES]
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


@pytest.mark.parametrize("name", ["results.json", "timings.json", "coordinates.json"])
@pytest.mark.parametrize(
    "content", ["", "[]", "null", "{}", "[" * 100_000, '{"schema": "sparsetransfer.study"}']
)
def test_a_damaged_report_is_refused_by_name(study, tmp_path, blank_page, name, content):
    place = write(study, tmp_path / "report")
    (place / name).write_text(content)
    with pytest.raises(ValueError, match=r"report holds (no finished|a damaged) report: "):
        reporting.read(place)


def test_a_report_without_one_of_its_cells_is_refused(study, tmp_path, blank_page):
    place = write(study, tmp_path / "report")
    results = json.loads((place / "results.json").read_text(encoding="utf-8"))
    results["cells"][0]["task"] = "another"
    (place / "results.json").write_text(json.dumps(results))
    with pytest.raises(ValueError, match="report holds a damaged report"):
        reporting.read(place)


def killed_at(point, work):
    """Do work in a forked process that dies at a call that changes names; tell whether it did."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    calls = itertools.count(1)

    def watched(function):
        def call(*arguments, **options):
            if next(calls) == point:
                os._exit(9)
            return function(*arguments, **options)

        return call

    try:
        for name in ("rename", "replace", "unlink", "rmdir", "mkdir"):
            setattr(os, name, watched(getattr(os, name)))
        work()
        os._exit(0)
    finally:
        os._exit(1)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system cannot fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_kill_at_any_point_leaves_one_whole_report(make_study, tmp_path, monkeypatch):
    monkeypatch.setattr(
        reporting.folder, "render", lambda study: f"page of the seeds {study.protocol.seeds}"
    )
    old, new = make_study(seeds=(3,)), make_study(seeds=(4,))
    before = write(old, tmp_path / "before")
    pages = []
    for point in itertools.count(1):
        parent = tmp_path / f"run{point}"
        place = shutil.copytree(before, parent / "report")
        cell = place / "cells" / f"{'a' * 24}.json"
        cell.parent.mkdir()
        cell.write_text("a cell")
        (place / "study.json").write_text("{}")
        killed = killed_at(point, lambda place=place: write(new, place))
        seeds = reporting.read(place).protocol.seeds
        assert cell.read_text() == "a cell"
        with reserved(place):
            pages.append((place / "report.html").read_text())
            assert pages[-1] == f"page of the seeds {seeds}"
            assert reporting.read(place).protocol.seeds == seeds
        assert sorted(os.listdir(place)) == sorted([*FILES, "cells", "study.json"])
        assert os.listdir(parent) == ["report"]
        if not killed:
            break
    assert pages == sorted(pages)
    assert len(set(pages)) == 2
    assert len(pages) > 20


def test_a_second_run_is_told_who_writes_into_the_folder(tmp_path):
    place = tmp_path / "report"
    program = "import sys; from sparsetransfer.reporting.folder import reserved\nwith reserved(sys.argv[1]): {}"
    hold = subprocess.Popen(
        [sys.executable, "-c", program.format("print('held', flush=True); input()"), place],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert hold.stdout.readline().strip() == b"held"
    with pytest.raises(BlockingIOError, match=f"process {hold.pid} on"), reserved(place):
        pass
    hold.kill()
    hold.communicate()
    assert os.listdir(place) == [".sparsetransfer-lock"]
    with reserved(place), reserved(place):
        pass
    assert not os.listdir(place)


def test_links_to_folders_and_files_stay(study, tmp_path, blank_page):
    far = tmp_path / "far"
    far.mkdir()
    (tmp_path / "report").symlink_to(far)
    (far / "lost+found").mkdir()
    write(study, tmp_path / "report")
    (far / "report.md").rename(tmp_path / "thesis.md")
    (tmp_path / "thesis.md").write_text("earlier")
    (far / "report.md").symlink_to(tmp_path / "thesis.md")
    write(study, tmp_path / "report")
    assert (far / "report.md").is_symlink()
    assert (tmp_path / "report").is_symlink()
    assert sorted(os.listdir(far)) == sorted([*FILES, "lost+found"])
    assert (tmp_path / "thesis.md").read_text().startswith("# Protocol")


def test_a_folder_that_was_made_for_nothing_goes_again(tmp_path):
    with pytest.raises(KeyError), reserved(tmp_path / "new" / "report"):
        raise KeyError
    assert not os.listdir(tmp_path)
    with pytest.raises(OSError, match="choose a folder"):
        check_destination(__file__)
    with pytest.raises(OSError, match="cannot be written"):
        check_destination(f"{__file__}/report")
