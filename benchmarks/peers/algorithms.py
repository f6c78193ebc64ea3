"""Time our own algorithms for lasso codes against each other: what `algorithm="auto"` rests on.

Run with ``python benchmarks/peers/algorithms.py``; prints one line per problem in Markdown. A time
stands beside the share of codes that reached the tolerance: without it, it is a time for nothing.
"""

import argparse
import time
import warnings

import numpy as np
from problems import KINDS, penalty_for

from sparsetransfer.exceptions import ConvergenceWarning
from sparsetransfer.sparse_coding import lasso

ALGORITHMS = ("active_set", "coordinate_descent", "homotopy", "fista")
SIZES = [(64, 256, 400), (384, 512, 200), (384, 1024, 100), (64, 256, 4)]


def measured(X, D, alpha, tol, algorithm, rounds):
    """The least CPU time in ms, and the share of codes that converged."""
    times = []
    for _ in range(rounds):
        start = time.process_time()
        result = lasso(X, D, alpha, tol=tol, algorithm=algorithm, max_iter=5000, n_jobs=1)
        times.append(1e3 * (time.process_time() - start))
    return min(times), result.converged.mean()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="the first size only")
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    columns = ["problem", "non-zeros", "tol", *ALGORITHMS]
    print("| " + " | ".join(columns) + " |")
    print("|---" * len(columns) + "|")
    for features, atoms, signals in SIZES[: 1 if options.quick else None]:
        for kind, make in KINDS.items():
            X, D = make(np.random.default_rng(0), features, atoms, signals)
            for share in (0.01, 0.05, 0.25):
                if share * atoms > 0.9 * features:
                    continue
                alpha = penalty_for(lambda X, D, a: lasso(X, D, a).codes, X, D, share)
                for tol in (1e-9, 1e-2):
                    cells = []
                    for algorithm in ALGORITHMS:
                        spent, reached = measured(X, D, alpha, tol, algorithm, options.rounds)
                        missed = "" if reached == 1 else f" ({reached:.0%})"
                        cells.append(f"{spent:.1f}{missed}")
                    name = f"{kind} {features}x{atoms}, {signals} signals"
                    print(f"| {name} | {share:.0%} | {tol:g} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
