"""Peak memory of learning: the arguments, the result, and little else."""

import subprocess
import sys
from pathlib import Path

import pytest

PEAK = """
import gc, re, warnings
from pathlib import Path
import numpy as np
from sparsetransfer import dictionary, sparse_coding, transfer

warnings.simplefilter("ignore")
rng = np.random.default_rng(0)

def status(field):
    return 1024 * int(re.search(field + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

def data(n):
    X = rng.standard_normal((n, {features}), dtype={dtype!r})
    return X / np.linalg.norm(X, axis=1, keepdims=True)

def call(X):
    return {call}

call(data(600))  # imports, threads and their stacks
X = data({signals})
gc.collect()
before = status("VmRSS")
result = call(X)
outputs = {outputs}
print(status("VmHWM") - before + X.nbytes, X.nbytes + outputs)
"""

SMALL = {"features": 64, "signals": 30_000, "dtype": "float64"}
LEARNED = "result.codes.nbytes + result.components.nbytes + result.statistics.A.nbytes"
CALLS = {
    "learn_dictionary": SMALL
    | {"call": "dictionary.learn_dictionary(X, 512, alpha=0.4, max_iter=2, rng=0)"},
    "learn_dictionary, ksvd": SMALL
    | {"call": "dictionary.learn_dictionary(X, 256, alpha=0.4, max_iter=1, method='ksvd', rng=0)"},
    "learn_dictionary, weights": SMALL
    | {
        "call": (
            "dictionary.learn_dictionary(X, 512, alpha=0.4, max_iter=1, rng=0,"
            " sample_weight=np.full(len(X), 2.0))"
        )
    },
    "learn_dictionary, float32": SMALL
    | {
        "dtype": "float32",
        "call": "dictionary.learn_dictionary(X, 512, alpha=0.4, max_iter=2, rng=0)",
    },
    "learn_dictionary_online": SMALL
    | {"call": "dictionary.learn_dictionary_online(X, 512, alpha=0.4, rng=0)"},
    "lasso_pooled": SMALL
    | {
        "call": "sparse_coding.lasso_pooled(X, [len(X) // 4] * 4, X[:512], 0.4)",
        "outputs": "result.values.nbytes",
    },
    "lasso, sparse": SMALL
    | {
        "call": "sparse_coding.lasso(X, X[:512], 0.4, sparse_output=True)",
        "outputs": "2 * (result.codes.data.nbytes + result.codes.indices.nbytes)",
    },
    "lasso": SMALL
    | {"call": "sparse_coding.lasso(X, X[:512], 0.4)", "outputs": "result.codes.nbytes"},
}


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize("name", CALLS)
def test_peak_is_arguments_and_result(name):
    program = PEAK.format(**({"outputs": LEARNED} | CALLS[name]))
    finished = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=100, check=False
    )
    assert finished.returncode == 0, finished.stderr
    peak, needed = map(int, finished.stdout.split())
    assert peak <= 1.2 * needed + 64e6


def test_newton_steps_take_bounded_memory_for_any_number_of_samples():
    program = PEAK.format(
        features=64,
        signals=20_000,
        dtype="float64",
        outputs="result.codes.nbytes",
        call=(
            "transfer.transfer_encode(X, X[:256], np.repeat([1, -1], len(X) // 2), alpha=1e-3,"
            " mmd=1.0, solver='newton', max_iter=3)"
        ),
    )
    finished = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=100, check=False
    )
    assert finished.returncode == 0, finished.stderr
    peak, needed = map(int, finished.stdout.split())
    # The Cholesky factors of all samples, whose codes are dense at first, would take 10 GB.
    assert peak <= 8 * needed + 1e9
