import os
import stat

import pytest

from sparsetransfer._files import replacing, write_text


def test_a_file_is_replaced_when_the_block_ends_well(tmp_path):
    place = tmp_path / "table.csv"
    place.write_text("old", encoding="utf-8")
    with replacing(place) as aside:
        aside.write_text("new", encoding="utf-8")
        assert aside.suffix == ".csv"
        assert place.read_text(encoding="utf-8") == "old"
    assert place.read_text(encoding="utf-8") == "new"
    assert list(tmp_path.iterdir()) == [place]


@pytest.mark.parametrize("kind", [OSError, KeyboardInterrupt])
def test_nothing_half_written_stays(tmp_path, kind):
    place = tmp_path / "model.st"
    place.write_bytes(b"old")

    def fail():
        with replacing(place) as aside:
            aside.write_bytes(b"ha")
            raise kind

    with pytest.raises(kind):
        fail()
    assert place.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [place]


def test_a_place_that_cannot_be_taken_leaves_nothing_behind(tmp_path):
    place = tmp_path / "folder"
    place.mkdir()
    with pytest.raises(OSError, match="folder"):
        write_text(place, "text")
    assert list(tmp_path.iterdir()) == [place]


@pytest.mark.skipif(os.name != "posix", reason="other systems have no umask")
@pytest.mark.parametrize(("umask", "expected"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_others_may_read_what_the_umask_lets_them(tmp_path, umask, expected):
    before = os.umask(umask)
    try:
        write_text(tmp_path / "cell.json", "{}\n")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "cell.json").stat().st_mode) == expected


def test_texts_have_the_same_bytes_on_every_system(tmp_path):
    write_text(tmp_path / "text", "a → b\n")
    assert (tmp_path / "text").read_bytes() == b"a \xe2\x86\x92 b\n"
