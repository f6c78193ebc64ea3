"""With almost no memory left a call raises MemoryError, or ends; it never takes the process along."""

import subprocess
import sys

import pytest

PROGRAM = """
import resource, threading, warnings
from pathlib import Path
import numpy as np
from sparsetransfer import dictionary, graph, mmd, sparse_coding, transfer

warnings.simplefilter("ignore")
rng = np.random.default_rng(0)
X, D = rng.normal(size=(3000, 64)), rng.normal(size=(400, 64))
domain = np.repeat([1, -1], 1500)
calls = [
    lambda: sparse_coding.omp(X, D, 10, n_threads=4),
    lambda: sparse_coding.lasso(X, D, 1.0, n_threads=4),
    lambda: dictionary.learn_dictionary(X, 300, alpha=1.0, max_iter=1, rng=0, n_threads=4),
    lambda: mmd.gaussian(X[::2], X[1::2], gradient=True, n_threads=4),
    lambda: graph.nearest_neighbours(X, 20, n_threads=4),
    lambda: transfer.transfer_encode(X, D, domain, alpha=1.0, mmd=1.0, n_threads=4),
]
refused = 0


def run():
    global refused
    for call in calls:
        for spare in (0, 1, 3, 8, 20, 40):
            used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (used + (spare << 20), resource.RLIM_INFINITY))
            try:
                call()
            except MemoryError:
                refused += 1
            finally:
                resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)


# The system ends a process whose main thread cannot get more stack, and how much it needs depends
# on which blocks fall to it. The stack of any other thread is there from its beginning.
thread = threading.Thread(target=run)
thread.start()
thread.join()
print(refused)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits address space")
def test_without_memory_a_call_raises_memory_error():
    finished = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=300, check=False
    )
    assert (finished.returncode, finished.stderr) == (0, "")
    assert int(finished.stdout) >= 6
