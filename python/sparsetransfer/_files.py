"""Files that are read: regular ones; files that are written: complete or absent."""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sparsetransfer._interrupts import held_back
from sparsetransfer._locks import marked, remove_abandoned

__all__ = [
    "ASIDE",
    "check_file",
    "check_folder",
    "existing_file",
    "is_lfs_pointer",
    "reading",
    "regular_file",
    "replacing",
    "write_text",
]

ASIDE = ".sparsetransfer-"
"""How names of folders with unfinished files begin; only a killed process leaves one behind."""

_MADE = re.compile(rf"{re.escape(ASIDE)}[0-9a-f]{{32}}")

_live: set[Path] = set()
"""Such folders of this process."""

_cleaned: set[Path] = set()
"""Folders in which those of killed processes were looked for."""

_MOST_LINKS = 40
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

    `path`: the file to read. Raises FileNotFoundError if there is no such file. Raises OSError if
    the path is a folder, FIFO, socket or device, which may block for ever, or a pointer that Git
    LFS left in place of the file.
    """
    place = Path(path)
    try:
        about = place.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):  # of null characters
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


@contextmanager
def reading(path: str | os.PathLike[str], error: type[ValueError] = ValueError) -> Iterator[Path]:
    """Raise what a library makes of a damaged file as one error that names the file.

    Decoders of foreign bytes raise almost anything: EOFError, zipfile.BadZipFile, MemoryError,
    tokenize.TokenError, pyarrow.ArrowException. `path`: the file. `error`: what to raise; errors of
    this very kind pass. Yields: the file, checked by `existing_file`, whose errors pass, too.
    """
    place = existing_file(path)
    try:
        yield place
    except Exception as cause:
        if error is not ValueError and isinstance(cause, error):
            raise
        raise error(f"'{place}' cannot be read: {str(cause) or type(cause).__name__}") from cause


def is_lfs_pointer(path: str | os.PathLike[str]) -> bool:
    """Return whether a file is a Git LFS pointer.

    `path`: any path. Returns: false for what is no regular file.
    """
    place = Path(path)
    if not place.is_file() or place.stat().st_size >= _POINTER_SIZE:
        return False
    with place.open("rb") as file:
        return file.read(len(_POINTER)) == _POINTER


def check_file(path: str | os.PathLike[str]) -> None:
    """Check, before the work, that a file can be written after it.

    `path`: the file, as in `replacing`. Nothing is made yet. Raises OSError if the path names a
    folder, a read-only file, a disk or a socket, or lies in a place where no file can be made.
    """
    place = _follow(path)
    if isinstance(place, int):
        return
    if place.is_dir() or os.fspath(path).endswith(("/", os.sep)):
        raise IsADirectoryError(f"'{path}' is a folder; name a file in it")
    if not place.exists():
        _check_nearest_folder(place.parent, path)
        return
    mode = place.stat().st_mode
    if stat.S_ISBLK(mode) or stat.S_ISSOCK(mode):
        raise OSError(f"'{path}' is a disk or a socket; name a file")
    if not os.access(place, os.W_OK):
        raise PermissionError(f"'{path}' is read-only; choose another file or make it writable")


def check_folder(path: str | os.PathLike[str]) -> Path:
    """Check, before the work, that files can be written into a folder after it.

    `path`: the folder, which need not exist. Nothing is made yet. Returns: the absolute path, with
    links followed. Raises OSError if there is something else of that name, or no file can be made
    there.
    """
    place = Path(os.path.realpath(os.path.expanduser(path)))
    if (place.exists() or place.is_symlink()) and not place.is_dir():
        raise FileExistsError(f"'{path}' is a file; choose a folder")
    _check_nearest_folder(place, path)
    return place


def _check_nearest_folder(place: Path, path: str | os.PathLike[str]) -> None:
    """Try to make a file in a folder, or in the one in which it would be made."""
    while not place.exists() and not place.is_symlink():
        place = place.parent
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise type(error)(
            f"'{path}' cannot be written: {why}: '{place}'; choose another place"
        ) from error


def regular_file(path: str | os.PathLike[str]) -> Path | None:
    """Return the regular file that a path means, with links followed.

    `path`: a file, which need not exist. Returns: the file; None for devices, pipes and open
    descriptors.
    """
    place = _follow(path)
    if isinstance(place, int) or (place.exists() and not place.is_file()):
        return None
    return place


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield the name of a file to write, which replaces another when it is done.

    `path`: the file to write or to replace. Missing folders are made, links are followed and stay.
    Yields: a new, empty file of the same name in a hidden folder. If the block ends well it is
    renamed to `path`, with the permissions of the file that it replaces, else it is removed and
    `path` stays as it was.

    A new file is readable as the user's umask says, unlike those of `tempfile`, which only their
    owner may read: caches and reports are shared. What cannot be replaced by a rename is written
    plainly once the new file is complete: devices, pipes, open descriptors such as ``/dev/stdout``,
    a file that is a mount point, and a writable file in a folder that takes no new one.
    """
    place = _follow(path)
    renamed = place if isinstance(place, Path) and _takes_a_new_file(place) else None
    folder = Path(tempfile.gettempdir()) if renamed is None else renamed.parent
    aside = folder / f"{ASIDE}{uuid.uuid4().hex}" / Path(path).name
    _remove_abandoned(folder)
    with _named(path, aside):
        _live.add(aside.parent)
        try:
            with marked(aside.parent):
                aside.touch()
                yield aside
                if renamed is None:
                    _pour(aside, place)
                else:
                    _rename(aside, renamed)
        finally:
            with held_back():
                shutil.rmtree(aside.parent, ignore_errors=True)
                _live.discard(aside.parent)


def _remove_abandoned(folder: Path) -> None:
    """Remove what killed processes left in a folder, once per process: it may hold many files."""
    if folder in _cleaned:
        return
    _cleaned.add(folder)
    with suppress(OSError):
        for left in folder.glob(f"{ASIDE}*"):
            if left not in _live and _MADE.fullmatch(left.name) and not left.is_symlink():
                remove_abandoned(left)


@contextmanager
def _named(path: str | os.PathLike[str], aside: Path) -> Iterator[None]:
    """Raise errors of the temporary file with the name of the requested file."""
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename not in (None, str(aside), str(aside.parent)):
            raise
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error


def write_text(path: str | os.PathLike[str], text: str) -> None:
    r"""Write a text at once or not at all.

    `path`: the file, as in `replacing`. `text`: its content, written as UTF-8 with line feeds.
    Bytes of a file name that are no text are written as escapes, for example ``\udcff``.
    """
    with replacing(path) as aside:
        aside.write_bytes(text.encode("utf-8", errors="backslashreplace"))


def _follow(path: str | os.PathLike[str]) -> Path | int:
    """Return the file that a path means in the end, or the number of an open descriptor."""
    place = Path(os.path.expanduser(path))
    for _ in range(_MOST_LINKS):
        parent = os.path.realpath(place.parent)
        if parent in ("/dev/fd", f"/proc/{os.getpid()}/fd") and place.name.isdigit():
            return int(place.name)
        place = Path(parent, place.name)
        try:
            place = Path(parent, os.readlink(place))
        except OSError:
            return place
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), os.fspath(path))


def _takes_a_new_file(place: Path) -> bool:
    """Return whether a temporary file can be created beside a file; create a missing folder."""
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        return True
    if place.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(place))
    return place.is_file() and os.access(place.parent, os.W_OK | os.X_OK)


def _rename(aside: Path, place: Path) -> None:
    if place.exists():
        with suppress(OSError):  # not every file system has permissions
            shutil.copymode(place, aside)
    try:
        os.replace(aside, place)
    except OSError as error:
        if error.errno not in (errno.EBUSY, errno.EXDEV):
            raise
        _pour(aside, place)


def _pour(aside: Path, place: Path | int) -> None:
    """Copy a complete file into what is there already."""
    sys.stdout.flush()
    target = os.dup(place) if isinstance(place, int) else place
    with aside.open("rb") as source, open(target, "wb") as sink:
        shutil.copyfileobj(source, sink)
