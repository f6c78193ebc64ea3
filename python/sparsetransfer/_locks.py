"""A lock on a folder against a second process; the system drops it with the process that held it."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from sparsetransfer._interrupts import held_back

__all__ = ["LOCK", "locked", "marked", "remove_abandoned"]

LOCK = ".sparsetransfer-lock"
"""The file that is locked. It is removed in the end; one that a killed process left is free."""

_held: dict[Path, int] = {}
"""Folders that this process has locked, and how often."""

_HOLDER = "process "
"""How the text in a lock begins."""

_UNSUPPORTED = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock a folder against other processes while the block runs.

    `folder`: a folder that exists, with links followed. This process may lock it several times.
    Raises BlockingIOError if another process has locked it; the message says which. Raises
    FileExistsError if something that is no lock of this package has its name; it is left as it is.
    """
    if folder in _held:
        _held[folder] += 1
        try:
            yield
        finally:
            _held[folder] -= 1
        return
    stream = _open_locked(folder)
    _held[folder] = 1
    try:
        stream.seek(0)
        stream.truncate()
        stream.write(
            f"{_HOLDER}{os.getpid()} on {socket.gethostname()} since "
            f"{time.strftime('%Y-%m-%d %H:%M:%S')}"
        )
        stream.flush()
        yield
    finally:
        with held_back():
            del _held[folder]
            # While it is still locked, so that nobody locks a file that is about to go. Windows
            # removes no open file: there an empty race is left to the next process.
            if sys.platform != "win32":
                (folder / LOCK).unlink(missing_ok=True)
            stream.close()
            if sys.platform == "win32":
                with suppress(OSError):
                    (folder / LOCK).unlink(missing_ok=True)


@contextmanager
def marked(folder: Path) -> Iterator[None]:
    """Create a folder, marked as that of a process that runs until the block or the process ends.

    `folder`: the folder, which gets a locked file. Only its owner may read it.
    """
    while True:
        folder.mkdir(mode=0o700, exist_ok=True)
        try:
            stream = _open(folder / LOCK)
        except FileNotFoundError:  # another process found it empty and removed it
            continue
        if _lock(stream.fileno()) is not False and _is_at(stream, folder / LOCK):
            break
        stream.close()  # another process is just removing it
    with stream:
        yield


def remove_abandoned(folder: Path) -> None:
    """Remove a folder that was `marked` by a process that ended before it could.

    `folder`: a folder that this process has not marked. It stays where the end of its process
    cannot be known, as on file systems without locks.
    """
    with suppress(OSError):
        folder.rmdir()  # its process was killed before it could mark it
        return
    with suppress(OSError), _open(folder / LOCK, create=False) as stream:
        if _lock(stream.fileno()) is True:
            shutil.rmtree(folder, ignore_errors=True)


def _open_locked(folder: Path) -> IO[str]:
    path = folder / LOCK
    while True:
        stream = _open(path)
        if _lock(stream.fileno()) is False:
            holder = stream.read().strip() or "another process"
            stream.close()
            raise BlockingIOError(
                f"'{folder}' is being written by {holder}; wait for its end, stop it, or choose "
                "another folder"
            )
        # The one that held it may have removed the file meanwhile.
        if _is_at(stream, path):
            text = stream.read()
            if text and not text.startswith(_HOLDER):
                stream.close()
                raise _strange(path)
            return stream
        stream.close()


def _open(path: Path, *, create: bool = True) -> IO[str]:
    """Open a lock from its beginning, as it is; refuse what could be a file of the user."""
    flags = os.O_RDWR | (os.O_CREAT if create else 0)
    for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC"):
        flags |= getattr(os, name, 0)
    try:
        descriptor = os.open(path, flags, 0o666)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EISDIR, errno.ENXIO):
            raise _strange(path) from error
        raise
    about = os.fstat(descriptor)
    if not stat.S_ISREG(about.st_mode) or about.st_nlink > 1:
        os.close(descriptor)
        raise _strange(path)
    return os.fdopen(descriptor, "r+", encoding="utf-8", errors="replace")


def _strange(path: Path) -> FileExistsError:
    return FileExistsError(
        f"'{path}' is no lock of sparsetransfer; remove it, or choose another folder"
    )


def _is_at(stream: IO[str], path: Path) -> bool:
    """Return whether an open file still has its name."""
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(stream.fileno()), path.stat())
    return False


def _lock(descriptor: int) -> bool | None:
    """Lock an open file; false if another process has, None on a file system without locks."""
    try:
        if sys.platform == "win32":
            import msvcrt

            # Beyond the text, which others must be able to read.
            os.lseek(descriptor, 1 << 20, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            # Not flock: a forked worker would inherit that, and keep it when its parent is killed.
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return None if error.errno in _UNSUPPORTED else False
    return True
