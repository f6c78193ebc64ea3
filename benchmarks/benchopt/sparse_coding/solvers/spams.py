"""SPAMS's homotopy, which is exact; called, never copied (GPL)."""

import numpy as np
import spams
from benchopt import BaseSolver


class Solver(BaseSolver):
    """`spams.lasso` on one thread."""

    name = "SPAMS"
    sampling_strategy = "run_once"
    requirements = ["spams-bin"]

    def set_objective(self, X, D, alpha):
        """Keep the problem in SPAMS's layout, a signal and an atom a column."""
        self.X, self.D, self.alpha = np.asfortranarray(X.T), np.asfortranarray(D.T), alpha

    def run(self, _):
        """Follow the whole path."""
        self.codes = spams.lasso(self.X, self.D, lambda1=self.alpha, mode=2, numThreads=1)

    def get_result(self):
        """Return the codes, dense."""
        return {"codes": self.codes.toarray().T}
