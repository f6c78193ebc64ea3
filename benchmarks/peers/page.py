"""Write ``docs/benchmarks.md``, its picture and a paragraph of the README from measured records.

``page.py`` uses ``measured.json`` beside this file; ``page.py FOLDER`` first puts the records of a folder
there, which ``remeasure.py FOLDER``, ``coding.py --results FOLDER``, or a script that was given FOLDER/NAME.json
wrote. A record takes the place of the one of the same cell or name; the others stay.
"""

import argparse
import json
from pathlib import Path

from page_codes import (
    beyond_table,
    draw,
    few_cells,
    few_means,
    few_table,
    lasso_cells,
    lasso_table,
    lone_losses,
    losses,
    means,
    omp_cells,
    omp_table,
    other_cells,
    others_table,
    overall,
    threads_means,
    threads_table,
)
from page_sections import (
    alternation_table,
    learning_table,
    machine,
    mmd_table,
    one_signal_table,
    simd_table,
    speech_table,
)
from page_tables import of
from page_targets import targets_table

HERE = Path(__file__).parent
MEASURED = HERE / "measured.json"
DOCS = HERE.parents[1] / "docs"
README = HERE.parents[1] / "README.md"

TEXT = """\
# Benchmarks

Written by `python benchmarks/peers/page.py` from `benchmarks/peers/measured.json`; not edited by hand. Everybody gets the same data in
one process, rounds are interleaved, codes are scored by one objective in float64, and a time counts only beside the gap
that it reached. {machine} [One command](reproducing.md) measures this page again.

## Targets

What the library is to reach, and what it reaches. Speeds are ratios of CPU times on one thread, wall times for two threads;
above one we are faster. A row is met if every cell of its tables below reaches the aim, or the geometric mean where the
aim is one, and open where nothing is recorded. The range of the rounds is that of our times over their median, the median of
the cells. Commands stand in `benchmarks/peers`; their options in `remeasure.py`.

{targets}

## What the ratios are of

Dictionaries are random (`gaussian`) or as coherent as speech frames (`spectral`); `non-zeros` are of the atoms, and the
penalty is the one that gives so many. Ratios are times of the peer over ours: below one we lose. A call that takes less than
10 ms is repeated within its round until 10 ms are over.

```{{image}} _static/benchmarks.svg
:alt: Times of SPAMS over ours, cell by cell
```

## Lasso codes

CPU seconds on one thread; ours in both precisions, SPAMS's `lasso` in float64. All codes are within 1e-6 of the best
objective unless marked. SPAMS takes float32, too, and is up to 1.8 times faster then, but not at an equal gap: of twelve cells tried, three
(20x60, gaussian) have the minimum; in the others its objective exceeds it by 1e-2 to 1e3 of it, or is NaN.

Cells of at most 3,000 signals. Virtual machines of one name differ, and with them the mean ratio, by as much as a quarter; the
table is of one. float32 codes are certified in double precision as they are returned, which costs a part of what the lower
precision saves, on spectral dictionaries often all of it.

{lasso}

{lasso_means}

## Beyond the grid

Small dictionaries and very sparse codes, codes of nearly as many atoms as there are features, many atoms, and real data: stacked
log-mel frames of EMO-DB (`frames`, 40 bands), USPS digits and patches of COIL pictures without their mean, with atoms drawn from the data. Where a code has few non-zeros, what a signal costs apart
from product and solution decides. CPU microseconds of a signal, one thread.

{beyond}

{beyond_means}

All {number} cells, these and the grid: {overall}.

## Two threads

Wall seconds of one thread over those of two, each the least of its rounds (the median where a record has no least one): other
processes only add to them. What a call does before its blocks, the Gram matrix apart, is done by one thread, some hundredths of
its time: short jobs gain less.

{threads}

{threads_means}

## Pursuits

Codes of ten, three and one atoms, float64, CPU microseconds of a signal on one thread. SPAMS's `omp` is the order-recursive rule (`ols`).

{omp}

{omp_means}

## Few signals

CPU microseconds of one call on one thread, the codes of all its signals together: with the dictionary as an array, and
prepared (`PreparedDictionary`), after other calls. Measured by `coding.py --sizes 64x256,384x1024 --shares 0.01,0.05
--max-signals N --rounds 25 --coders ours,ours_prepared,spams`, and with `--problem omp --coders
ours_ols,ours_ols_prepared,spams`.

{few}

{few_means}

## Dictionary learning

CPU seconds on one thread from the same start: one pass of SPAMS's `trainDL` and of `learn_dictionary_online`, and ours until its dictionary is
as good as SPAMS's after that pass (objective of the optimal codes of held-out signals, 6% non-zeros; timed anew without scoring; passes
in brackets). Medians of the rounds of `learning.py --peers spams`.

{learning}

## Alternation of transfer coding

`TransferSparseCoding` with its default settings: iterations until it settles, and their CPU seconds on one thread, features not
counted (`alternation.py`). Beside it the plain alternation from the same start, codes and atoms in turn without momentum, until
it is as low to a thousandth or has taken six times as long: calls of one iteration, whose codes come from proximal gradient
steps to 0.1 and later 0.01 of the penalty and are certified each time, which costs it a part.

{alternation}

## Other coders

CPU seconds over ours, one thread, all preparations timed. An excess is the worst relative distance from the best objective of
all. oneDAL is what Intel's extension of scikit-learn computes with: it has no lasso of its own any more, `daal4py` still has. NumPy
FISTA is ours, in products of matrices for all signals at once: what can be had without compiled code.

{others}

## One signal, many features

The problem of statistics: one signal of 500 samples, 5,000 correlated features, CPU times of the others over ours, all
within 1e-6 of the best objective by the loosest tolerance that gets there (`one_signal.py`). `ours prepared` met the same signal
before and keeps the columns of the Gram matrix that it needs.

{one_signal}

## Features and evaluation

CPU seconds of the first call of a process, import included, seconds of audio per CPU second of a core, and CPU seconds of
`sparsetransfer evaluate` with twelve shallow methods on twelve ordered pairs of four corpora, `functionals` in the cache (`speech.py`).

{speech}

## SIMD levels

CPU seconds of the lower level over those of the highest that this processor has, geometric means and least
(`benchmarks/kernels/simd_levels.py`).

{simd}

## Gaussian discrepancy

Value and both gradients with five bandwidths; wall seconds, and those of the peers over ours: torch compiled with fused
kernels that visits all pairs of samples, or by the symmetry that we use each pair once, NumPy in chunks, and KeOps, which stores no
kernel and computes distances without matrix products. The roofline is the time of the products and exponentials that no exact
gradient can do without.

{mmd}

## What loses

{losses}
{lone_losses}
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?")
    write(parser.parse_args().folder)


def write(folder=None):
    """Write the page and its picture, after taking over the cells of a folder."""
    if folder:
        merged = rounded(merge(stored(), found(folder)))
        rows = ",\n".join(json.dumps(record, separators=(",", ":")) for record in merged)
        MEASURED.write_text(f"[\n{rows}\n]\n")
    records = stored()
    (DOCS / "benchmarks.md").write_text(page(records), encoding="utf-8")
    begin, end = "<!-- lasso: written by benchmarks/peers/page.py -->\n", "<!-- end -->"
    before, _, rest = README.read_text(encoding="utf-8").partition(begin)
    after = rest.partition(end)[2]
    README.write_text(f"{before}{begin}{first_page(records)}\n{end}{after}", encoding="utf-8")
    draw(
        [r for r in lasso_cells(records, 1) if "non_zeros" not in r],
        DOCS / "_static" / "benchmarks.svg",
    )


def first_page(records):
    """Return what the README says of the lasso."""
    cells = lasso_cells(records, 1)
    grid = [record for record in cells if "non_zeros" not in record]
    excess = max(row["worst_excess"] for record in cells for row in record["coders"].values())
    violation = max(record["coders"]["ours_float32"]["violation"] for record in cells)
    return (
        f"Our lasso beside SPAMS's, CPU time on one thread, {len(cells)} problems (objectives within {excess:.0e}): "
        f"{overall(cells)}.\nOn the {len(grid)} of the grid for which it was tuned: {overall(grid)}; "
        f"small dictionaries and codes of few non-zeros gain less.\nEvery float32 code meets the optimality conditions to "
        f"{violation:.0e} of the penalty."
    )


def stored():
    return json.loads(MEASURED.read_text())


def found(folder):
    """Return the records below a folder, small problems first."""
    records = []
    for path in sorted(folder.rglob("*.json")):
        record = json.loads(path.read_text())
        records += record if isinstance(record, list) else [record]
    return sorted(records, key=lambda r: [int(n) for n in r.get("size", "0").split("x")])


def rounded(value):
    """Return a record, or records, with five digits of every number: the others are noise."""
    if isinstance(value, dict):
        return {name: rounded(part) for name, part in value.items()}
    if isinstance(value, list):
        return [rounded(part) for part in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value


def merge(old, new):
    """Return the old records, each replaced by the new one of the same cell, and the other new ones."""
    replaced = {identity(record): record for record in new}
    kept = [replaced.pop(identity(record), record) for record in old]
    return kept + list(replaced.values())


def identity(record):
    """Return what tells a record from others: the kind of measurement, and its problem."""
    if "problem" in record:
        section = "few" if few_cells([record]) else "others" if other_cells([record]) else "codes"
        cell = ("problem", "size", "kind", "signals", "threads")
        share = f"{record['share']:.5g}"  # stored ones are rounded
        return section, share, record.get("count", 10), *(record[name] for name in cell)
    if "levels" in record:
        return ("levels",)
    if "median" in record:
        return "median", *(record[name] for name in ("samples", "features", "dtype", "threads"))
    if "learning" in record:
        return "learning", record["options"]["kind"], record["options"]["sizes"]
    return record["benchmark"], record["name"]


def page(records):
    """Return the text of the page."""
    lasso, omp, few = lasso_cells(records, 1), omp_cells(records), few_cells(records)
    one = [record for record in lasso if "non_zeros" not in record]
    beyond = [record for record in lasso if "non_zeros" in record]
    return TEXT.format(
        machine=machine(lasso + omp + few),
        targets=targets_table(records),
        lasso=lasso_table(one),
        lasso_means=means(one, ("spams", "ours"), ("spams", "ours_float32")),
        beyond=beyond_table(beyond),
        beyond_means=means(beyond, ("spams", "ours"), ("spams", "ours_float32")),
        number=len(lasso),
        overall=overall(lasso),
        threads=threads_table(records),
        threads_means=threads_means(records),
        omp=omp_table(omp),
        omp_means=means(omp, ("spams", "ours_ols"), ("spams", "ours_omp")),
        few=few_table(few),
        few_means=few_means(few),
        learning=learning_table([r for r in records if "learning" in r]),
        alternation=alternation_table(of(records, "alternation")),
        others=others_table(other_cells(records)),
        one_signal=one_signal_table(of(records, "one signal")),
        speech=speech_table(of(records, "speech")),
        simd=simd_table(next(r["levels"] for r in records if "levels" in r)),
        mmd=mmd_table([r for r in records if "median" in r]),
        losses=losses(lasso + omp + few),
        lone_losses=lone_losses(of(records, "one signal")),
    )


if __name__ == "__main__":
    main()
