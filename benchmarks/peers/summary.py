"""Cells of the coding benchmark as a table, with geometric means: ``summary.py FOLDER``."""

import argparse
import json
from pathlib import Path

import numpy as np

# Above this a coder has not solved the problem that the others have.
EQUAL = 1e-6


def summarise(records, *, ratios=False):
    """Return Markdown rows: CPU time of every peer over that of the first coder."""
    lines = []
    collected = {}
    for record in records:
        (base, first), *others = record["coders"].items()
        cells = [f"{base} {first['cpu_median']:.3f} s"]
        for name, row in others:
            ratio = row["cpu_median"] / first["cpu_median"]
            wall = row["wall_median"] / first["wall_median"]
            # A greedy code has no optimum to be away from.
            solved = record["problem"] != "lasso" or row["worst_excess"] <= EQUAL
            collected.setdefault((name, record["kind"]), []).append((ratio, solved))
            note = "" if solved else f" (excess {row['worst_excess']:.0e})"
            cells.append(f"{name} {ratio:.2f}x, wall {wall:.2f}x{note}")
        lines.append(
            f"| {record['problem']} {record['size']} | {record['kind']} | {record['share']:.0%} | "
            f"{record['signals']} | {record['threads']} threads | " + " | ".join(cells) + " |"
        )
    if ratios:
        lines.append("")
        for (name, kind), pairs in sorted(collected.items()):
            values = np.array([ratio for ratio, _ in pairs])
            equal = sum(solved for _, solved in pairs)
            lines.append(
                f"{name}, {kind}: CPU time over ours, geometric mean "
                f"{np.exp(np.log(values).mean()):.2f} (least {values.min():.2f}, most "
                f"{values.max():.2f}, {equal} of {len(pairs)} cells at equal gap)"
            )
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    records = [json.loads(p.read_text()) for p in sorted(parser.parse_args().folder.glob("*.json"))]
    for coders in sorted({tuple(record["coders"]) for record in records}):
        print(summarise([r for r in records if tuple(r["coders"]) == coders], ratios=True))


if __name__ == "__main__":
    main()
