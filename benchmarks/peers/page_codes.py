"""The sections of ``docs/benchmarks.md`` on sparse codes, and their picture."""

from page_tables import geometric, marked, ratio, seconds, table

PREPARED = {"ours_prepared": "ours", "ours_ols_prepared": "ours_ols"}


def lasso_cells(records, threads):
    return [
        record
        for record in records
        if record.get("problem") == "lasso"
        and record["threads"] == threads
        and {"ours_float32", "spams"} <= set(record["coders"])
    ]


def few_cells(records):
    return [r for r in records if "problem" in r and PREPARED.keys() & r["coders"].keys()]


def omp_cells(records):
    return [
        r
        for r in records
        if r.get("problem") == "omp" and r["threads"] == 1 and "ours_omp" in r["coders"]
    ]


def other_cells(records):
    return [r for r in records if r.get("problem") == "lasso" and "sklearn_cd" in r["coders"]]


def place(record):
    share = f"{record['share']:.0%}" if record["problem"] == "lasso" else "ten atoms"
    if "non_zeros" in record:
        share = f"{record['non_zeros']} atoms"
    return [record["size"], record["kind"], share, str(record["signals"])]


def lasso_table(records):
    rows = []
    for record in records:
        coders = record["coders"]
        worst = max(coders.values(), key=lambda row: row["worst_excess"])
        rows.append(
            [
                *place(record),
                seconds(coders["ours"]),
                seconds(coders["spams"]),
                f"{ratio(record, 'spams', 'ours'):.2f}{marked(worst)}",
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
        marks = [marked(coders[name]) for name in ("ours", "ours_float32")]
        rows.append(
            [
                *place(record),
                *(microseconds(record, name) for name in ("ours", "spams")),
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


def least_wall(record, name):
    """Other processes only add to a wall time. Records of before have no least one."""
    spent = record["coders"][name]
    return spent.get("wall_least", spent["wall_median"])


def gains(one, two):
    return {
        name: least_wall(one, name) / least_wall(two, name)
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
            str(record.get("count", 10)),
            str(record["signals"]),
            *(microseconds(record, name) for name in ("ours_omp", "ours_ols", "spams")),
            f"{ratio(record, 'spams', 'ours_ols'):.2f}",
        ]
        for record in sorted(records, key=lambda record: -record.get("count", 10))
    ]
    head = ["features x atoms", "dictionary", "atoms of a code", "signals", "our `omp`, µs"]
    return table([*head, "our `ols`, µs", "SPAMS, µs", "SPAMS / `ols`"], rows)


def microseconds(record, name):
    """Return the CPU time of a signal, as text."""
    return f"{1e6 * record['coders'][name]['cpu_median'] / record['signals']:.2f}"


def others_table(records):
    names = {
        "sklearn_cd": "`lasso_cd`",
        "sklearn_lars": "`lasso_lars`",
        "intel": "oneDAL",
        "celer": "celer",
        "dictlearn": "dictlearn",
        "numpy_fista": "NumPy FISTA",
    }
    rows = []
    for record in records:
        cells = []
        for name in names:
            row = record["coders"].get(name)
            if row is None:
                cells.append("")
                continue
            cells.append(f"{ratio(record, name, 'ours'):.0f}{marked(row)}")
        rows.append([*place(record), f"{record['coders']['ours']['cpu_median']:.3f}", *cells])
    head = ["features x atoms", "dictionary", "non-zeros", "signals", "ours, s"]
    return table([*head, *names.values()], rows)


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
        found = []
        for which, name in enumerate(("prepared", "array")):
            values = few_ratios(records, number, which)
            found.append(f"{geometric(values):.2f} {name} (least {min(values):.2f})")
        lines.append(f"- Number of signals {number}: geometric means {', '.join(found)}.")
    return "\n".join(lines)


def few_ratios(records, number, which):
    """Return the ratios to SPAMS with so many signals, of the prepared dictionary (0) or an array (1)."""
    chosen = [record for record in records if record["signals"] == number]
    return [ratio(record, "spams", few_names(record)[which]) for record in chosen]


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


def lone_losses(records):
    """Return a line on what is faster than ours for one signal of many features."""
    slower = [
        (1 / ratio(record, name, "ours"), name.replace("_", "-"), record["name"])
        for record in records
        for name in record["coders"]
        if not name.startswith("ours") and ratio(record, name, "ours") < 1
    ]
    if not slower:
        return "- For one signal of 500 samples nobody is faster."
    factor, name, problem = max(slower)
    peers = ", ".join(sorted({name for _, name, _ in slower}))
    return (
        f"- One signal of 500 samples and 5,000 features given as an array takes longer than with a peer in {len(slower)} of the "
        f"races with {peers}, most {factor:.2f} times the time of {name} ({problem})."
    )


def draw(records, path):
    """Plot SPAMS's time over ours by size, dictionary and precision."""
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
