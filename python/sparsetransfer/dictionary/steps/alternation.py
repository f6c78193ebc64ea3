"""Atoms and codes between two half steps of batch dictionary learning."""

import warnings

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sparsetransfer import _core
from sparsetransfer._linalg import inner
from sparsetransfer._validation import FloatArray, check_matrix
from sparsetransfer.dictionary.result import LearnedDictionary, Progress, Status
from sparsetransfer.dictionary.steps.coding import Certificate
from sparsetransfer.dictionary.steps.problem import Problem
from sparsetransfer.dictionary.steps.steps import MaskedStep, WholeStep
from sparsetransfer.exceptions import ConvergenceWarning

__all__ = ["State", "warn_unless_converged"]

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
