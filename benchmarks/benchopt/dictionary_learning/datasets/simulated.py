"""Sums of the atoms of an unknown random dictionary, with noise."""

import numpy as np
from benchopt import BaseDataset


class Dataset(BaseDataset):
    """Unit signals with five atoms each."""

    name = "simulated"
    parameters = {"n_signals": [5000], "n_features": [64], "n_atoms": [128]}
    test_parameters = {"n_signals": [60], "n_features": [8], "n_atoms": [12]}

    def get_data(self):
        """Return signals X of shape (n_signals, n_features) and how many atoms to learn."""
        rng = np.random.default_rng(0)
        atoms = rng.normal(size=(self.n_atoms, self.n_features))
        atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
        codes = np.zeros((self.n_signals, self.n_atoms))
        for row in codes:
            row[rng.choice(self.n_atoms, 5, replace=False)] = rng.normal(size=5)
        signals = codes @ atoms + 0.02 * rng.normal(size=(self.n_signals, self.n_features))
        signals /= np.linalg.norm(signals, axis=1, keepdims=True)
        return {"X": signals, "n_atoms": self.n_atoms}
