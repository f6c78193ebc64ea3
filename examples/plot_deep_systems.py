"""
Deep systems on two corpora
===========================

Four deep networks beside the tuned linear machine, on the embedded corpora with small settings: the
network of DIDAN with and without its alignment, the residual network that learns speakers first,
and the autoencoder whose embedding follows activation and valence. Needs the extra ``deep``.

Real corpora take the same command as every method,
``sparsetransfer evaluate --config benchmarks/studies/deep_pairs.toml``; :doc:`/deep` has its table.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt

from sparsetransfer import synthetic
from sparsetransfer.evaluation import CorpusEntry, StudyConfig, prepare, run

folder = Path(tempfile.mkdtemp())

# %%
# A study
# -------
# Spectrograms are computed because some of the methods read them. Six epochs are far from enough
# for a figure worth quoting.
manifests = synthetic.make_corpora(folder)
names = ("studio", "field")
spectrogram_systems = ("deep-source-only", "didan", "speaker-resnet")
config = StudyConfig(
    corpora=tuple(
        CorpusEntry(name, str(path), "manifest")
        for name, path in zip(names, manifests, strict=True)
    ),
    design={"kind": "source-to-target", "sources": names[:1], "targets": names[1:]},
    methods=("svm", *spectrogram_systems, "metric-autoencoder"),
    settings={
        "deep-source-only": {"params": {"alignment": None, "max_epochs": 6}},
        "didan": {"params": {"alignment": "ida", "max_epochs": 6}},
        "speaker-resnet": {"params": {"max_epochs": 6}, "pretrain_epochs": 3},
    },
)
domains, protocol = prepare(config)
study = run(domains, config.make_methods(), protocol, n_jobs=2)

# %%
# Recall on the target
# --------------------
task = study.tasks[0].name
for cell in study.cells:
    low, high = (100 * bound for bound in cell.interval)
    print(
        f"{cell.method:20s} UAR {100 * cell.scores.uar:5.1f} % ({low:.0f}-{high:.0f}), "
        f"{cell.timing.cpu:.0f} s of a core"
    )

# %%
# Embeddings before and after
# ---------------------------
# Features, and what the networks make of the recordings, in two principal components: source as
# dots, target as crosses, a colour per emotion. The target's emotions are shown, not used.
pictures = {"functionals": study.feature_pictures[task]} | {
    cell.method: cell.picture for cell in study.cells if cell.picture is not None
}
figure, axes = plt.subplots(1, len(pictures), figsize=(3 * len(pictures), 3), layout="constrained")
for axis, (title, picture) in zip(axes, pictures.items(), strict=True):
    for number, emotion in enumerate(protocol.classes):
        for mark, points, labels in (
            (".", picture.source, picture.source_labels),
            ("x", picture.target, picture.target_labels),
        ):
            chosen = [label == emotion for label in labels]
            axis.plot(*points[chosen].T, mark, markersize=4, color=f"C{number}")
    axis.set_title(title, fontsize=10)
    axis.set(xticks=[], yticks=[])
plt.show()
