"""scikit-learn's mini-batch dictionary learning."""

import warnings

from benchopt import BaseSolver
from sklearn.decomposition import MiniBatchDictionaryLearning


class Solver(BaseSolver):
    """`MiniBatchDictionaryLearning` with coordinate descent, in one process."""

    name = "scikit-learn"
    sampling_strategy = "iteration"
    requirements = ["scikit-learn"]

    def set_objective(self, X, first, alpha):
        """Keep the problem."""
        self.X, self.first, self.alpha = X, first, alpha

    def run(self, n_iter):
        """Learn for `n_iter` epochs."""
        if n_iter == 0:
            self.atoms = self.first
            return
        learner = MiniBatchDictionaryLearning(
            len(self.first),
            alpha=self.alpha,
            max_iter=n_iter,
            fit_algorithm="cd",
            dict_init=self.first,
            max_no_improvement=None,
            tol=0.0,
            random_state=0,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.atoms = learner.fit(self.X).components_

    def get_result(self):
        """Return the atoms."""
        return {"atoms": self.atoms}
