"""What no file of a public repository may hold."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SKIPPED = {".git", ".venv", "build", "dist", "__pycache__", ".nox", ".mypy_cache", ".ruff_cache"}
PRIVATE = re.compile(
    # a folder of some machine, or another package index than the public one
    r"(?<![\w.:/-])/(?:home|Users|root|work|mnt|opt|srv)/\w"
    r"|\bfile://|--(?:extra-)?index-url|--find-links"
)

KEPT_ELSEWHERE = {".flac", ".mp3", ".npz", ".pt", ".safetensors", ".so", ".wav", ".whl", ".zip"}


def tracked_files():
    """List what git tracks, or in an unpacked source distribution every file."""
    if not (ROOT / ".git").exists():
        files = (path for path in ROOT.rglob("*") if path.is_file())
        return [path for path in files if not SKIPPED & set(path.relative_to(ROOT).parts)]
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [ROOT / name for name in listing.stdout.split("\0") if (ROOT / name).is_file()]


def private_words(text):
    return sorted({match.group() for match in PRIVATE.finditer(text)})


def test_no_file_names_a_machine_path_or_a_private_index():
    offenders = {}
    for path in tracked_files():
        if path == Path(__file__):
            continue
        try:
            words = private_words(path.read_text(encoding="utf-8"))
        except UnicodeDecodeError:
            continue  # a picture
        if words:
            offenders[str(path.relative_to(ROOT))] = words
    assert not offenders


def test_no_package_and_no_data_is_kept():
    """A wheel or a recording that slipped into a commit stays in every clone for ever."""
    offenders = {
        str(path.relative_to(ROOT)): path.stat().st_size
        for path in tracked_files()
        if path.suffix in KEPT_ELSEWHERE or path.stat().st_size > 200_000
    }
    assert not offenders


@pytest.mark.parametrize("line", ["data in /home/me/x", "open('/work/a')", "--index-url https://x"])
def test_private_text_is_noticed(line):
    assert private_words(line)


@pytest.mark.parametrize("line", ["https://example.org/home/x", "tests/work/a", "either/or"])
def test_public_text_is_not(line):
    assert not private_words(line)
