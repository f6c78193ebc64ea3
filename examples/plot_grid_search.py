"""
Choosing hyper-parameters while the target's labels are masked
==============================================================

``GridSearchCV`` takes the rows of both domains. Folds that keep speakers apart are made on the
source; a masked label is never scored. The parameters that are best on the source need not be best
on the target, and the example shows both.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import Normalizer

from sparsetransfer.classification import SourceGroupKFold, make_transfer_pipeline
from sparsetransfer.transfer import TransferSparseCoding, pack

# %%
# Six source speakers with labels, six target speakers without.
rng = np.random.default_rng(0)
atoms = rng.normal(size=(20, 12))
labels = np.tile(["anger", "neutral", "sadness"], 40)
activity = np.stack([np.roll(np.repeat([0.5, 0.1, 0.05, 0.3], 5), 7 * k) for k in range(3)])
kind = np.unique(labels, return_inverse=True)[1]


def recordings(shift):
    """Return codes of a class times atoms, with a voice per speaker and a shift per corpus."""
    active = rng.random((120, 20)) < activity[kind]
    voice = np.repeat(rng.normal(scale=0.3, size=(6, 12)), 20, axis=0)
    return (active * rng.gamma(2.0, size=active.shape)) @ atoms + voice + shift


source, target = recordings(0.0), recordings(rng.normal(scale=1.0, size=12))
X, y, sample_domain = pack(source, labels, target)

# %%
# Folds of source speakers; target rows stand in every training set and in no test set.
speakers = np.tile(np.repeat(np.arange(6), 20), 2)  # those of the target are not looked at
folds = list(SourceGroupKFold(3).split(X, y, speakers))
for train, test in folds:
    print(len(train), "rows to train on,", len(test), "to score, all with labels")
pipeline = make_transfer_pipeline(
    Normalizer(),
    TransferSparseCoding(20, tol=1e-3, random_state=0),
    LogisticRegression(C=10.0, max_iter=2000),
)
name = pipeline.steps[1][0]
alphas, strengths = (0.02, 0.1), (0.0, 60.0)
search = GridSearchCV(
    pipeline,
    {f"{name}__alpha": alphas, f"{name}__mmd": strengths},
    cv=folds,
    error_score="raise",
)
search.fit(X, y, sample_domain=sample_domain)
print("chosen on the source:", search.best_params_)
print(f"accuracy on the target {search.score(target, labels):.2f}")

# %%
# What the search could see, and what it could not.
seen = search.cv_results_["mean_test_score"]
unseen = [
    pipeline.set_params(**chosen).fit(X, y, sample_domain=sample_domain).score(target, labels)
    for chosen in search.cv_results_["params"]
]
names = [
    f"alpha {chosen[f'{name}__alpha']}, mmd {chosen[f'{name}__mmd']:g}"
    for chosen in search.cv_results_["params"]
]
figure, axis = plt.subplots(figsize=(6, 3), layout="constrained")
places = np.arange(len(names))
axis.barh(places - 0.2, seen, height=0.4, label="source, held-out speakers")
axis.barh(places + 0.2, unseen, height=0.4, label="target, not used")
axis.set(yticks=places, yticklabels=names, xlabel="accuracy")
axis.legend(frameon=False, loc="lower left")
plt.show()
