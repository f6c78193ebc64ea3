import os
import subprocess
import sys
from multiprocessing import get_context

import pytest

from sparsetransfer import _files, _locks
from sparsetransfer._files import ASIDE, write_text
from sparsetransfer._locks import LOCK, locked, marked, remove_abandoned

posix = pytest.mark.skipif(os.name != "posix", reason="links, FIFOs and locks of POSIX")


def place_link(lock, thesis):
    lock.symlink_to(thesis)


def place_hard_link(lock, thesis):
    lock.hardlink_to(thesis)


def place_broken_link(lock, thesis):
    lock.symlink_to(thesis.parent / "nothing")


def place_folder(lock, thesis):
    lock.mkdir()


def place_fifo(lock, thesis):
    os.mkfifo(lock)


def place_text(lock, thesis):
    lock.write_text("my notes")


@posix
@pytest.mark.parametrize(
    "put", [place_link, place_hard_link, place_broken_link, place_folder, place_fifo, place_text]
)
def test_what_has_the_name_of_a_lock_is_left_as_it_is(tmp_path, put):
    thesis = tmp_path / "thesis.tex"
    thesis.write_text("years of work")
    folder = tmp_path / "report"
    folder.mkdir()
    put(folder / LOCK, thesis)
    before = os.lstat(folder / LOCK)
    with (
        pytest.raises(FileExistsError, match=r"no lock of sparsetransfer; remove it"),
        locked(folder),
    ):
        pass
    after = os.lstat(folder / LOCK)
    assert (before.st_ino, before.st_mode, before.st_size) == (
        after.st_ino,
        after.st_mode,
        after.st_size,
    )
    assert thesis.read_text() == "years of work"
    assert sorted(os.listdir(tmp_path)) == ["report", "thesis.tex"]


def test_a_lock_that_a_killed_process_left_is_taken_over(tmp_path):
    for left in (
        "",
        "process 1 on another machine since the year 2000, and much longer than ours" * 9,
    ):
        (tmp_path / LOCK).write_text(left)
        with locked(tmp_path):
            text = (tmp_path / LOCK).read_text()
            assert text.startswith(f"process {os.getpid()} on ")
            assert text.count("process") == 1
        assert os.listdir(tmp_path) == []


@posix
def test_folders_of_others_that_only_look_like_ours_stay(tmp_path):
    kept = [tmp_path / f"{ASIDE}{name}" for name in ("notes", "f" * 31, "f" * 32)]
    kept[0].mkdir()
    kept[1].mkdir()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / LOCK).touch()
    kept[2].symlink_to("mine")
    write_text(tmp_path / "table.csv", "a")
    assert sorted(os.listdir(tmp_path)) == sorted(
        [*(path.name for path in kept), "mine", "table.csv"]
    )


@posix
@pytest.mark.parametrize("moment", ["mkdir", "open"])
def test_a_kill_before_a_folder_is_marked_leaves_nothing_for_ever(tmp_path, moment):
    program = (
        "import os, signal, sys; from pathlib import Path\n"
        "from sparsetransfer import _locks\n"
        "from sparsetransfer._files import write_text\n"
        "kill = lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL)\n"
        + {"mkdir": "_locks._open = kill\n", "open": "_locks._lock = kill\n"}[moment]
        + "write_text(sys.argv[1], 'a')\n"
    )
    subprocess.run([sys.executable, "-P", "-c", program, tmp_path / "a"], check=False)
    assert [name[: len(ASIDE)] for name in os.listdir(tmp_path)] == [ASIDE]
    write_text(tmp_path / "a", "b")
    assert os.listdir(tmp_path) == ["a"]


@posix
def test_a_folder_that_is_being_marked_is_made_anew_if_another_process_removes_it(
    tmp_path, monkeypatch
):
    folder = tmp_path / f"{ASIDE}{'0' * 32}"
    true_open, true_lock = _locks._open, _locks._lock
    thieves = iter(["before the lock is there", "before it is locked"])

    def opened(path, **options):
        if next(thieves, "") == "before the lock is there":
            remove_abandoned(folder)
        return true_open(path, **options)

    def lock(descriptor):
        if next(thieves, ""):
            (folder / LOCK).unlink()
            folder.rmdir()
        return true_lock(descriptor)

    monkeypatch.setattr(_locks, "_open", opened)
    monkeypatch.setattr(_locks, "_lock", lock)
    with marked(folder):
        assert os.listdir(folder) == [LOCK]


def write_many(folder, number):
    for k in range(20):
        _files._cleaned.clear()
        write_text(os.path.join(folder, f"{number}-{k}"), str(k))


@posix
def test_many_processes_that_write_and_tidy_lose_nothing(tmp_path):
    with get_context("spawn").Pool(3) as pool:
        pool.starmap(write_many, [(str(tmp_path), number) for number in range(3)])
    assert len(os.listdir(tmp_path)) == 60
    assert {path.read_text() for path in tmp_path.iterdir()} == set(map(str, range(20)))
