"""Draw a study of ordered pairs: ``python draw_pairs.py twelve_pairs/results.csv pairs.svg``."""

import csv
import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")
mpl.rcParams.update({"svg.hashsalt": "pairs", "font.size": 9})
from matplotlib import pyplot as plt

METHODS = {
    "svm": ("tuned SVM, no transfer", "o", "0.35"),
    "transfer-sparse-coding": ("transfer sparse coding", "s", "C0"),
    "multi-view-safeguarded": ("views averaged, safeguarded", "D", "C3"),
}

results, figure = map(Path, sys.argv[1:])
with results.open(newline="", encoding="utf-8") as lines:
    recall = {
        (row["task"], row["method"]): 100 * float(row["uar"]) for row in csv.DictReader(lines)
    }
tasks = sorted(dict.fromkeys(task for task, _ in recall), key=lambda task: recall[task, "svm"])
canvas, axes = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
for row, task in enumerate(tasks):
    values = [recall[task, method] for method in METHODS]
    axes.plot([min(values), max(values)], [row, row], color="0.85", zorder=0)
for method, (label, marker, colour) in METHODS.items():
    values = [recall[task, method] for task in tasks]
    axes.plot(values, range(len(tasks)), marker, color=colour, label=label, markersize=5)
axes.axvline(25, linestyle=":", color="0.6", label="chance")
axes.set_yticks(range(len(tasks)), tasks)
axes.set_xlabel("unweighted average recall on the target corpus, %")
axes.legend(loc="lower right", fontsize=8)
axes.grid(axis="x", alpha=0.3)
canvas.savefig(figure, metadata={"Date": None})
