"""Files stay short and folders small, so that each can be read at one go."""

from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
MOST_LINES = 400
MOST_MODULES = 12

# The top of the package also holds its private helpers; every C++ method has a source of its own.
LARGER = {
    "cpp/include/sparsetransfer/sparse_coding",
    "cpp/src/sparse_coding",
    "cpp/src/transfer",
    "python/sparsetransfer",
}


def sources(root):
    """Return the Python and C++ sources below a folder that has both."""
    found = [*(root / "python").rglob("*.py"), *(root / "cpp").rglob("*.[ch]pp")]
    return {path.relative_to(root).as_posix(): path for path in found}


def long_files(root):
    return {
        name
        for name, path in sources(root).items()
        if len(path.read_text(encoding="utf-8").splitlines()) > MOST_LINES
    }


def large_folders(root):
    folders = Counter(
        name.rpartition("/")[0] for name in sources(root) if not name.endswith("__init__.py")
    )
    return {folder for folder, count in folders.items() if count > MOST_MODULES}


def test_no_source_file_is_long():
    assert long_files(ROOT) == set()


def test_no_folder_is_large():
    assert large_folders(ROOT) - LARGER == set()


def test_the_large_folders_are_large():
    assert set() == LARGER - large_folders(ROOT)


def test_long_files_and_large_folders_are_noticed(tmp_path):
    for folder, ending in (("python/package", "py"), ("cpp/src", "cpp")):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / f"long.{ending}").write_text("\n" * (MOST_LINES + 1))
        (tmp_path / folder / f"short.{ending}").write_text("\n" * MOST_LINES)
    assert long_files(tmp_path) == {"python/package/long.py", "cpp/src/long.cpp"}
    assert large_folders(tmp_path) == set()
    for number in range(MOST_MODULES - 1):
        (tmp_path / f"python/package/module{number}.py").touch()
    assert large_folders(tmp_path) == {"python/package"}
