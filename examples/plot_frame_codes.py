"""
Sparse codes of frames
======================

No weights, no labels: patches of log-mel frames are coded in a dictionary that is learned on the
recordings of both corpora, and pooled to one row per recording. A linear classifier does the rest.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import balanced_accuracy_score
from sklearn.preprocessing import StandardScaler

from sparsetransfer import corpora, synthetic
from sparsetransfer.classification import BalancedRidge, LabelledOnly
from sparsetransfer.features import LogMel, extract_sequences
from sparsetransfer.transfer import PooledSparseCoder

folder = Path(tempfile.mkdtemp())
pair = [
    corpora.read_manifest(path)
    for path in synthetic.make_corpora(folder, shift="recording", n_speakers=4, n_sentences=3)
]

# %%
# Frames
# ------
# 40 mel bands every 10 ms; frames stay on disk and are read when they are needed.
tables = [extract_sequences(corpus, folder / "frames", LogMel(40)) for corpus in pair]
frames = [table[number] for table in tables for number in range(len(table))]
domains = np.repeat([1, -1], [len(table) for table in tables])
print(len(frames), "recordings,", sum(map(len, frames)), "frames of", frames[0].shape[1], "bands")

# %%
# A dictionary for both corpora, and pooled codes
# -----------------------------------------------
# Frames are standardised by the figures of their own corpus, whitened and scaled to unit length.
coder = PooledSparseCoder(64, alpha=0.2, n_whitened=20, max_frames=5000, random_state=0)
rows = coder.fit_transform(frames, sample_domain=domains)
print(f"{rows.shape[1]} columns per recording, {np.mean(rows != 0):.0%} of them used")

# %%
# Recognise
# ---------
labels, truth = (corpus.table["label"].to_numpy() for corpus in pair)
source, target = (StandardScaler().fit_transform(rows[domains == side]) for side in (1, -1))
y = np.concatenate([labels.astype(object), np.full(len(target), None)])
model = LabelledOnly(BalancedRidge()).fit(np.vstack([source, target]), y)
print(f"UAR on the target {100 * balanced_accuracy_score(truth, model.predict(target)):.1f} %")

# %%
# The columns of one emotion are alike across corpora: mean pooled codes of 40 atoms.
figure, axes = plt.subplots(1, 2, figsize=(9, 2.8), layout="constrained", sharey=True)
classes = sorted(set(labels))
strongest = np.argsort(source.std(axis=0) + np.abs(target.mean(axis=0)))[-40:]
for axis, part, names, title in (
    (axes[0], source, labels, "source"),
    (axes[1], target, truth, "target"),
):
    means = np.array([part[names == name].mean(axis=0) for name in classes])
    image = axis.imshow(means[:, strongest], aspect="auto", cmap="RdBu_r", vmin=-1, vmax=1)
    axis.set(title=title, xlabel="column", yticks=range(len(classes)), yticklabels=classes)
figure.colorbar(image, ax=axes, label="mean z-score")
plt.show()
