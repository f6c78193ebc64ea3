"""Finding recordings and telling them apart."""

import hashlib

import pytest

from sparsetransfer.audio.files import content_hash, find_files
from sparsetransfer.exceptions import CorpusError


def test_finds_all_audio_below_the_root_sorted(tmp_path):
    for name in ("b/x.WAV", "a/deep/y.flac", "z.mp3", "notes.txt", "._z.mp3", ".git/c.wav"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    found = find_files(tmp_path)
    assert [str(file.relative_to(tmp_path)) for file in found] == [
        "a/deep/y.flac",
        "b/x.WAV",
        "z.mp3",
    ]


def test_a_link_that_points_back_ends(tmp_path):
    (tmp_path / "x.wav").touch()
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    assert [file.name for file in find_files(tmp_path)] == ["x.wav"]


def test_folder_without_audio_and_missing_folder(tmp_path):
    with pytest.raises(CorpusError, match="no audio file"):
        find_files(tmp_path)
    with pytest.raises(CorpusError, match="does not exist"):
        find_files(tmp_path / "missing")
    file = tmp_path / "x.wav"
    file.touch()
    with pytest.raises(CorpusError, match="is not a folder"):
        find_files(file)


def test_content_hash_is_of_the_bytes_alone(tmp_path):
    content = bytes(range(256)) * 10000
    first, second, other = tmp_path / "1.wav", tmp_path / "2.flac", tmp_path / "3.wav"
    first.write_bytes(content)
    second.write_bytes(content)
    other.write_bytes(content[:-1] + b"?")
    assert content_hash(first) == hashlib.blake2b(content, digest_size=16).hexdigest()
    assert content_hash(first) == content_hash(second) != content_hash(other)
    with pytest.raises(CorpusError, match=r"missing\.wav"):
        content_hash(tmp_path / "missing.wav")
