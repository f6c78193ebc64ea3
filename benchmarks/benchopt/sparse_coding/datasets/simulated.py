"""Sums of random atoms with noise, in a random or a coherent dictionary."""

import numpy as np
from benchopt import BaseDataset


class Dataset(BaseDataset):
    """Signals with `n_nonzeros` atoms each."""

    name = "simulated"
    parameters = {
        "n_signals": [1000],
        "n_features": [64],
        "n_atoms": [256],
        "coherence": [0.0, 0.5],
    }
    test_parameters = {"n_signals": [20], "n_features": [8], "n_atoms": [16]}

    n_nonzeros = 10
    noise = 0.02

    def get_data(self):
        """Return signals X of shape (n_signals, n_features) and unit atoms D."""
        rng = np.random.default_rng(0)
        atoms = rng.normal(size=(self.n_atoms, self.n_features))
        atoms += self.coherence * rng.normal(size=self.n_features) * np.sqrt(2)
        atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
        codes = np.zeros((self.n_signals, self.n_atoms))
        for row in codes:
            chosen = rng.choice(self.n_atoms, min(self.n_nonzeros, self.n_atoms), replace=False)
            row[chosen] = rng.normal(size=len(chosen))
        signals = codes @ atoms
        signals += self.noise * rng.normal(size=signals.shape)
        return {"X": signals, "D": atoms}
