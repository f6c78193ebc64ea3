"""
Averaging the posteriors of several feature sets
================================================

Two feature sets of one recording err in different places. ``MultiView`` fits one classifier per set,
corrects each for the class shares of the target, and averages the posteriors. The embedded corpora
stand for a studio and a reverberant room; labels of the room only score.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import balanced_accuracy_score
from sklearn.preprocessing import StandardScaler

from sparsetransfer import corpora, synthetic
from sparsetransfer.classification import MultiView, join_views
from sparsetransfer.features import extract
from sparsetransfer.transfer import pack

folder = Path(tempfile.mkdtemp())
studio, room = (
    corpora.read_manifest(path)
    for path in synthetic.make_corpora(folder, shift="recording", n_speakers=4, n_sentences=3)
)

# %%
# Two views of every recording
# ----------------------------
# Each corpus is standardised by itself, without any label.
sets = ("functionals", "is09-style")
tables = [[extract(corpus, name).values for name in sets] for corpus in (studio, room)]
views = [[StandardScaler().fit_transform(table) for table in pair] for pair in tables]
source, widths = join_views(views[0])
target, _ = join_views(views[1])
print(dict(zip(sets, widths, strict=True)), len(source), "and", len(target), "recordings")

# %%
# Each view alone, and their average
# ----------------------------------
X, y, sample_domain = pack(source, studio.table["label"].to_numpy(), target)
truth = room.table["label"].to_numpy()
model = MultiView(widths).fit(X, y, sample_domain=sample_domain)
posteriors = model.predict_views(target)
recalls = {
    name: balanced_accuracy_score(truth, model.classes_[np.argmax(view, axis=1)])
    for name, view in zip(sets, posteriors, strict=True)
}
recalls["average"] = balanced_accuracy_score(truth, model.predict(target))
for name, recall in recalls.items():
    print(f"{name:12} UAR {100 * recall:.1f} %")

# %%
# Where the two agree, they are more often right.
named = [model.classes_[np.argmax(view, axis=1)] for view in posteriors]
agree = named[0] == named[1]
right = model.predict(target) == truth
figure, axes = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
axes[0].bar(list(recalls), [100 * recall for recall in recalls.values()])
axes[0].set_ylabel("UAR (%)")
axes[1].bar(
    [f"views agree ({agree.sum()})", f"differ ({(~agree).sum()})"],
    [100 * right[agree].mean(), 100 * right[~agree].mean()],
)
axes[1].set_ylabel("recordings that are right (%)")
plt.show()
