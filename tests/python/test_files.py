import errno
import os
import socket
import stat
import subprocess
import sys
import threading

import pytest

from sparsetransfer import _files
from sparsetransfer._files import check_file, check_folder, replacing, write_text


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


def test_links_are_written_through(tmp_path):
    (tmp_path / "shared.csv").write_text("old")
    (tmp_path / "far").mkdir()
    (tmp_path / "hop").symlink_to("shared.csv")
    (tmp_path / "out.csv").symlink_to(tmp_path / "hop")
    (tmp_path / "new.csv").symlink_to("far/deep/new.csv")
    for name in ("out.csv", "new.csv"):
        check_file(tmp_path / name)
        write_text(tmp_path / name, "new")
        assert (tmp_path / name).is_symlink()
    assert (tmp_path / "shared.csv").read_text() == "new"
    assert (tmp_path / "far" / "deep" / "new.csv").read_text() == "new"
    (tmp_path / "round").symlink_to("round")
    with pytest.raises(OSError, match="round"):
        check_file(tmp_path / "round")


def test_a_missing_folder_is_made_and_permissions_stay(tmp_path):
    place = tmp_path / "a" / "b" / "model.st"
    check_file(place)
    assert not os.listdir(tmp_path)
    write_text(place, "old")
    place.chmod(0o600)
    write_text(place, "new")
    assert place.read_text() == "new"
    if os.name == "posix":
        assert stat.S_IMODE(place.stat().st_mode) == 0o600


def fifo_reader(path):
    found = []
    thread = threading.Thread(target=lambda: found.append(path.read_text()))
    thread.start()
    return thread, found


@pytest.mark.skipif(os.name != "posix", reason="devices of POSIX")
def test_devices_and_pipes_are_written_plainly(tmp_path, capfd):
    for name in ("/dev/null", "/dev/stdout"):
        check_file(name)
        before = os.lstat(name)
        write_text(name, "words\n")
        after = os.lstat(name)
        assert (before.st_ino, before.st_mode) == (after.st_ino, after.st_mode)
    assert capfd.readouterr().out == "words\n"
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    check_file(pipe)
    thread, found = fifo_reader(pipe)
    write_text(pipe, "words")
    thread.join(10)
    assert found == ["words"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.skipif(os.name != "posix", reason="descriptors of POSIX")
def test_standard_output_in_a_file_keeps_what_was_printed(tmp_path):
    place = tmp_path / "all.txt"
    program = (
        "from sparsetransfer._files import write_text\n"
        "print('before'); write_text('/dev/stdout', 'table\\n'); print('after')"
    )
    with place.open("w") as stream:
        subprocess.run([sys.executable, "-c", program], stdout=stream, check=True)
    assert place.read_text() == "before\ntable\nafter\n"


@pytest.mark.parametrize(
    "number", [errno.EBUSY, errno.EXDEV], ids=["a mount point", "another device"]
)
def test_what_cannot_be_renamed_is_written_in_place(tmp_path, monkeypatch, number):
    place = tmp_path / "mounted.csv"
    place.write_text("old, and longer than the new text")
    inode = place.stat().st_ino

    def refuse(*paths):
        raise OSError(number, os.strerror(number), *map(str, paths))

    monkeypatch.setattr(os, "replace", refuse)
    write_text(place, "new")
    assert place.read_text() == "new"
    assert place.stat().st_ino == inode
    assert list(tmp_path.iterdir()) == [place]


def test_a_full_disk_names_the_file_and_keeps_the_old_one(tmp_path):
    place = tmp_path / "table.csv"
    place.write_text("old")
    with pytest.raises(OSError, match=r"table\.csv") as caught, replacing(place) as aside:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(aside))
    assert caught.value.errno == errno.ENOSPC
    assert caught.value.filename == str(place)
    assert place.read_text() == "old"
    assert list(tmp_path.iterdir()) == [place]


@pytest.mark.parametrize(
    "name",
    [
        "$x$",
        "a b",
        "%s",
        "-o",
        "~",
        "~nobody-of-this-name",
        "äé",
        "名前",
        "a'b\"c",
        "a;b",
        "n" * 255,
    ],
)
def test_awkward_names(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for path in (name, os.path.join(".", name)):
        if name == "~" and path == name:
            continue  # the home folder
        check_file(path)
        write_text(path, name)
        assert (tmp_path / name).read_text(encoding="utf-8") == name
    assert os.listdir(tmp_path) == [name]


@pytest.mark.skipif(os.name != "posix", reason="names of bytes")
def test_names_of_other_bytes_and_of_two_lines(tmp_path):
    for name in (os.fsdecode(b"caf\xe9"), "two\nlines"):
        write_text(tmp_path / name, name)
    assert (tmp_path / os.fsdecode(b"caf\xe9")).read_bytes() == rb"caf\udce9"


def test_places_that_are_refused_before_the_work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    for path in (".", "..", "", "new/", tmp_path):
        with pytest.raises(IsADirectoryError, match="name a file in it"):
            check_file(path)
    for path in ("file/x", "file/x/y.csv"):
        with pytest.raises(OSError, match=r"cannot be written.*not a directory.*choose another"):
            check_file(path)
        with pytest.raises(OSError, match="cannot be written"):
            check_folder(path)
    with pytest.raises(FileExistsError, match="choose a folder"):
        check_folder("file")
    assert os.listdir(tmp_path) == ["file"]
    if os.name == "posix":
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("socket")
            with pytest.raises(OSError, match="disk or a socket"):
                check_file("socket")


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_read_only_places_are_refused_before_the_work(tmp_path, monkeypatch):
    (tmp_path / "table.csv").touch()
    monkeypatch.setattr(os, "access", lambda *_: False)  # the superuser may do all
    with pytest.raises(PermissionError, match="read-only"):
        check_file(tmp_path / "table.csv")

    def refuse(**_):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    for check in (check_file, check_folder):
        with pytest.raises(OSError, match="read-only file system"):
            check(tmp_path / "new")


@pytest.mark.skipif(os.name != "posix", reason="kills by signal")
def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path):
    program = (
        "import os, signal, sys\n"
        "from sparsetransfer._files import replacing\n"
        "with replacing(sys.argv[1]) as aside:\n"
        "    aside.write_text('half')\n"
        "    {}\n"
    )
    kill = program.format("os.kill(os.getpid(), signal.SIGKILL)")
    place = tmp_path / "m.st"
    for _ in range(2):
        subprocess.run([sys.executable, "-P", "-c", kill, place], check=False)
        assert [path.name[:16] for path in tmp_path.iterdir()] == [".sparsetransfer-"]
    # One that is still being written stays, of whichever process.
    wait = program.format("print(flush=True), sys.stdin.read()")
    with subprocess.Popen(
        [sys.executable, "-P", "-c", wait, tmp_path / "other"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        other.stdout.readline()
        write_text(place, "whole")
        assert len(list(tmp_path.iterdir())) == 2
        other.communicate()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.st", "other"]


def test_writes_within_writes_keep_both(tmp_path):
    with replacing(tmp_path / "a") as outer, replacing(tmp_path / "b") as inner:
        _files._cleaned.clear()
        write_text(tmp_path / "c", "c")
        outer.write_text("a")
        inner.write_text("b")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {c: c for c in "abc"}
