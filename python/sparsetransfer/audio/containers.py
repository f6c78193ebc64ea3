"""What audio containers state about their length, and whether the file agrees."""

import math
import os
import re
from pathlib import Path
from typing import BinaryIO, Literal

__all__ = [
    "contradiction",
    "exact_end",
    "flac_without_length",
    "mp3_frames",
    "ogg_streams",
    "overstated",
    "strange_rest",
    "understated",
]

_STATED = re.compile(
    r"^\s*(?:data|SSND|Data Size|riff)\s*: (\d+) \(should be (\d+)\)", re.MULTILINE
)
_STATED_FRAMES = re.compile(r"Calculated frame count (\d+) does not match .*chunk of (\d+)")
_FORMAT = re.compile(
    r"^  (Channels|Sample Rate|Block Align|Bit Width|Bytes/sec) +: (\d+)", re.MULTILINE
)
_AU = re.compile(r"Data Offset : (\d+)\n\s*Data Size\s*: (\d+)$", re.MULTILINE)
_STRANGE = re.compile(r"Unknown chunk marker \(.*\) at position (\d+)\. Exiting parser")
_TAGS = (b"ID3", b"TAG", b"APETAGEX")
_SPHERE_HEADER = 1 << 16  # bytes that hold the fields at most
_VOC_SOUND = (b"\1", b"\2", b"\3", b"\x09")  # samples, their continuation, silence
_VOC_OTHER = (b"\4", b"\5", b"\6", b"\7", b"\x08")  # marks, texts, loops and formats
_UNSTATED = (1 << 32) - 1  # a size of 32 bits that stands in the chunk ds64
_TRAILER = 4096  # bytes after the samples that may be anything

# Encoders that write into a pipe cannot go back to the header; they state about 2 or 4 GiB.
_PLACEHOLDERS = (1 << 31, 1 << 32)
_BELOW_PLACEHOLDER = 4096

_BITRATES = {  # kbit/s of layer III, for MPEG 1 and for MPEG 2 and 2.5
    True: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    False: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
_FLAC = b"fLaC\0\0\0\x22"
_FLAC_LENGTH = 21  # position of the byte whose lower half begins the number of frames
_FAR = 1 << 48  # bytes, behind the end of every file
_RESYNC = 1 << 16  # bytes that are searched for the first frame


def overstated(log: str, path: Path) -> str:
    """Compare the length in a header of PCM data with the size of the file.

    Return what is missing by the header that libsndfile logged in `log`; the empty string if
    nothing is, or if the header states no length.
    """
    size = path.stat().st_size
    # Some recorders state the size of the file as that of the samples, in a file that is whole.
    whole = re.search(r"^RIFF\s*: \d+$", log, re.MULTILINE) is not None
    for stated, present in (map(int, pair) for pair in _STATED.findall(log)):
        open_ended = any(end - _BELOW_PLACEHOLDER <= stated <= end for end in _PLACEHOLDERS)
        if stated > present and not open_ended and not (whole and stated in (size, size - 8)):
            return f"{present} of {stated} bytes of samples are there"
    if match := _STATED_FRAMES.search(log):
        present, stated = int(match[1]), int(match[2])
        if present < stated:
            return f"{present} of {stated} frames are there"
    if "Seems to be a truncated file" in log:
        return "it is shorter than its header states"
    with open(path, "rb") as file:
        magic = file.read(8)
        if magic.startswith(b"NIST_1A"):
            end = _end_of_sphere(file)
        elif magic.startswith(b"caff"):
            end = _end_of_caf(file)
        else:
            return ""
    return f"{size} of {end} bytes are there" if size < end else ""


def contradiction(log: str) -> str:
    """Compare the size of a frame by the fields of a WAV header of PCM data.

    Return how they differ by the header that libsndfile logged in `log`: the empty string if the
    channels and bits agree with one of the other fields at least.
    """
    fields = {name: int(number) for name, number in _FORMAT.findall(log)}
    if len(fields) < 5:
        return ""
    by_bits = fields["Channels"] * -(-fields["Bit Width"] // 8)
    align = fields["Block Align"]
    if align == by_bits or align * fields["Sample Rate"] != fields["Bytes/sec"]:
        return ""
    return (
        f"its header contradicts itself: frames of {align} bytes, or of {by_bits} by their channels "
        "and bits"
    )


def _end_of_sphere(file: BinaryIO) -> int:
    """Return where the samples of a NIST SPHERE file end by its header; 0 where it is unknown."""
    file.seek(0)
    text = file.read(_SPHERE_HEADER).decode("ascii", errors="replace")
    head = text.split("end_head")[0]
    # libsndfile writes the size of companded samples as a text: -s1 1.
    fields = dict(re.findall(r"^(\w+) -(?:i|s\d+) (\d+)\s*$", head, re.MULTILINE))
    by_default = {"sample_count": 0, "channel_count": 1, "sample_n_bytes": 1}
    n_bytes = math.prod(int(fields.get(name, value)) for name, value in by_default.items())
    return int(text.split("\n")[1]) + n_bytes if n_bytes else 0


def _end_of_caf(file: BinaryIO) -> int:
    """Return where the samples of a CAF file end by its header; 0 where it is unknown."""
    while len(header := file.read(12)) == 12:
        size = int.from_bytes(header[4:], "big", signed=True)
        if header[:4] == b"data":
            return file.tell() + min(size, _FAR) if size > 0 else 0
        file.seek(min(max(size, 0), _FAR), os.SEEK_CUR)
    return 0


def understated(log: str, path: Path) -> str:
    """Find samples behind the end by a header of PCM data, as unfinished recordings have them.

    Return what is left over by the header that libsndfile logged in `log`; the empty string if
    nothing is, or only tags and padding.
    """
    match = _STRANGE.search(log)
    with open(path, "rb") as file:
        end = sum(map(int, match.groups())) if match else _end_of_samples(file)
        if end == 0:
            return ""
    return strange_rest(path, end)


def strange_rest(path: Path, end: int) -> str:
    """Return what lies behind the end of the samples; empty for tags and padding."""
    with open(path, "rb") as file:
        file.seek(end)
        rest = file.read()
    if len(rest) <= _TRAILER or rest.startswith(_TAGS) or not any(rest):
        return ""
    return f"{len(rest)} bytes lie behind the end that its header states"


def exact_end(path: Path, kind: str, log: str) -> int:
    """Find where the samples end of a NIST, W64, VOC or AU file, which libsndfile reads to its end.

    Return the position behind the last sample by the header; 0 where the header does not state it,
    -1 where other sound follows, which libsndfile would take for the same block.
    """
    if kind == "AU":
        return sum(map(int, match.groups())) if (match := _AU.search(log)) else 0
    with open(path, "rb") as file:
        if kind == "NIST":
            return _end_of_sphere(file)
        return _end_of_w64(file) if kind == "W64" else _end_of_voc(file)


def _end_of_w64(file: BinaryIO) -> int:
    """Return where the chunk of the samples ends; 0 without one."""
    file.seek(40)
    while len(header := file.read(24)) == 24:
        size = int.from_bytes(header[16:], "little")  # with this header
        if header[:4] == b"data":
            return file.tell() - 24 + min(size, _FAR)
        file.seek(min(max(size - 24, 0) + -size % 8, _FAR), os.SEEK_CUR)
    return 0


def _end_of_voc(file: BinaryIO) -> int:
    """Return where the only block of sound ends; -1 if it is not the only one."""
    file.seek(20)
    file.seek(int.from_bytes(file.read(2), "little"))
    end = 0
    while (kind := file.read(1)) not in (b"", b"\0"):
        size = int.from_bytes(file.read(3), "little")
        if kind in _VOC_SOUND:
            if end:
                return -1
            # libsndfile wants the terminator, one byte, behind a block of the old kind.
            end = file.tell() + size + (kind == b"\1")
        elif kind not in _VOC_OTHER:
            break
        file.seek(size, os.SEEK_CUR)
    return end


def _end_of_samples(file: BinaryIO) -> int:
    """Return where no chunk follows the samples of an AIFF, RF64 or CAF file; 0 if one does."""
    magic = file.read(12)
    n_bytes = 4
    order: Literal["big", "little"] = "little" if magic.startswith(b"R") else "big"
    if magic.startswith(b"caff"):
        file.seek(8)
        end, n_bytes = _end_of_caf(file), 8
    elif magic[:4] == b"FORM" and magic[8:11] == b"AIF":
        end = _end_of_chunk(file, b"SSND", order)
    elif magic.startswith((b"RF64", b"RIFF")):
        end = _end_of_chunk(file, b"data", order)
    else:
        return 0
    file.seek(end)
    head = file.read(4 + n_bytes)
    size = int.from_bytes(head[4:], order)
    is_chunk = head[:4].isascii() and head[:4].decode("ascii").isprintable()
    return 0 if is_chunk and size <= os.fstat(file.fileno()).st_size - end else end


def _end_of_chunk(file: BinaryIO, name: bytes, order: Literal["big", "little"]) -> int:
    """Return where a chunk of an AIFF or RF64 file ends, with its padding; 0 without the chunk."""
    file.seek(12)
    long_size = 0
    while len(header := file.read(8)) == 8:
        size = int.from_bytes(header[4:], order)
        if header[:4] == b"ds64":
            long_size = int.from_bytes(file.read(16)[8:], order)
            size -= 16
        elif header[:4] == name:
            size = long_size if long_size and size == _UNSTATED else size
            return file.tell() + size + size % 2
        file.seek(size + size % 2, os.SEEK_CUR)
    return 0


def flac_without_length(data: bytes) -> tuple[int, bytes, bool]:
    """Remove the number of frames from the header of a FLAC file.

    `data`: the file's content. Returns `start`: position of the stream, behind the tags. `stream`:
    the stream as an encoder writes it into a pipe; empty if there is no such header. `joined`:
    whether the header of another stream follows, as in files that were put together.
    """
    start = _behind_id3(data)
    if data[start : start + len(_FLAC)] != _FLAC:
        return 0, b"", False
    field = start + _FLAC_LENGTH
    stream = data[start:field] + bytes([data[field] & 0xF0]) + bytes(4) + data[field + 5 :]
    return start, stream, data.find(_FLAC, field) >= 0


def ogg_streams(data: bytes) -> tuple[list[tuple[int, int]], str]:
    """Split an Ogg file, which begins with a page, into its chained streams.

    Return the first byte of every stream and the byte after its last, and what is missing at the
    end of a stream: the empty string if nothing is.
    """
    starts = [0]
    shortage = ""
    position, open_streams, opening = 0, set[bytes](), True
    while data[position : position + 4] == b"OggS":
        n_segments = data[position + 26] if position + 27 <= len(data) else 0
        table = data[position + 27 : position + 27 + n_segments]
        end = position + 27 + n_segments + sum(table)
        if end > len(data) or len(table) < n_segments:
            shortage = "its last page is incomplete"
            break
        flags, serial = data[position + 5], data[position + 14 : position + 18]
        if flags & 2 and not opening:  # begin of stream after other pages: a link of a chain
            shortage = shortage or _without_end(open_streams)
            open_streams.clear()
            starts.append(position)
        opening = bool(flags & 2)
        if opening:
            open_streams.add(serial)
        if flags & 4:
            open_streams.discard(serial)
        position = end
    else:
        rest = data[position:]
        if rest and b"OggS".startswith(rest[:4]):
            shortage = "its last page is incomplete"
        elif b"OggS\0" in rest:
            shortage = "a page is damaged"
    shortage = shortage or _without_end(open_streams)
    return list(zip(starts, [*starts[1:], len(data)], strict=True)), shortage


def _without_end(open_streams: set[bytes]) -> str:
    return "no page is marked as the end of the stream" if open_streams else ""


def mp3_frames(data: bytes) -> tuple[int | None, int, int, int, bool]:
    """Compare the number of frames in the first frame's Xing or Info tag with the frames there are.

    `data`: the file's content. Returns `stated`: frames by the tag; None where no tag states them.
    `found`: complete frames, without that of the tag. `first`, `end`: position of the first frame
    with sound, and behind the last without zeros that follow it. `cut`: whether a frame begins
    there that is not complete.
    """
    position = start = _behind_id3(data)
    while (length := _frame_length(data, position)) == 0 or (
        position + length + 4 <= len(data) and not _frame_length(data, position + length)
    ):
        position = data.find(b"\xff", position + 1, start + _RESYNC)
        if position < 0:
            return None, 0, start, len(data), False
    mpeg1, mono = (data[position + 1] >> 3) & 3 == 3, data[position + 3] >> 6 == 3
    side = (17 if mono else 32) if mpeg1 else (9 if mono else 17)
    tag = position + 4 + side
    stated: int | None = None
    if data[tag : tag + 4] in (b"Xing", b"Info") and data[tag + 7] & 1:
        stated = int.from_bytes(data[tag + 8 : tag + 12], "big")
        position += length
    first, found = position, 0
    while (length := _frame_length(data, position)) and position + length <= len(data):
        position += length
        found += 1
    rest = data[position:]
    # Less than a header is compared with that of the first frame.
    cut = bool(length) or (0 < len(rest) < 4 and data[first : first + len(rest)] == rest)
    return stated, found, first, len(data) if any(rest) else position, cut


def _behind_id3(data: bytes) -> int:
    """Return where the ID3v2 tags at the beginning end."""
    position = 0
    while data[position : position + 3] == b"ID3" and position + 10 <= len(data):
        size = 0
        for byte in data[position + 6 : position + 10]:
            size = size << 7 | byte & 0x7F
        position += 10 + size + (10 if data[position + 5] & 0x10 else 0)
    return position


def _frame_length(data: bytes, position: int) -> int:
    """Return the bytes of the frame of layer III at a position, 0 if there is none."""
    head = data[position : position + 4]
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:
        return 0
    version, padding = (head[1] >> 3) & 3, (head[2] >> 1) & 1
    bitrate, rate = head[2] >> 4, (head[2] >> 2) & 3
    if version == 1 or bitrate in (0, 15) or rate == 3:
        return 0
    mpeg1 = version == 3
    return (144 if mpeg1 else 72) * 1000 * _BITRATES[mpeg1][bitrate] // _RATES[version][
        rate
    ] + padding
