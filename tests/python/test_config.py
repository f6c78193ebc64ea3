import re
import subprocess
import sys

import sparsetransfer
from sparsetransfer import _simd


def test_show_config_tells_levels_threads_and_versions(capsys):
    sparsetransfer.show_config()
    lines = dict(re.split("  +", line, maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert lines["sparsetransfer"] == sparsetransfer.__version__
    assert lines["SIMD built"] == ", ".join(_simd.built())
    assert lines["SIMD used"] in _simd.built()
    assert lines["threads"].split()[0] == str(sparsetransfer.get_num_threads())


def test_python_m_prints_the_version():
    def run(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "sparsetransfer", *arguments],
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    assert run("--version").strip() == sparsetransfer.__version__
    assert "SIMD detected" in run("--version", "--verbose")
