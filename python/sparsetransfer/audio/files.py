"""Recordings as files: finding them below a folder and telling them apart by content."""

import hashlib
import os
from pathlib import Path

from sparsetransfer._files import existing_file
from sparsetransfer.exceptions import CorpusError

__all__ = ["CONVERTIBLE", "EXTENSIONS", "content_hash", "find_files"]

EXTENSIONS = frozenset(
    {".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".au", ".snd"}
    | {".caf", ".w64", ".rf64", ".sph", ".nist", ".voc"}
)
"""File-name endings (lower case) that are taken for audio."""

CONVERTIBLE = frozenset({".aac", ".avi", ".flv", ".m4a", ".mkv", ".mov", ".mp4", ".webm", ".wma"})
"""Endings of files whose sound can be read once they are converted."""
_BLOCK = 1 << 20


def find_files(root: str | os.PathLike[str]) -> list[Path]:
    """Find the audio files below a folder.

    `root`: folder that is searched with all its sub-folders; links to folders are followed once.
    Returns: absolute paths of the files with an ending in `EXTENSIONS` (any case), sorted. Hidden
    files and folders (leading dot) are left out: archives made on macOS carry a ``._name``
    companion for every recording that is no audio. Raises CorpusError if `root` is not a folder or
    holds no audio file.

    Examples
    --------
    >>> from pathlib import Path
    >>> Path("corpus/speaker").mkdir(parents=True)
    >>> for name in ("corpus/speaker/b.wav", "corpus/a.FLAC", "corpus/notes.txt"):
    ...     Path(name).touch()
    >>> [file.name for file in find_files("corpus")]
    ['a.FLAC', 'b.wav']
    """
    folder = Path(os.path.expanduser(root)).absolute()
    if not folder.is_dir():
        state = "is not a folder" if folder.exists() else "does not exist"
        raise CorpusError(f"root: '{folder}' {state}; expected a folder with audio files")
    found: list[Path] = []
    convertible = 0
    visited: set[str] = set()
    for place, subfolders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in visited:  # a link that points back up would be walked for ever
            subfolders.clear()
            continue
        visited.add(real)
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        for name in names:
            ending = Path(name).suffix.lower()
            if not name.startswith("."):
                convertible += ending in CONVERTIBLE
                if ending in EXTENSIONS:
                    found.append(Path(place, name))
    if not found:
        advice = ""
        if convertible:
            advice = (
                f"; it has {convertible} files with sound in other formats, which are to be "
                "converted first, for example with: ffmpeg -i IN OUT.wav"
            )
        raise CorpusError(f"root: no audio file below '{folder}' (looked for {_endings()}){advice}")
    return sorted(found)


def content_hash(path: str | os.PathLike[str]) -> str:
    """Hash the bytes of a file.

    `path`: file to read. Returns: BLAKE2b digest, 32 hexadecimal digits: equal for equal bytes
    whatever the file's name. Raises CorpusError if the file cannot be read.

    Examples
    --------
    >>> from pathlib import Path
    >>> for name in ("one.wav", "two.wav"):
    ...     _ = Path(name).write_bytes(b"the same recording")
    >>> content_hash("one.wav") == content_hash("two.wav")
    True
    """
    digest = hashlib.blake2b(digest_size=16)
    try:
        with open(existing_file(path), "rb") as stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
    except OSError as error:
        if error.filename is None:
            raise CorpusError(str(error)) from error
        raise CorpusError(f"'{os.fspath(path)}' cannot be read: {error.strerror}") from error
    return digest.hexdigest()


def _endings() -> str:
    return " ".join(sorted(EXTENSIONS))
