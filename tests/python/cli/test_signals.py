"""Ctrl-C and SIGTERM end a command with one line, at any time, and lose nothing that is done."""

import contextlib
import os
import re
import signal
import subprocess
import sys

import numpy as np
import pytest
from typer.testing import CliRunner

from sparsetransfer import _interrupts
from sparsetransfer.cli.application import application

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


def finish(folder, *arguments):
    """Run a command that nobody stops in this process."""
    with contextlib.chdir(folder):
        return CliRunner().invoke(application, [str(part) for part in arguments])


def last_line(finished):
    """Return what is printed after the progress, which is no traceback."""
    assert "Traceback" not in finished.stderr
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", finished.stderr).strip().splitlines()[-1].strip()


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("module", ["threadpoolctl", "typer"])
def test_a_signal_during_imports_is_one_line(tmp_path, module, number):
    (tmp_path / f"{module}.py").write_text(STRIKE)
    finished = run(tmp_path, "corpora", "list", strike=number)
    status, word = SIGNALS[number]
    assert (finished.returncode, finished.stderr) == (status, f"{word}\n")


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


def test_a_study_that_is_stopped_keeps_its_cells_and_goes_on(tmp_path, corpora, monkeypatch):
    number = signal.SIGINT
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
    monkeypatch.syspath_prepend(tmp_path)
    resumed = finish(tmp_path, "resume", "report", "--cache", "cache")
    assert resumed.exit_code == 0, resumed.output
    assert done.stat().st_mtime_ns == before
    assert len(os.listdir(place / "cells")) == 2
    assert (place / "report.html").exists()
    assert not [name for name in os.listdir(place) if name.startswith(".")]


def test_a_study_that_is_stopped_before_its_first_cell_leaves_nothing(tmp_path, corpora):
    number = signal.SIGTERM
    methods = ["--methods", "striking:Striking", "--output", "report"]
    stopped = run(tmp_path, "evaluate", *corpora, *methods, strike=number)
    assert (stopped.returncode, last_line(stopped)) == SIGNALS[number]
    assert not (tmp_path / "report").exists()


AT = """
import builtins, os, sys
if 'STRIKE' in os.environ:
    module, name = os.environ['AT'].split(':')
    bring = builtins.__import__
    def strike(*arguments, **options):
        os.kill(os.getpid(), int(os.environ['STRIKE']))
    def watch(*arguments, **options):
        brought = bring(*arguments, **options)
        if hasattr(sys.modules.get('sparsetransfer.' + module), name):
            builtins.__import__ = bring
            setattr(sys.modules['sparsetransfer.' + module], name, strike)
        return brought
    builtins.__import__ = watch
"""
"""Strikes where a function is called: it is replaced before others import it by name."""

STEPS = [
    ("fit A=A/m.csv -o new/out.st", "features.extraction:_compute", []),
    ("fit A=A/m.csv -o new/out.st", "recognition.linear:_calibrate", []),
    ("fit A=A/m.csv -o new/out.st", "_files:_rename", []),
    ("features extract A=A/m.csv functionals -o new/out.csv", "audio.io:load", []),
    ("features extract A=A/m.csv functionals -o new/out.csv", "features.files:write_table", []),
    ("predict m.st B --csv new/out.csv", "recognition.recordings.parts:examined", []),
    (
        "predict m.st B --csv new/out.csv",
        "reporting.timeline:windows_csv",
        ["out.csv.unfinished"],
    ),
    ("corpora check emodb emodb", "audio.level:levels", []),
]


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """Return a folder with corpora, a model and a folder of EMO-DB's names."""
    soundfile = pytest.importorskip("soundfile")
    pytest.importorskip("safetensors")
    place = tmp_path_factory.mktemp("fitted")
    generator = np.random.default_rng(0)
    (place / "emodb").mkdir()
    for name in ("A", "B"):
        (place / name).mkdir()
        rows = ["file,label,speaker"]
        for label in ("anger", "sad"):
            for speaker in "stu":
                file = f"{speaker}{label}.wav"
                soundfile.write(place / name / file, generator.normal(0, 0.1, 8000), 16000)
                rows.append(f"{file},{label},{speaker}")
        (place / name / "m.csv").write_text("\n".join(rows) + "\n")
    for number, speaker in enumerate(("03", "08", "09")):
        signal_ = generator.normal(0, 0.1 + 0.1 * number, 8000)
        soundfile.write(place / "emodb" / f"{speaker}a01Wa.wav", signal_, 16000)
    finished = finish(place, "fit", "A=A/m.csv", "-o", "m.st", "--cache", "kept", "--jobs", "1")
    assert finished.exit_code == 0, finished.output
    (place / "sitecustomize.py").write_text(AT)
    return place


@pytest.mark.parametrize(
    ("step", "number"), [(s, list(SIGNALS)[i % 2]) for i, s in enumerate(STEPS)]
)
def test_a_command_that_is_stopped_leaves_nothing_half_written(
    tmp_path, fitted, monkeypatch, step, number
):
    text, place, left = step
    for name in fitted.iterdir():
        (tmp_path / name.name).symlink_to(name)
    monkeypatch.setenv("AT", place)
    jobs = [] if "check" in text else ["--cache", "cache", "--jobs", "1"]
    stopped = run(tmp_path, *text.split(), *jobs, strike=number)
    status, word = SIGNALS[number]
    assert stopped.returncode == status, stopped.stderr
    hint = "; the same command goes on from here" if left else ""
    assert last_line(stopped) == word + hint
    new = tmp_path / "new"
    assert (os.listdir(new) if new.exists() else []) == left
    hidden = [name for *_, names in os.walk(tmp_path) for name in names if name.startswith(".")]
    assert not hidden
    # The same command, undisturbed, ends well.
    again = finish(tmp_path, *text.split(), *jobs)
    assert again.exit_code == (1 if "check" in text else 0), again.stderr
    assert ("recognised by an interrupted run" in again.stderr) is bool(left)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_after_the_work_changes_nothing(tmp_path, monkeypatch, number):
    ends = "import atexit, os\natexit.register(lambda: os.kill(os.getpid(), int(os.environ['STRIKE'])))\n"
    (tmp_path / "sitecustomize.py").write_text(ends)
    finished = run(tmp_path, "features", "describe", "functionals", strike=number)
    assert (finished.returncode, finished.stderr) == (0, ""), finished.stdout


def test_a_signal_is_ignored_that_the_parent_ignored(tmp_path):
    command = [sys.executable, "-m", "sparsetransfer", "corpora", "list"]
    (tmp_path / "typer.py").write_text(STRIKE + "raise SystemExit(7)\n")
    for name in ("SIGINT", "SIGTERM"):
        before = signal.signal(signal.Signals[name], signal.SIG_IGN)
        try:
            environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
            environment["STRIKE"] = str(int(signal.Signals[name]))
            finished = subprocess.run(command, env=environment, check=False)
        finally:
            signal.signal(signal.Signals[name], before)
        assert finished.returncode == 7
