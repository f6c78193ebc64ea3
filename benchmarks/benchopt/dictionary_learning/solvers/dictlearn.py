"""dictlearn's learning by FISTA and the proximal update of atoms."""

import warnings

from benchopt import BaseSolver
from dictlearn import L1DictionaryLearning


class Solver(BaseSolver):
    """`L1DictionaryLearning`, which has the same penalty."""

    name = "dictlearn"
    sampling_strategy = "iteration"
    requirements = ["dictlearn"]

    def set_objective(self, X, first, alpha):
        """Keep the problem; dictlearn's loss is the whole square, hence twice the penalty."""
        self.X, self.first, self.alpha = X, first, 2 * alpha

    def run(self, n_iter):
        """Learn for `n_iter` alternations of coding and dictionary update."""
        if n_iter == 0:
            self.atoms = self.first
            return
        learner = L1DictionaryLearning(
            len(self.first),
            alpha=self.alpha,
            max_iter=n_iter,
            dict_init=self.first,
            random_state=0,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.atoms = learner.fit(self.X).components_

    def get_result(self):
        """Return the atoms."""
        return {"atoms": self.atoms}
