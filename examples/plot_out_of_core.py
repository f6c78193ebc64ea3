"""
More samples than memory
========================

A dictionary with coupled domains, learned from two files that are read chunk by chunk: the objective
is that of all samples together, memory is one chunk, and a run that was stopped goes on.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from sparsetransfer.distributed import Chunks, learn
from sparsetransfer.transfer import transfer_encode

folder = Path(tempfile.mkdtemp())
rng = np.random.default_rng(0)
d, atoms = 12, 16
mixing = rng.normal(size=(atoms, d))
mixing /= np.linalg.norm(mixing, axis=1, keepdims=True)
for name, n, shift in (("source", 1800, 0.0), ("target", 1200, 0.3)):
    codes = rng.gamma(1.0, size=(n, atoms)) * (rng.random((n, atoms)) < 0.15)
    np.save(folder / f"{name}.npy", codes @ mixing + shift + 0.05 * rng.normal(size=(n, d)))

# %%
# Two files, ten chunks
# ---------------------
chunks = Chunks.from_npy(folder / "source.npy", chunk_size=300) + Chunks.from_npy(
    folder / "target.npy", chunk_size=300, domain=-1
)
options = {"alpha": 0.5, "l2": 1e-3, "mmd": 10.0, "tol": 1e-2, "rng": 0}
found = learn(chunks, atoms, checkpoint=folder / "run.npz", **options)
print(
    f"{found.n_iter} iterations in {found.n_passes} passes over the files, "
    f"relative duality gap {found.duality_gap / found.objective:.1e}"
)

# %%
# The same objective in memory
# ----------------------------
# All samples in one array, coded in the dictionary of the last pass: the optimum lies within the
# duality gap that the chunks reported.
parts = [np.load(folder / f"{name}.npy") for name in ("source", "target")]
X, domains = np.vstack(parts), np.repeat([1, -1], [len(part) for part in parts])
whole = transfer_encode(X, found.components_coded, domains, alpha=0.5, l2=1e-3, mmd=10.0)
print(f"objective {found.objective:.6f} from chunks, {whole.objective:.6f} in memory")
assert found.objective - found.duality_gap <= whole.objective + whole.duality_gap
assert whole.objective - whole.duality_gap <= found.objective

# %%
# Twice the same bits, and the history of the objective
# -----------------------------------------------------
again = learn(chunks, atoms, **options)
assert np.array_equal(again.components, found.components)
figure, axis = plt.subplots(figsize=(5, 3), layout="constrained")
axis.plot(found.history, "o-")
axis.set(xlabel="iteration", ylabel="objective")
plt.show()
