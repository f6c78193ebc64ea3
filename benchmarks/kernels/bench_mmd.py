"""Time the discrepancies and the neighbour search at the sizes of their users.

Run with ``python -m pytest benchmarks/kernels/bench_mmd.py``. Every timed answer is checked.
"""

import numpy as np
import pytest

from sparsetransfer import graph, mmd

# A study of a few corpora, in the features after PCA and in the raw ones.
SIZES = {"study": (1_000, 64), "corpora": (5_000, 64), "corpora-wide": (5_000, 256)}


@pytest.fixture(params=SIZES)
def size(request):
    return SIZES[request.param]


@pytest.fixture(params=[np.float32, np.float64], ids=["float32", "float64"])
def domains(request, size):
    rng = np.random.default_rng(0)
    n, d = size
    source, target = rng.normal(size=(n, d)), rng.normal(size=(n, d)) + 0.1
    return source.astype(request.param), target.astype(request.param)


def tolerance(domains):
    return 50 * float(np.finfo(domains[0].dtype).eps)


@pytest.mark.parametrize("gradient", [False, True], ids=["value", "gradient"])
def test_gaussian_five_bandwidths(benchmark, domains, gradient):
    result = benchmark(mmd.gaussian, *domains, bandwidths="mean", gradient=gradient)
    # The mean of the witness over the domains is another way to the same value.
    samples = np.concatenate(domains)
    witness = mmd.witness(samples, *domains, bandwidths="mean")
    n = len(domains[0])
    assert abs(result.value - (witness[:n].mean() - witness[n:].mean())) < tolerance(domains)


def test_linear(benchmark, domains):
    result = benchmark(mmd.linear, *domains, gradient=True)
    source, target = (domain.astype(float).mean(axis=0) for domain in domains)
    assert abs(result.value - np.square(source - target).sum()) < tolerance(domains)


def test_random_features(benchmark, domains):
    options = {"bandwidths": "mean", "multipliers": [1], "gradient": True}
    result = benchmark(mmd.random_features, *domains, rng=0, **options)
    assert abs(result.value - mmd.gaussian(*domains, **options).value) < 0.05


def test_nearest_neighbours(benchmark, domains):
    indices, distances = benchmark(graph.nearest_neighbours, domains[0], 5)
    row = np.linalg.norm(domains[0].astype(float) - domains[0][7].astype(float), axis=1)
    row[7] = np.inf
    assert indices[7].tolist() == np.argsort(row, kind="stable")[:5].tolist()
    assert np.allclose(distances[7], np.sort(row)[:5], rtol=1e-6)
