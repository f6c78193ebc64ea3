"""Write ``docs/benchmarks.md``, its picture and a paragraph of the README from measured cells.

``page.py`` uses ``measured.json`` beside this file; ``page.py FOLDER`` first puts the cells of a folder
there, which ``remeasure.py FOLDER`` or ``coding.py --results FOLDER``, ``compare_mmd.py --output
FOLDER/NAME.json`` and ``kernels/simd_levels.py FOLDER/levels.json`` wrote. They replace all that was
there of the same benchmark: codes, discrepancies or levels.
"""

import argparse
import json
import math
import statistics
from pathlib import Path

HERE = Path(__file__).parent
MEASURED = HERE / "measured.json"
DOCS = HERE.parents[1] / "docs"
README = HERE.parents[1] / "README.md"
# Above this a coder has not solved the problem that the others have.
EQUAL = 1e-6
MMD_SIZE = ("samples", "features", "dtype", "threads")
PREPARED = {"ours_prepared": "ours", "ours_ols_prepared": "ours_ols"}

TEXT = """\
# Benchmarks

Written by `python benchmarks/peers/page.py` from `benchmarks/peers/measured.json`; not edited by hand. Everybody gets the same data in
one process, rounds are interleaved, codes are scored by one objective in float64, and a time counts only beside the gap
that it reached. {machine} [One command](reproducing.md) measures this page anew.

Dictionaries are random (`gaussian`) or as coherent as speech frames (`spectral`); `non-zeros` are of the atoms, and the
penalty is the one that gives so many. Ratios are times of the peer over ours: below one we lose.

```{{image}} _static/benchmarks.svg
:alt: Times of SPAMS over ours, cell by cell
```

## Lasso codes

CPU seconds on one thread; SPAMS's `lasso` computes in float64, ours in both precisions. All codes are within 1e-6 of the best
objective unless marked.

Cells of at most 3,000 signals. Virtual machines of one name differ, and with them the mean ratio, by as much as a quarter; the
table is of one. float32 codes are certified in double precision as they are returned, which costs a part of what the lower
precision saves, on spectral dictionaries often all of it.

{lasso}

{lasso_means}

## Beyond the grid

Small dictionaries and very sparse codes, many atoms, and real data: stacked log-mel frames of EMO-DB (`frames`, 40 bands), USPS digits and
patches of COIL pictures without their mean, with atoms drawn from the data. Where a code has few non-zeros, what a signal costs apart
from product and solution decides. CPU microseconds of a signal, one thread.

{beyond}

{beyond_means}

All {number} cells, these and the grid: {overall}.

## Two threads

Wall seconds of one thread over those of two. What a call does before its blocks, the Gram matrix apart, is done by one thread:
short jobs gain less.

{threads}

{threads_means}

## Pursuits

Ten atoms, float64, CPU seconds on one thread. SPAMS's `omp` is the order-recursive rule (`ols`).

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
as good as SPAMS's after that pass (objective of the optimal codes of held-out signals, 6% non-zeros; scoring is not timed; passes
in brackets). Medians of the rounds of `learning.py --peers spams`.

{learning}

## scikit-learn and celer

CPU seconds over ours, one thread, scikit-learn's Gram matrix timed too. An excess is the worst relative distance from the
best objective of all.

{others}

## SIMD levels

CPU seconds of the lower level over those of the highest that this processor has, geometric means and least
(`benchmarks/kernels/simd_levels.py`).

{simd}

## Gaussian discrepancy

Value and both gradients with five bandwidths; wall seconds, and those of the peers over ours: torch compiled with fused
kernels that visits all pairs of samples, or by the symmetry that we use each pair once, and NumPy in chunks. The roofline is the
time of the products and exponentials that no exact gradient can do without.

{mmd}

## What loses

{losses}
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?")
    write(parser.parse_args().folder)


def write(folder=None):
    """Write the page and its picture, after taking over the cells of a folder."""
    if folder:
        merged = merge(stored(), found(folder))
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
    records = [json.loads(path.read_text()) for path in sorted(folder.rglob("*.json"))]
    return sorted(records, key=lambda r: [int(n) for n in r.get("size", "0").split("x")])


def merge(old, new):
    """Return the new records, and the old ones of benchmarks of which there is no new one.

    Discrepancies of another size are another benchmark.
    """

    def benchmark(record):
        kinds = ("problem", "levels", "median", "learning")
        size = [record[name] for name in MMD_SIZE] if "median" in record else []
        return next(name for name in kinds if name in record), *size

    measured = {benchmark(record) for record in new}
    return new + [record for record in old if benchmark(record) not in measured]


def page(records):
    """Return the text of the page."""
    lasso = lasso_cells(records, 1)
    one = [record for record in lasso if "non_zeros" not in record]
    beyond = [record for record in lasso if "non_zeros" in record]
    few = [r for r in records if any(name in PREPARED for name in r.get("coders", ()))]
    omp = [
        r
        for r in records
        if r.get("problem") == "omp" and r["threads"] == 1 and "ours_omp" in r["coders"]
    ]
    others = [r for r in records if r.get("problem") == "lasso" and "sklearn_cd" in r["coders"]]
    return TEXT.format(
        machine=machine(lasso + omp + few),
        lasso=lasso_table(one),
        lasso_means=means(one, ("spams", "ours"), ("spams", "ours_float32")),
        beyond=beyond_table(beyond),
        beyond_means=means(beyond, ("spams", "ours"), ("spams", "ours_float32")),
        number=len(lasso),
        overall=overall(lasso),
        learning=learning_table([r for r in records if "learning" in r]),
        threads=threads_table(records),
        threads_means=threads_means(records),
        omp=omp_table(omp),
        omp_means=means(omp, ("spams", "ours_ols"), ("spams", "ours_omp")),
        few=few_table(few),
        few_means=few_means(few),
        others=others_table(others),
        simd=simd_table(next(r["levels"] for r in records if "levels" in r)),
        mmd=mmd_table([r for r in records if "median" in r]),
        losses=losses(lasso + omp + few),
    )


def lasso_cells(records, threads):
    return [
        record
        for record in records
        if record.get("problem") == "lasso"
        and record["threads"] == threads
        and {"ours_float32", "spams"} <= set(record["coders"])
    ]


def machine(records):
    record = records[0]
    versions = record["versions"]
    rounds = " or ".join(str(number) for number in sorted({r["rounds"] for r in records}))
    return (
        f"{record['processor']} ({record['cores']} cores), sparsetransfer "
        f"{versions['sparsetransfer']} at SIMD level {versions['simd']}, {versions['compiler']}, "
        f"Eigen {versions['eigen']}, spams-bin {versions['spams-bin']}, scikit-learn "
        f"{versions['scikit-learn']}, NumPy {versions['numpy']}; medians of {rounds} "
        "rounds, with their range where ± is given."
    )


def ratio(record, peer, ours, time="cpu_median"):
    return record["coders"][peer][time] / record["coders"][ours][time]


def seconds(row):
    return f"{row['cpu_median']:.3f} ± {row['cpu_spread']:.3f}"


def table(head, rows):
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    return "\n".join(lines + [f"| {' | '.join(row)} |" for row in rows])


def place(record):
    share = f"{record['share']:.0%}" if record["problem"] == "lasso" else "ten atoms"
    if "non_zeros" in record:
        share = f"{record['non_zeros']} atoms"
    return [record["size"], record["kind"], share, str(record["signals"])]


def lasso_table(records):
    rows = []
    for record in records:
        coders = record["coders"]
        excess = max(row["worst_excess"] for row in coders.values())
        marked = f" (excess {excess:.0e})" if excess > EQUAL else ""
        rows.append(
            [
                *place(record),
                seconds(coders["ours"]),
                seconds(coders["spams"]),
                f"{ratio(record, 'spams', 'ours'):.2f}{marked}",
                f"{ratio(record, 'spams', 'ours_float32'):.2f}",
                f"{coders['ours_float32']['violation']:.0e}",
            ]
        )
    head = ["features x atoms", "dictionary", "non-zeros", "signals", "ours, s", "SPAMS, s"]
    return table([*head, "SPAMS / ours", "/ ours float32", "its KKT violation, alpha"], rows)


def beyond_table(records):
    rows = []
    for record in sorted(records, key=lambda r: r["kind"]):
        coders = record["coders"]
        marks = [
            f" (excess {row['worst_excess']:.0e})" if row["worst_excess"] > EQUAL else ""
            for row in (coders["ours"], coders["ours_float32"])
        ]
        rows.append(
            [
                *place(record),
                *(
                    f"{1e6 * coders[name]['cpu_median'] / record['signals']:.2f}"
                    for name in ("ours", "spams")
                ),
                f"{ratio(record, 'spams', 'ours'):.2f}{marks[0]}",
                f"{ratio(record, 'spams', 'ours_float32'):.2f}{marks[1]}",
            ]
        )
    head = ["features x atoms", "dictionary", "non-zeros", "signals", "ours, µs", "SPAMS, µs"]
    return table([*head, "SPAMS / ours", "/ ours float32"], rows)


def overall(records):
    """Return geometric mean and least ratio to SPAMS in both precisions."""
    parts = []
    for name, label in (("ours", "float64"), ("ours_float32", "float32")):
        values = [ratio(record, "spams", name) for record in records]
        parts.append(f"{geometric(values):.2f} in {label} (least {min(values):.2f})")
    return "geometric mean of SPAMS's time over ours " + ", ".join(parts)


def learning_table(records):
    rows = []
    for record in records:
        results = record["results"]
        first = results[0]
        peer = statistics.median(row["seconds"]["cpu"] for row in results)
        own = statistics.median(row["our_pass"]["cpu"] for row in results)
        arrived = [row["ours"] for row in results if row["ours"]]
        until = "not reached"
        if len(arrived) == len(results):
            seconds_until = statistics.median(row["cpu"] for row in arrived)
            passes = statistics.median(row["epochs"] for row in arrived)
            until = f"{seconds_until:.3f} ({passes:.2f}), {peer / seconds_until:.1f}"
        rows.append(
            [
                first["kind"],
                first["size"],
                f"{first['signals']:,}",
                f"{peer:.3f}",
                f"{first['objective']:.5f}",
                f"{own:.3f}",
                f"{first['our_pass']['objective']:.5f}",
                f"{peer / own:.1f}",
                until,
            ]
        )
    head = ["data", "features x atoms", "signals", "SPAMS, s", "its objective", "ours, s"]
    return table([*head, "our objective", "SPAMS / ours", "ours as good, s (passes), ratio"], rows)


def geometric(values):
    return math.exp(sum(map(math.log, values)) / len(values))


def means(records, *pairs):
    """Return a sentence per pair of coders: geometric means by dictionary and over all."""
    lines = []
    for peer, ours in pairs:
        parts = []
        for kind in (*dict.fromkeys(record["kind"] for record in records), None):
            values = [ratio(r, peer, ours) for r in records if kind in (None, r["kind"])]
            name = f"on {kind} dictionaries" if kind else "over all"
            parts.append(f"{geometric(values):.2f} {name} (least {min(values):.2f})")
        lines.append(f"- `{peer}` over `{ours}`: geometric means {', '.join(parts)}.")
    return "\n".join(lines)


def pairs_of_threads(records):
    """Return cells measured with one thread beside the same with two."""
    both = {}
    for record in records:
        if "problem" in record and "sklearn_cd" not in record["coders"]:
            key = tuple(record[name] for name in ("problem", "size", "kind", "share", "signals"))
            both.setdefault(key, {})[record["threads"]] = record
    return [(key, pair[1], pair[2]) for key, pair in both.items() if {1, 2} <= set(pair)]


def gains(one, two):
    return {
        name: one["coders"][name]["wall_median"] / two["coders"][name]["wall_median"]
        for name in one["coders"]
        if name in two["coders"]
    }


def threads_table(records):
    rows = [
        [
            key[0],
            *place(one),
            f"{next(iter(one['coders'].values()))['wall_median']:.2f}",
            ", ".join(f"{name} {value:.2f}" for name, value in gains(one, two).items()),
        ]
        for key, one, two in pairs_of_threads(records)
    ]
    head = ["problem", "features x atoms", "dictionary", "non-zeros", "signals"]
    return table([*head, "one thread, s", "gain"], rows)


def threads_means(records):
    found = {}
    for key, one, two in pairs_of_threads(records):
        for name, value in gains(one, two).items():
            found.setdefault((key[0], name), []).append(value)
    return "\n".join(
        f"- {problem}, `{name}`: geometric mean {geometric(values):.2f}, least {min(values):.2f}."
        for (problem, name), values in found.items()
    )


def omp_table(records):
    rows = [
        [
            record["size"],
            record["kind"],
            str(record["signals"]),
            seconds(record["coders"]["ours_omp"]),
            seconds(record["coders"]["ours_ols"]),
            f"{ratio(record, 'spams', 'ours_ols'):.2f}",
        ]
        for record in records
    ]
    head = ["features x atoms", "dictionary", "signals", "ours `omp`, s", "ours `ols`, s"]
    return table([*head, "SPAMS / `ols`"], rows)


def others_table(records):
    names = {"sklearn_cd": "`lasso_cd`", "sklearn_lars": "`lasso_lars`", "celer": "celer"}
    rows = []
    for record in records:
        cells = []
        for name in names:
            row = record["coders"].get(name)
            if row is None:
                cells.append("")
                continue
            late = f" (excess {row['worst_excess']:.0e})" if row["worst_excess"] > EQUAL else ""
            cells.append(f"{ratio(record, name, 'ours'):.0f}{late}")
        rows.append([*place(record), f"{record['coders']['ours']['cpu_median']:.3f}", *cells])
    head = ["features x atoms", "dictionary", "non-zeros", "signals", "ours, s"]
    return table([*head, *names.values()], rows)


def simd_table(levels):
    highest = list(levels)[-1]
    rows = []
    for problem in dict.fromkeys(name.split(",")[0] for name in levels[highest]):
        for level in list(levels)[:-1]:
            values = [
                levels[level][name] / value
                for name, value in levels[highest].items()
                if name.startswith(problem)
            ]
            rows.append(
                [problem, f"{level} / {highest}", f"{geometric(values):.2f}", f"{min(values):.2f}"]
            )
    return table(["problem", "levels", "geometric mean", "least"], rows)


def mmd_table(records):
    rows = []
    for record in sorted(records, key=lambda r: (r["samples"], r["features"], r["dtype"])):
        peers = {"all pairs": [], "each pair once": [], "numpy": []}
        for name, row in record["median"].items():
            for part, values in peers.items():
                if part in name:
                    values.append(row["wall_ratio"])
        rows.append(
            [
                f"{record['samples']:,}",
                str(record["features"]),
                record["dtype"],
                str(record["threads"]),
                f"{record['median']['sparsetransfer']['wall_s']:#.3g}",
                *(f"{min(values):.2f}" for values in peers.values()),
                f"{record['fraction_of_roofline']:.0%}",
            ]
        )
    head = ["samples of each", "features", "dtype", "threads", "ours, s", "all pairs"]
    return table([*head, "each pair once", "NumPy", "roofline"], rows)


def few_names(record):
    """Return the names of our coders: prepared, and not."""
    return next(names for names in PREPARED.items() if names[0] in record["coders"])


def few_table(records):
    def microseconds(row):
        return f"{1e6 * row['cpu_median']:.0f} ± {1e6 * row['cpu_spread']:.0f}"

    rows = []
    for record in sorted(records, key=lambda r: (r["problem"], len(r["size"]), r["share"])):
        prepared, plain = few_names(record)
        rows.append(
            [
                record["problem"] if plain == "ours" else "ols",
                *place(record),
                *(microseconds(record["coders"][name]) for name in (plain, prepared, "spams")),
                f"{ratio(record, 'spams', plain):.2f}",
                f"{ratio(record, 'spams', prepared):.2f}",
            ]
        )
    head = ["problem", "features x atoms", "dictionary", "non-zeros", "signals", "array, µs"]
    return table([*head, "prepared, µs", "SPAMS, µs", "SPAMS / array", "SPAMS / prepared"], rows)


def few_means(records):
    lines = []
    for number in sorted({record["signals"] for record in records}):
        part = [record for record in records if record["signals"] == number]
        found = []
        for which, name in enumerate(("prepared", "array")):
            aim = 3 if number > 1 else 2 - which
            values = [ratio(r, "spams", few_names(r)[which]) for r in part]
            reached = sum(value >= aim for value in values)
            found.append(
                f"{geometric(values):.2f} {name} (least {min(values):.2f}, the aim of {aim} reached "
                f"in {reached} of {len(values)} cells)"
            )
        lines.append(f"- Number of signals {number}: geometric means {', '.join(found)}.")
    return "\n".join(lines)


def losses(records):
    """Return a line per cell and precision in which SPAMS is the faster one, or the more exact."""
    lines = []
    for record in records:
        for name in record["coders"]:
            if name.startswith("ours") and ratio(record, "spams", name) < 1:
                lines.append(
                    f"- `{name}` takes {1 / ratio(record, 'spams', name):.2f} times the time of "
                    f"SPAMS at {', '.join(place(record))}."
                )
    if not lines:
        lines = ["- In no cell SPAMS is the faster one."]
    slow = [
        (ratio(record, "ours_float32", "ours"), record)
        for record in records
        if "ours_float32" in record["coders"]
    ]
    slower = [pair for pair in slow if pair[0] > 1]
    if slower:
        worst, record = max(slower, key=lambda pair: pair[0])
        lines.append(
            f"- float32 is slower than float64 in {len(slower)} of {len(slow)} cells, most at "
            f"{', '.join(place(record))} ({worst:.1f} times): its codes are verified with exact "
            "residuals and rounded again until they hold. With many coherent atoms in a code take "
            "float64."
        )
    return "\n".join(lines)


def draw(records, path):
    """Draw the ratios of all cells."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "benchmarks", "font.size": 9})
    from matplotlib import pyplot as plt

    sizes = list(dict.fromkeys(record["size"] for record in records))
    figure, axes = plt.subplots(figsize=(6.8, 3.4), layout="constrained")
    styles = {"gaussian": ("o", -0.12), "spectral": ("s", 0.12)}
    for name, face, label in (("ours", "full", "float64"), ("ours_float32", "none", "float32")):
        for number, (kind, (marker, shift)) in enumerate(styles.items()):
            chosen = [record for record in records if record["kind"] == kind]
            places = [
                sizes.index(r["size"]) + shift + (0.05 if face == "none" else 0) for r in chosen
            ]
            values = [ratio(record, "spams", name) for record in chosen]
            axes.semilogy(
                places,
                values,
                marker,
                color=f"C{number}",
                fillstyle=face,
                markersize=5,
                label=f"{kind}, {label}",
            )
    axes.axhline(1, color="0.4", linewidth=0.8)
    axes.set_xticks(range(len(sizes)), sizes)
    axes.set_yticks([1, 2, 5, 10], ["1", "2", "5", "10"])
    axes.set(xlabel="features x atoms", ylabel="CPU time of SPAMS (float64) over ours")
    axes.grid(axis="y", alpha=0.3)
    axes.legend(fontsize=8, ncols=2)
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    main()
