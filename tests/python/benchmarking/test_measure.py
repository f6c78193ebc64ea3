"""Figures that carry their certificates and their circumstances."""

import json

import pytest

from sparsetransfer.benchmarking import measure
from sparsetransfer.benchmarking.problems import KERNELS

# What the answers may be off by: optimality in units of alpha, gaps, plain errors.
LIMITS = {
    "lasso": 1e-8,
    "lasso-float32": 1e-4,
    "omp": 1e-10,
    "dictionary": 1e-8,
    "mmd": 1e-12,
    "transfer": 1e-5,
}


@pytest.fixture(scope="module")
def report():
    names = []
    report = measure(rounds=2, n_jobs=2, progress=names.append)
    assert names == list(KERNELS)
    return report


def test_every_kernel_is_measured_and_right(report):
    assert [row.name for row in report.measurements] == list(KERNELS) == list(LIMITS)
    for row in report.measurements:
        assert 0 < row.wall < 60
        assert 0 < row.cpu < 60
        assert row.wall_spread >= 0
        assert 0 <= row.error <= LIMITS[row.name], row.name


def test_figures_say_where_they_were_made(report):
    plain = json.loads(json.dumps(report.to_dict()))
    assert plain["rounds"] == 2
    assert plain["n_threads"] == 2
    assert {"processor", "SIMD used", "threads", "NumPy", "compiler"} <= set(plain["environment"])
    assert all(plain["environment"].values())
    assert len(plain["measurements"]) == len(KERNELS)


def test_only_what_was_asked_for():
    assert [row.name for row in measure(["omp"], rounds=1).measurements] == ["omp"]
    with pytest.raises(ValueError, match=r"kernels must be among lasso, .* got fft"):
        measure(["omp", "fft"])
    with pytest.raises(ValueError, match="rounds must be at least 1"):
        measure(["omp"], rounds=0)
