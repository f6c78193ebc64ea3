"""A cost model of learning from chunks on a cluster, fitted to what ``chunks.py`` measured.

``python benchmarks/scaling/model.py measured.json docs/_static/scaling.svg`` prints its parameters
and a table, and draws seconds per pass over the number of workers.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Model:
    """Seconds of one pass.

    Parameters
    ----------
    signal : float
        Seconds a thread needs for a signal.
    scatter : float
        Standard deviation of the time of a chunk, relative to its mean.
    task : float
        Seconds of the scheduler for the tasks of a chunk.
    summary, dictionary : float
        Bytes of a summary and of the dictionary.
    merge : float
        Seconds to add two summaries.
    bandwidth : float
        Bytes a second between two machines.
    """

    signal: float
    scatter: float
    task: float
    summary: float
    dictionary: float
    merge: float
    bandwidth: float = 1.25e9

    @classmethod
    def of(cls, measured):
        """Fit the parameters to a line of ``chunks.py``."""
        cluster, chunk = measured["cluster"], measured["chunk_times"]
        counts = np.array([float(count) for count in cluster["tasks"]])
        slope, _ = np.polyfit(counts, list(cluster["tasks"].values()), 1)
        seconds = np.array(chunk["seconds_per_signal"])
        per_pass = [row["cpu"] / row["passes"] for row in measured["apart"]]
        return cls(
            signal=float(np.sum(per_pass)) / measured["samples"],
            scatter=float(seconds.std(ddof=1) / seconds.mean()),
            task=float(slope),
            summary=float(chunk["summary_bytes"]),
            dictionary=float(chunk["pass_bytes"]),
            merge=float(chunk["merge_seconds"]),
        )

    def parts(self, signals, workers, chunk):
        """Return seconds of coding, stragglers, tasks and tree; coding overlaps with tasks."""
        chunks = np.maximum(np.ceil(signals / chunk), 1)
        busy = np.minimum(workers, chunks)
        rounds = np.ceil(chunks / busy)
        coding = rounds * np.minimum(chunk, signals) * self.signal
        # The largest of W sums of m chunk times, for normal deviations.
        late = coding * self.scatter * np.sqrt(2 * np.log(np.maximum(busy, 1)) / rounds)
        tasks = chunks * self.task
        hop = self.summary / self.bandwidth + self.merge
        tree = (
            np.log2(busy) * hop
            + rounds * self.merge
            + self.dictionary / self.bandwidth * (1 + np.log2(busy))
        )
        return coding, late, tasks, tree

    def seconds(self, signals, workers, chunk):
        """Return seconds of one pass."""
        coding, late, tasks, tree = self.parts(signals, workers, chunk)
        return np.maximum(coding + late, tasks) + tree


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("measured", type=Path)
    parser.add_argument("figure", type=Path)
    args = parser.parse_args()
    measured = json.loads(args.measured.read_text())
    model = Model.of(measured)
    print(model)
    cluster = measured["cluster"]
    seen = cluster["wall"] / cluster["passes"]
    said = model.seconds(measured["samples"], len(measured["apart"]), measured["chunk"])
    print(
        f"measured {seen:.2f} s a pass on {len(measured['apart'])} workers, the model says {said:.2f}"
    )
    print(
        "| signals | workers | rows of a chunk | coding | stragglers | tasks | tree | a pass | efficiency |"
    )
    print("|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
    for signals, workers, chunk in (
        (10**6, 2, 16384),
        (10**7, 16, 16384),
        (10**8, 128, 16384),
        (10**9, 1000, 16384),
        (10**9, 1000, 131072),
    ):
        parts = model.parts(signals, workers, chunk)
        total = model.seconds(signals, workers, chunk)
        efficiency = signals * model.signal / workers / total
        cells = " | ".join(f"{part:.1f}" for part in (*parts, total))
        print(f"| {signals:.0e} | {workers} | {chunk} | {cells} | {efficiency:.2f} |")
    draw(model, seen, measured, args.figure)


def draw(model, seen, measured, place):
    """Draw seconds per pass over workers for three sizes and two chunk sizes."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "scaling"
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(6.4, 4.2), layout="constrained")
    workers = np.unique(np.logspace(0, 3, 60).round())
    for number, signals in enumerate((10**6, 10**7, 10**8, 10**9)):
        for chunk, style in ((16384, "-"), (131072, "--")):
            seconds = model.seconds(signals, workers, chunk)
            label = f"$10^{{{int(np.log10(signals))}}}$ signals" if chunk == 16384 else None
            axes.loglog(workers, seconds, style, color=f"C{number}", label=label)
        axes.loglog(workers, signals * model.signal / workers, ":", color=f"C{number}", lw=0.8)
    axes.plot(len(measured["apart"]), seen, "ko", label="measured, $10^5$ signals")
    axes.set(
        xlabel="workers of one thread",
        ylabel="seconds a pass",
        title="Chunks of 16,384 (solid) and 131,072 rows (dashed); dotted: ideal",
    )
    axes.legend()
    axes.grid(alpha=0.3)
    place.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(place, metadata={"Date": None})


if __name__ == "__main__":
    main()
