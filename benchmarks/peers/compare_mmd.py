"""Compare the Gaussian discrepancy, value and gradient with five bandwidths, to its peers.

Run for example ``python benchmarks/peers/compare_mmd.py --samples 5000 --features 64``; needs
torch. The competitors take turns in one process and every answer is checked against ours; KeOps
(``pip install pykeops``) is one of them where it is installed. Times are CPU seconds of the process
(what a shared machine leaves comparable) and wall seconds, the median over the rounds; what takes
more than ten seconds is timed once. The roofline adds the products that the exact gradient cannot
do without, at the speed of NumPy's large products, to one exponential per pair of samples, at the
speed of torch's on an array in cache.
"""

import argparse
import importlib.metadata
import importlib.util
import json
import os
import platform
import statistics
import sys
import time
from pathlib import Path

import mmd_competitors as competitors
import numpy as np
import torch
from threadpoolctl import threadpool_limits

import sparsetransfer
from sparsetransfer import mmd
from sparsetransfer.benchmarking.run import processor

CHUNKS = (64, 256, 1024)
LONG = 10.0  # seconds


def main() -> None:
    options = parse()
    torch.set_num_threads(options.threads)
    with threadpool_limits(options.threads):
        report = compare(options)
    print(json.dumps(report, indent=2))
    if options.output:
        options.output.write_text(json.dumps(report, indent=2) + "\n")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=5000, help="of each domain")
    parser.add_argument("--features", type=int, default=64)
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float64")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--autograd", action="store_true", help="needs memory for full matrices")
    parser.add_argument("--output", type=Path)
    return parser.parse_args()


def compare(options: argparse.Namespace) -> dict:
    rng = np.random.default_rng(0)
    shape = options.samples, options.features
    source = rng.normal(size=shape).astype(options.dtype)
    target = (rng.normal(size=shape) + 0.1).astype(options.dtype)
    # Squared bandwidths 1/4 ... 4 times the mean squared distance of two samples.
    widths = [options.features**0.5 * 2 ** (k / 2) for k in (-2, -1, 0, 1, 2)]
    runs = {"sparsetransfer": lambda: ours(source, target, widths, options.threads)}
    for chunk in CHUNKS:
        for name, symmetric in (("all pairs", False), ("each pair once", True)):
            runs[f"torch compiled, {name}, chunks of {chunk}"] = (
                lambda chunk=chunk, symmetric=symmetric: competitors.torch_chunked(
                    source, target, widths, chunk, symmetric
                )
            )
    runs["numpy chunked"] = lambda: competitors.numpy_chunked(source, target, widths)
    if importlib.util.find_spec("pykeops"):
        runs["KeOps"] = lambda: competitors.keops(source, target, widths)
    if options.autograd:
        runs["torch autograd"] = lambda: competitors.torch_autograd(source, target, widths)
    expected = runs["sparsetransfer"]()
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    for round_number in range(options.rounds + 1):  # the first one warms up and compiles
        for name, run in runs.items():
            if times[name] and times[name][0][0] > LONG:
                continue
            cpu, wall = time.process_time(), time.perf_counter()
            answer = run()
            elapsed = time.process_time() - cpu, time.perf_counter() - wall
            if round_number:
                times[name].append(elapsed)
            else:
                check(name, answer, expected)
    return summarise(options, times, roofline(options))


def ours(source, target, widths, threads):
    result = mmd.gaussian(source, target, bandwidths=widths, gradient=True, n_jobs=threads)
    return result.value, result.gradient_source, result.gradient_target


def check(name, answer, expected) -> None:
    unit = np.finfo(expected[1].dtype).eps
    if abs(answer[0] - expected[0]) > 100 * unit:
        raise AssertionError(f"{name}: value {answer[0]} instead of {expected[0]}")
    for gradient, reference in zip(answer[1:], expected[1:], strict=True):
        if np.abs(gradient - reference).max() > 1000 * unit * np.abs(reference).max():
            raise AssertionError(f"{name}: another gradient")


def roofline(options: argparse.Namespace) -> float:
    """Return the CPU seconds of the unavoidable products and exponentials."""
    square = np.random.default_rng(0).random((1536, 1536)).astype(options.dtype)
    product = fastest(lambda: square @ square) / (2 * 1536**3)
    values = -torch.rand(1 << 14, dtype=getattr(torch, options.dtype))
    out = torch.empty_like(values)

    def exponentials():
        for _ in range(50):
            torch.exp(values, out=out)

    exponential = fastest(exponentials) / (50 * len(values))
    pairs = (2 * options.samples) ** 2 / 2
    return pairs * (3 * 2 * options.features * product + exponential)


def fastest(run) -> float:
    times = []
    for _ in range(7):
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    return min(times)


def summarise(options, times, floor) -> dict:
    median = {
        name: {
            "cpu_s": statistics.median(cpu for cpu, _ in rounds),
            "wall_s": statistics.median(wall for _, wall in rounds),
            "cpu_spread_s": max(cpu for cpu, _ in rounds) - min(cpu for cpu, _ in rounds),
        }
        for name, rounds in times.items()
    }
    mine = median["sparsetransfer"]
    for entry in median.values():
        entry["cpu_ratio"] = entry["cpu_s"] / mine["cpu_s"]
        entry["wall_ratio"] = entry["wall_s"] / mine["wall_s"]
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "samples": options.samples,
        "features": options.features,
        "dtype": options.dtype,
        "threads": options.threads,
        "rounds": options.rounds,
        "roofline_cpu_s": floor,
        "fraction_of_roofline": floor / mine["cpu_s"],
        "median": median,
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "torch": torch.__version__,
            "sparsetransfer": sparsetransfer.__version__,
            "platform": f"{sys.platform} {platform.machine()}",
        }
        | ({"pykeops": importlib.metadata.version("pykeops")} if "KeOps" in times else {}),
    }


if __name__ == "__main__":
    main()
