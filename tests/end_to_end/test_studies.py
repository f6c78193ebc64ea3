"""Studies as files: killed, resumed, shown again, with one result."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from typer.testing import CliRunner

from sparsetransfer.cli.application import application

METHODS = ["majority", "svm", "ridge", "rbf-svm", "logistic", "small"]

STUDY = """\
[study]
design = "ordered-pairs"
methods = {methods}
seeds = [0, 1]

[corpora.one]
path = "{one}"

[corpora.two]
path = "{two}"

[methods.small]
estimator = "sklearn.decomposition:PCA"
params = {{ n_components = 8 }}
"""


@pytest.fixture(scope="module")
def config(corpora, tmp_path_factory):
    place = tmp_path_factory.mktemp("study") / "study.toml"
    place.write_text(STUDY.format(methods=json.dumps(METHODS), one=corpora[0], two=corpora[1]))
    return place


def invoke(*arguments):
    finished = CliRunner().invoke(application, [str(part) for part in arguments])
    assert finished.exit_code == 0, finished.output
    return finished.stdout


@pytest.fixture(scope="module")
def whole(config, cache, tmp_path_factory):
    """Return the report of a run that nobody disturbed."""
    folder = tmp_path_factory.mktemp("whole") / "report"
    invoke("evaluate", "--config", config, "--cache", cache, "--output", folder)
    return folder


def test_a_killed_run_continues_to_the_same_results(config, cache, whole, tmp_path):
    folder = tmp_path / "report"
    command = [sys.executable, "-m", "sparsetransfer", "evaluate", "--config", str(config)]
    running = subprocess.Popen(
        [*command, "--cache", str(cache), "--output", str(folder)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while len(list(folder.glob("cells/*.json"))) < 3 and time.monotonic() < deadline:
        assert running.poll() is None, "finished before it could be killed"
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL if os.name == "posix" else signal.SIGTERM)
    running.wait()
    kept = {cell: cell.stat().st_mtime_ns for cell in folder.glob("cells/*.json")}
    assert 3 <= len(kept) < 24
    assert not (folder / "results.json").exists()
    refused = CliRunner().invoke(application, ["table", str(folder)])
    assert refused.exit_code == 2
    assert "`resume` finishes it" in refused.stderr

    printed = invoke("resume", folder, "--cache", cache)
    assert "one → two" in printed
    assert len(list(folder.glob("cells/*.json"))) == 24
    assert all(cell.stat().st_mtime_ns == stamp for cell, stamp in kept.items())
    for name in ("results.json", "results.csv", "coordinates.json"):
        assert (folder / name).read_bytes() == (whole / name).read_bytes()


def test_jobs_change_nothing(config, cache, whole, tmp_path):
    folder = tmp_path / "report"
    invoke(*("evaluate", "--config", config, "--cache", cache, "--output", folder, "--jobs", 2))
    for name in ("results.json", "results.csv", "coordinates.json"):
        assert (folder / name).read_bytes() == (whole / name).read_bytes()


def test_a_new_run_does_not_take_old_cells(config, cache, whole, tmp_path):
    folder = tmp_path / "report"
    evaluate = ("evaluate", "--config", config, "--cache", cache, "--output", folder)
    invoke(*evaluate, "--methods", "majority,svm")
    assert len(list(folder.glob("cells/*.json"))) == 8
    cell = min(folder.glob("cells/*.json"))
    broken = cell.read_text(encoding="utf-8").replace("anger", "sadness")
    cell.write_text(broken, encoding="utf-8")
    invoke(*evaluate, "--methods", "majority")
    assert len(list(folder.glob("cells/*.json"))) == 4
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    assert {cell["uar"] for cell in results["cells"]} == {0.25}


def test_table_and_report_need_the_results_only(whole, tmp_path):
    before = (whole / "report.html").read_bytes()
    assert "one → two" in invoke("table", whole)
    (whole / "report.html").unlink()
    invoke("report", whole)
    assert (whole / "report.html").read_bytes() == before
    assert (whole / "study.json").exists()
    refused = CliRunner().invoke(application, ["report", str(tmp_path)])
    assert refused.exit_code == 2
    assert "holds no finished report" in refused.stderr


def test_a_fault_in_the_study_is_one_line(config, tmp_path):
    broken = tmp_path / "broken.toml"
    broken.write_text(config.read_text().replace('"ordered-pairs"', '"pears"'))
    refused = CliRunner().invoke(application, ["evaluate", "--config", str(broken)])
    assert refused.exit_code == 2
    assert "line 2: design must be one of" in " ".join(refused.stderr.split())
