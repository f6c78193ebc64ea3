"""dictlearn's FISTA."""

import warnings

from benchopt import BaseSolver
from dictlearn import sparse_encode


class Solver(BaseSolver):
    """`dictlearn.sparse_encode` with accelerated proximal gradients."""

    name = "dictlearn"
    sampling_strategy = "iteration"
    requirements = ["dictlearn"]

    def set_objective(self, X, D, alpha):
        """Keep the problem; dictlearn's loss is the whole square, hence twice the penalty."""
        self.X, self.D, self.alpha = X, D, 2 * alpha

    def run(self, n_iter):
        """Run `n_iter` iterations of FISTA, at least one."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.codes = sparse_encode(
                self.X,
                self.D,
                algorithm="fista",
                alpha=self.alpha,
                max_iter=max(n_iter, 1),
                tol=0.0,
            )

    def get_result(self):
        """Return the codes."""
        return {"codes": self.codes}
