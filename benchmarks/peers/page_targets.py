"""The first table of ``docs/benchmarks.md``: every aim, and whether the records meet it."""

import math
import statistics

from page_codes import few_cells, few_ratios, gains, lasso_cells, pairs_of_threads
from page_sections import learning_seconds, mmd_ratios, range_of
from page_tables import geometric, of, ratio, table

SMALL = ("20x60", "40x120", "64x100", "64x256")
PRECISIONS = {"ours": "float64", "ours_float32": "float32"}
LONG = 0.05
"""Wall seconds of a job from which two threads have their aim."""
LEARNING = "`learning.py`"
CODES = "`coding.py`"
SCRIPTS = {"call": "`call_overhead.py`", "speech": "`speech.py`"}
# Limits of figures that are recorded one by one: name of the benchmark, of the figure, most or
# least, unit, and what it is called.
LIMITS = (
    ("call", "lasso", "most", 20, "µs", "overhead of a call, lasso"),
    ("call", "omp", "most", 20, "µs", "overhead of a call, `omp`"),
    ("build", "first command", "most", 180, "s", "README's first command, from clone to report"),
    ("build", "second command", "most", 0, "compilations", "README's second command"),
    ("build", "checks", "most", 900, "s", "all checks (`.ci/run`)"),
    ("build", "one source", "most", 40, "s", "build after a change of one C++ file"),
    ("build", "wheel", "most", 5, "MB", "a wheel for one level of instructions"),
    ("speech", "first call, functionals", "most", 1.0, "s", "first features of a process"),
    ("speech", "times real time, functionals", "least", 350, "", "audio per second"),
    ("speech", "evaluate, twelve methods", "most", 146, "s", "twelve pairs by twelve methods"),
)


def targets_table(records):
    head = ["target", "aim", "measured", "", "range of the rounds", "machine", "command"]
    return table(head, [row for part in PARTS for row in part(records)])


def row(what, aim, measured, met, used, command):
    """Return a row of the table; it is open where nothing was measured."""
    if not used:
        return [what, aim, "not measured", "open", "", "", command]
    spreads = [spread for spread in map(spread_of, used) if spread is not None]
    machines = sorted({machine_of(record) for record in used})
    return [
        what,
        aim,
        measured,
        "met" if met else "**missed**",
        range_of(statistics.median(spreads) if spreads else None),
        ", ".join(machines),
        command,
    ]


def machine_of(record):
    """Return processor and cores, or what a record of a stopwatch says; old ones say nothing."""
    name = record.get("processor") or record.get("machine", "not recorded")
    return f"{name} ({record['cores']} cores)" if "cores" in record else name


def spread_of(record):
    """Return the range of the rounds of our coder over its median; none for a single run."""
    if "coders" in record:
        ours = next(value for name, value in record["coders"].items() if name.startswith("ours"))
        return ours["cpu_spread"] / ours["cpu_median"]
    if "median" in record:
        ours = record["median"]["sparsetransfer"]
        return ours["cpu_spread_s"] / ours["cpu_s"]
    if "learning" in record:
        values = [result["our_pass"]["cpu"] for result in record["results"]]
        return (max(values) - min(values)) / statistics.median(values)
    return record.get("spread")


def least(what, values, aim, used, command):
    """Return the row of an aim that every cell is to reach."""
    if not used:
        return row(what, f"{aim} everywhere", "", False, used, command)
    reached = sum(value >= aim for value in values)
    measured = f"least {min(values):.2f}; {reached} of {len(values)} reach it"
    return row(what, f"{aim} everywhere", measured, min(values) >= aim, used, command)


def mean(what, values, aim, used, command):
    """Return the row of an aim for the geometric mean."""
    found = geometric(values) if used else math.nan
    return row(what, f"mean {aim}", f"{found:.2f}", found >= aim, used, command)


def few(records):
    cells = few_cells(records)
    for number, aims in ((1, (2, 1)), (16, (3, 3)), (64, (3, 3))):
        used = [record for record in cells if record["signals"] == number]
        for which, name in enumerate(("prepared", "array")):
            signals = "one signal" if number == 1 else f"{number} signals"
            what = f"speed over SPAMS, {signals}, dictionary {name}, lasso and `ols`"
            yield least(what, few_ratios(cells, number, which), aims[which], used, CODES)


def codes(records):
    cells = lasso_cells(records, 1)
    small = [cell for cell in cells if cell["size"] in SMALL and "non_zeros" in cell]
    for name, precision in PRECISIONS.items():
        what = f"speed over SPAMS, small dictionaries, {precision}"
        values = [ratio(record, "spams", name) for record in small]
        yield least(what, values, 3, small, CODES)
        yield mean(what, values, 4, small, CODES)
    for (name, precision), aim in zip(PRECISIONS.items(), (5.5, 7), strict=True):
        what = f"speed over SPAMS, all lasso codes, {precision}"
        values = [ratio(record, "spams", name) for record in cells]
        yield least(what, values, 2.5, cells, CODES)
        yield mean(what, values, aim, cells, CODES)


def learning(records):
    used = [record for record in records if "learning" in record]
    seconds = [learning_seconds(record) for record in used]
    until = [peer / arrived for peer, _, arrived in seconds]
    each = [peer / own for peer, own, _ in seconds]
    yield least("speed to SPAMS's dictionary after one pass", until, 5, used, LEARNING)
    yield least("speed over SPAMS of one pass of learning", each, 1, used, LEARNING)


def alternation(records):
    command = "`alternation.py`"
    used = of(records, "alternation")
    for record in used:
        what = f"transfer coding settles, {record['name']}"
        limit = f"within {record['max_iter']} iterations"
        measured = str(record["iterations"])
        yield row(what, limit, measured, record["settled"], [record], command)
    shares = [record["plain"]["cpu_s"] / record["cpu_s"] for record in used]
    yield least("speed over plain alternation by calls of one iteration", shares, 3, used, command)


def discrepancies(records):
    command = "`compare_mmd.py`"
    used = [record for record in records if "median" in record]
    large = [r for r in used if r["threads"] == 1 and r["samples"] >= 2000]
    share = min((r["fraction_of_roofline"] for r in large), default=0)
    what = "MMD, share of the roofline, one thread, 2,000 samples or more"
    yield row(what, "85% everywhere", f"least {share:.1%}", share >= 0.85, large, command)
    ratios = [min(mmd_ratios(record)) for record in used]
    yield least("MMD, speed over torch, NumPy and KeOps", ratios, 1, used, command)


def threads(records):
    for problem, names in (("lasso", tuple(PRECISIONS)), ("omp", ("ours_omp", "ours_ols"))):
        values, used = [], []
        for key, one, two in pairs_of_threads(records):
            for name, gain in gains(one, two).items():
                long = one["coders"][name]["wall_median"] >= LONG
                if key[0] == problem and name in names and long:
                    values.append(gain)
                    used.append(two)
        what = f"{problem}: gain by the second thread, jobs over {1000 * LONG:.0f} ms"
        yield least(what, values, 1.85, used, CODES)


def limits(records):
    for benchmark, name, side, aim, unit, what in LIMITS:
        used = [record for record in of(records, benchmark) if record["name"] == name]
        value = used[0]["value"] if used else math.nan
        met = value <= aim if side == "most" else value >= aim
        command = used[0].get("command", SCRIPTS.get(benchmark)) if used else ""
        yield row(
            what,
            f"at {side} {aim} {unit}".rstrip(),
            f"{value:.3g} {unit}".rstrip(),
            met,
            used,
            command,
        )


PARTS = (few, codes, learning, alternation, discrepancies, threads, limits)
