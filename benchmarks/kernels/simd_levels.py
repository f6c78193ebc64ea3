"""Compare the SIMD levels of this machine: ``python benchmarks/kernels/simd_levels.py levels.json``.

Lasso codes of the grid of ``benchmarks/peers`` at 10 % non-zeros and the Gaussian discrepancy with
gradients, one thread, least CPU seconds of three; every level in a process of its own.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

PEERS = Path(__file__).parents[1] / "peers"
SIZES = ((64, 256, 1500), (128, 512, 1500), (384, 512, 1500), (384, 1024, 1000), (988, 1024, 600))
PLACE = "SPARSETRANSFER_SIMD"


def seconds(call):
    call()
    times = []
    for _ in range(3):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return min(times)


def measure():
    """Return CPU seconds by name, at the level that the environment asks for."""
    import numpy as np

    sys.path.insert(0, str(PEERS))
    from coders import ours
    from problems import KINDS, penalty_for

    from sparsetransfer import mmd

    found = {}
    for features, atoms, signals in SIZES:
        for kind, make in KINDS.items():
            X, D = make(np.random.default_rng(0), features, atoms, signals)
            alpha = penalty_for(lambda X, D, a: ours(X, D, a, None), X[:50], D, 0.1)
            for dtype in (np.float64, np.float32):
                rows, dictionary = X.astype(dtype), D.astype(dtype)
                name = f"lasso, {features}x{atoms}, {kind}, {np.dtype(dtype)}"
                found[name] = seconds(lambda x=rows, d=dictionary, a=alpha: ours(x, d, a, 1))
    source = np.random.default_rng(0).normal(size=(3000, 64))
    for dtype in (np.float64, np.float32):
        rows = source.astype(dtype)
        found[f"Gaussian discrepancy, {np.dtype(dtype)}"] = seconds(
            lambda x=rows: mmd.gaussian(
                x, x + 0.1, bandwidths=[4, 5.6, 8, 11, 16], gradient=True, n_jobs=1
            )
        )
    return found


def main():
    if PLACE in os.environ:
        print(json.dumps(measure()))
        return
    from sparsetransfer import _cpu, _simd

    runnable = _simd.LEVELS[: _simd.LEVELS.index(_cpu.level()) + 1]
    levels = {}
    for level in (level for level in _simd.built() if level in runnable):
        command = [sys.executable, __file__]
        done = subprocess.run(
            command, env={**os.environ, PLACE: level}, capture_output=True, text=True, check=True
        )
        levels[level] = json.loads(done.stdout)
    Path(sys.argv[1]).write_text(json.dumps({"levels": levels}))


if __name__ == "__main__":
    main()
