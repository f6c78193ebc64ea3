"""Files that are complete or absent."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["replacing", "write_text"]


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
