"""The lasso of many signals in one dictionary."""

import numpy as np
from benchopt import BaseObjective


class Objective(BaseObjective):
    """Mean over signals of 0.5 ||x - z D||^2 + alpha ||z||_1, and the largest duality gap."""

    name = "Sparse coding"
    url = "https://github.com/benchopt/benchopt"
    min_benchopt_version = "1.6"
    parameters = {"share": [0.1, 0.3]}  # of the penalty at which the first code is not zero

    def set_data(self, X, D):
        """Scale the penalty to the data."""
        self.X, self.D = X, D
        self.alpha = self.share * float(np.median(np.abs(X @ D.T).max(axis=1)))

    def get_objective(self):
        """Return the problem as keyword arguments of the solvers."""
        return {"X": self.X, "D": self.D, "alpha": self.alpha}

    def evaluate_result(self, codes):
        """Score codes of shape (n_signals, n_atoms)."""
        residual = self.X - codes @ self.D
        value = 0.5 * np.sum(residual**2, axis=1) + self.alpha * np.abs(codes).sum(axis=1)
        # The residual, scaled into the dual feasible set.
        largest = np.abs(residual @ self.D.T).max(axis=1)
        scale = np.minimum(1.0, self.alpha / np.maximum(largest, np.finfo(float).tiny))
        dual = scale[:, None] * residual
        bound = np.sum(self.X * dual, axis=1) - 0.5 * np.sum(dual**2, axis=1)
        return {
            "value": float(value.mean()),
            "gap": float((value - bound).max()),
            "nonzeros": float(np.count_nonzero(codes, axis=1).mean()),
        }

    def get_one_result(self):
        """Return codes of the right shape."""
        return {"codes": np.zeros((len(self.X), len(self.D)))}
