"""
Dictionary learning on patches, beside scikit-learn
===================================================

The same call as ``sklearn.decomposition.DictionaryLearning`` on patches of handwritten digits: same
penalty, same number of atoms, same initial atoms. Both minimise

.. math:: \\tfrac12 \\|X - A D\\|_F^2 + \\alpha \\|A\\|_1, \\qquad \\|d_j\\| \\le 1,

and both are scored by that objective with the codes solved to their optimum by our lasso.
"""

import time
import warnings

import matplotlib.pyplot as plt
import numpy as np
import sklearn.decomposition
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.image import PatchExtractor

import sparsetransfer
from sparsetransfer.sparse_coding import lasso

ALPHA, ATOMS = 0.3, 36
images = load_digits().images[:300] / 16.0
patches = PatchExtractor(patch_size=(6, 6), max_patches=5, random_state=0).transform(images)
X = patches.reshape(len(patches), -1)
X = X - X.mean(axis=1, keepdims=True)
rng = np.random.default_rng(0)
first = X[rng.choice(np.flatnonzero(np.linalg.norm(X, axis=1) > 1.0), ATOMS, replace=False)]
first /= np.linalg.norm(first, axis=1, keepdims=True)
print(X.shape[0], "patches of 6 x 6 pixels")


# %%
# Both learn
# ----------
def objective(dictionary):
    """Return the objective at the best codes, which the duality gap certifies."""
    result = lasso(X, dictionary, alpha=ALPHA)
    assert result.converged.all()
    residual = X - result.codes @ dictionary
    return (0.5 * np.sum(residual**2) + ALPHA * np.abs(result.codes).sum()) / len(X)


options = {"alpha": ALPHA, "max_iter": 20, "tol": 1e-4, "dict_init": first, "random_state": 0}
learned = {}
print(f"{'start':16} objective {objective(first):.5f}")
for name, module in (("scikit-learn", sklearn.decomposition), ("sparsetransfer", sparsetransfer)):
    started = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", sparsetransfer.exceptions.ConvergenceWarning)
        model = module.DictionaryLearning(
            ATOMS, **options, **({"fit_algorithm": "cd"} if module is not sparsetransfer else {})
        ).fit(X)
    learned[name] = model.components_
    seconds = time.process_time() - started
    print(
        f"{name:16} objective {objective(model.components_):.5f} after {model.n_iter_} iterations, "
        f"{seconds:.1f} s of a core"
    )

# %%
# What was learned
# ----------------
# Strokes and edges; their order is that of the initial atoms.
figure, axes = plt.subplots(1, 2, figsize=(8, 4), layout="constrained")
for axis, (name, atoms) in zip(axes, learned.items(), strict=True):
    tiles = np.full((6 * 7 + 1, 6 * 7 + 1), np.nan)
    for number, atom in enumerate(atoms):
        row, column = divmod(number, 6)
        place = slice(7 * row + 1, 7 * row + 7), slice(7 * column + 1, 7 * column + 7)
        tiles[place] = atom.reshape(6, 6) / np.abs(atom).max()
    axis.imshow(tiles, cmap="gray")
    axis.set(title=name, xticks=[], yticks=[])
plt.show()
