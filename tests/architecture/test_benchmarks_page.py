"""The page of benchmarks says what was measured."""

import importlib.util
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PEERS = ROOT / "benchmarks" / "peers"


@pytest.fixture(scope="module")
def writer():
    spec = importlib.util.spec_from_file_location("benchmarks_page", PEERS / "page.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def records(writer):
    return json.loads(writer.MEASURED.read_text(encoding="utf-8"))


def test_the_page_is_the_one_that_the_measurements_give(writer, records):
    written = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    assert written == writer.page(records)


def test_the_readme_quotes_the_mean_and_the_least_of_all_cells(writer, records):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert writer.first_page(records) in text
    cells = writer.lasso_cells(records, 1)
    least = min(writer.ratio(record, "spams", "ours") for record in cells)
    assert any("non_zeros" in record for record in cells)
    assert f"(least {least:.2f})" in text


def test_new_discrepancies_replace_those_of_their_size(writer, records):
    old = [record for record in records if "median" in record]
    merged = writer.merge(records, [dict(old[0], rounds=99)])
    assert merged[0]["rounds"] == 99
    assert [record for record in merged[1:] if "median" in record] == old[1:]


def test_new_cells_replace_all_of_their_benchmark_and_nothing_else(writer, records):
    cell = next(record for record in records if record.get("problem") == "omp")
    merged = writer.merge(records, [cell])
    assert [record for record in merged if "problem" in record] == [cell]
    others = [record for record in records if "problem" not in record]
    assert others
    assert merged[1:] == others


def test_a_loss_is_named(writer, records):
    cell = next(r for r in records if r.get("problem") == "lasso" and "spams" in r["coders"])
    slow = json.loads(json.dumps(cell))
    slow["coders"]["ours"]["cpu_median"] = 3 * slow["coders"]["spams"]["cpu_median"]
    assert "`ours` takes 3.00 times the time of SPAMS" in writer.losses([slow])
    assert "takes" not in writer.losses([cell]) or writer.ratio(cell, "spams", "ours") < 1
