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

__all__ = ["LOCK", "locked"]

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


def _open_locked(folder: Path) -> IO[str]:
    path = folder / LOCK
    while True:
        stream = path.open("a+", encoding="utf-8")
        if not _lock(stream.fileno()):
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


def _lock(descriptor: int) -> bool:
    """Lock an open file; false if another process has. File systems without locks let all pass."""
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
        return error.errno in _UNSUPPORTED
    return True
