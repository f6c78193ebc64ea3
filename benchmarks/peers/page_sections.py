"""The sections of ``docs/benchmarks.md`` on all but codes."""

import math
import statistics

from page_tables import geometric, marked, ratio, table


def learning_seconds(record):
    """Return CPU seconds of a pass, of the peer and ours, and ours until as good, or infinity."""
    results = record["results"]
    peer = statistics.median(row["seconds"]["cpu"] for row in results)
    own = statistics.median(row["our_pass"]["cpu"] for row in results)
    arrived = [row["ours"]["cpu"] for row in results if row["ours"]]
    until = statistics.median(arrived) if len(arrived) == len(results) else math.inf
    return peer, own, until


def learning_table(records):
    rows = []
    for record in records:
        first = record["results"][0]
        peer, own, seconds_until = learning_seconds(record)
        until = "not reached"
        if math.isfinite(seconds_until):
            passes = statistics.median(row["ours"]["epochs"] for row in record["results"])
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


def mmd_ratios(record):
    """Return the least wall time over ours of each family of peers, infinite if none was timed."""
    families = ("all pairs", "each pair once", "numpy", "KeOps")
    ratios = {name: row["wall_ratio"] for name, row in record["median"].items()}
    return [
        min((ratio for name, ratio in ratios.items() if part in name), default=math.inf)
        for part in families
    ]


def mmd_table(records):
    rows = []
    for record in sorted(records, key=lambda r: (r["samples"], r["features"], r["dtype"])):
        rows.append(
            [
                f"{record['samples']:,}",
                str(record["features"]),
                record["dtype"],
                str(record["threads"]),
                f"{record['median']['sparsetransfer']['wall_s']:#.3g}",
                *(f"{value:.2f}" if value < math.inf else "" for value in mmd_ratios(record)),
                f"{record['fraction_of_roofline']:.0%}",
            ]
        )
    head = ["samples of each", "features", "dtype", "threads", "ours, s", "all pairs"]
    return table([*head, "each pair once", "NumPy", "KeOps", "roofline"], rows)


def one_signal_table(records):
    names = list(dict.fromkeys(name for record in records for name in record["coders"]))
    rows = []
    for record in records:
        ours, *others = names
        cells = [f"{1e3 * record['coders'][ours]['cpu_median']:.1f}"]
        for name in others:
            row = record["coders"].get(name)
            cells.append(f"{ratio(record, name, ours):.2f}{marked(row)}" if row else "")
        rows.append([record["name"], str(record["non_zeros"]), *cells])
    return table(
        ["problem", "non-zeros", "ours, ms", *(n.replace("_", " ") for n in names[1:])], rows
    )


def alternation_table(records):
    rows = []
    for record in records:
        plain = record["plain"]
        beyond = "" if plain["reached"] else ", not as low"
        rows.append(
            [
                record["name"],
                record["size"],
                str(record["signals"]),
                f"{record['iterations']}{'' if record['settled'] else ', not settled'}",
                f"{record['cpu_s']:.2f}",
                f"{record['objective']:.5g}",
                f"{plain['iterations']}{beyond}",
                f"{plain['cpu_s']:.2f}",
            ]
        )
    head = ["data", "features x atoms", "signals", "iterations", "CPU s", "objective"]
    return table([*head, "plain: iterations", "plain: CPU s"], rows)


def speech_table(records):
    rows = [[r["name"], f"{r['value']:.3g}", range_of(r.get("spread"))] for r in records]
    return table(["what", "figure", "range of the rounds"], rows)


def range_of(spread):
    """Return a range over its median as text; one figure has none."""
    return "one run" if spread is None else f"{spread:.0%}"


def machine(records):
    """Return the sentence on machine and versions; the records of codes share them."""
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
