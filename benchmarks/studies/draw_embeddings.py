"""Draw features and embeddings: ``python draw_embeddings.py REPORT TASK METHOD,... picture.png``."""

import json
import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("agg")
from matplotlib import pyplot as plt

report, task, methods, figure = sys.argv[1:]
found, results = (
    json.loads((Path(report) / name).read_text(encoding="utf-8"))
    for name in ("coordinates.json", "results.json")
)
drawn = ", ".join(name.rpartition("-")[0] for name in results["protocol"]["feature_sets"])
pictures = {drawn: found["features"][task]}
for method in methods.split(","):
    cells = [c for c in found["codes"] if (c["task"], c["method"]) == (task, method)]
    pictures[method] = min(cells, key=lambda cell: cell["seed"])
emotions = sorted(set(pictures[drawn]["source_labels"]))
canvas, axes = plt.subplots(1, len(pictures), figsize=(3 * len(pictures), 3.3))
for axis, (title, part) in zip(axes, pictures.items(), strict=True):
    for side, mark in (("source", "."), ("target", "x")):
        for number, emotion in enumerate(emotions):
            chosen = [
                point
                for point, label in zip(part[side], part[f"{side}_labels"], strict=True)
                if label == emotion
            ]
            axis.plot(*zip(*chosen, strict=True), mark, color=f"C{number}", markersize=3)
    axis.set_title(title, fontsize=10)
    axis.set(xticks=[], yticks=[])
handles = [
    plt.Line2D([], [], marker="o", linestyle="", color=f"C{n}") for n in range(len(emotions))
]
canvas.legend(handles, emotions, loc="lower center", ncols=len(emotions), fontsize=8, frameon=False)
source, _, target = task.partition(" → ")
canvas.suptitle(f"{source} (dots) → {target} (crosses)", fontsize=10)
canvas.tight_layout(rect=(0, 0.06, 1, 1))
canvas.savefig(figure, dpi=110, metadata={"Software": None})
