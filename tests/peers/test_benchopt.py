"""The benchmarks in benchopt's layout run, and solvers of one convex problem agree."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks" / "benchopt"
TOY = "simulated[n_signals=60, n_features=8, n_atoms=16]"
FRAMES = "frames[n_signals=60, n_atoms=16]"


@pytest.fixture
def results(tmp_path):
    pytest.importorskip("benchopt", reason="benchopt is not installed: only published for")
    pandas = pytest.importorskip("pandas", reason="the extra 'speech' is not installed")
    pytest.importorskip("pyarrow", reason="the extra 'data' is not installed")

    def run(name, dataset=TOY):
        folder = tmp_path / name
        shutil.copytree(BENCHMARKS / name, folder)
        command = [sys.executable, "-m", "benchopt", "run", folder, "-d", dataset, "-n", "12"]
        options = ["-r", "1", "--no-plot", "--no-html", "--no-cache", "--output", "toy"]
        finished = subprocess.run(
            [*command, *options], capture_output=True, text=True, check=False, cwd=tmp_path
        )
        assert finished.returncode == 0, finished.stderr
        assert "error" not in finished.stdout, finished.stdout
        return pandas.read_parquet(folder / "outputs" / "toy.parquet")

    return run


def test_sparse_coders_reach_one_objective(results):
    table = results("sparse_coding")
    assert {"sparsetransfer", "scikit-learn"} <= {n.split("[")[0] for n in table["solver_name"]}
    for _, problem in table.groupby(["dataset_name", "objective_name"]):
        least = problem.groupby("solver_name")["objective_value"].min()
        exact = least[least.index.str.contains("auto|lars|SPAMS")]
        assert len(exact) >= 2
        assert exact.max() - exact.min() < 1e-6 * exact.min()
        assert least.min() >= exact.min() * (1 - 1e-6)
        best = problem[problem["solver_name"].str.contains("auto")]["objective_gap"].min()
        assert -1e-12 < best < 1e-9


@pytest.mark.parametrize("dataset", [TOY, FRAMES])
def test_learners_improve_the_first_dictionary(results, dataset):
    table = results("dictionary_learning", dataset)
    for name, found in table.groupby("solver_name"):
        values = found.sort_values("stop_val")["objective_value"].to_numpy()
        assert values[-1] < 0.9 * values[0], name
