"""Download a corpus: resumed after an interruption, compared with a checksum, whole or not at all."""

import hashlib
import logging
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import soundfile

from sparsetransfer._files import ASIDE, existing_file
from sparsetransfer._locks import locked
from sparsetransfer._messages import missing_extra
from sparsetransfer._validation import check_callable
from sparsetransfer.corpora.reader import read
from sparsetransfer.corpora.scheme import Scheme, names, scheme
from sparsetransfer.exceptions import CorpusError

__all__ = ["fetch", "fetchable"]

_TIMEOUT = 30.0
_BLOCK = 1 << 16


def fetchable(name: str) -> Scheme:
    """Return what is known of a corpus that can be fetched, or say which ones can."""
    ready = ", ".join(other for other in names() if scheme(other).archive)
    try:
        facts = scheme(name)
    except CorpusError:
        raise CorpusError(f"no corpus is named {name!r}; what can be fetched: {ready}") from None
    if not facts.archive:
        raise CorpusError(
            f"'{facts.name}' cannot be fetched (only {ready} can); obtain it by hand: {facts.obtain}"
        )
    return facts


def fetch(
    name: str,
    folder: str | os.PathLike[str],
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Download a corpus whose licence allows it.

    Parameters
    ----------
    name : str
        A corpus with an `Scheme.archive`, for example ``"emodb"``.
    folder : path-like
        The folder to make. What of the download is there stays beside it, or in it if it exists and
        is empty, as ``FOLDER.zip.part`` until it is complete, and the next call goes on from there.
    progress : callable, optional
        Called with the bytes that are there and their total, 0 if the server does not tell it.

    Returns
    -------
    Path
        The folder; one that is complete already is checked and left as it is.

    Raises
    ------
    CorpusError
        If no archive of the corpus is known, or the recordings are not the published ones; nothing
        is kept then.
    OSError
        If the archive cannot be downloaded, or `folder` holds something else.

    Notes
    -----
    The checksum is the SHA-256 of names and samples of all recordings. The archive itself has no
    published one, and another archive of the same recordings is as good.

    Examples
    --------
    >>> fetch("urdu", "recordings/urdu")
    Traceback (most recent call last):
    ...
    sparsetransfer.exceptions.CorpusError: 'urdu' cannot be fetched (only emodb can); obtain it by hand: ...
    """
    check_callable(progress, "progress")
    facts = fetchable(name)
    place = Path(os.path.realpath(os.path.expanduser(folder)))
    # An existing folder may be a mount point: it stays, and all happens on its file system.
    home = place if place.is_dir() else place.parent
    part = home / f"{place.name}.zip.part"
    if place.exists() and not (place.is_dir() and {*place.iterdir()} <= {part}):
        if place.is_dir() and _digest(facts, place) == facts.samples_sha256:
            return place
        raise FileExistsError(
            f"'{place}' exists and is not the whole corpus; remove it or choose another folder"
        )
    home.mkdir(parents=True, exist_ok=True)
    with (
        locked(home),
        TemporaryDirectory(prefix=f"{ASIDE}{place.name}-", dir=home) as scratch,
    ):
        unpacked = _unpacked(facts, part, Path(scratch), progress)
        if (found := _digest(facts, unpacked)) != facts.samples_sha256:
            raise CorpusError(
                f"'{facts.archive}' does not hold the published recordings: SHA-256 of their samples "
                f"{found}, expected {facts.samples_sha256}; nothing was kept, try again later"
            )
        if home == place:
            for each in unpacked.iterdir():
                each.rename(place / each.name)
        else:
            unpacked.rename(place)
    return place


def _unpacked(
    facts: Scheme, part: Path, scratch: Path, progress: Callable[[int, int], None] | None
) -> Path:
    """Download and unpack the archive into a folder that goes away."""
    try:
        import pooch
        import requests
    except ModuleNotFoundError as error:
        raise missing_extra("corpora.fetch", "fetch") from error

    pooch.get_logger().setLevel(logging.WARNING)
    try:
        pooch.retrieve(
            facts.archive,
            known_hash=None,
            fname="archive.zip",
            path=scratch,
            downloader=_resuming(part, progress),
            processor=pooch.Unzip(extract_dir="unpacked"),
        )
    except zipfile.BadZipFile as error:
        raise CorpusError(
            f"'{facts.archive}' is no zip archive ({error}); nothing was kept, try again later"
        ) from error
    except requests.RequestException as error:
        there = part.stat().st_size if part.exists() else 0
        kept = f"; {there} bytes are kept, and the next call goes on from there" if there else ""
        raise ConnectionError(
            f"'{facts.archive}' cannot be downloaded: {_reason(error)}; connect to the network and "
            f"run it again, or obtain the corpus by hand: {facts.obtain}{kept}"
        ) from error
    return scratch / "unpacked"


def _resuming(part: Path, progress: Callable[[int, int], None] | None) -> Callable[..., None]:
    """Return a downloader of pooch that goes on where the last one was stopped."""
    import requests

    def download(url: str, output: str, _: Any) -> None:
        there = part.stat().st_size if part.exists() else 0
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={there}-"} if there else {})
        with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as answer:
            if not (there and answer.status_code == requests.codes.range_not_satisfiable):
                answer.raise_for_status()
                resumed = answer.status_code == requests.codes.partial_content
                rest = int(answer.headers.get("Content-Length", 0))
                total = rest + (there if resumed and rest else 0)
                with part.open("ab" if resumed else "wb") as stream:
                    for block in answer.iter_content(_BLOCK):
                        stream.write(block)
                        if progress is not None:
                            progress(stream.tell(), total)
                if part.stat().st_size < total:
                    raise requests.ConnectionError("the server ended it early")
        part.replace(output)

    return download


def _reason(error: BaseException) -> str:
    """Return the innermost reason of a network error, without objects of the library."""
    import requests

    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke off"
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return (getattr(error, "strerror", None) or str(error)).lower()


def _digest(facts: Scheme, folder: Path) -> str:
    """Return the SHA-256 of names and 16-bit samples of all recordings, by name."""
    digest = hashlib.sha256()
    try:
        files = [Path(file) for file in read(facts.name, folder).table["file"]]
        for file in sorted(files, key=lambda file: file.stem.lower()):
            samples, _ = soundfile.read(existing_file(file), dtype="int16")
            digest.update(file.stem.lower().encode() + samples.astype("<i2").tobytes())
    except (CorpusError, OSError, soundfile.SoundFileError) as error:
        return f"none ({error})"
    return digest.hexdigest()
