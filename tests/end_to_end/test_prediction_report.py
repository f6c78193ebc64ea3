"""The report about recordings without labels, and what a few labels add to it."""

import csv
import json

import numpy as np
import pytest
from typer.testing import CliRunner

from sparsetransfer.cli.application import application
from sparsetransfer.recognition import Recogniser

pytest.importorskip("safetensors", reason="models are files of safetensors")


def invoke(*arguments):
    return CliRunner().invoke(application, [str(part) for part in arguments])


def shares(place):
    with place.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    names = [name for name in rows[0] if name in ("anger", "happiness", "neutral", "sadness")]
    return {row["file"]: np.array([float(row[name]) for name in names]) for row in rows}


@pytest.fixture
def labels(corpora, calls, tmp_path):
    """Return a manifest with the labels of every third recording of the target."""
    emotion = [f.stem.rsplit("-", 1)[1] for f in sorted(corpora[1].parent.glob("*.wav"))]
    rows = [f"{file},{emotion[int(file.stem)]}" for file in sorted(calls.rglob("*.wav"))]
    place = tmp_path / "few.csv"
    place.write_text("\n".join(["file,label", *rows[::3]]) + "\n")
    return place


def test_the_report_says_what_was_learned_and_how_far_to_trust_it(adapted, calls, tmp_path):
    broken = tmp_path / "<b>.wav"
    broken.write_bytes(b"junk")
    finished = invoke("predict", adapted, calls, broken, "--report", tmp_path / "report")
    assert finished.exit_code == 1, finished.output
    page = (tmp_path / "report" / "predictions.html").read_text()
    assert "<b>.wav" not in page
    assert "&lt;b&gt;.wav" in page
    text = " ".join(page.split())
    first, second = text.split('<p class="lead">')[1:3]
    assert "multi-view learned anger" in first
    assert "without a label" in first
    assert "held out (chance: 25.0 %)" in second
    assert "p-value" in text
    assert "equally frequent" in text
    links = [part.split('"')[0] for part in page.split('src="')[1:]]
    assert len(links) == 10
    assert all((tmp_path / "report" / link).exists() for link in links)
    # It is replaced; what somebody else wrote is not, and is found before the work.
    assert invoke("predict", adapted, broken, "--report", tmp_path / "report").exit_code == 2
    own = tmp_path / "report" / "predictions.html"
    assert "&lt;b&gt;.wav" in own.read_text()
    own.write_text("<title>My predictions</title>")
    for arguments in (
        ("predict", adapted, calls, "--report", tmp_path / "report"),
        ("fit", "a=b", "-o", tmp_path / "a", "--target", calls, "--report", tmp_path / "report"),
    ):
        refused = invoke(*arguments)
        assert refused.exit_code == 2
        assert "is no report about predictions; move it" in " ".join(refused.stderr.split())
    assert own.read_text() == "<title>My predictions</title>"


def test_a_few_labels_score_and_calibrate_and_train_nothing(adapted, calls, labels, tmp_path):
    plain, scored = tmp_path / "plain.csv", tmp_path / "scored.csv"
    content = adapted.read_bytes()
    assert invoke("predict", adapted, calls, "--csv", plain).exit_code == 0
    finished = invoke(
        *("predict", adapted, calls, "--csv", scored, "--report", tmp_path / "report"),
        *("--target-labels", labels),
    )
    assert finished.exit_code == 0, finished.output
    assert adapted.read_bytes() == content
    # One temperature and one offset per emotion explain every change.
    before, after = (np.array(list(shares(place).values())) for place in (plain, scored))
    contrast = np.log(after[:, 1:] / after[:, :1]), np.log(before[:, 1:] / before[:, :1])
    assert np.abs(after - before).max() > 0.001
    for column in range(contrast[0].shape[1]):
        slope, offset = np.polyfit(contrast[1][:, column], contrast[0][:, column], 1)
        fit = slope * contrast[1][:, column] + offset
        np.testing.assert_allclose(contrast[0][:, column], fit, atol=1e-6)
        assert slope > 0
    # The score is that of what was said before the labels were looked at.
    found = shares(plain)
    emotions = np.array(Recogniser.load(adapted).classes_)
    rows = [line.split(",") for line in labels.read_text().split()[1:]]
    truth = np.array([label for _, label in rows])
    hit = np.array([emotions[found[file].argmax()] for file, _ in rows]) == truth
    uar = np.mean([hit[truth == name].mean() for name in sorted(set(truth))])
    assert (
        f"{len(rows)} labelled recordings: UAR {100 * uar:.1f} % (95 % interval" in finished.stdout
    )
    page = " ".join((tmp_path / "report" / "predictions.html").read_text().split())
    assert f"recall is <strong>{100 * uar:.1f} %</strong>" in page
    assert f"on {len(rows)} labelled recordings of the target {100 * uar:.1f} %" in page
    assert "626 labels for 5 points" in page
    assert page.count("<details>") == 1
    for file in found:
        assert f"<td>{file}</td>" in page.split("<details>")[1]


def test_labels_in_the_fit_do_what_they_do_in_the_prediction(
    adapted, corpora, calls, labels, cache, tmp_path
):
    model = tmp_path / "labelled.st"
    fitted = invoke(
        *("fit", corpora[0], "--target", calls, "-o", model, "--cache", cache, "--method"),
        *("multi-view", "--features", "functionals,is09-style", "--target-labels", labels),
    )
    assert fitted.exit_code == 0, fitted.output
    tables = [tmp_path / f"{number}.csv" for number in range(3)]
    options = ("--target-labels", labels)
    scored = invoke("predict", adapted, calls, "--csv", tables[0], *options)
    (line,) = [each for each in scored.stdout.splitlines() if "labelled recordings" in each]
    assert line in fitted.stdout
    assert invoke("predict", model, calls, "--csv", tables[1]).exit_code == 0
    # Labels count once.
    again = invoke("predict", model, calls, "--csv", tables[2], *options)
    assert again.exit_code == 0, again.output
    assert "calibrated the model already" in again.stdout
    expected = shares(tables[0])
    for table in tables[1:]:
        for file, found in shares(table).items():
            np.testing.assert_allclose(found, expected[file], rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--target-labels", "few.csv"), "--target-labels is about recordings to adapt to"),
        (("--target", "calls", "--target-labels", "missing.csv"), "missing.csv"),
    ],
)
def test_labels_that_cannot_be_read_say_so_before_any_work(arguments, message, tmp_path):
    finished = invoke("fit", "emodb=nowhere", *arguments, "-o", tmp_path / "m.st")
    assert finished.exit_code == 2
    assert message in " ".join(finished.stderr.split())


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("{other},anger", "not among the recordings: 1"),
        ("{file},boredom", "boredom is no emotion of the model: 1"),
    ],
    ids=["another recording", "another emotion"],
)
def test_labels_that_score_nothing_say_so(adapted, calls, corpora, row, message, tmp_path):
    file, other = min(calls.rglob("*.wav")), min(corpora[0].parent.glob("*.wav"))
    labels = tmp_path / "few.csv"
    labels.write_text(f"file,label\n{row.format(file=file, other=other)}\n")
    finished = invoke("predict", adapted, file, "--target-labels", labels)
    assert finished.exit_code == 2
    assert message in " ".join(finished.stderr.split())


def test_labels_of_other_recordings_stop_the_fit_before_its_work(
    corpora, calls, cache, monkeypatch, tmp_path
):
    labels = tmp_path / "few.csv"
    labels.write_text(f"file,label\n{min(corpora[0].parent.glob('*.wav'))},anger\n")
    monkeypatch.setattr(Recogniser, "fit", None)
    finished = invoke(
        *("fit", corpora[0], "--target", calls, "-o", tmp_path / "m.st", "--cache", cache),
        *("--target-labels", labels),
    )
    assert finished.exit_code == 2
    assert "not among the recordings: 1" in " ".join(finished.stderr.split())


def test_the_report_has_a_table_of_the_speakers_who_are_known(adapted, calls, tmp_path):
    files = sorted(calls.rglob("*.wav"))[:5]
    manifest = tmp_path / "own.csv"
    speakers = ["<b>", "<b>", "a", "", "<b>"]
    rows = [f"{file},{speaker}" for file, speaker in zip(files, speakers, strict=True)]
    manifest.write_text("\n".join(["file,speaker", *rows]) + "\n")
    arguments = ("--json", tmp_path / "a.json", "--report", tmp_path / "report")
    finished = invoke("predict", adapted, manifest, *arguments)
    assert finished.exit_code == 0, finished.output
    found = json.loads((tmp_path / "a.json").read_text())
    page = (tmp_path / "report" / "predictions.html").read_text()
    lines = page.split("<h2>Speakers</h2>")[1].split("</table>")[0].split("<tr>")[2:]
    cells = [[cell.split("</td>")[0] for cell in line.split("<td>")[1:]] for line in lines]
    assert [row[:2] for row in cells] == [["&lt;b&gt;", "3"], ["a", "1"]]
    chosen = [found["files"][number]["probabilities"] for number in (0, 1, 4)]
    counts = [
        sum(max(shares, key=shares.get) == name for shares in chosen) for name in found["classes"]
    ]
    assert [int(cell) for cell in cells[0][2:-1]] == counts
