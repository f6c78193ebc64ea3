"""
Digits and objects across datasets
==================================

The tasks on which transfer sparse coding was published: handwritten digits between USPS and MNIST,
and objects between two halves of COIL. Settings are those of public code: unit-length samples,
their 100 joint principal components, unit length again, 128 atoms, :math:`\\alpha = 0.1`,
:math:`\\mu = 10^5` for digits and :math:`10^4` for objects, and a graph of 5 neighbours with
weight :math:`\\gamma = 1`. Three classifiers are trained on the source's representation and scored
on the target; no label of the target is seen before the score, and nothing was tuned on it.

Codes are computed twice: to their optimum, and by the published alternation (``gauss-seidel``: one
sweep over the samples for every update of the dictionary by its Lagrange dual). The last columns say
how far either is from the optimum of its own dictionary.

Point ``SPARSETRANSFER_DATA`` to a folder with ``benchmarks/USPS_vs_MNIST.mat``,
``MNIST_vs_USPS.mat``, ``COIL_1.mat`` and ``COIL_2.mat`` (`X_src`, `Y_src`, `X_tar`, `Y_tar`,
samples in columns) to run them. Without it a small synthetic task stands in, and says so.
"""

import os
import time
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from scipy.io import loadmat
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import normalize
from sklearn.svm import LinearSVC

from sparsetransfer.exceptions import ConvergenceWarning, DomainWarning
from sparsetransfer.subspace import JointDistributionAdaptation
from sparsetransfer.transfer import NeighbourGraph, Optimisation, TransferSparseCoding

# %%
# The tasks
# ---------


def published_tasks(folder):
    for name, file, mu in (
        ("USPS to MNIST", "USPS_vs_MNIST.mat", 1e5),
        ("MNIST to USPS", "MNIST_vs_USPS.mat", 1e5),
        ("COIL 1 to 2", "COIL_1.mat", 1e4),
        ("COIL 2 to 1", "COIL_2.mat", 1e4),
    ):
        table = loadmat(folder / file)
        rows = [np.asarray(table[key].T, dtype=float) for key in ("X_src", "X_tar")]
        labels = [np.asarray(table[key]).ravel().astype(int) for key in ("Y_src", "Y_tar")]
        yield name, *rows, *labels, mu


def synthetic_task():
    """Six classes of non-negative patterns; the target has another contrast and background."""
    rng = np.random.default_rng(0)
    patterns = rng.gamma(0.6, size=(6, 64))
    labels = np.arange(120) % 6
    source = patterns[labels] * rng.gamma(0.6, size=(120, 64))
    target = patterns[labels] ** 0.6 * rng.gamma(0.6, size=(120, 64)) + 2 * rng.gamma(0.5, size=64)
    return "synthetic", source, target, labels, labels, 1e4


folder = Path(os.environ.get("SPARSETRANSFER_DATA", "")) / "benchmarks"
real = "SPARSETRANSFER_DATA" in os.environ and (folder / "COIL_1.mat").exists()
if real:
    tasks = list(published_tasks(folder))
else:
    print("The published tasks are not here (SPARSETRANSFER_DATA): a small synthetic one instead.")
    tasks = [synthetic_task()]

# %%
# The representations
# -------------------
# Public code weighs the MMD by :math:`\mu/2` with means over :math:`n_s` and :math:`n_t` samples;
# the scale-free weight is :math:`\mu (1/n_s + 1/n_t)`.


def representations(source, target, labels, mu):
    """Yield the name, both representations, and how far codes are from their optimum."""
    raw = normalize(np.vstack([source, target]))
    n = len(source)
    domain = np.repeat([1, -1], [n, len(target)])
    yield "raw", raw, None
    components = PCA(100 if real else 20, svd_solver="full").fit_transform(raw)
    X = normalize(components)
    yield "PCA", X, None
    y = np.concatenate([labels, np.full(len(target), -1)])
    # Its published setting for these tasks: 100 components of the raw samples, unit length.
    jda = JointDistributionAdaptation(X.shape[1], regularization=0.1)
    yield "JDA", normalize(jda.fit_transform(raw, y, sample_domain=domain)), None
    settings = {
        "n_components": 128 if real else 32,
        "alpha": 0.1,
        "random_state": 0,
        "tol": 1e-4,
    }
    graph = NeighbourGraph(1.0, edge_weights="heat")
    strength = mu * (1 / n + 1 / len(target))
    for name, options in (
        ("SC", {"mmd": 0.0}),
        ("TSC, converged", {"mmd": strength, "graph": graph}),
        (
            "TSC, published loop",
            {
                "mmd": strength,
                "graph": graph,
                "optimisation": Optimisation(
                    solver="gauss-seidel", dictionary_update="lagrange_dual"
                ),
                "max_iter": 10,
            },
        ),
    ):
        coder = TransferSparseCoding(**{**settings, **options})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            warnings.simplefilter("ignore", DomainWarning)
            codes = coder.fit_transform(X, sample_domain=domain)
        yield name, codes, coder


def scores(codes, n, labels, truth):
    """Return accuracies in % of classifiers fitted on the source rows."""
    classifiers = (
        KNeighborsClassifier(1),
        LinearSVC(C=1.0, max_iter=20000),
        LogisticRegression(C=1.0, max_iter=5000),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return [100 * model.fit(codes[:n], labels).score(codes[n:], truth) for model in classifiers]


# %%
# The table
# ---------
results = {}
print(f"{'accuracy in %':38}{'1-NN':>7}{'SVM':>7}{'LR':>7}   violation/alpha   seconds")
for task, source, target, labels, truth, mu in tasks:
    results[task] = {}
    started = time.process_time()
    for name, codes, coder in representations(source, target, labels, mu):
        seconds = time.process_time() - started
        row = scores(codes, len(source), labels, truth)
        results[task][name] = row
        distance = "" if coder is None else f"{coder.kkt_violation_ / coder.alpha:14.1e}"
        figures = "".join(f"{value:7.2f}" for value in row)
        print(f"{task:16}{name:22}{figures} {distance:>16} {seconds:9.1f}")
        started = time.process_time()

# %%
# The picture
# -----------
figure, axes = plt.subplots(1, len(results), figsize=(3.2 * len(results) + 1, 3.2), sharey=True)
for axis, (task, rows) in zip(np.atleast_1d(axes), results.items(), strict=True):
    table = np.array(list(rows.values()))
    places = np.arange(len(rows))
    for shift, name, column in zip((-0.25, 0, 0.25), ("1-NN", "SVM", "LR"), table.T, strict=True):
        axis.bar(places + shift, column, width=0.25, label=name)
    axis.set_xticks(places, list(rows), rotation=60, ha="right")
    axis.set_title(task)
np.atleast_1d(axes)[0].set_ylabel("accuracy on the target (%)")
np.atleast_1d(axes)[-1].legend(loc="lower left")
figure.tight_layout()
plt.show()
