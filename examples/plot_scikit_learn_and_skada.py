"""
In pipelines of scikit-learn and skada
======================================

Every transfer step takes ``fit(X, y, sample_domain=...)``, positive for source rows and negative for
target rows, whose labels are masked. That is skada's convention, and scikit-learn's metadata routing
carries it through a pipeline.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from sparsetransfer.classification import make_transfer_pipeline
from sparsetransfer.subspace import CORAL, SubspaceAlignment, TransferComponentAnalysis
from sparsetransfer.transfer import TransferSparseCoding, pack

# %%
# Two domains: the target is turned by 40 degrees in one plane, and moved.
rng = np.random.default_rng(0)
labels = rng.permutation(np.repeat([0, 1, 2], 60))
centres = rng.normal(scale=1.0, size=(3, 10))
source, target = (centres[labels] + rng.normal(size=(180, 10)) for _ in range(2))
angle = np.deg2rad(40)
turn = np.eye(10)
turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
target = target @ turn.T + 1.5
X, y, sample_domain = pack(source, labels, target)

# %%
# Our pipeline
# ------------
# The last step is fitted on the labelled rows; steps before it see both domains.
steps = {
    "no transfer": None,
    "SubspaceAlignment": SubspaceAlignment(4),
    "CORAL": CORAL(),
    "TCA": TransferComponentAnalysis(5),
    "TransferSparseCoding": TransferSparseCoding(24, alpha=0.1, mmd=60.0, random_state=0),
}
scores = {}
for name, step in steps.items():
    chain = [] if step is None else [step]
    model = make_transfer_pipeline(StandardScaler(), *chain, LogisticRegression(max_iter=1000))
    model.fit(X, y, sample_domain=sample_domain)
    scores[name] = model.score(target, labels)
    print(f"{name:22} accuracy on the target {scores[name]:.2f}")

# %%
# The same steps in skada
# -----------------------
# skada standardises each domain by itself where it is asked to (``PerDomain``).
try:
    import skada
except ModuleNotFoundError:
    print("skada is not installed: pip install skada")
else:
    with sklearn.config_context(enable_metadata_routing=True), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pipeline = skada.make_da_pipeline(
            skada.PerDomain(StandardScaler()), CORAL(), LogisticRegression(max_iter=1000)
        )
        pipeline.fit(X, y, sample_domain=sample_domain)
        guess = pipeline.predict(target, sample_domain=np.full(len(target), -1))
    scores["skada: per domain, CORAL"] = np.mean(guess == labels)
    print(f"accuracy in skada's pipeline {scores['skada: per domain, CORAL']:.2f}")

# %%
figure, axis = plt.subplots(figsize=(6, 3), layout="constrained")
axis.barh(list(scores), [100 * score for score in scores.values()])
axis.invert_yaxis()
axis.axvline(100 / 3, color="grey", linestyle=":", label="chance")
axis.set_xlabel("accuracy on the target (%)")
axis.legend(frameon=False)
plt.show()
