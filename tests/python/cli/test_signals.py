"""Ctrl-C and SIGTERM end a command with one line, at any time, and lose nothing that is done."""

import os
import re
import signal
import subprocess
import sys

import numpy as np
import pytest

from sparsetransfer import _interrupts

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")

SIGNALS = {signal.SIGINT: (130, "interrupted"), signal.SIGTERM: (143, "terminated")}

STRIKE = "import os, signal\nos.kill(os.getpid(), signal.Signals(int(os.environ['STRIKE'])))\n"

ESTIMATOR = (
    "from sklearn.dummy import DummyClassifier\n"
    "class Striking(DummyClassifier):\n"
    "    def fit(self, X, y):\n"
    "        import os, signal\n"
    "        if number := int(os.environ.get('STRIKE', 0)):\n"
    "            os.kill(os.getpid(), number)\n"
    "        return super().fit(X, y)\n"
)


def run(folder, *arguments, strike=None):
    environment = {**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200"}
    if strike is not None:
        environment["STRIKE"] = str(int(strike))
    return subprocess.run(
        [sys.executable, "-m", "sparsetransfer", *map(str, arguments)],
        capture_output=True, text=True, cwd=folder, env=environment, check=False,
    )  # fmt: skip


def last_line(finished):
    """Return what is printed after the progress, which is no traceback."""
    assert "Traceback" not in finished.stderr
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", finished.stderr).strip().splitlines()[-1].strip()


@pytest.mark.parametrize("module", ["threadpoolctl", "typer"])
def test_ctrl_c_during_imports_is_one_line(tmp_path, module):
    (tmp_path / f"{module}.py").write_text(STRIKE)
    finished = run(tmp_path, "corpora", "list", strike=signal.SIGINT)
    assert (finished.returncode, finished.stderr) == (130, "interrupted\n")


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        (["python", "-m", "sparsetransfer", "evaluate"], True),
        (["python", "-W", "error", "-I", "-m", "sparsetransfer"], True),
        (["python", "/usr/bin/sparsetransfer", "--version"], True),
        (["python", "C:\\Scripts\\sparsetransfer.exe"], True),
        (["python", "-m", "pytest", "sparsetransfer"], False),
        (["python", "-c", "import sparsetransfer"], False),
        (["python", "study.py", "sparsetransfer"], False),
        (["python"], False),
    ],
)
def test_programs_that_use_the_package_get_their_traceback(monkeypatch, program, expected):
    monkeypatch.setattr(sys, "orig_argv", program)
    assert _interrupts.is_command() is expected


@pytest.fixture
def corpora(tmp_path):
    soundfile = pytest.importorskip("soundfile")
    generator = np.random.default_rng(0)
    for name in ("A", "B"):
        (tmp_path / name).mkdir()
        rows = ["file,label,speaker"]
        for label in ("anger", "sad"):
            for speaker in "st":
                file = f"{speaker}{label}.wav"
                soundfile.write(tmp_path / name / file, generator.normal(0, 0.1, 8000), 16000)
                rows.append(f"{file},{label},{speaker}")
        (tmp_path / name / "m.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "striking.py").write_text(ESTIMATOR)
    return ["--source", "A=A/m.csv", "--target", "B=B/m.csv", "--cache", "cache", "--jobs", "1"]


@pytest.mark.parametrize("number", SIGNALS)
def test_a_study_that_is_stopped_keeps_its_cells_and_goes_on(tmp_path, corpora, number):
    pytest.importorskip("jinja2")
    pytest.importorskip("matplotlib")
    methods = ["--methods", "majority,striking:Striking", "--output", "report"]
    stopped = run(tmp_path, "evaluate", *corpora, *methods, strike=number)
    status, word = SIGNALS[number]
    assert stopped.returncode == status
    assert last_line(stopped) == (
        f"{word}; `sparsetransfer resume '{tmp_path}/report'` goes on from here"
    )
    place = tmp_path / "report"
    assert sorted(os.listdir(place)) == ["cells", "study.json"]
    (done,) = (place / "cells").iterdir()
    before = done.stat().st_mtime_ns
    resumed = run(tmp_path, "resume", "report", "--cache", "cache")
    assert resumed.returncode == 0, resumed.stderr
    assert done.stat().st_mtime_ns == before
    assert len(os.listdir(place / "cells")) == 2
    assert (place / "report.html").exists()
    assert not [name for name in os.listdir(place) if name.startswith(".")]


@pytest.mark.parametrize("number", SIGNALS)
def test_a_study_that_is_stopped_before_its_first_cell_leaves_nothing(tmp_path, corpora, number):
    methods = ["--methods", "striking:Striking", "--output", "report"]
    stopped = run(tmp_path, "evaluate", *corpora, *methods, strike=number)
    assert (stopped.returncode, last_line(stopped)) == SIGNALS[number]
    assert not (tmp_path / "report").exists()
