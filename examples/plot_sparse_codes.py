"""
Codes with a certificate
========================

A signal is written as a few atoms of a dictionary,

.. math:: \\min_a \\tfrac12 \\|x - D^\\top a\\|^2 + \\alpha \\|a\\|_1,

and the answer says how far it can be from the best one: the duality gap bounds the suboptimality
of each code, whatever the solver did on its way.
"""

# %%
# Two hundred signals of five atoms each, in noise.
import matplotlib.pyplot as plt
import numpy as np

from sparsetransfer.sparse_coding import lasso

rng = np.random.default_rng(0)
atoms = rng.normal(size=(128, 48))
atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
truth = np.zeros((200, 128))
for row in truth:
    row[rng.choice(128, 5, replace=False)] = rng.choice([-1.0, 1.0], 5)
signals = truth @ atoms + 0.02 * rng.normal(size=(200, 48))

# %%
# One call codes them all. The penalty trades fit against the number of atoms.
alphas = np.geomspace(0.005, 0.5, 13)
results = [lasso(signals, atoms, alpha=alpha) for alpha in alphas]
counts = [np.mean(np.sum(result.codes != 0, axis=1)) for result in results]
errors = [np.mean((signals - result.codes @ atoms) ** 2) for result in results]

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
left.semilogx(alphas, counts, "o-")
left.axhline(5, color="grey", linestyle=":", label="atoms that made the signals")
left.set(xlabel="alpha", ylabel="atoms in a code")
left.legend()
right.loglog(alphas, errors, "o-")
right.axhline(0.02**2, color="grey", linestyle=":", label="noise")
right.set(xlabel="alpha", ylabel="mean squared error")
right.legend()

# %%
# The certificates: no code is further from its optimum than this.
for alpha, result in zip(alphas[::4], results[::4], strict=True):
    worst = result.duality_gap.max()
    print(
        f"alpha {alpha:.3f}: largest duality gap {worst:.1e}, all converged: {result.converged.all()}"
    )

plt.show()
