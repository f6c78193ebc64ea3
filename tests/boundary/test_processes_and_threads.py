"""The thread pool among other people's processes and threads.

Each case runs in a process of its own, which a hang or a crash ends without ending the others.
"""

import multiprocessing
import os
import subprocess
import sys

import pytest

needs_fork = pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="this system has no fork"
)

COMPUTE = """
import os, sys, threading, time
import multiprocessing
import numpy as np
import sparsetransfer
from sparsetransfer import graph

SAMPLES = np.random.default_rng(0).normal(size=(1500, 24))

def compute(n_threads=3):
    return graph.nearest_neighbours(SAMPLES, 4, n_jobs=n_threads)

def same(answer, expected):
    return all(np.array_equal(a, b) for a, b in zip(answer, expected, strict=True))

def child_agrees(expected):
    child = os.fork()
    if child == 0:
        ok = same(compute(), expected)
        os._exit(0 if ok else 1)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.01)
    os.kill(child, 9)
    return False
"""


def run(program, folder=None, **environment):
    """Run `program` after COMPUTE and return the last line that it prints."""
    path = None if folder is None else folder / "program.py"
    if path is not None:
        path.write_text(COMPUTE + program, encoding="utf-8")
    finished = subprocess.run(
        [sys.executable, *(["-c", COMPUTE + program] if path is None else [str(path)])],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env={**os.environ, **environment},
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout.strip().splitlines()[-1]


@needs_fork
def test_a_forked_child_computes_after_its_parent_did():
    assert run("print(child_agrees(compute()))") == "True"


@needs_fork
def test_a_child_forked_while_another_thread_computes_computes():
    program = """
expected = compute()
stop = threading.Event()
def keep_busy():
    while not stop.is_set():
        compute()
busy = [threading.Thread(target=keep_busy) for _ in range(2)]
for thread in busy:
    thread.start()
agreed = [child_agrees(expected) for _ in range(10)]
stop.set()
for thread in busy:
    thread.join()
print(all(agreed) and same(compute(), expected))
"""
    assert run(program) == "True"


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_worker_processes_of_every_start_method_compute(method, tmp_path):
    program = f"""
if __name__ == "__main__":
    expected = compute()
    with multiprocessing.get_context({method!r}).Pool(2) as pool:
        answers = pool.map(compute, [1, 2, 3, 4])
    print(all(same(answer, expected) for answer in answers))
"""
    assert run(program, folder=tmp_path) == "True"


def test_joblib_workers_share_the_processors(tmp_path):
    program = """
import joblib

def threads_of_worker(_):
    return sparsetransfer.get_num_threads()

if __name__ == "__main__":
    counts = joblib.Parallel(n_jobs=2)(joblib.delayed(threads_of_worker)(i) for i in range(2))
    print(max(counts) * 2 <= max(2, joblib.cpu_count()))
"""
    assert run(program, folder=tmp_path) == "True"


def test_eight_python_threads_at_once_get_the_same_answer():
    program = """
from concurrent.futures import ThreadPoolExecutor

expected = compute(1)
with ThreadPoolExecutor(8) as executor:
    answers = list(executor.map(lambda i: compute(1 + i % 4), range(32)))
print(all(same(answer, expected) for answer in answers))
"""
    assert run(program) == "True"


def test_the_interpreter_ends_while_daemon_threads_compute():
    program = """
def keep_busy():
    while True:
        compute(2)

SAMPLES = SAMPLES[:300]  # short calls: threads wait for the GIL when the interpreter ends
for _ in range(6):
    threading.Thread(target=keep_busy, daemon=True).start()
time.sleep(0.05)
print("end")
"""
    assert [run(program) for _ in range(5)] == ["end"] * 5
