import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import threadpoolctl

import sparsetransfer
from sparsetransfer import _threads, _validation


@pytest.fixture(autouse=True)
def default_threads(monkeypatch):
    monkeypatch.setattr(_threads, "_limits", [])
    for variable in ("SPARSETRANSFER_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(variable, raising=False)


def test_the_limit_decides_before_the_environment(monkeypatch):
    monkeypatch.setenv("SPARSETRANSFER_NUM_THREADS", "3")
    sparsetransfer.set_num_threads(5)
    assert sparsetransfer.get_num_threads() == 5
    sparsetransfer.set_num_threads(None)
    assert sparsetransfer.get_num_threads() == 3


def test_a_call_resolves_its_own_number_against_the_limit():
    sparsetransfer.set_num_threads(4)
    assert _validation.resolve_threads(None) == 4
    assert _validation.resolve_threads(-1) == 4
    assert _validation.resolve_threads(-2) == 3
    assert _validation.resolve_threads(6) == 6


@pytest.mark.parametrize("bad", [0, -1, 2**31])
def test_a_limit_below_one_is_refused(bad):
    with pytest.raises(ValueError, match=f"n_threads must be between 1 and 2147483647, got {bad}"):
        sparsetransfer.set_num_threads(bad)


@pytest.mark.parametrize("bad", [1.5, "2", True])
def test_a_limit_that_is_no_integer_is_refused(bad):
    with pytest.raises(TypeError, match="n_threads must be an integer or None"):
        sparsetransfer.set_num_threads(bad)


def test_threadpoolctl_sees_and_limits_the_pool():
    entries = [
        entry for entry in threadpoolctl.threadpool_info() if entry["user_api"] == "sparsetransfer"
    ]
    assert [entry["num_threads"] for entry in entries] == [sparsetransfer.get_num_threads()]
    with threadpoolctl.threadpool_limits(limits=7, user_api="sparsetransfer"):
        assert sparsetransfer.get_num_threads() == 7
    assert sparsetransfer.get_num_threads() == _threads.available_processors()


def test_leaving_threadpool_limits_keeps_the_default_a_default(monkeypatch):
    with threadpoolctl.threadpool_limits(limits=1):
        assert sparsetransfer.get_num_threads() == 1
    monkeypatch.setenv("SPARSETRANSFER_NUM_THREADS", "9")
    assert sparsetransfer.get_num_threads() == 9


def test_leaving_threadpool_limits_keeps_a_limit():
    sparsetransfer.set_num_threads(5)
    with threadpoolctl.threadpool_limits(limits=1):
        assert sparsetransfer.get_num_threads() == 1
    assert sparsetransfer.get_num_threads() == 5


def test_leaving_threadpool_limits_keeps_a_limit_that_equals_the_default(monkeypatch):
    monkeypatch.setenv("SPARSETRANSFER_NUM_THREADS", "2")
    sparsetransfer.set_num_threads(2)
    with threadpoolctl.threadpool_limits(limits=1):
        with threadpoolctl.threadpool_limits(limits=3):
            assert sparsetransfer.get_num_threads() == 3
        assert sparsetransfer.get_num_threads() == 1
    monkeypatch.setenv("SPARSETRANSFER_NUM_THREADS", "9")
    assert sparsetransfer.get_num_threads() == 2


def test_blocks_that_overlap_leave_nothing_behind():
    # As in threads: the second begins within the first, and ends after it.
    first = threadpoolctl.threadpool_limits(limits=1)
    for user_api in ("blas", None):
        second = threadpoolctl.threadpool_limits(limits=1, user_api=user_api)
        first.restore_original_limits()
        second.restore_original_limits()
        assert _threads.limit() is None
        first = threadpoolctl.threadpool_limits(limits=1)
    first.restore_original_limits()
    assert sparsetransfer.get_num_threads() == _threads.available_processors()


def test_the_inner_of_two_limits_holds_whatever_ends_first():
    outer = threadpoolctl.threadpool_limits(limits=3)
    inner = threadpoolctl.threadpool_limits(limits=2)
    assert sparsetransfer.get_num_threads() == 2
    outer.restore_original_limits()
    assert sparsetransfer.get_num_threads() == 2
    inner.restore_original_limits()
    assert _threads.limit() is None


@pytest.mark.parametrize("user_api", ["blas", None])
@pytest.mark.parametrize("number", [2, None])
def test_a_limit_that_is_set_within_a_block_stays(user_api, number):
    sparsetransfer.set_num_threads(7)
    with threadpoolctl.threadpool_limits(limits=1, user_api=user_api):
        sparsetransfer.set_num_threads(number)
        assert _threads.limit() == number
    assert _threads.limit() == number


def test_limits_of_many_threads_leave_nothing_behind():
    def work(_):
        for _ in range(20):
            with (
                threadpoolctl.threadpool_limits(limits=1, user_api="blas"),
                threadpoolctl.threadpool_limits(limits=2, user_api="sparsetransfer"),
            ):
                pass

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert _threads._limits == []


def test_more_threads_than_an_integer_holds_are_refused_by_name(monkeypatch):
    with pytest.raises(ValueError, match="must be at most 2147483647, got 2147483648"):
        sparsetransfer.sparse_encode([[1.0]], [[1.0]], alpha=0.1, n_jobs=2**31)
    for digits in (20, 5000):
        monkeypatch.setenv("OMP_NUM_THREADS", "9" * digits)
        with pytest.raises(ValueError, match="OMP_NUM_THREADS must be an integer between 1 and"):
            sparsetransfer.get_num_threads()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity on this system")
def test_the_default_follows_the_affinity():
    processor = min(os.sched_getaffinity(0))
    program = (
        "import os, sparsetransfer\n"
        f"os.sched_setaffinity(0, {{{processor}}})\n"
        "print(sparsetransfer.get_num_threads())"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert finished.stdout.strip() == "1"
