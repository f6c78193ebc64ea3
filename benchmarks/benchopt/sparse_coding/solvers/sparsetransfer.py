"""The certified solvers of sparsetransfer."""

from benchopt import BaseSolver

from sparsetransfer.sparse_coding import lasso


class Solver(BaseSolver):
    """`sparsetransfer.sparse_coding.lasso` on one thread."""

    name = "sparsetransfer"
    parameters = {"algorithm": ["auto", "coordinate_descent", "fista"]}
    sampling_strategy = "tolerance"
    requirements = ["sparsetransfer"]

    def set_objective(self, X, D, alpha):
        """Keep the problem."""
        self.problem = {"X": X, "dictionary": D, "alpha": alpha}

    def get_next(self, tolerance):
        """Ask for ten times more."""
        return min(1.0, tolerance / 10)

    def run(self, tolerance):
        """Solve to a violation of the optimality conditions of `tolerance` times the penalty."""
        self.codes = lasso(
            **self.problem,
            algorithm=self.algorithm,
            tol=max(tolerance, 1e-12),
            max_iter=100_000,
            n_jobs=1,
        ).codes

    def get_result(self):
        """Return the codes."""
        return {"codes": self.codes}
