"""Files that are read: regular ones; files that are written: complete or absent."""

from __future__ import annotations

import os
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["existing_file", "is_lfs_pointer", "replacing", "write_text"]

_POINTER = b"version https://git-lfs.github.com/spec/"
_POINTER_SIZE = 1024  # bytes that a pointer has at most, by its specification
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def existing_file(path: str | os.PathLike[str]) -> Path:
    """Check that a path can be read like a file, before it is opened.

    Parameters
    ----------
    path : path-like
        The file to read.

    Returns
    -------
    Path
        The path.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    OSError
        If the path is a folder, FIFO, socket or device, which may block for ever, or a pointer
        that Git LFS left in place of the file.
    """
    place = Path(path)
    try:
        about = place.stat()
    except (FileNotFoundError, NotADirectoryError):
        broken = " (it is a link to a file that does not)" if place.is_symlink() else ""
        raise FileNotFoundError(f"'{place}' does not exist{broken}") from None
    if not stat.S_ISREG(about.st_mode):
        kind = _KINDS.get(stat.S_IFMT(about.st_mode), "no regular file")
        raise OSError(f"'{place}' is {kind}; expected a regular file")
    if is_lfs_pointer(place):
        raise OSError(
            f"'{place}' is a Git LFS pointer, not the file itself; run `git lfs pull` in the clone"
        )
    return place


def is_lfs_pointer(path: str | os.PathLike[str]) -> bool:
    """Tell whether Git LFS left a pointer in place of a file.

    Parameters
    ----------
    path : path-like
        Any path.

    Returns
    -------
    bool
        False for what is no regular file.
    """
    place = Path(path)
    if not place.is_file() or place.stat().st_size >= _POINTER_SIZE:
        return False
    with place.open("rb") as file:
        return file.read(len(_POINTER)) == _POINTER


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give the name of a file to write, which takes the place of another when it is done.

    Parameters
    ----------
    path : path-like
        The file to write or to replace, in a folder that exists.

    Yields
    ------
    Path
        A new, empty file in the same folder, with the same ending. If the block ends well it is
        renamed to `path`, else it is removed and `path` stays as it was.

    Notes
    -----
    The file is readable as the user's umask says, unlike those of `tempfile`, which only their
    owner may read: caches and reports are shared.
    """
    place = Path(path)
    aside = place.with_name(f".{place.stem}-{uuid.uuid4().hex}{place.suffix}")
    aside.touch(exist_ok=False)
    try:
        yield aside
        os.replace(aside, place)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a text at once or not at all.

    Parameters
    ----------
    path : path-like
        The file, in a folder that exists.
    text : str
        Its content, written as UTF-8 with line feeds.
    """
    with replacing(path) as aside:
        aside.write_text(text, encoding="utf-8", newline="\n")
