"""The page of benchmarks says what was measured."""

import importlib
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PEERS = ROOT / "benchmarks" / "peers"


@pytest.fixture(scope="module")
def writer():
    """Return the page's script; the others of its name are importable as in its own process."""
    sys.path.insert(0, str(PEERS))
    try:
        return importlib.import_module("page")
    finally:
        sys.path.remove(str(PEERS))
        for name in [name for name in sys.modules if name.split("_")[0] == "page"]:
            del sys.modules[name]


@pytest.fixture(scope="module")
def records(writer):
    return json.loads(writer.MEASURED.read_text(encoding="utf-8"))


def ratio(record):
    """Return SPAMS's time over ours."""
    return record["coders"]["spams"]["cpu_median"] / record["coders"]["ours"]["cpu_median"]


def test_the_page_is_the_one_that_the_measurements_give(writer, records):
    written = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    assert written == writer.page(records)


def test_the_readme_quotes_the_mean_and_the_least_of_all_cells(writer, records):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert writer.first_page(records) in text
    cells = writer.lasso_cells(records, 1)
    least = min(ratio(record) for record in cells)
    assert any("non_zeros" in record for record in cells)
    assert f"(least {least:.2f})" in text


def test_a_new_record_replaces_the_one_of_its_cell_and_nothing_else(writer, records):
    assert len({writer.identity(record) for record in records}) == len(records)
    for place in range(0, len(records), 9):
        new = dict(records[place], rounds=99)
        merged = writer.merge(records, [new])
        assert merged == [*records[:place], new, *records[place + 1 :]]


def test_a_share_that_was_not_rounded_yet_is_that_of_its_cell(writer, records):
    place, cell = next(
        (place, record) for place, record in enumerate(records) if record.get("non_zeros") == 2
    )
    new = dict(cell, share=cell["non_zeros"] / int(cell["size"].split("x")[1]))
    assert new["share"] != cell["share"]
    assert writer.merge(records, [new]) == [*records[:place], new, *records[place + 1 :]]


def test_the_gain_of_a_thread_is_that_of_the_least_wall_times(writer, records):
    cell = json.dumps(dict(writer.lasso_cells(records, 1)[0], threads=1))
    one, two = json.loads(cell), dict(json.loads(cell), threads=2)
    for record in (one, two):
        for spent in record["coders"].values():
            spent.pop("wall_least", None)
    assert "geometric mean 1.00" in writer.threads_means([one, two])
    for record, least in ((one, 3.0), (two, 1.5)):
        for spent in record["coders"].values():
            spent["wall_least"] = least
    assert "geometric mean 2.00, least 2.00" in writer.threads_means([one, two])


def test_a_record_of_a_new_cell_is_added(writer, records):
    cell = next(record for record in records if record.get("problem") == "omp")
    for new in (dict(cell, signals=7), {"benchmark": "build", "name": "something else"}):
        assert writer.merge(records, [new]) == [*records, new]


def test_a_target_is_met_where_every_cell_reaches_it(writer, records):
    rows = writer.targets_table(records).splitlines()[2:]
    assert len(rows) > 25
    for name, factor, verdict in (("ours", 0.01, "met"), ("ours", 100, "**missed**")):
        cells = json.loads(json.dumps(writer.lasso_cells(records, 1)))
        cells[0]["coders"][name]["cpu_median"] *= factor
        if verdict == "met":
            cells = cells[:1]
        row = next(
            row
            for row in writer.targets_table(cells).splitlines()
            if "all lasso codes, float64 | 2.5" in row
        )
        assert f" {verdict} |" in row


def test_a_target_without_a_record_is_open(writer):
    rows = writer.targets_table([]).splitlines()[2:]
    assert len(rows) > 25
    for row in rows:
        assert "| not measured | open |" in row


def test_a_loss_is_named(writer, records):
    cell = next(r for r in records if r.get("problem") == "lasso" and "spams" in r["coders"])
    slow = json.loads(json.dumps(cell))
    slow["coders"]["ours"]["cpu_median"] = 3 * slow["coders"]["spams"]["cpu_median"]
    assert "`ours` takes 3.00 times the time of SPAMS" in writer.losses([slow])
    assert "takes" not in writer.losses([cell]) or ratio(cell) < 1
