"""A recording is decoded whole or refused as truncated, whatever its header states."""

import errno
import io
import os
import re
import socket
import struct
import tracemalloc

import numpy as np
import pytest
import soundfile

from sparsetransfer import audio
from sparsetransfer.audio import recording
from sparsetransfer.audio.files import content_hash
from sparsetransfer.audio.level import levels
from sparsetransfer.exceptions import CorpusError

RATE = 48000
SECONDS = 2.0
NOISE = 0.1 * np.random.default_rng(0).standard_normal(round(RATE * SECONDS))
QUIET = 0.003 * np.sin(np.arange(round(RATE * SECONDS)) / 30)
FORMATS = {
    "wav": ("WAV", None),
    "wavex": ("WAVEX", "FLOAT"),
    "rf64": ("RF64", None),
    "w64": ("W64", None),
    "aiff": ("AIFF", None),
    "au": ("AU", None),
    "caf": ("CAF", None),
    "sph": ("NIST", None),
    "voc": ("VOC", None),
    "flac": ("FLAC", None),
    "ogg": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
    "mp3": ("MP3", None),
}


def encoded(kind, signal=NOISE, rate=RATE, **options):
    container, subtype = FORMATS[kind]
    file = io.BytesIO()
    soundfile.write(file, signal, rate, format=container, subtype=subtype, **options)
    return file.getvalue()


def without_tag(mp3):
    """Remove the first frame of an MP3 file, which states the number of frames."""
    return mp3[mp3.index(mp3[:2], 4) :]


def without_length(flac):
    """Set the number of samples of a FLAC file to "unknown", as encoders into a pipe do."""
    return flac[:21] + bytes([flac[21] & 0xF0]) + bytes(4) + flac[26:]


def id3(size):
    """Return an ID3v2 tag with a picture of that size, full of false frame headers."""
    size -= size % 4
    digits = bytes((size >> shift) & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x03\x00\x00" + digits + b"\xff\xfb\x90\x00" * (size // 4)


def seconds(path):
    signal = audio.load(path, sample_rate=RATE)
    assert audio.duration(path) == pytest.approx(signal.size / RATE, abs=1e-6)
    return signal.size / RATE


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("kept", [0.1, 0.3, 0.5, 0.9, -1000, -44, -36, -24, -16, -3])
def test_part_of_a_file_is_refused(tmp_path, kind, kept):
    name = tmp_path / f"a.{kind}"
    content = encoded(kind)
    name.write_bytes(content)
    assert seconds(name) == pytest.approx(SECONDS, abs=0.03)
    name.write_bytes(content[: round(len(content) * kept) if kept > 0 else kept])
    for read in (audio.load, levels):
        with pytest.raises(CorpusError, match=rf"a\.{kind}' is truncated"):
            read(name)


@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE", "AVERAGE"])
@pytest.mark.parametrize("signal", [np.r_[NOISE, QUIET], np.r_[QUIET, NOISE]], ids=["loud", "soft"])
@pytest.mark.parametrize("rate", [48000, 44100, 22050, 16000, 8000])
def test_mp3_without_a_length(tmp_path, mode, signal, rate):
    whole = encoded("mp3", signal, rate, bitrate_mode=mode, compression_level=0.5)
    name = tmp_path / "a.mp3"
    name.write_bytes(id3(100_000) + without_tag(whole) + b"TAG" + b" " * 125)
    found = audio.load(name, sample_rate=rate)
    assert len(signal) <= found.size <= len(signal) + 3 * 1152
    # with its tag, the same stream is the same signal without the delay of encoder and decoder
    (tmp_path / "b.mp3").write_bytes(whole)
    tagged = audio.load(tmp_path / "b.mp3", sample_rate=rate)
    loud = int(np.argmax(np.abs(signal) > 0.1)) + 5000
    probe = np.correlate(found[loud : loud + 6000], tagged[loud : loud + 2000], "valid")
    delay = int(np.argmax(probe))
    np.testing.assert_allclose(found[delay : delay + tagged.size], tagged, atol=1e-3)
    cut = audio.load(name, sample_rate=rate, start=1.0, end=1.5)
    np.testing.assert_allclose(cut, found[rate : rate + rate // 2], atol=1e-5)
    tail = audio.load(tmp_path / "b.mp3", sample_rate=rate, start=3.0, end=3.5)
    np.testing.assert_allclose(tail, tagged[3 * rate : 3 * rate + rate // 2], atol=1e-5)
    for start, end in ((30.0, None), (30.0, 31.0), (1.0, 31.0)):
        with pytest.raises(CorpusError, match=rf"outside the file \({found.size / rate:.3f} s\)"):
            audio.load(name, start=start, end=end)
    name.write_bytes(without_tag(whole)[:-100])
    with pytest.raises(CorpusError, match="truncated"):
        audio.load(name)


@pytest.mark.parametrize("excess", [-20, -1, 1])
def test_mp3_with_a_wrong_number_of_frames_in_its_tag_is_whole(tmp_path, excess):
    content = bytearray(encoded("mp3"))
    place = (content.find(b"Info") if b"Info" in content[:200] else content.find(b"Xing")) + 8
    frames = int.from_bytes(content[place : place + 4], "big") + excess
    content[place : place + 4] = frames.to_bytes(4, "big")
    (tmp_path / "a.mp3").write_bytes(content)
    assert seconds(tmp_path / "a.mp3") == pytest.approx(SECONDS, abs=0.08)


@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE"])
def test_mp3_without_a_length_that_ends_within_a_frame_is_cut(tmp_path, mode):
    whole = without_tag(encoded("mp3", bitrate_mode=mode))
    name = tmp_path / "a.mp3"
    ends = {whole.rindex(whole[:2])}  # where the last frame begins
    for end in (len(whole) // 2, len(whole) // 3, len(whole) - 1, *(e + 2 for e in ends)):
        name.write_bytes(whole[:end])
        with pytest.raises(CorpusError, match=r"a\.mp3' is truncated .* last frame is incomplete"):
            audio.load(name)
    name.write_bytes(whole + b"TAG" + bytes(125))  # ID3v1
    assert seconds(name) == pytest.approx(SECONDS, abs=0.06)


@pytest.mark.parametrize("kind", ["mp3", "ogg", "opus"])
def test_joined_files_are_read_to_the_end_of_the_last(tmp_path, kind):
    name = tmp_path / f"a.{kind}"
    name.write_bytes(encoded(kind) + encoded(kind, QUIET))
    assert seconds(name) == pytest.approx(2 * SECONDS, abs=0.12)
    peak, _, _ = levels(name)
    assert peak > 0.2
    tail = audio.load(name, sample_rate=RATE, start=SECONDS + 0.2, end=2 * SECONDS - 0.1)
    assert 0.002 < np.abs(tail).max() < 0.05
    name.write_bytes(encoded(kind) + encoded(kind, QUIET)[:-500])
    with pytest.raises(CorpusError, match="truncated"):
        audio.load(name)


@pytest.mark.parametrize("kind", ["ogg", "opus"])
def test_a_gap_between_pages_is_no_end(tmp_path, kind):
    content = encoded(kind)
    gap = content.rindex(b"OggS")
    (tmp_path / f"a.{kind}").write_bytes(content[:gap] + bytes(100) + content[gap:])
    with pytest.raises(CorpusError, match="page is damaged"):
        audio.load(tmp_path / f"a.{kind}")


def test_chained_streams_of_different_rates_are_refused(tmp_path):
    name = tmp_path / "a.ogg"
    name.write_bytes(encoded("ogg") + encoded("ogg", QUIET, 16000))
    with pytest.raises(CorpusError, match="several sample rates"):
        audio.load(name)


def test_flac_without_a_length(tmp_path):
    name = tmp_path / "a.flac"
    unknown = without_length(encoded("flac"))
    name.write_bytes(unknown)
    assert seconds(name) == SECONDS
    part = audio.load(name, sample_rate=RATE, start=0.5, end=1.0)
    np.testing.assert_allclose(part, NOISE[24000:48000], atol=1e-4)
    with pytest.raises(CorpusError, match="outside the file"):
        audio.load(name, start=2.5)
    name.write_bytes(unknown[:-50])
    with pytest.raises(CorpusError, match="truncated"):
        audio.load(name)


@pytest.mark.parametrize("kind", ["mp3", "flac"])
def test_cover_art_before_the_sound(tmp_path, kind):
    name = tmp_path / f"a.{kind}"
    name.write_bytes(id3(600_000) + encoded(kind))
    assert seconds(name) == pytest.approx(SECONDS, abs=0.03)
    whole = audio.load(name, sample_rate=RATE)
    part = audio.load(name, sample_rate=RATE, start=1.5, end=1.75)
    np.testing.assert_allclose(part, whole[round(1.5 * RATE) : round(1.75 * RATE)], atol=1e-6)


def test_mp4_gets_advice(tmp_path):
    name = tmp_path / "a.m4a"
    name.write_bytes(b"\x00\x00\x00\x20ftypM4A " + bytes(100))
    with pytest.raises(CorpusError, match="ffmpeg"):
        audio.load(name)


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFFFFF, 0x80000000, 0x7FFFF000, 0xFFFFFFDB])
def test_wav_from_a_pipe_is_whole(tmp_path, size):
    content = bytearray(encoded("wav"))
    content[40:44] = struct.pack("<I", size)
    (tmp_path / "a.wav").write_bytes(content)
    assert seconds(tmp_path / "a.wav") == SECONDS


@pytest.mark.parametrize("excess", [0, -8])
def test_wav_that_states_the_size_of_the_file_is_whole(tmp_path, excess):
    content = bytearray(encoded("wav"))
    content[40:44] = struct.pack("<I", len(content) + excess)
    (tmp_path / "a.wav").write_bytes(content)
    assert seconds(tmp_path / "a.wav") == SECONDS


@pytest.mark.parametrize("size", [0, 1000])
def test_unfinished_au_is_refused(tmp_path, size):
    content = bytearray(encoded("au"))
    content[8:12] = struct.pack("<I" if content[:4] == b"dns." else ">I", size)
    (tmp_path / "a.au").write_bytes(content)
    with pytest.raises(CorpusError, match="its header states"):
        audio.load(tmp_path / "a.au")


@pytest.mark.parametrize("size", [0, 1000])
def test_unfinished_wav_is_refused(tmp_path, size):
    content = bytearray(encoded("wav"))
    content[4:8] = struct.pack("<I", 36 + size)
    content[40:44] = struct.pack("<I", size)
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(CorpusError, match="its header states"):
        audio.load(tmp_path / "a.wav")


@pytest.mark.parametrize("tail", [b"\0" * 9000, id3(9000), b"TAG" + b"x" * 125])
def test_tags_and_padding_after_the_samples_do_not_matter(tmp_path, tail):
    (tmp_path / "a.wav").write_bytes(encoded("wav") + tail)
    assert seconds(tmp_path / "a.wav") == SECONDS


@pytest.mark.parametrize("kind", ["flac", "mp3", "aiff"])
@pytest.mark.parametrize("tail", [b"\0" * 9000, id3(9000), b"TAG" + b"x" * 125, b"APETAGEX" * 40])
def test_tags_after_other_streams_do_not_matter(tmp_path, kind, tail):
    (tmp_path / f"a.{kind}").write_bytes(encoded(kind) + tail)
    assert seconds(tmp_path / f"a.{kind}") == pytest.approx(SECONDS, abs=0.03)


def test_zeros_after_mp3_without_a_length_do_not_matter(tmp_path):
    (tmp_path / "a.mp3").write_bytes(without_tag(encoded("mp3")) + bytes(9000))
    assert seconds(tmp_path / "a.mp3") == pytest.approx(SECONDS, abs=0.06)


def half_of_flac(content):
    return content[:22] + struct.pack(">I", NOISE.size // 2) + content[26:]


def half_of_aiff(content):
    at = content.index(b"SSND") + 4
    return content[:at] + struct.pack(">I", 8 + NOISE.size) + content[at + 4 :]


def half_of_caf(content):
    at = content.index(b"data") + 4
    return content[:at] + struct.pack(">q", 4 + NOISE.size) + content[at + 8 :]


def half_of_rf64(content):
    at = content.index(b"ds64") + 16
    return content[:at] + struct.pack("<QQ", NOISE.size, NOISE.size // 2) + content[at + 16 :]


@pytest.mark.parametrize("half", [half_of_flac, half_of_aiff, half_of_caf, half_of_rf64])
def test_a_header_that_states_half_of_the_samples_is_refused(tmp_path, half):
    kind = half.__name__.removeprefix("half_of_")
    name = tmp_path / f"a.{kind}"
    name.write_bytes(half(encoded(kind)))
    for read in (audio.load, audio.duration, levels):
        with pytest.raises(CorpusError, match="behind the end that its header states"):
            read(name)


@pytest.mark.parametrize("kind", ["flac", "mp3"])
def test_the_length_of_a_part_of_a_file_is_an_error(tmp_path, kind):
    content = encoded(kind)
    (tmp_path / f"a.{kind}").write_bytes(content[: len(content) // 2])
    with pytest.raises(CorpusError, match="truncated"):
        audio.duration(tmp_path / f"a.{kind}")


def test_joined_flac_files_are_refused(tmp_path):
    (tmp_path / "a.flac").write_bytes(2 * encoded("flac"))
    with pytest.raises(CorpusError, match="another FLAC stream follows"):
        audio.load(tmp_path / "a.flac")


@pytest.mark.parametrize("ending", ["raw", "RAW", "vox", "gsm", "mp3", "flac", ""])
def test_the_ending_of_a_name_does_not_decide(tmp_path, ending):
    name = tmp_path / f"a.{ending}"
    name.write_bytes(encoded("wav"))
    assert seconds(name) == SECONDS
    name.write_bytes(np.random.default_rng(0).bytes(5000))
    for read in (audio.load, audio.duration, levels):
        with pytest.raises(CorpusError, match=r"cannot be read as audio|damaged"):
            read(name)


def test_parts_of_a_stream_without_seeking(tmp_path):
    soundfile.write(tmp_path / "a.au", NOISE, RATE, format="AU", subtype="G721_32")
    whole = audio.load(tmp_path / "a.au", sample_rate=RATE)
    part = audio.load(tmp_path / "a.au", sample_rate=RATE, start=1.5, end=1.75)
    np.testing.assert_array_equal(part, whole[round(1.5 * RATE) : round(1.75 * RATE)])


@pytest.mark.parametrize("rate", [1, 100, 2**31 - 1, 2**32 - 1])
def test_rate_that_no_recording_has_allocates_nothing(tmp_path, rate):
    content = bytearray(encoded("wav"))
    content[24:28] = struct.pack("<I", rate)
    (tmp_path / "a.wav").write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(CorpusError, match=r"a\.wav"):
            audio.load(tmp_path / "a.wav")
        assert tracemalloc.get_traced_memory()[1] < 1 << 24
    finally:
        tracemalloc.stop()


def test_many_frames_in_a_header_allocate_nothing(tmp_path):
    content = bytearray(encoded("flac"))
    content[21] |= 0x0F
    content[22:26] = b"\xff" * 4
    (tmp_path / "a.flac").write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(CorpusError, match="truncated"):
            audio.load(tmp_path / "a.flac")
        assert tracemalloc.get_traced_memory()[1] < 1 << 25
    finally:
        tracemalloc.stop()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no FIFOs")
@pytest.mark.parametrize("read", [audio.load, levels, audio.duration, content_hash])
def test_what_is_no_regular_file_is_refused_at_once(tmp_path, read, monkeypatch):
    os.mkfifo(tmp_path / "fifo.wav")
    (tmp_path / "folder.wav").mkdir()
    (tmp_path / "link.wav").symlink_to(tmp_path / "nowhere")
    monkeypatch.chdir(tmp_path)  # the path of a socket must be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.wav")
        for name, kind in (
            ("fifo.wav", "FIFO"),
            ("folder.wav", "folder"),
            ("socket.wav", "socket"),
            ("/dev/zero", "device"),
            ("link.wav", "does not exist"),
            ("missing.wav", "does not exist"),
        ):
            with pytest.raises(CorpusError, match=rf"{name}.*{kind}"):
                read(name)


@pytest.mark.parametrize("read", [audio.load, levels, content_hash])
def test_git_lfs_pointer_is_named(tmp_path, read):
    (tmp_path / "a.wav").write_text(
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 75324\n"
    )
    with pytest.raises(CorpusError, match=re.escape("`git lfs pull`")):
        read(tmp_path / "a.wav")


@pytest.mark.parametrize("read", [audio.load, audio.duration, levels])
def test_a_file_that_may_not_be_read_is_named(tmp_path, monkeypatch, read):
    def refuse(*_):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    soundfile.write(tmp_path / "a.wav", NOISE, RATE)
    monkeypatch.setattr(recording, "_layout", refuse)
    with pytest.raises(CorpusError, match=r"a\.wav' cannot be read: Permission denied"):
        read(tmp_path / "a.wav")


def test_what_lies_behind_the_samples_of_a_sphere_file_is_no_sound(tmp_path):
    place = tmp_path / "a.sph"
    soundfile.write(place, NOISE, RATE, format="NIST")
    content = place.read_bytes()
    whole = audio.load(place, sample_rate=RATE)
    for rest in (bytes(3000), bytes(300_000), b"TAG of some program"):
        place.write_bytes(content + rest)
        np.testing.assert_array_equal(audio.load(place, sample_rate=RATE), whole)
        assert audio.duration(place) == len(whole) / RATE
    place.write_bytes(content + content)
    with pytest.raises(CorpusError, match="bytes lie behind the end"):
        audio.load(place)


@pytest.mark.parametrize("container", ["SVX", "IRCAM", "PVF", "PAF", "AVR", "MPC2K", "WVE", "MAT5"])
def test_formats_in_which_a_part_looks_whole_are_refused(tmp_path, container):
    place = tmp_path / "a.wav"
    soundfile.write(
        place, NOISE, 8000, format=container, subtype=None if container != "WVE" else "ALAW"
    )
    for read in (audio.load, audio.duration):
        with pytest.raises(CorpusError, match=f"format {container}.*convert it first"):
            read(place)


@pytest.mark.parametrize(
    "kind", ["WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "NIST", "VOC"]
)
def test_half_of_a_file_is_refused_whatever_its_coding(tmp_path, kind):
    place = tmp_path / "a"
    for coding in soundfile.available_subtypes(kind):
        try:
            soundfile.write(place, NOISE[:8000], 8000, format=kind, subtype=coding)
        except soundfile.LibsndfileError:
            assert coding != "PCM_16"  # of some codings libsndfile was built without the encoder
            continue
        content = place.read_bytes()
        audio.load(place)
        place.write_bytes(content[: len(content) // 2])
        for read in (audio.load, audio.duration):
            with pytest.raises(CorpusError, match=r"is truncated|is damaged|cannot be"):
                read(place)


APPENDED = [
    *(
        (kind, "PCM_16")
        for kind in ("WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "NIST", "VOC")
    ),
    *(
        ("W64", "FLOAT"),
        ("VOC", "ULAW"),
        ("AU", "G721_32"),
        ("NIST", "ALAW"),
        ("WAV", "ULAW"),
        ("WAV", "MS_ADPCM"),
    ),
]


@pytest.mark.parametrize(("container", "subtype"), APPENDED)
def test_bytes_behind_the_samples_are_no_sound(tmp_path, container, subtype):
    place = tmp_path / "a"
    soundfile.write(place, NOISE[:20_000], 16_000, format=container, subtype=subtype)
    content = place.read_bytes()
    whole = audio.load(place, sample_rate=16_000)
    noise = np.random.default_rng(1).bytes(20_000)
    place.write_bytes(content + noise[:3000])
    assert np.array_equal(audio.load(place, sample_rate=16_000), whole)
    # So much may be sound that an unfinished recording has behind the length in its header.
    place.write_bytes(content + noise)
    with pytest.raises(CorpusError, match="bytes lie behind the end that its header states"):
        audio.load(place)


def test_voc_of_several_blocks_is_refused(tmp_path):
    content = encoded("voc")
    place = tmp_path / "a.voc"
    place.write_bytes(content[:-1] + b"\2" + (2000).to_bytes(3, "little") + bytes(2000) + b"\0")
    with pytest.raises(CorpusError, match="several blocks of sound"):
        audio.load(place)
    text = b"\5" + (9).to_bytes(3, "little") + b"a comment"
    place.write_bytes(content[:-1] + text + b"\0")
    assert audio.duration(place) == SECONDS


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "PCM_U8", "FLOAT", "DOUBLE"])
@pytest.mark.parametrize(("field", "value"), [(22, 3), (34, 40), (32, 0), (32, 12), (28, 77)])
def test_a_header_that_contradicts_itself_is_refused(tmp_path, subtype, field, value):
    place = tmp_path / "a.wav"
    soundfile.write(place, NOISE[:3000], RATE, subtype=subtype)
    whole = audio.load(place)
    header = bytearray(place.read_bytes())
    header[field : field + 2] = struct.pack("<H", value)
    place.write_bytes(header)
    if field in (28, 32):  # bytes a second, or a frame, alone: the other fields agree
        np.testing.assert_array_equal(audio.load(place), whole)
    else:  # channels, or bits
        with pytest.raises(CorpusError, match=r"contradicts itself|cannot be read|damaged"):
            audio.load(place)
