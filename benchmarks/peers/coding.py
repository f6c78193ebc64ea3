"""Time sparse coders against each other: same data, interleaved, scored by one objective.

Every cell of the grid is a file in the folder of results, written when it is done: a run that was
stopped goes on where it was, and slices of the grid can be run one by one.
"""

import argparse
import contextlib
import json
import os
import time

# A team of OpenMP threads that spins when its loop is over takes a core from the next coder. Read
# when the first of them is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from coders import LASSO, OMP, ours
from problems import ALL_KINDS, GRID, SIZES, penalty_for
from summary import summarise
from threadpoolctl import threadpool_limits

from sparsetransfer import _core
from sparsetransfer._files import write_text
from sparsetransfer.benchmarking.run import processor

# Seconds of a round, at least: shorter ones are mostly noise of the system.
SHORTEST = 0.01
PACKAGES = (
    "sparsetransfer",
    "numpy",
    "scikit-learn",
    "spams-bin",
    "celer",
    "skglm",
    "dictlearn",
    "scikit-learn-intelex",
)


def objective(X, D, codes, alpha):
    """Per signal, in float64, whatever the coder computed in."""
    dense = codes.toarray() if hasattr(codes, "toarray") else codes
    dense = dense.astype(np.float64)
    return 0.5 * ((X - dense @ D) ** 2).sum(axis=1) + alpha * np.abs(dense).sum(axis=1)


def violation(X, D, codes, alpha):
    """In float64, for the data as the coder saw them: rounding those is none of its doing."""
    dense = codes.toarray() if hasattr(codes, "toarray") else codes
    X, D = (array.astype(dense.dtype).astype(np.float64) for array in (X, D))
    dense = dense.astype(np.float64)
    gradient = (X - dense @ D) @ D.T
    on = np.abs(gradient - alpha * np.sign(dense))
    off = np.maximum(np.abs(gradient) - alpha, 0)
    return float(np.where(dense != 0, on, off).max() / alpha) if alpha else 0.0


def race(coders, X, D, parameter, threads, rounds):
    """CPU and wall seconds of every coder with every number of threads, and its codes.

    Rounds are interleaved, after a few signals each; one that is over in less than `SHORTEST`
    seconds is repeated at once, and its time is the mean. Where numbers of threads are compared,
    all signals are coded once before, and the numbers change their order from round to round:
    memory that a process touches for the first time is paid by whoever comes first.
    """
    times = {number: {name: [] for name in coders} for number in threads}
    codes = {}
    for code in coders.values():
        code(X[:32] if len(threads) == 1 else X, D, parameter, threads[-1])
    for round_number in range(rounds):
        for name, code in coders.items():
            for number in threads[:: 1 - 2 * (round_number % 2)]:
                calls, wall, cpu = 0, time.perf_counter(), time.process_time()
                while time.perf_counter() - wall < SHORTEST:
                    codes[name] = code(X, D, parameter, number)
                    calls += 1
                spent = (time.perf_counter() - wall, time.process_time() - cpu)
                times[number][name].append([seconds / calls for seconds in spent])
    return times, codes


def describe(times):
    wall, cpu = np.array(times).T
    return {
        "wall_median": float(np.median(wall)),
        "wall_least": float(wall.min()),
        "wall_spread": float(np.ptp(wall)),
        "cpu_median": float(np.median(cpu)),
        "cpu_spread": float(np.ptp(cpu)),
    }


def versions():
    found = {}
    for name in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found | _core.build_info()


def circumstances():
    """What a record says of the machine."""
    return {"processor": processor(), "cores": os.cpu_count(), "versions": versions()}


def report(records, path):
    """Print what records measured, and write them into a JSON file where one is wanted."""
    for record in records:
        print(f"{record['name']}: {record['value']:.3g}")
    if path:
        path.write_text(json.dumps(records, indent=1))


def measure(problem, coders, size, kind, share, options):
    """Return the records of one cell by number of threads, none if no penalty gives the share."""
    features, atoms, signals = SIZES[size]
    if share and share >= features / atoms:
        return {}
    signals = min(max(int(signals * options.signals), 1), options.max_signals or signals)
    X, D = ALL_KINDS[kind](np.random.default_rng(0), features, atoms, signals)
    signals = len(X)
    alpha = 0.0
    if problem == "lasso":
        alpha = penalty_for(lambda X, D, a: ours(X, D, a, None), X[:50], D, share)
    parameter = alpha if problem == "lasso" else options.count
    times, codes = race(coders, X, D, parameter, options.threads, options.rounds)
    scores = {name: objective(X, D, c, alpha) for name, c in codes.items()}
    best = np.min(list(scores.values()), axis=0)
    floor = np.maximum(best, np.finfo(float).eps)
    judged = {
        name: {
            "worst_excess": float(((scores[name] - best) / floor).max()),
            "mean_excess": float((scores[name] / floor).mean() - 1),
            "violation": violation(X, D, codes[name], alpha),
        }
        for name in coders
    }
    return {
        number: {
            "problem": problem,
            "size": size,
            "kind": kind,
            "share": share,
            **({"non_zeros": round(share * atoms)} if options.non_zeros else {}),
            **({"count": options.count} if problem == "omp" else {}),
            "signals": signals,
            "alpha": alpha,
            "threads": number,
            "rounds": options.rounds,
            **circumstances(),
            "coders": {name: describe(spent[name]) | judged[name] for name in coders},
        }
        for number, spent in times.items()
    }


def amounts(options):
    """Return the wanted non-zeros: shares of the atoms, or numbers; none for pursuits."""
    if options.problem == "omp":
        return [0.0]
    return [float(part) for part in (options.non_zeros or options.shares).split(",")]


def share_of(amount, size, options):
    return amount / SIZES[size][1] if options.non_zeros else amount


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problem", choices=["lasso", "omp"], default="lasso")
    parser.add_argument("--coders", default="ours,ours_float32,spams")
    parser.add_argument("--sizes", "--grid", default=",".join(GRID))
    parser.add_argument("--kinds", default="gaussian,spectral")
    parser.add_argument("--shares", default="0.05,0.1,0.25", help="of atoms, for the lasso")
    parser.add_argument("--non-zeros", help="of a code, instead of shares")
    parser.add_argument("--count", type=int, default=10, help="atoms, for omp")
    parser.add_argument("--signals", type=float, default=1.0, help="share of the grid's signals")
    parser.add_argument("--max-signals", type=int, help="and at most so many")
    parser.add_argument("--threads", default="1", help="numbers of threads, side by side")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--results", type=Path, help="folder of cells; done ones are kept")
    options = parser.parse_args()
    options.threads = [int(number) for number in options.threads.split(",")]
    table = LASSO if options.problem == "lasso" else OMP
    coders = {name: table[name] for name in options.coders.split(",")}
    if options.results:
        options.results.mkdir(parents=True, exist_ok=True)
    cells = [
        (size, kind, share_of(amount, size, options))
        for amount in amounts(options)
        for kind in options.kinds.split(",")
        for size in options.sizes.split(",")
    ]
    # Scoring must not leave threads of BLAS that spin into the next measurement.
    threadpool_limits(1, user_api="blas")
    records = []
    for size, kind, share in cells:
        paths = {}
        if options.results:
            for number in options.threads:
                name = f"{options.problem}-{size}-{kind}-{share}-t{number}-{'+'.join(coders)}"
                paths[number] = options.results / f"{name}.json"
        if paths and all(path.exists() for path in paths.values()):
            records += [json.loads(path.read_text()) for path in paths.values()]
            continue
        found = measure(options.problem, coders, size, kind, share, options)
        for number, record in found.items():
            records.append(record)
            if paths:
                write_text(paths[number], json.dumps(record, indent=1))
            print(summarise([record]), flush=True)
    print(summarise(records, ratios=True))


if __name__ == "__main__":
    main()
