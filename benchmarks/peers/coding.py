"""Time sparse coders against each other: same data, interleaved, scored by one objective."""

import argparse
import json
import os
import platform
import time
from importlib.metadata import PackageNotFoundError, version

import numpy as np
from coders import LASSO, OMP, ours
from problems import KINDS, SIZES, penalty_for

import sparsetransfer
from sparsetransfer import _core


def objective(X, D, codes, alpha):
    """Per signal, in float64, whatever the coder computed in."""
    dense = codes.toarray() if hasattr(codes, "toarray") else codes
    dense = dense.astype(np.float64)
    return 0.5 * ((X - dense @ D) ** 2).sum(axis=1) + alpha * np.abs(dense).sum(axis=1)


def violation(X, D, codes, alpha):
    dense = (codes.toarray() if hasattr(codes, "toarray") else codes).astype(np.float64)
    gradient = (X - dense @ D) @ D.T
    on = np.abs(gradient - alpha * np.sign(dense))
    off = np.maximum(np.abs(gradient) - alpha, 0)
    return float(np.where(dense != 0, on, off).max() / alpha) if alpha else 0.0


def race(coders, X, D, parameter, threads, rounds):
    """CPU and wall seconds of every coder, rounds interleaved, the first one thrown away."""
    times = {name: [] for name in coders}
    codes = {}
    for round_ in range(rounds + 1):
        for name, code in coders.items():
            wall, cpu = time.perf_counter(), time.process_time()
            codes[name] = code(X, D, parameter, threads)
            elapsed = (time.perf_counter() - wall, time.process_time() - cpu)
            if round_:
                times[name].append(elapsed)
    return times, codes


def describe(times):
    wall, cpu = np.array(times).T
    return {
        "wall_median": float(np.median(wall)),
        "wall_spread": float(np.ptp(wall)),
        "cpu_median": float(np.median(cpu)),
        "cpu_spread": float(np.ptp(cpu)),
    }


def versions():
    found = {}
    for name in ("numpy", "scikit-learn", "spams-bin", "celer"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found | {"sparsetransfer": sparsetransfer.__version__, **_core.build_info()}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problem", choices=["lasso", "omp"], default="lasso")
    parser.add_argument("--coders", default="ours,ours_float32,spams")
    parser.add_argument("--sizes", default=",".join(SIZES))
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--shares", default="0.05,0.1,0.25", help="of atoms, for the lasso")
    parser.add_argument("--count", type=int, default=10, help="atoms, for omp")
    parser.add_argument("--signals", type=float, default=1.0, help="share of the grid's signals")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", help="JSON file")
    options = parser.parse_args()
    table = LASSO if options.problem == "lasso" else OMP
    coders = {name: table[name] for name in options.coders.split(",")}
    results = []
    for size in options.sizes.split(","):
        for kind in options.kinds.split(","):
            features, atoms, signals = SIZES[size]
            signals = max(int(signals * options.signals), 1)
            X, D = KINDS[kind](np.random.default_rng(0), features, atoms, signals)
            shares = options.shares.split(",") if options.problem == "lasso" else ["0"]
            for share in map(float, shares):
                if share >= features / atoms:  # no penalty gives so many non-zeros
                    continue
                alpha = (
                    penalty_for(lambda X, D, a: ours(X, D, a, None), X[:50], D, share)
                    if options.problem == "lasso"
                    else 0.0
                )
                parameter = alpha if options.problem == "lasso" else options.count
                times, codes = race(coders, X, D, parameter, options.threads, options.rounds)
                scores = {name: objective(X, D, c, alpha) for name, c in codes.items()}
                best = np.min(list(scores.values()), axis=0)
                row = {"size": size, "kind": kind, "share": share, "alpha": alpha, "coders": {}}
                for name in coders:
                    row["coders"][name] = describe(times[name]) | {
                        "worst_excess": float(((scores[name] - best) / best).max()),
                        "mean_excess": float((scores[name] / best).mean() - 1),
                        "violation": violation(X, D, codes[name], alpha),
                    }
                results.append(row)
                base = row["coders"].get("spams", next(iter(row["coders"].values())))
                text = "  ".join(
                    f"{name} {r['cpu_median']:.3f}s x{base['cpu_median'] / r['cpu_median']:.2f} "
                    f"(excess {r['worst_excess']:.0e}, kkt {r['violation']:.0e})"
                    for name, r in row["coders"].items()
                )
                print(f"{size:10s}{kind:9s} {share:.2f} n={signals}  {text}", flush=True)
    if options.output:
        record = {
            "machine": platform.processor() or platform.machine(),
            "cores": os.cpu_count(),
            "versions": versions(),
            "options": vars(options),
            "results": results,
        }
        with open(options.output, "w") as file:
            json.dump(record, file, indent=1)


if __name__ == "__main__":
    main()
