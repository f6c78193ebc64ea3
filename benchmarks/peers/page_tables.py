"""What the tables of the page share: Markdown, ratios and geometric means."""

import math

EQUAL = 1e-6
"""A coder whose objective is further from the best has not solved the problem that others have."""


def table(head, rows):
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    return "\n".join(lines + [f"| {' | '.join(row)} |" for row in rows])


def geometric(values):
    return math.exp(sum(map(math.log, values)) / len(values))


def ratio(record, peer, ours, time="cpu_median"):
    return record["coders"][peer][time] / record["coders"][ours][time]


def seconds(row):
    return f"{row['cpu_median']:.3f} ± {row['cpu_spread']:.3f}"


def of(records, benchmark):
    """Return the records of a benchmark that names itself."""
    return [record for record in records if record.get("benchmark") == benchmark]


def marked(row):
    """Return a note where a coder has not solved the problem that the others have."""
    return f" (excess {row['worst_excess']:.0e})" if row["worst_excess"] > EQUAL else ""
