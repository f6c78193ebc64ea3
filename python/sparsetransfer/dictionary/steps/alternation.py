"""Batch dictionary learning: the state of atoms and codes, and the dictionary half of a step."""

import warnings

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sparsetransfer import _core
from sparsetransfer._linalg import inner, matmul
from sparsetransfer._validation import FloatArray, check_matrix
from sparsetransfer.dictionary.result import LearnedDictionary, Progress, Status
from sparsetransfer.dictionary.statistics import Statistics, empty_statistics, penalty
from sparsetransfer.dictionary.steps.coding import Certificate
from sparsetransfer.dictionary.steps.problem import Problem
from sparsetransfer.dictionary.steps.updates import _update, stationarity
from sparsetransfer.exceptions import ConvergenceWarning

__all__ = ["MaskedStep", "State", "WholeStep", "warn_unless_converged"]

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


# Atoms this close in direction are one atom: the rounding of unit vectors, not a choice.
_DUPLICATE = 1e-12


class State:
    """Atoms and codes between two half steps."""

    def __init__(
        self,
        problem: Problem,
        dictionary_update: str,
        components: FloatArray,
        code_init: ArrayLike | None,
    ) -> None:
        self.problem = problem
        self.dictionary_update = dictionary_update
        self.components = components
        self.step: WholeStep | MaskedStep = (
            WholeStep(problem, components) if problem.mask is None else MaskedStep(problem)
        )
        self.replaced = False
        self.alternations = 0
        self.warm = code_init is not None
        self.codes = self._first_codes(code_init)

    def _first_codes(self, code_init: ArrayLike | None) -> FloatArray:
        problem, dtype = self.problem, self.components.dtype
        shape = (len(problem.all_X), problem.n_components)
        if code_init is None:
            return np.zeros((len(problem.X), shape[1]), dtype)
        codes = check_matrix(code_init, "code_init", dtype=dtype, n_features=shape[1]).copy()
        if codes.shape != shape:
            raise ValueError(f"code_init must have shape {shape}, got {codes.shape}")
        if problem.positive_code and codes.min() < 0:
            raise ValueError("code_init must not be negative when positive_code is set")
        return codes if problem.kept is None else codes[problem.kept]

    def improve_dictionary(self) -> None:
        """Update the dictionary for the codes as they are, before they are ever recomputed."""
        self.components = self.step.improve(self.components, self.codes, "block_coordinate")

    def alternate(self) -> float:
        """Compute codes, update the dictionary, revive its dead atoms; return the objective."""
        self.encode()
        _core.dictionary_merge_duplicate_atoms(
            self.components,
            self.codes,
            tolerance=_DUPLICATE,
            positive_codes=self.problem.positive_code,
            num_threads=self.problem.num_threads,
        )
        self.components = self.step.improve(self.components, self.codes, self.dictionary_update)
        objective = self.step.objective(self.components)
        if not np.isfinite(objective):
            raise _core.NumericalError(
                "the objective of dictionary learning overflows: divide X by its largest norm"
            )
        self.replaced = self.step.revive(self.components, self.codes)
        self.alternations += 1
        return objective

    def encode(self) -> Certificate:
        """Encode the signals that count, from the last codes if there are any."""
        certificate = self.problem.coder(
            self.problem.X, self.components, self.codes, warm=self.warm, mask=self.problem.mask
        )
        self.warm = True
        return certificate

    def progress(self, history: list[float], seconds: float) -> Progress:
        """Describe the state to a callback."""
        view = self.components.view()
        view.flags.writeable = False
        return Progress(
            len(history), history[-1], view, self.alternations * len(self.problem.X), seconds
        )

    def finish(
        self, history: NDArray[np.float64], status: Status, rng: np.random.Generator
    ) -> LearnedDictionary:
        """Encode once more with the final dictionary, no atom of which is zero, and certify it."""
        problem = self.problem
        self.components = problem.atoms.without_zeros(self.components, rng)
        certificate = self.encode()
        self.step.gather(self.codes)
        weights = problem.weights if problem.weights.size else np.ones(len(self.codes))
        weights = weights.astype(np.float64)
        objective = inner(weights, certificate.objective)
        stationarity = self.step.stationarity(self.components, self.codes)
        codes, violation = self.codes, certificate.kkt
        if problem.kept is not None:
            codes, others = self._with_the_rest()
            violation = np.concatenate([violation, others.kkt])
        result = LearnedDictionary(
            components=self.components,
            codes=codes,
            objective=objective,
            history=history,
            n_iter=len(history),
            status=status,
            duality_gap=inner(weights, certificate.gap) / max(objective, np.finfo(float).tiny),
            kkt_violation=float(violation.max()),
            stationarity=stationarity,
            statistics=self.step.statistics,
        )
        warn_unless_converged(result, certificate, stacklevel=5)
        return result

    def _with_the_rest(self) -> tuple[FloatArray, Certificate]:
        """Return codes of all signals, and the certificate of those that had no weight."""
        problem = self.problem
        assert problem.kept is not None
        rest = ~problem.kept
        found = np.zeros((int(rest.sum()), self.codes.shape[1]), self.codes.dtype)
        mask = None if problem.all_mask is None else problem.all_mask[rest]
        certificate = problem.coder(
            problem.all_X[rest], self.components, found, warm=False, mask=mask
        )
        codes = np.empty((len(rest), self.codes.shape[1]), self.codes.dtype)
        codes[problem.kept], codes[rest] = self.codes, found
        return codes, certificate


def warn_unless_converged(
    result: LearnedDictionary, certificate: Certificate | None, *, stacklevel: int
) -> None:
    """Warn once if a call was ended by a limit."""
    parts = []
    if result.status == "max_iter" and result.n_iter > 0:
        parts.append(f"the dictionary did not converge in {result.n_iter} iterations")
    if certificate is not None and not np.all(certificate.converged):
        failed = len(certificate.converged) - int(np.sum(certificate.converged))
        parts.append(
            f"{failed} of {len(certificate.gap)} codes did not "
            f"converge (worst violation {result.kkt_violation:.1e})"
        )
    if parts:
        warnings.warn("; ".join(parts), ConvergenceWarning, stacklevel=stacklevel)
