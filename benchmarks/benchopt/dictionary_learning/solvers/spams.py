"""SPAMS's online dictionary learning; called, never copied (GPL)."""

import numpy as np
import spams
from benchopt import BaseSolver


class Solver(BaseSolver):
    """`spams.trainDL` on one thread."""

    name = "SPAMS"
    sampling_strategy = "iteration"
    requirements = ["spams-bin"]

    def set_objective(self, X, first, alpha):
        """Keep the problem in SPAMS's layout, a signal and an atom a column."""
        self.X, self.first, self.alpha = np.asfortranarray(X.T), np.asfortranarray(first.T), alpha

    def run(self, n_iter):
        """Learn for `n_iter` epochs of mini-batches of 512 signals."""
        if n_iter == 0:
            self.atoms = self.first.T
            return
        batch = min(512, self.X.shape[1])
        self.atoms = spams.trainDL(
            self.X,
            D=self.first,
            K=self.first.shape[1],
            lambda1=self.alpha,
            batchsize=batch,
            iter=n_iter * int(np.ceil(self.X.shape[1] / batch)),
            numThreads=1,
            verbose=False,
        ).T

    def get_result(self):
        """Return the atoms."""
        return {"atoms": self.atoms}
