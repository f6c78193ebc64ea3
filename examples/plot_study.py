"""
From arrays to a verdict
========================

An evaluation needs no audio: any rows with labels, speakers and recordings will do. Two corpora, the
registered methods beside one of our own, and everything that a study says about them.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from sparsetransfer import reporting
from sparsetransfer.evaluation import (
    Dataset,
    EvaluationProtocol,
    MethodOutput,
    OrderedPairs,
    make_methods,
    rank_methods,
    register,
    run,
)

CLASSES = ("anger", "neutral", "sadness")


# %%
# Two corpora
# -----------
# Eight speakers each; those of the second speak louder and through another microphone.
def corpus(name, seed, gain, offset):
    rng = np.random.default_rng(seed)
    labels = np.tile(CLASSES, 40)
    speakers = np.repeat([f"s{number}" for number in range(8)], 15)
    voices = np.repeat(rng.normal(scale=0.8, size=(8, 10)), 15, axis=0)
    centres = np.random.default_rng(0).normal(scale=1.2, size=(3, 10))
    rows = centres[np.unique(labels, return_inverse=True)[1]] + voices
    return Dataset(
        name=name,
        features=gain * (rows + rng.normal(scale=1.5, size=rows.shape)) + offset,
        labels=labels,
        speakers=speakers,
        files=np.array([f"{number}.wav" for number in range(len(rows))]),
        feature_names=tuple(f"x{number}" for number in range(10)),
        feature_set="made-1",
    )


rng = np.random.default_rng(5)
domains = [
    corpus("one", 1, 1.0, 0.0),
    corpus("two", 2, rng.uniform(0.5, 2, 10), rng.normal(size=10)),
]


# %%
# A method of our own
# -------------------
# It sees labelled rows of the source and unlabelled rows of the target.
@dataclass(frozen=True)
class NearestMean:
    name: str = "nearest-mean"
    description: str = "The class whose mean is nearest."
    adapts: bool = False

    def settings(self):
        return {}

    def predict(self, source, target, tuning):
        means = [source.features[source.labels == name].mean(axis=0) for name in CLASSES]
        distances = [np.linalg.norm(target.features - mean, axis=1) for mean in means]
        return MethodOutput(np.array(CLASSES)[np.argmin(distances, axis=0)])


register("nearest-mean", NearestMean)

# %%
# The study
# ---------
# Both directions, features normalised on the source alone.
protocol = EvaluationProtocol(
    OrderedPairs(("one", "two")), CLASSES, ("made-1",), normalisation="source", n_resamples=500
)
study = run(domains, make_methods(["coral", "nearest-mean", "svm", "majority"]), protocol)
print(" ".join(reporting.verdict(study)))

# %%
# Methods with intervals over speakers
# ------------------------------------
ranking = rank_methods(study)
for part in ranking.standings:
    print(
        f"{part.method:14} UAR {100 * part.uar:.1f}, gain {100 * part.gain:+.1f}, p {part.p_value:.3f}"
    )
print(ranking.baseline, "is the baseline")

# %%
# As a page, with tables in Markdown, LaTeX, CSV and JSON
# -------------------------------------------------------
folder = Path(tempfile.mkdtemp()) / "report"
reporting.write(study, folder)
print(sorted(file.name for file in folder.iterdir()))
again = reporting.read(folder)
assert reporting.render(again) == reporting.render(study)

# %%
# The gains of the page, drawn once more: dots with intervals over speakers.
figure, axis = plt.subplots(figsize=(6, 2.6), layout="constrained")
shown = [part for part in ranking.standings if np.isfinite(part.gain)]
for row, part in enumerate(shown):
    axis.plot(100 * np.array(part.gain_interval), [row, row], color="C0")
    axis.plot(100 * part.gain, row, "o", color="C0")
axis.axvline(0, color="grey")
axis.set(yticks=range(len(shown)), yticklabels=[part.method for part in shown])
axis.set_xlabel(f"gain in UAR over {ranking.baseline} (points)")
axis.invert_yaxis()
plt.show()
