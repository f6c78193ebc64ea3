"""
From wave files to the report
=============================

A labelled corpus, a folder of recordings that nobody labelled, and a recording that came later. The
two embedded corpora stand for them: the labels of the second are only used to see how well it went.

The command line does the same, ``sparsetransfer fit`` and ``predict``: :doc:`/own_recordings`.
"""

import tempfile
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from sparsetransfer import corpora, synthetic
from sparsetransfer.evaluation import describe
from sparsetransfer.recognition import Recogniser, recognise_recordings, use_labels
from sparsetransfer.reporting import write_predictions

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
for state in ("recorded", "normalised"):
    figures = recogniser.about_["gap"][state]
    print(
        f"domains {state}: squared MMD {figures['unbiased']:.3f} "
        f"({figures['low']:.3f} to {figures['high']:.3f}), p-value {figures['p_value']:.3f}"
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
        f"{answer.entropy:.2f} bits, {answer.speech:.0%} speech",
        answer.flags,
    )

# %%
# How well it went
# ----------------
# Only from here on are labels of the recordings looked at.
known = corpora.read_manifest(own)
truth = known.table["label"].to_numpy()
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

# %%
# A few labels, and the report
# ----------------------------
# Eight labels score the answers, with an interval, and calibrate the probabilities; they train
# nothing. The report begins with what was learned and how far to trust it.
few = replace(known, table=known.table.iloc[:: len(known.table) // 8])
answers, _ = use_labels(recogniser, answers, few)
score = recogniser.about_["target_labels"]
print(f"UAR {score['uar']:.0%}, 95 % interval {score['low']:.0%} to {score['high']:.0%}")
page = write_predictions(recogniser, answers, folder / "report")
print(page.name, page.stat().st_size // 1000, "kB")
