"""Batch and online dictionary learning of sparsetransfer."""

import warnings

from benchopt import BaseSolver

from sparsetransfer.dictionary import learn_dictionary, learn_dictionary_online


class Solver(BaseSolver):
    """`learn_dictionary` or `learn_dictionary_online` on one thread."""

    name = "sparsetransfer"
    parameters = {"method": ["batch", "online"]}
    sampling_strategy = "iteration"
    requirements = ["sparsetransfer"]

    def set_objective(self, X, first, alpha):
        """Keep the problem."""
        self.X, self.first, self.alpha = X, first, alpha

    def run(self, n_iter):
        """Learn for `n_iter` alternations of coding and dictionary update, or epochs."""
        options = {"alpha": self.alpha, "dict_init": self.first, "n_jobs": 1}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if n_iter == 0:
                self.atoms = self.first
            elif self.method == "batch":
                found = learn_dictionary(
                    self.X, len(self.first), tol=0.0, max_iter=n_iter, **options
                )
                self.atoms = found.components
            else:
                found = learn_dictionary_online(
                    self.X, len(self.first), n_epochs=n_iter, rng=0, **options
                )
                self.atoms = found.components

    def get_result(self):
        """Return the atoms."""
        return {"atoms": self.atoms}
