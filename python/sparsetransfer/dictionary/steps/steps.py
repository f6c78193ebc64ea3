"""The dictionary half of an alternation, for whole signals and for signals with missing entries."""

import numpy as np

from sparsetransfer import _core
from sparsetransfer._linalg import matmul
from sparsetransfer._validation import FloatArray
from sparsetransfer.dictionary.statistics import Statistics, empty_statistics, penalty
from sparsetransfer.dictionary.steps.problem import Problem
from sparsetransfer.dictionary.steps.updates import _update, stationarity

__all__ = ["MaskedStep", "WholeStep"]

# Inner limits of one dictionary step; a step costs little beside the codes of many samples.
_PASSES = {"block_coordinate": 5, "lagrange_dual": 50, "optimal_directions": 1}
_STEP_TOLERANCE = {"block_coordinate": 1e-4, "lagrange_dual": 1e-8, "optimal_directions": 0.0}


class WholeStep:
    """Updates from the statistics of codes and signals, or by K-SVD on both."""

    def __init__(self, problem: Problem, components: FloatArray) -> None:
        self.problem = problem
        self.statistics: Statistics | None = empty_statistics(components)

    def gather(self, codes: FloatArray) -> None:
        """Sum up codes."""
        problem = self.problem
        self.statistics = Statistics(codes.shape[1], problem.X.shape[1], dtype=codes.dtype)
        self.statistics._accumulate(problem.X, codes, problem.weights, problem.num_threads)

    def improve(
        self, components: FloatArray, codes: FloatArray, dictionary_update: str
    ) -> FloatArray:
        """Return a better dictionary for the codes; "ksvd" changes the codes too."""
        if dictionary_update == "ksvd":
            _core.dictionary_ksvd(
                self.problem.X,
                codes,
                components,
                alpha=self.problem.alpha,
                positive_dictionary=self.problem.atoms.positive,
                positive_codes=self.problem.positive_code,
                l1_ratio=self.problem.atoms.l1_ratio,
                num_threads=self.problem.num_threads,
            )
            self.gather(codes)
            return components
        self.gather(codes)
        trial = components.copy()
        self._update(trial, dictionary_update)
        if dictionary_update != "optimal_directions":
            return trial
        # Least squares knows no unit ball; projected, it need not be better than before.
        trial /= np.maximum(1, np.linalg.norm(trial, axis=1, keepdims=True))
        if self.objective(trial) >= self.objective(components):
            trial[...] = components
            self._update(trial, "block_coordinate")
        return trial

    def objective(self, components: FloatArray) -> float:
        """Return the objective of the gathered codes."""
        assert self.statistics is not None
        return self.statistics.objective(
            components, self.problem.alpha, n_jobs=self.problem.num_threads
        )

    def revive(self, components: FloatArray, codes: FloatArray) -> bool:
        """Replace unused atoms in place; whether there were any."""
        return _replace_dead_atoms(self.problem, self.problem.X, components, codes)

    def stationarity(self, components: FloatArray, codes: FloatArray) -> float:
        """Return how far the farthest atom would move in its own exact update."""
        assert self.statistics is not None
        return stationarity(components, self.statistics, self.problem.atoms)

    def _update(self, components: FloatArray, dictionary_update: str) -> None:
        assert self.statistics is not None
        _update(
            components,
            self.statistics,
            dictionary_update=dictionary_update,
            passes=_PASSES[dictionary_update],
            tol=_STEP_TOLERANCE[dictionary_update],
            atoms=self.problem.atoms,
            num_threads=self.problem.num_threads,
        )


class MaskedStep:
    """Updates from the residuals of the observed entries; there are no statistics to keep."""

    def __init__(self, problem: Problem) -> None:
        assert problem.mask is not None
        self.problem = problem
        self.mask = problem.mask
        self.statistics: Statistics | None = None
        self._value = self._penalty = 0.0

    def gather(self, codes: FloatArray) -> None:
        """Record the penalty of codes."""
        self._penalty = penalty(codes, self.problem.weights)

    def improve(
        self, components: FloatArray, codes: FloatArray, dictionary_update: str
    ) -> FloatArray:
        """Return a better dictionary for the codes."""
        self.gather(codes)
        trial = components.copy()
        self._value = _core.dictionary_masked(
            self.problem.X,
            self.mask,
            codes,
            self.problem.weights,
            trial,
            passes=_PASSES[dictionary_update],
            tolerance=_STEP_TOLERANCE[dictionary_update],
            num_threads=self.problem.num_threads,
            **self.problem.atoms._asdict(),
        )
        return trial

    def objective(self, components: FloatArray) -> float:
        """Return the objective of the last codes and the dictionary improved for them."""
        return self._value + self.problem.alpha * self._penalty

    def revive(self, components: FloatArray, codes: FloatArray) -> bool:
        """Replace unused atoms by signals completed with their own approximation."""
        if codes.any(axis=0).all():
            return False
        completed = np.where(self.mask, self.problem.X, matmul(codes, components))
        return _replace_dead_atoms(self.problem, completed, components, codes)

    def stationarity(self, components: FloatArray, codes: FloatArray) -> float:
        """Return how far the farthest atom would move in its own exact update."""
        weights = self.problem.weights
        codes = codes.astype(np.float64)  # whose squares overflow later
        weighted = codes * weights[:, np.newaxis] if weights.size else codes
        curvature = matmul((weighted * codes).T, self.mask.astype(np.float64))
        residual = np.where(self.mask, self.problem.X - matmul(codes, components), 0)
        slope = matmul(weighted.T, residual) + curvature * components
        used = curvature.any(axis=1)
        if not used.any():
            return 0.0
        moved = self.problem.atoms.nearest_to_slope(
            np.ascontiguousarray(curvature[used]),
            np.ascontiguousarray(np.where(curvature > 0, slope, 0)[used]),
        )
        return float(np.linalg.norm(moved - components[used], axis=1).max())


def _replace_dead_atoms(
    problem: Problem, signals: FloatArray, components: FloatArray, codes: FloatArray
) -> bool:
    dead = _core.dictionary_replace_dead_atoms(
        signals, codes, components, num_threads=problem.num_threads, **problem.atoms._asdict()
    )
    return len(dead) > 0
