"""
From wave files to predictions
==============================

A labelled corpus, a folder of recordings that nobody labelled, and a recording that came later. The
two embedded corpora stand for them: the labels of the second are only used to see how well it went.

The command line does the same, ``sparsetransfer fit`` and ``predict``: :doc:`/own_recordings`.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from sparsetransfer import corpora, synthetic
from sparsetransfer.evaluation import describe
from sparsetransfer.recognition import Recogniser, recognise_recordings

folder = Path(tempfile.mkdtemp())
labelled, own = synthetic.make_corpora(folder, n_speakers=4, n_sentences=3)

# %%
# Recordings and their features
# -----------------------------
# ``read_unlabelled`` takes a folder of recordings or a manifest; it reads no label.
sets = ("functionals", "is09-style")
source = describe(corpora.read_manifest(labelled), sets)
calls = corpora.read_unlabelled(own, name="calls")
target = describe(calls, sets)
print(len(source), "labelled,", len(target), "unlabelled recordings")

# %%
# Adapt, save, load
# -----------------
recogniser = Recogniser("multi-view-safeguarded").fit(source, target, feature_set_names=sets)
recogniser.save(folder / "calls.st")
recogniser = Recogniser.load(folder / "calls.st")
print(recogniser.about_["diagnostics"]["safeguard"]["reason"])
for state, figures in recogniser.about_["gap"].items():
    print(
        f"domains {state}: squared MMD {figures['gaussian']:.3f}, p-value {figures['p_value']:.3f}"
    )

# %%
# Predict
# -------
# One answer per file; what is doubtful is flagged.
answers = list(recognise_recordings(recogniser, calls, sets))
for answer in answers[:3]:
    best = int(np.argmax(answer.probabilities))
    print(
        Path(answer.file).name,
        recogniser.classes_[best],
        f"{answer.entropy:.2f} bits",
        answer.flags,
    )

# %%
# How well it went
# ----------------
# Only here are the labels of the recordings looked at.
truth = corpora.read_manifest(own).table["label"].to_numpy()
shares = np.array([answer.probabilities for answer in answers])
found = np.array(recogniser.classes_)[shares.argmax(axis=1)]
print(f"{np.mean(found == truth):.0%} of the recordings are right")
right = found == truth
figure, ax = plt.subplots(figsize=(6, 3), layout="constrained")
ax.hist(
    [shares.max(axis=1)[right], shares.max(axis=1)[~right]], stacked=True, label=["right", "wrong"]
)
ax.set_xlabel("largest probability")
ax.set_ylabel("recordings")
ax.legend(frameon=False)
plt.show()
