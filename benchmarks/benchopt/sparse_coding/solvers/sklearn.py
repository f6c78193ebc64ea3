"""scikit-learn's path and coordinate descent."""

import warnings

from benchopt import BaseSolver
from sklearn.decomposition import sparse_encode


class Solver(BaseSolver):
    """`sklearn.decomposition.sparse_encode` in one process."""

    name = "scikit-learn"
    parameters = {"algorithm": ["lasso_lars", "lasso_cd"]}
    sampling_strategy = "iteration"
    requirements = ["scikit-learn"]

    def set_objective(self, X, D, alpha):
        """Keep the problem."""
        self.X, self.D, self.alpha = X, D, alpha

    def run(self, n_iter):
        """Solve with at most `n_iter` LARS steps or epochs of coordinate descent per signal."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.codes = sparse_encode(
                self.X,
                self.D,
                algorithm=self.algorithm,
                alpha=self.alpha,
                max_iter=max(n_iter, 1),
                check_input=False,
            )

    def get_result(self):
        """Return the codes."""
        return {"codes": self.codes}
