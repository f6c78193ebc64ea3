"""
Deep systems on two corpora
===========================

Each of the three deep systems beside its twin that does not transfer: DIDAN and its source-only
network, the residual network with and without speakers learnt first, the autoencoder with and
without the metric of activation and valence. Needs the extra ``deep``.

Without arguments the embedded corpora are used; ``--data FOLDER --source emodb --target urdu``
reads real ones from the folders ``emodb`` and ``urdu``. Minutes on two cores, so that the gallery
shows this script without running it.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import PCA
from sklearn.metrics import recall_score

import sparsetransfer
from sparsetransfer import corpora, synthetic
from sparsetransfer.deep import DIDAN, MetricAutoencoder, SpeakerResNet, train_speaker_network
from sparsetransfer.evaluation.statistics import speaker_bootstrap
from sparsetransfer.features import LogMel, extract, extract_sequences
from sparsetransfer.transfer import pack

CLASSES = ("anger", "happiness", "neutral", "sadness")

parser = argparse.ArgumentParser(description="Deep systems beside their twins.")
parser.add_argument("--data", type=Path, help="folder of corpora; the embedded ones by default")
parser.add_argument("--source", default="emodb")
parser.add_argument("--target", default="urdu")
parser.add_argument("--cache", type=Path, help="folder for features, kept between runs")
parser.add_argument("--output", type=Path, default=Path(), help="folder for table and picture")
parser.add_argument("--seeds", type=int, default=3)
parser.add_argument("--epochs", type=int, default=25)
arguments = parser.parse_args()
scratch = Path(tempfile.mkdtemp())

# %%
# Recordings, spectrograms and functionals
# ----------------------------------------
# The target's labels are kept aside for the score; estimators see None in their place.
if arguments.data is None:
    pair = [corpora.read_manifest(path) for path in synthetic.make_corpora(scratch / "audio")]
else:
    pair = [
        corpora.read(name, arguments.data / name, classes=CLASSES, drop_unmapped=True)
        for name in (arguments.source, arguments.target)
    ]
source, target = (corpus.table for corpus in pair)
truth = target["label"].to_numpy(str)
cache = arguments.cache or scratch / "features"
spectrograms = [x for corpus in pair for x in extract_sequences(corpus, cache, LogMel(40))]
functionals = [extract(corpus, cache=cache).values for corpus in pair]
X, y, sample_domain = pack(functionals[0], source["label"].to_numpy(str), functionals[1])
speakers = np.concatenate([t["speaker"].to_numpy(str) for t in (source, target)])
is_target = sample_domain < 0

# %%
# The systems
# -----------
# The speakers that the residual network learns first are those of both corpora; that needs no
# emotion label.


def resnet(seed, *, transfer, masks=2):
    pretrained = None
    if transfer:
        pretrained = train_speaker_network(
            spectrograms, speakers, corpora=sample_domain, max_epochs=15, random_state=seed
        )
    return SpeakerResNet(pretrained, n_masks=masks, random_state=seed, max_epochs=arguments.epochs)


def didan(seed, alignment):
    return DIDAN(alignment, random_state=seed, max_epochs=arguments.epochs)


SYSTEMS = {
    "DIDAN network, source only": lambda seed: (didan(seed, None), spectrograms),
    "DIDAN": lambda seed: (didan(seed, "ida"), spectrograms),
    "LIDAN": lambda seed: (didan(seed, "lida"), spectrograms),
    "deep MMD": lambda seed: (didan(seed, "mmd"), spectrograms),
    "DeepCORAL": lambda seed: (didan(seed, "coral"), spectrograms),
    "DANN": lambda seed: (didan(seed, "dann"), spectrograms),
    "ResNet from scratch, no SpecAugment": lambda seed: (
        resnet(seed, transfer=False, masks=0),
        spectrograms,
    ),
    "ResNet from scratch": lambda seed: (resnet(seed, transfer=False), spectrograms),
    "ResNet from speakers": lambda seed: (resnet(seed, transfer=True), spectrograms),
    "autoencoder": lambda seed: (MetricAutoencoder(None, random_state=seed), X),
    "continuous metric": lambda seed: (MetricAutoencoder("both", random_state=seed), X),
}

# %%
# Recall on the target
# --------------------
rows, pictures = [], {}
for name, make in SYSTEMS.items():
    begin, cpu, recalls, intervals = time.perf_counter(), time.process_time(), [], []
    for seed in range(arguments.seeds):
        model, samples = make(seed)
        model.fit(samples, y, sample_domain=sample_domain)
        found = model.predict([samples[i] for i in np.flatnonzero(is_target)])
        recalls.append(recall_score(truth, found, average="macro"))
        intervals.append(
            speaker_bootstrap(
                truth, found, speakers[is_target], CLASSES, rng=np.random.default_rng(seed)
            )
        )
    low, high = np.mean(intervals, axis=0)
    row = {
        "system": name,
        "uar": 100 * np.mean(recalls),
        "std": 100 * np.std(recalls),
        "low": 100 * low,
        "high": 100 * high,
        "wall_s": (time.perf_counter() - begin) / arguments.seeds,
        "cpu_s": (time.process_time() - cpu) / arguments.seeds,
    }
    rows.append(row)
    pictures[name] = model.transform(samples, sample_domain=sample_domain)
    print(
        "{system:36s} UAR {uar:5.1f} ± {std:3.1f} % ({low:.0f}-{high:.0f})  "
        "{wall_s:5.0f} s wall, {cpu_s:5.0f} s CPU".format(**row),
        flush=True,
    )
arguments.output.mkdir(parents=True, exist_ok=True)
facts = {
    "version": sparsetransfer.__version__,
    "source": pair[0].name,
    "target": pair[1].name,
    "seeds": arguments.seeds,
    "epochs": arguments.epochs,
    "systems": rows,
}
(arguments.output / "deep_transfer.json").write_text(json.dumps(facts, indent=1))

# %%
# Embeddings before and after
# ---------------------------
# The functionals, and what two systems make of the recordings, in two principal components: source
# as dots, target as crosses, a colour per emotion (the target's are shown, not used).
labels = np.concatenate([source["label"].to_numpy(str), truth])
shown = {"functionals": X, **{n: pictures[n] for n in ("DIDAN", "continuous metric")}}
figure, axes = plt.subplots(1, 3, figsize=(12, 4), layout="constrained")
for axis, (name, values) in zip(axes, shown.items(), strict=True):
    scaled = (values - values.mean(axis=0)) / np.maximum(values.std(axis=0), 1e-9)
    points = PCA(2).fit_transform(scaled)
    for number, emotion in enumerate(CLASSES):
        for mark, rows_of in ((".", ~is_target), ("x", is_target)):
            chosen = rows_of & (labels == emotion)
            axis.scatter(*points[chosen].T, s=12, marker=mark, color=f"C{number}", label=emotion)
    axis.set_title(name)
    axis.set(xticks=[], yticks=[])
axes[0].legend(*(part[::2] for part in axes[0].get_legend_handles_labels()), fontsize=8)
figure.savefig(arguments.output / "deep_transfer.png", dpi=120)
