"""A recording that is decoded to its end, whatever its header states of its length."""

import contextlib
import functools
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from sparsetransfer._files import existing_file
from sparsetransfer.audio import containers
from sparsetransfer.exceptions import CorpusError

if TYPE_CHECKING:
    import soundfile

__all__ = ["Recording", "duration", "open_recording"]

_BLOCK = 1 << 18  # samples of all channels per read: no allocation follows a header
_LEAD = 1 << 15  # frames decoded before a part: those of MP3 depend on some before them
_RATES = (1000, 1_000_000)  # Hz; outside of them a header is damaged
_CHECKED = ("WAV", "WAVEX", "AU", "AIFF", "RF64", "CAF", "W64", "NIST", "VOC", "HTK")
"""Formats beside Ogg, MP3 and FLAC of which a part is known from the whole."""
_UNKNOWN_LENGTH = 1 << 48  # libsndfile reports a huge count for streams of unstated length


@dataclass(frozen=True)
class _Layout:
    """How a file has to be read: which bytes are streams of their own, if not all are one."""

    shortage: str = ""
    parts: tuple[tuple[int, int], ...] = ()
    open_ended: bool = False


@dataclass(frozen=True)
class Recording:
    """An open recording.

    `name`: path of the file. `sample_rate`: rate in Hz. `n_frames`: samples per channel; None where
    only decoding can tell.
    """

    name: str
    sample_rate: int
    n_frames: int | None
    _streams: tuple["soundfile.SoundFile", ...]

    def blocks(self, first: int = 0, last: int | None = None) -> Iterator[NDArray[np.float32]]:
        """Decode the frames of a part.

        `first`: first frame. `last`: frame after the last one; the end of the recording by default.
        Yields (n_frames, n_channels): frames in their order; fewer than asked for only if the
        recording ends before `last`. Raises CorpusError if the file ends before the recording does,
        or holds NaN or infinite samples.
        """
        position = 0
        for stream in self._streams:
            if self.n_frames is not None and position + int(stream.frames) <= first:
                position += int(stream.frames)
                continue
            if position + _LEAD < first:
                position += self._seek(stream, first - position - _LEAD)
            size = max(1, _BLOCK // stream.channels)
            while last is None or position < last:
                block = self._read(stream, self._at_most(stream, size, position), position)
                if not len(block):
                    break
                begin, position = position, position + len(block)
                block = block[max(first - begin, 0) : None if last is None else last - begin]
                if len(block):
                    if not np.isfinite(block).all():
                        raise CorpusError(f"'{self.name}' holds NaN or infinite samples")
                    yield block
        if self.n_frames is not None and position < min(last or self.n_frames, self.n_frames):
            raise self._cut(position)

    def duration(self) -> float:
        """Return the length, decoded where the header cannot be relied on.

        Returns: seconds, > 0. Raises CorpusError if there are no samples, or as for `blocks`.
        """
        n_frames = self.n_frames
        if n_frames is None:
            n_frames = sum(len(block) for block in self.blocks())
        elif n_frames:  # the last frame is there
            for _ in self.blocks(n_frames - 1):
                pass
        if n_frames == 0:
            raise CorpusError(f"'{self.name}' holds no samples")
        return n_frames / self.sample_rate

    def _seek(self, stream: "soundfile.SoundFile", frame: int) -> int:
        """Go to a frame; behind the end of a stream of unknown length nothing is left to read."""
        import soundfile

        if not soundfile.SoundFile.seekable(stream):
            return 0
        try:
            return int(stream.seek(frame))
        except (soundfile.LibsndfileError, RuntimeError) as error:
            if self.n_frames is None:
                return frame
            raise self._cut(frame) from error

    def _at_most(self, stream: "soundfile.SoundFile", size: int, position: int) -> int:
        """Do not read on behind a FLAC stream, whose decoder takes tags there for damage."""
        if stream.format != "FLAC" or self.n_frames is None:
            return size
        return min(size, self.n_frames - position)

    def _read(self, stream: "soundfile.SoundFile", size: int, position: int) -> NDArray[np.float32]:
        import soundfile

        try:
            block = stream.read(size, dtype="float32", always_2d=True)
        except (soundfile.LibsndfileError, RuntimeError, OSError) as error:
            raise self._cut(position) from error
        return np.asarray(block)

    def _cut(self, position: int) -> CorpusError:
        of = "" if self.n_frames is None else f" of {self.n_frames}"
        return CorpusError(
            f"'{self.name}' is truncated or damaged: decoding ends after {position}{of} frames"
        )


@contextlib.contextmanager
def open_recording(path: str | os.PathLike[str]) -> Iterator[Recording]:
    """Open a recording for decoding; chained Ogg streams are one.

    Raises CorpusError if the path is missing or no regular file, or the file is not audio,
    truncated, or of a sample rate that no recording has. The message names the file and the remedy.
    """
    name = os.fspath(path)
    try:
        about = existing_file(name).stat()
        layout = _layout(name, about.st_size, about.st_mtime_ns)
    except OSError as error:
        why = f"'{name}' cannot be read: {error.strerror}" if error.strerror else str(error)
        raise CorpusError(why) from error
    if layout.shortage:
        raise CorpusError(f"'{name}' is truncated or damaged: {layout.shortage}")
    with contextlib.ExitStack() as stack:
        streams = tuple(
            stack.enter_context(_opened(name, source)) for source in _sources(name, layout)
        )
        rates = {int(stream.samplerate) for stream in streams}
        if len(rates) > 1:
            raise CorpusError(f"'{name}' chains streams of several sample rates: {sorted(rates)}")
        rate = rates.pop()
        if not _RATES[0] <= rate <= _RATES[1]:
            raise CorpusError(
                f"'{name}' is damaged: its header states {rate} Hz, expected "
                f"{_RATES[0]} to {_RATES[1]} Hz"
            )
        n_frames = sum(int(stream.frames) for stream in streams)
        known = n_frames < _UNKNOWN_LENGTH and not layout.open_ended
        yield Recording(name, rate, n_frames if known else None, streams)


def duration(path: str | os.PathLike[str]) -> float:
    """Return the length of a recording; it is decoded where its header cannot be relied on.

    Parameters
    ----------
    path : path-like
        Audio file.

    Returns
    -------
    float
        Seconds, > 0.

    Raises
    ------
    CorpusError
        As for `open_recording`, and if the file holds no samples.

    Examples
    --------
    >>> import numpy as np
    >>> import soundfile
    >>> soundfile.write("half.wav", np.zeros(8000), 16000)
    >>> duration("half.wav")
    0.5
    """
    with open_recording(path) as recording:
        return recording.duration()


@functools.lru_cache(maxsize=64)
def _layout(name: str, size: int, changed: int) -> _Layout:
    """Find out how a file has to be read; windows of one file ask again and again."""
    with open(name, "rb") as file:
        is_ogg = file.read(4) == b"OggS"
    if is_ogg:
        parts, shortage = containers.ogg_streams(Path(name).read_bytes())
        return _Layout(shortage, tuple(parts) if len(parts) > 1 else ())
    with _opened(name, name) as stream:
        kind, log, n_frames = stream.format, stream.extra_info, stream.frames
        is_plain = stream.subtype.startswith(("PCM", "FLOAT", "DOUBLE"))
    if kind == "MP3":
        stated, found, first, end, cut = containers.mp3_frames(Path(name).read_bytes())
        # Some encoders count the frame of the tag. Files without many of their frames are left to
        # libsndfile, which misses them.
        if stated is None or found > stated or found == stated - 1:
            if cut:
                return _Layout("its last frame is incomplete; if that is all, convert it by ffmpeg")
            return _Layout(parts=((first, end),), open_ended=True)
        return _Layout()
    if kind == "FLAC":
        return _flac_layout(name, n_frames)
    if kind not in _CHECKED:
        raise CorpusError(
            f"'{name}' is a file of format {kind}, whose completeness cannot be checked; "
            "convert it first, for example with: ffmpeg -i IN OUT.flac"
        )
    shortage = containers.contradiction(log) if is_plain else ""
    shortage = shortage or containers.overstated(log, Path(name))
    if kind in ("NIST", "W64", "VOC", "AU") and not shortage:
        end = containers.exact_end(Path(name), kind, log)
        if end < 0:
            return _Layout("it has several blocks of sound; convert it with another program first")
        if end > size:
            return _Layout(f"{size} of {end} bytes are there")
        if 0 < end < size:
            strange = containers.strange_rest(Path(name), end)
            return _Layout(strange) if strange else _Layout(parts=((0, end),))
    if not shortage and kind in ("WAV", "WAVEX", "AIFF", "RF64", "CAF"):
        shortage = containers.understated(log, Path(name))
        if shortage and not n_frames:
            shortage = "its header states no samples: the recording was not finished"
    return _Layout(shortage)


def _flac_layout(name: str, n_frames: int) -> _Layout:
    """Skip a tag before a FLAC stream, which breaks seeking, and find frames beyond the stated length."""
    content = Path(name).read_bytes()
    start, stream, joined = containers.flac_without_length(content)
    parts = ((start, len(content)),) if start else ()
    if joined:
        return _Layout("another FLAC stream follows; decode and join them first")
    if not stream or n_frames >= _UNKNOWN_LENGTH:
        return _Layout(parts=parts)
    import soundfile

    with _opened(name, io.BytesIO(stream)) as decoder:
        try:
            decoder.seek(n_frames)
            longer = len(decoder.read(1)) > 0
        except (soundfile.LibsndfileError, RuntimeError):
            longer = False
    return _Layout("it goes on behind the end that its header states" if longer else "", parts)


def _sources(name: str, layout: _Layout) -> Iterator[Any]:
    """Yield the file, or each of its chained streams, as libsndfile can open it."""
    if not layout.parts:
        yield name
        return
    data = Path(name).read_bytes()
    for start, end in layout.parts:
        part = data[start:end]
        yield _OpenEnded(part) if layout.open_ended else io.BytesIO(part)


@contextlib.contextmanager
def _opened(name: str, source: Any) -> Iterator["soundfile.SoundFile"]:
    """Open a stream that is read to its end, not to the number of frames in its header."""
    import soundfile

    class Sequential(soundfile.SoundFile):  # type: ignore[misc]
        # soundfile cuts reads of seekable files at the header's number of frames, and seeks after
        # every one, which fails in FLAC streams of unstated length.
        def seekable(self) -> Literal[False]:
            return False

    with contextlib.ExitStack() as stack:
        if isinstance(source, str) and not source.lower().endswith(".mp3"):
            # Without its name, by whose ending what has no header would be read as raw samples.
            # Frames of MP3 behind something else are found for that ending only.
            source = stack.enter_context(open(source, "rb", buffering=0)).fileno()
        try:
            stream = Sequential(source, closefd=False)
        except (soundfile.LibsndfileError, RuntimeError, OSError) as error:
            raise CorpusError(f"'{name}' {_reason(name, error)}") from error
        yield stack.enter_context(stream)


def _reason(name: str, error: Exception) -> str:
    """Return why a file cannot be decoded, with the remedy if there is one."""
    with open(name, "rb") as file:
        head = file.read(12)
    if not head:
        return "is empty"
    if head[4:8] == b"ftyp":
        return (
            "is an MP4 file (m4a, AAC), which libsndfile does not read; convert it first, for "
            "example with: ffmpeg -i IN OUT.flac"
        )
    text = getattr(error, "error_string", str(error))
    if "malformed" in text or "does not exist" in text:  # so libmpg123 calls what has no frame
        return f"is truncated or damaged: {text}"
    return f"cannot be read as audio: {text}"


class _OpenEnded(io.RawIOBase):
    """Bytes that claim to go on, read as a file.

    Without a tag, libmpg123 estimates the number of frames by the size of the file and the bit
    rate of its first frame, and libsndfile stops there. Of a file that seems to be much longer it
    reads what there is.
    """

    _FACTOR = 64  # more than the highest bit rate over the lowest
    _TAIL = 128  # an ID3v1 tag, which is looked for at the end

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self._content = content
        self._position = 0
        self._size = self._FACTOR * len(content) + _BLOCK

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = origin + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        content = self._content[self._position : self._position + len(buffer)]
        if self._position >= self._size - self._TAIL:
            content = bytes(min(len(buffer), self._size - self._position))
        buffer[: len(content)] = content
        self._position += len(content)
        return len(content)
