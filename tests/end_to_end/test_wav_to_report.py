"""From wave files to a report, on generated corpora with a planted shift."""

import csv
import json
import os
import subprocess
import sys
from itertools import pairwise

import pytest

SMALL = ("--n-components", "24")


@pytest.fixture(scope="module")
def report(corpora, cache, tmp_path_factory):
    """Run the command once, in a process of its own, and return its folder and output."""
    folder = tmp_path_factory.mktemp("out") / "report"
    command = [sys.executable, "-m", "sparsetransfer", "evaluate", "--cache", str(cache)]
    command += ["--source", f"manifest={corpora[0]}", "--target", str(corpora[1])]
    command += ["--output", str(folder), *SMALL]
    finished = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "100"},
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return folder, finished.stdout


def test_every_method_is_in_the_table_and_in_every_file(report):
    folder, printed = report
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    names = [method["name"] for method in results["methods"]]
    assert names == [
        *("majority", "svm", "svm-fixed", "ridge", "sparse-coding", "transfer-sparse-coding"),
    ]
    html = (folder / "report.html").read_text(encoding="utf-8")
    with (folder / "results.csv").open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    assert [row["method"] for row in rows] == names
    for name in names:
        assert name in printed
        assert name in html
    assert results["protocol"]["id"] in printed
    assert results["protocol"]["id"] in html


def test_shift_is_felt_and_chance_is_beaten(report):
    results = json.loads((report[0] / "results.json").read_text(encoding="utf-8"))
    cells = {cell["method"]: cell for cell in results["cells"]}
    within = cells["svm"]["diagnostics"]["classifier"]["validated_uar"]
    assert cells["majority"]["uar"] == 0.25
    assert 0.3 < cells["svm"]["uar"] < within


def test_transfer_brings_the_codes_together_with_a_certificate(report):
    results = json.loads((report[0] / "results.json").read_text(encoding="utf-8"))
    cells = {cell["method"]: cell for cell in results["cells"]}
    plain, transfer = cells["sparse-coding"], cells["transfer-sparse-coding"]
    assert transfer["mmd_after"]["linear"] < 0.2 * plain["mmd_after"]["linear"]
    for cell in (plain, transfer):
        coder = cell["diagnostics"]["coder"]
        assert coder["kkt_violation"] <= 1e-6 * 0.02
        history = coder["history"]
        assert all(b <= a * (1 + 1e-12) for a, b in pairwise(history))
        assert history[-1] < history[0]


def test_same_seed_same_bytes_whatever_the_jobs(report, corpora, evaluate, tmp_path):
    again = evaluate(
        *("--source", f"manifest={corpora[0]}", "--target", f"manifest={corpora[1]}"),
        *("--output", tmp_path / "again", "--jobs", 2, *SMALL),
    )
    assert again.exit_code == 0, again.output
    for name in ("results.json", "results.csv"):
        assert (tmp_path / "again" / name).read_bytes() == (report[0] / name).read_bytes()


def test_target_labels_reach_no_prediction(corpora, evaluate, tmp_path):
    """Rewrite the target's manifest with rotated labels: scores change, predictions do not."""
    with corpora[1].open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    labels = [row["label"] for row in rows]
    predictions, recalls = [], []
    for turn in (0, 1):
        manifest = tmp_path / f"turn{turn}.csv"
        with manifest.open("w", newline="", encoding="utf-8") as lines:
            writer = csv.DictWriter(lines, rows[0].keys(), lineterminator="\n")
            writer.writeheader()
            for row, label in zip(rows, labels[turn:] + labels[:turn], strict=True):
                file = corpora[1].parent / row["file"]
                writer.writerow({**row, "file": file, "label": label})
        output = tmp_path / f"report{turn}"
        finished = evaluate(
            "--source", corpora[0], "--target", manifest, "--output", output, *SMALL
        )
        assert finished.exit_code == 0, finished.output
        cells = json.loads((output / "results.json").read_text(encoding="utf-8"))["cells"]
        predictions.append([cell["predictions"] for cell in cells])
        recalls.append([cell["uar"] for cell in cells])
    assert predictions[0] == predictions[1]
    assert recalls[0] != recalls[1]
