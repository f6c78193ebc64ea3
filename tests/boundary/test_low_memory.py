"""With almost no memory left a call raises MemoryError, or ends; it never takes the process along."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import ctypes, gc, resource, threading, warnings
from pathlib import Path
from typing import get_args
import numpy as np
from sparsetransfer import dictionary, distributed, graph, mmd, sparse_coding, transfer
from sparsetransfer.sparse_coding.functional import LassoAlgorithm

warnings.simplefilter("ignore")
rng = np.random.default_rng(0)
X, D = rng.normal(size=(1200, 64)), rng.normal(size=(300, 64))
domain = np.repeat([1, -1], 600)
labels = np.where(domain > 0, np.arange(1200) % 3, -1)
few = D[:60]
correlations = X @ D.T
gram = D @ D.T
gram = (gram + gram.T) / 2
mask = np.repeat(rng.random((12, 64)) < 0.8, 100, axis=0)
thin = rng.normal(size=(40, 300))
pair = X[::2], X[1::2]
learn = dict(n_components=150, alpha=1.0, rng=0, n_jobs=4)
encode = dict(mmd=1.0, n_jobs=4)
calls = {
    "omp": lambda: sparse_coding.omp(X, D, 10, n_jobs=4),
    "ols": lambda: sparse_coding.omp(X, D, 10, rule="ols", n_jobs=4),
    "omp_gram": lambda: sparse_coding.omp_gram(gram, correlations, (X**2).sum(axis=1), 10),
    **{
        f"lasso {name}": lambda name=name: sparse_coding.lasso(
            X, D, 5.0, algorithm=name, max_iter=20, n_jobs=4
        )
        for name in get_args(LassoAlgorithm)[1:]
    },
    "lasso, float32": lambda: sparse_coding.lasso(
        X.astype(np.float32), D.astype(np.float32), 5.0, n_jobs=4
    ),
    "lasso, masked": lambda: sparse_coding.lasso(X, D, 5.0, mask=mask, n_jobs=4),
    "lasso, sparse": lambda: sparse_coding.lasso(X, D, 5.0, sparse_output=True, n_jobs=4),
    "lasso_gram": lambda: sparse_coding.lasso_gram(gram, correlations, 5.0, n_jobs=4),
    "lasso_path": lambda: sparse_coding.lasso_path(X[:100], D, max_iter=100, n_jobs=4),
    "lasso_pooled": lambda: sparse_coding.lasso_pooled(X, [400] * 3, D, 5.0, n_jobs=4),
    "PreparedDictionary": lambda: sparse_coding.lasso(
        X, sparse_coding.PreparedDictionary(D), 5.0, n_jobs=4
    ),
    **{
        f"learn {name}": lambda name=name: dictionary.learn_dictionary(
            X, max_iter=1, method=name, **learn
        )
        for name in ("block_coordinate", "lagrange_dual", "optimal_directions", "ksvd")
    },
    "learn, masked": lambda: dictionary.learn_dictionary(X, mask=mask, max_iter=1, **learn),
    "learn online": lambda: dictionary.learn_dictionary_online(X, **learn),
    "mmd.gaussian": lambda: mmd.gaussian(*pair, gradient=True, n_jobs=4),
    "mmd.linear": lambda: mmd.linear(*pair, gradient=True),
    "mmd.random_features": lambda: mmd.random_features(*pair, gradient=True, rng=0),
    "witness": lambda: mmd.witness(X, *pair, n_jobs=4),
    "nearest_neighbours": lambda: graph.nearest_neighbours(X, 20, n_jobs=4),
    **{
        f"transfer_encode {name}": lambda name=name: transfer.transfer_encode(
            X, D, domain, alpha=10.0, solver=name, max_iter=10, **encode
        )
        for name in ("auto", "fista", "newton", "admm", "gauss-seidel")
    },
    "transfer_learn": lambda: transfer.transfer_learn(
        X, few / 10, domain, alpha=1.0, max_iter=2, **encode
    ),
    "transfer_learn, labels": lambda: transfer.transfer_learn(
        X, few / 10, domain, alpha=1.0, max_iter=2, label=1.0, y=labels, **encode
    ),
    "kernel_encode": lambda: transfer.kernel_encode(
        X[::3], few, domain[::3], alpha=1.0, bandwidths=[1.0], max_iter=3, **encode
    ),
    "sparse_regression": lambda: transfer.sparse_regression(thin, thin[:, :3], l21=1.0, n_jobs=4),
    "distributed.learn": lambda: distributed.learn(
        distributed.Chunks.from_array(X, chunk_size=400), 200, alpha=1.0, max_iter=1, rng=0,
        n_jobs=4,
    ),
}
libc = ctypes.CDLL(None)
refused = 0


def run():
    global refused
    gc.freeze()  # the modules, which every collection would visit
    for call in calls.values():
        call()  # whatever is kept for the next call is there
        for spare in (0, 1, 3):
            gc.collect()  # what earlier calls left would serve this one
            libc.malloc_trim(0)
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

# Blocks of some size go back to the system at once, and come from there again.
AT_ONCE = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": "65536",
    "MALLOC_TRIM_THRESHOLD_": "0",
}


@pytest.mark.skipif(sys.platform != "linux", reason="limits address space")
def test_without_memory_a_call_raises_memory_error():
    finished = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, **AT_ONCE},
    )
    assert (finished.returncode, finished.stderr) == (0, "")
    assert int(finished.stdout) >= 20  # the others found what they needed in blocks at hand
