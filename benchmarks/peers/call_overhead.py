"""What a call costs beside its arithmetic: ``call_overhead.py --output FILE.json``.

CPU microseconds of calls for one signal of four features and a dictionary of six atoms, whose arithmetic takes less than one:
medians of rounds of a thousand calls on one thread.
"""

import argparse
import statistics
import time
from pathlib import Path

import numpy as np
from coding import circumstances, report
from problems import gaussian

from sparsetransfer.sparse_coding import PreparedDictionary, SparseCoder, lasso, omp


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, help="JSON file")
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    X, D = gaussian(np.random.default_rng(0), 4, 6, 1)
    prepared, coder = PreparedDictionary(D), SparseCoder(D, transform_alpha=0.1, n_jobs=1).fit(X)
    calls = {
        "lasso": lambda: lasso(X, D, 0.1, n_jobs=1),
        "lasso, prepared": lambda: lasso(X, prepared, 0.1, n_jobs=1),
        "omp": lambda: omp(X, D, 2, n_jobs=1),
        "omp, prepared": lambda: omp(X, prepared, 2, n_jobs=1),
        "SparseCoder.transform": lambda: coder.transform(X),
    }
    times = {name: [] for name in calls}
    for _ in range(options.rounds):
        for name, call in calls.items():
            began = time.process_time()
            for _ in range(1000):
                call()
            times[name].append(1e3 * (time.process_time() - began))
    records = [
        {
            "benchmark": "call",
            "name": name,
            "value": statistics.median(values),
            "spread": (max(values) - min(values)) / statistics.median(values),
            **circumstances(),
        }
        for name, values in times.items()
    ]
    report(records, options.output)


if __name__ == "__main__":
    main()
