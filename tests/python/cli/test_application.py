import importlib.metadata
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import sparsetransfer.cli
from sparsetransfer.cli.application import application
from sparsetransfer.evaluation import make_methods

FULL = Path("/dev/full")
MAIN = "from sparsetransfer.cli import main; main()"
SCRIPT = Path(sysconfig.get_path("scripts")) / "sparsetransfer"


def run(*arguments, **environment):
    return subprocess.run(
        arguments, capture_output=True, text=True, env={**os.environ, **environment}, check=False
    )


@pytest.mark.skipif(not SCRIPT.exists(), reason="the console script is not installed")
def test_script_tells_its_version():
    finished = run(str(SCRIPT), "--version")
    assert finished.returncode == 0
    assert importlib.metadata.version("sparsetransfer") in finished.stdout


def test_module_runs_the_same_application():
    finished = run(sys.executable, "-m", "sparsetransfer", "evaluate", "--help", COLUMNS="100")
    assert finished.returncode == 0
    assert "--source" in finished.stdout


def test_help_needs_nothing_heavy():
    program = (
        "import sys; from sparsetransfer.cli.application import application;"
        "print([m for m in ('matplotlib', 'pandas', 'sklearn', 'scipy', 'rich.progress')"
        " if m in sys.modules])"
    )
    assert run(sys.executable, "-c", program).stdout.strip() == "[]"


def test_without_the_extra_a_plain_line_tells_how_to_get_it():
    program = "import sys; sys.modules['typer'] = None;from sparsetransfer.cli import main; main()"
    finished = run(sys.executable, "-c", program)
    assert finished.returncode != 0
    assert finished.stderr.count("\n") == 1
    assert 'pip install "sparsetransfer[speech]"' in finished.stderr


def test_help_shows_the_defaults_that_methods_have():
    text = CliRunner().invoke(application, ["evaluate", "--help"], env={"COLUMNS": "200"}).output
    transfer = make_methods(["transfer-sparse-coding"])[0].settings()
    for option in ("n-components", "alpha", "mmd", "laplacian"):
        line = next(line for line in text.splitlines() if f"--{option} " in line)
        assert f"[default: ({transfer[option.replace('-', '_')]:g})]" in line


def _commands(command, path=()):
    yield path, command
    for name, child in getattr(command, "commands", {}).items():
        yield from _commands(child, (*path, name))


COMMANDS = dict(_commands(typer.main.get_command(application)))


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_fits_and_cuts_no_name_off(path, width):
    done = CliRunner().invoke(application, [*path, "--help"], terminal_width=width)
    assert done.exit_code == 0
    _, _, text = done.output.partition("\n\n")
    assert max(map(len, done.output.splitlines())) <= width
    assert not [line for line in text.splitlines() if line.endswith("...")]
    for option in COMMANDS[path].params:
        assert all(name in text for name in option.opts if name.startswith("-")), option.name
    for name in getattr(COMMANDS[path], "commands", {}):
        assert f"  {name} " in text


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("what", ["corpora", "features", "methods"])
def test_lists_fit_and_cut_nothing_off(what, width):
    done = CliRunner().invoke(application, [what, "list"], env={"COLUMNS": str(width)})
    assert done.exit_code == 0
    assert max(map(len, done.output.splitlines())) <= width
    assert "…" not in done.output


def test_a_feature_set_that_is_missing_names_its_whole_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "opensmile", None)
    done = CliRunner().invoke(application, ["features", "list"], env={"COLUMNS": "200"})
    assert 'pip install "sparsetransfer[opensmile]"' in done.output


@pytest.mark.parametrize(
    "place", ["cli.application.application", "cli.commands.evaluate.log_to_stderr"]
)
def test_ctrl_c_before_the_work_is_one_line(monkeypatch, capsys, place):
    def interrupt(*_):
        raise KeyboardInterrupt

    module, name = f"sparsetransfer.{place}".rsplit(".", 1)
    monkeypatch.setattr(sys.modules[module], name, interrupt)
    monkeypatch.setattr(sys, "argv", ["sparsetransfer", "evaluate"])
    with pytest.raises(SystemExit) as ended:
        sparsetransfer.cli.main()
    assert ended.value.code == 130
    assert capsys.readouterr() == ("", "interrupted\n")


def test_ctrl_c_that_an_import_answers_with_an_error_of_its_own_is_one_line(monkeypatch, capsys):
    def interrupt(*_):
        # As Python 3.11 does where __set_name__ is interrupted.
        raise RuntimeError("Error calling __set_name__") from KeyboardInterrupt()

    monkeypatch.setattr(sparsetransfer.cli.application, "application", interrupt)
    with pytest.raises(SystemExit) as ended:
        sparsetransfer.cli.main()
    assert ended.value.code == 130
    assert capsys.readouterr() == ("", "interrupted\n")


@pytest.mark.skipif(not FULL.exists(), reason="there is no device that is always full")
@pytest.mark.parametrize("arguments", [["--version"], ["evaluate", "--help"], ["corpora", "list"]])
def test_a_full_disk_under_the_printed_text_is_one_line(arguments):
    with FULL.open("w") as full:
        finished = subprocess.run(
            [sys.executable, "-c", MAIN, *arguments],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert finished.returncode == 2
    assert finished.stderr == "error: no space left on device; make room and run it again\n"


@pytest.mark.skipif(sys.platform == "win32", reason="pipes of POSIX")
@pytest.mark.parametrize("arguments", [["--version"], ["evaluate", "--help"], ["corpora", "list"]])
def test_a_closed_pipe_is_silent(arguments):
    reader, writer = os.pipe()
    os.close(reader)
    finished = subprocess.run(
        [sys.executable, "-c", MAIN, *arguments],
        stdout=writer, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    os.close(writer)
    assert finished.returncode != 0
    assert finished.stderr == ""
