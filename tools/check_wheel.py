"""Install a wheel into a fresh virtual environment and check what a user would notice.

``python tools/check_wheel.py WHEEL [--python PYTHON] [-- PYTEST ARGUMENTS]``

Checked: the size, that no compiled module needs OpenMP or BLAS, the time of installation and import,
the SIMD levels that it reports, the test suite against the installed package (copied
aside, so that the source tree cannot be imported), and that uninstalling leaves no file behind.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
LARGEST = 5_000_000  # bytes; of all three SIMD levels
FOREIGN = re.compile(r"NEEDED.*\b(lib(?:gomp|iomp|omp|blas|openblas|cblas|lapack|mkl)[^\]]*)")
# What the tests read beside themselves; none of it makes the package importable.
READ_BY_TESTS = ["tests", "docs", "examples", "cpp", "cmake", ".ci", "tools", "README.md"]
READ_BY_TESTS += ["pyproject.toml", "CMakeLists.txt", "CHANGELOG.md"]


def run(*command: object, cwd: Path | None = None) -> float:
    """Run a command, return its wall time in seconds."""
    start = time.perf_counter()
    subprocess.run([str(part) for part in command], cwd=cwd, check=True)
    return time.perf_counter() - start


def linked_against(wheel: Path, scratch: Path) -> list[str]:
    """Names of OpenMP and BLAS libraries that the modules of a Linux wheel need."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(scratch)
    modules = sorted(scratch.rglob("*.so"))
    if not modules:
        sys.exit(f"{wheel.name} has no compiled module")
    dynamic = [
        subprocess.run(["readelf", "-d", module], check=True, capture_output=True, text=True).stdout
        for module in modules
    ]
    return [name for text in dynamic for name in FOREIGN.findall(text)]


def main() -> None:
    """Check the wheel named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, usage=__doc__.splitlines()[2].strip("`"))
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("pytest", nargs="*", default=["tests/python", "tests/boundary"])
    arguments = parser.parse_args()
    wheel = arguments.wheel.resolve()

    print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.2f} MB")
    if wheel.stat().st_size > LARGEST:
        sys.exit(f"larger than {LARGEST / 1e6:.0f} MB")
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        if sys.platform == "linux" and (foreign := linked_against(wheel, scratch / "unpacked")):
            sys.exit(f"linked against {foreign}")

        run(arguments.python, "-m", "venv", scratch / "venv")
        scripts = scratch / "venv" / ("Scripts" if sys.platform == "win32" else "bin")
        python = scripts / "python"
        pip = (python, "-m", "pip", "--disable-pip-version-check")
        print(f"installed in {run(*pip, 'install', '--quiet', wheel):.1f} s with what it needs")
        program = "import sparsetransfer"
        print(f"first import {run(python, '-c', program, cwd=scratch):.2f} s", end=", ")
        print(f"second {run(python, '-c', program, cwd=scratch):.2f} s", flush=True)
        run(python, "-m", "sparsetransfer", "--version", "--verbose", cwd=scratch)

        run(*pip, "install", "--quiet", f"{wheel}[test]")
        beside = scratch / "beside"
        beside.mkdir()
        for name in READ_BY_TESTS:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copyfile
            copy(ROOT / name, beside / name)
        run(python, "-m", "pytest", "-q", *arguments.pytest, cwd=beside)

        run(*pip, "uninstall", "--quiet", "--yes", "sparsetransfer")
        left = sorted((scratch / "venv").rglob("*sparsetransfer*"))
        if left:
            sys.exit(f"uninstalling left {[str(path) for path in left]}")
    print("all well")


if __name__ == "__main__":
    main()
