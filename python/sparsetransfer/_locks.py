"""A lock on a folder against a second process; the system drops it with the process that held it."""

from __future__ import annotations

import errno
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

__all__ = ["LOCK", "is_abandoned", "locked", "marked"]

LOCK = ".sparsetransfer-lock"
"""The file that is locked. It is removed in the end; one that a killed process left is free."""

_held: dict[Path, int] = {}
"""Folders that this process has locked, and how often."""

_UNSUPPORTED = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes out of a folder while the block runs.

    Parameters
    ----------
    folder : Path
        A folder that exists, with links followed. This process may lock it several times.

    Raises
    ------
    BlockingIOError
        If another process has locked it; the message says which.
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
        stream.truncate(0)
        stream.write(
            f"process {os.getpid()} on {socket.gethostname()} since "
            f"{time.strftime('%Y-%m-%d %H:%M:%S')}"
        )
        stream.flush()
        yield
    finally:
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
    """Mark a new folder as that of a process that runs, until the block or the process ends.

    Parameters
    ----------
    folder : Path
        The folder, which gets a locked file.
    """
    with (folder / LOCK).open("a+", encoding="utf-8") as stream:
        _lock(stream.fileno())
        yield


def is_abandoned(folder: Path) -> bool:
    """Return whether a folder was `marked` by a process that ended before it removed the folder.

    Parameters
    ----------
    folder : Path
        A folder that this process has not marked.

    Returns
    -------
    bool
        False where that cannot be known, as on file systems without locks.
    """
    try:
        with (folder / LOCK).open("r+", encoding="utf-8") as stream:
            return _lock(stream.fileno()) is True
    except OSError:
        return False


def _open_locked(folder: Path) -> IO[str]:
    path = folder / LOCK
    while True:
        stream = path.open("a+", encoding="utf-8")
        if _lock(stream.fileno()) is False:
            stream.seek(0)
            holder = stream.read().strip() or "another process"
            stream.close()
            raise BlockingIOError(
                f"'{folder}' is being written by {holder}; wait for its end, stop it, or choose "
                "another folder"
            )
        # The one that held it may have removed the file meanwhile.
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(stream.fileno()), path.stat()):
                return stream
        stream.close()


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
