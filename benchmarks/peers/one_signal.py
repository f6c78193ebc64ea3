"""One signal and many features, where celer and skglm are at home: ``one_signal.py --output FILE.json``.

The simulated data of benchopt's public lasso benchmark (500 samples, 5,000 features, correlation 0 and 0.6 of
neighbours, 50 of them matter, signal to noise 3); the penalty is a share of the one above which
all is zero. Every solver runs with tighter and tighter tolerances, and counts with the median CPU time of the first
that brings it within 1e-6 of the best objective; compilation is not timed. scikit-learn, celer and skglm
see the features as columns of Fortran order, ours as rows: no one is charged a copy. What `ours_prepared`
keeps of the dictionary are the columns of the Gram matrix that the same signal met before.
"""

import argparse
import itertools
import json
import time
import warnings
from pathlib import Path

import numpy as np
from coding import circumstances
from threadpoolctl import threadpool_limits

from sparsetransfer.sparse_coding import PreparedDictionary, lasso

EQUAL = 1e-6
TOLERANCES = tuple(10.0**-power for power in range(2, 13, 2))


def simulated(samples, count, correlation):
    """Features in rows, and the signal."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(count, samples))
    for one, following in itertools.pairwise(features):
        following *= np.sqrt(1 - correlation**2)
        following += correlation * one
    weights = np.zeros(count)
    weights[rng.choice(count, 50, replace=False)] = rng.normal(size=50)
    noise, signal = rng.normal(size=samples), weights @ features
    return features, signal + noise * np.linalg.norm(signal) / np.linalg.norm(noise) / 3


def ours(D, y, alpha):
    def solve(tolerance):
        return lasso(y[None], D, alpha, tol=tolerance, max_iter=100_000, n_jobs=1).codes[0]

    return solve


def ours_prepared(D, y, alpha):
    return ours(PreparedDictionary(D), y, alpha)


def scikit_learn(D, y, alpha):
    from sklearn.linear_model import Lasso

    return _estimator(Lasso, D, y, alpha, max_iter=100_000)


def celer(D, y, alpha):
    from celer import Lasso

    return _estimator(Lasso, D, y, alpha, max_iter=100)


def skglm(D, y, alpha):
    from skglm import Lasso

    return _estimator(Lasso, D, y, alpha, max_iter=1000)


def _estimator(kind, D, y, alpha, **options):
    def solve(tolerance):
        model = kind(alpha / len(y), fit_intercept=False, tol=tolerance, **options)
        return model.fit(D.T, y).coef_

    return solve


SOLVERS = {
    "ours": ours,
    "ours_prepared": ours_prepared,
    "scikit_learn": scikit_learn,
    "celer": celer,
    "skglm": skglm,
}


def measure(size, correlation, share, rounds):
    samples, count = size
    D, y = simulated(samples, count, correlation)
    alpha = share * np.abs(D @ y).max()
    solvers = {}
    for name, make in SOLVERS.items():
        try:
            solvers[name] = make(D, y, alpha)
        except ImportError as error:
            print(f"{name} is left out: {error}")
            continue
        solvers[name](0.1)
    seconds, values = {}, {}
    for _ in range(rounds):
        for name, solve in solvers.items():
            for tolerance in TOLERANCES:
                began = time.process_time()
                code = solve(tolerance)
                seconds.setdefault((name, tolerance), []).append(time.process_time() - began)
                loss = 0.5 * ((y - code @ D) ** 2).sum() + alpha * np.abs(code).sum()
                values[name, tolerance] = float(loss)
                non_zeros = int(np.count_nonzero(code))
    best = min(values.values())
    found = {}
    for name in solvers:
        excess = {tolerance: values[name, tolerance] / best - 1 for tolerance in TOLERANCES}
        good = [t for t in TOLERANCES if excess[t] <= EQUAL] or TOLERANCES[-1:]
        spent = seconds[name, good[0]]
        found[name] = {
            "cpu_median": float(np.median(spent)),
            "cpu_spread": float(np.ptp(spent)),
            "worst_excess": excess[good[0]],
            "tolerance": good[0],
        }
    print(f"{share} {correlation}: {non_zeros} non-zeros", found, flush=True)
    return {
        "benchmark": "one signal",
        "name": f"{samples}x{count}, correlation {correlation}, {share} of the largest penalty",
        "non_zeros": non_zeros,
        "rounds": rounds,
        "coders": found,
        **circumstances(),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, help="JSON file")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--toy", action="store_true", help="20 samples and 60 features")
    options = parser.parse_args()
    threadpool_limits(1)
    warnings.simplefilter("ignore")
    size = (20, 60) if options.toy else (500, 5000)
    records = [
        measure(size, correlation, share, options.rounds)
        for correlation in (0.0, 0.6)
        for share in (0.5, 0.1, 0.01)
    ]
    if options.output:
        options.output.write_text(json.dumps(records, indent=1))


if __name__ == "__main__":
    main()
