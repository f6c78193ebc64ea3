"""Level and power of the two-sample test, with a mean of kernels and with fused kernels, by kernel.

How often equal distributions and three kinds of difference are told apart at the 5 % level.
"""

import argparse

import numpy as np

from sparsetransfer import mmd

TESTS = {
    "median": {"bandwidths": "median"},
    "quantiles, mean": {"bandwidths": "quantiles"},
    "quantiles, fuse": {"bandwidths": "quantiles", "combine": "fuse"},
}
KERNELS = ("gaussian", "laplace", "inverse_multiquadric")


def equal(rng, n):
    return rng.normal(size=(n, 10)), rng.normal(size=(n, 10))


def shifted(rng, n):
    return rng.normal(size=(n, 10)), rng.normal(size=(n, 10)) + 0.08


def scaled(rng, n):
    return rng.normal(size=(n, 10)), 1.08 * rng.normal(size=(n, 10))


def rippled(rng, n):
    """A uniform density against one whose upper half of every fifth of the range is rarer."""
    fifth = rng.integers(5, size=(4 * n, 1))
    place = rng.uniform(size=(4 * n, 1))
    kept = rng.uniform(size=(4 * n, 1)) < np.where(place < 0.5, 1.0, 0.4)
    return rng.uniform(size=(n, 1)), ((fifth + place) / 5)[kept][:n, None]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=250, help="a side")
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--permutations", type=int, default=199)
    parser.add_argument("--kernels", nargs="+", choices=KERNELS, default=KERNELS)
    options = parser.parse_args()
    tests = {
        f"{kernel}: {name}": {"kernel": kernel, **settings}
        for kernel in options.kernels
        for name, settings in TESTS.items()
    }
    print("| difference | " + " | ".join(tests) + " |\n|---|" + "---|" * len(tests))
    for draw in (equal, shifted, scaled, rippled):
        found = {name: [] for name in tests}
        for seed in range(options.repeats):
            samples = draw(np.random.default_rng(seed), options.samples)
            for name, settings in tests.items():
                test = mmd.two_sample_test(
                    *samples, n_permutations=options.permutations, rng=seed, **settings
                )
                found[name].append(test.p_value <= 0.05)
        shares = (f"{100 * np.mean(values):.1f} %" for values in found.values())
        print(f"| {draw.__name__} | " + " | ".join(shares) + " |", flush=True)


if __name__ == "__main__":
    main()
