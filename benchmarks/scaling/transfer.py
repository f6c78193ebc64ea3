"""Time per iteration and peak memory of coupled codes as the number of samples grows.

Every size runs in a process of its own, whose peak resident memory is set against the codes'
size n * k.
"""

import argparse
import json
import resource
import subprocess
import sys
import time

import numpy as np


def measure(n, d, k, dtype, iterations):
    """Return CPU seconds per iteration and peak memory beyond signals and interpreter."""
    from sparsetransfer.transfer import transfer_encode

    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, d), dtype=dtype)
    X[n // 2 :] += dtype(0.2) * rng.standard_normal(d, dtype=dtype)
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    D = X[rng.permutation(n)[:k]].copy()
    domains = np.where(np.arange(n) < n // 2, 1, -1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = []
    for count in (1, 1 + iterations):
        start, wall = time.process_time(), time.perf_counter()
        result = transfer_encode(
            X, D, domains, alpha=0.1, mmd=60.0, solver="fista", max_iter=count, kkt_tol=1e-12
        )
        seconds.append((time.process_time() - start, time.perf_counter() - wall))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "n": n,
        "cpu_per_iteration": (seconds[1][0] - seconds[0][0]) / iterations,
        "wall_per_iteration": (seconds[1][1] - seconds[0][1]) / iterations,
        "peak_bytes": 1024 * (peak - before),
        "peak_over_codes": 1024 * (peak - before) / result.codes.nbytes,
        "kkt_relative": result.kkt_violation / 0.1,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, nargs="+", default=[1000, 10000, 100000])
    parser.add_argument("--features", type=int, default=384)
    parser.add_argument("--components", type=int, default=512)
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float32")
    parser.add_argument("--iterations", type=int, default=5)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        dtype = getattr(np, args.dtype)
        row = measure(args.one, args.features, args.components, dtype, args.iterations)
        print(json.dumps(row))
        return
    for n in args.samples:
        command = [sys.executable, __file__, *sys.argv[1:], "--one", str(n)]
        warnings_off = [command[0], "-W", "ignore", *command[1:]]
        row = json.loads(subprocess.run(warnings_off, capture_output=True, check=True).stdout)
        print(
            f"n {row['n']:7d}  CPU {row['cpu_per_iteration']:8.4f} s  wall "
            f"{row['wall_per_iteration']:8.4f} s an iteration  peak {row['peak_bytes'] / 2**20:7.0f}"
            f" MiB = {row['peak_over_codes']:.1f} times the codes",
            flush=True,
        )


if __name__ == "__main__":
    main()
