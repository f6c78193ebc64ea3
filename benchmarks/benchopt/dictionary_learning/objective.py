"""Dictionary learning: atoms of at most unit norm in which signals have sparse codes."""

import numpy as np
from benchopt import BaseObjective

from sparsetransfer.sparse_coding import lasso


class Objective(BaseObjective):
    """Mean over signals of min_z 0.5 ||x - z D||^2 + alpha ||z||_1 for the dictionary found.

    The codes are computed anew for every dictionary, to a duality gap of 1e-8 of the signals' energy,
    so that no solver profits from codes that do not belong to its dictionary.
    """

    name = "Dictionary learning"
    url = "https://github.com/benchopt/benchopt"
    min_benchopt_version = "1.6"
    requirements = ["sparsetransfer"]
    parameters = {"alpha": [0.1]}

    def set_data(self, X, n_atoms):
        """Initialise the dictionary of all solvers by random signals of unit norm."""
        self.X = X
        rng = np.random.default_rng(0)
        atoms = X[rng.choice(len(X), n_atoms, replace=False)]
        self.first = atoms / np.maximum(np.linalg.norm(atoms, axis=1, keepdims=True), 1e-12)

    def get_objective(self):
        """Return the problem as keyword arguments of the solvers."""
        return {"X": self.X, "first": self.first, "alpha": self.alpha}

    def evaluate_result(self, atoms):
        """Score atoms of shape (n_atoms, n_features)."""
        norms = np.linalg.norm(atoms, axis=1)
        atoms = atoms / np.maximum(norms, 1.0)[:, None]
        codes = lasso(self.X, atoms, self.alpha).codes
        residual = self.X - codes @ atoms
        value = 0.5 * np.sum(residual**2) + self.alpha * np.abs(codes).sum()
        return {"value": float(value / len(self.X)), "unused": int((~codes.any(axis=0)).sum())}

    def get_one_result(self):
        """Return a dictionary of the right shape."""
        return {"atoms": self.first}
