"""Multi-output least squares with quadratic couplings and nested sparse penalties."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike, NDArray

from sparsetransfer import _simd
from sparsetransfer._linalg import inner, lapack, matmul
from sparsetransfer.exceptions import ConvergenceWarning

__all__ = [
    "QuadraticProblem",
    "RegressionCoefficients",
    "SparsePenalty",
    "group_strengths",
    "refuse_overflow",
    "refuse_underflow",
    "warn_unconverged",
]

_core = _simd.load()

_LEAST = 1e-140  # deviation of a sample, whose square and its sums keep all digits


@dataclass(frozen=True, eq=False)
class RegressionCoefficients:
    """Coefficients and their certificate.

    - `coef` (n_outputs, n_features): coefficients; zeros are exact.
    - `objective`: the objective at `coef`.
    - `kkt_violation`: how far 0 is from the subdifferential: the largest entry over coefficients of
      features in use, the largest norm over features (or groups) that are not.
    - `duality_gap`: upper bound of the suboptimality of `coef`.
    - `converged`: whether `kkt_violation` met the tolerance.
    - `n_iter`: proximal gradient iterations.
    - `n_newton`: newton steps.
    - `history` (n_sets + 1,): the objective at the start and after every working set of features;
      it never rises by more than rounding.
    """

    coef: NDArray[Any]
    objective: float
    kkt_violation: float
    duality_gap: float
    converged: bool
    n_iter: int
    n_newton: int
    history: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SparsePenalty:
    """``l1`` per entry, ``l21`` per feature and one strength per group of features.

    `l1`: weight of the sum of absolute coefficients. `l21`: weight of the sum over features of the
    norm of their coefficients. `groups` (n_features,): group number of every feature; empty without
    groups. `strengths` (n_groups,): weight of the norm of every group's coefficients; empty without
    groups.
    """

    l1: float
    l21: float
    groups: NDArray[np.int32]
    strengths: NDArray[np.float64]

    @property
    def scale(self) -> float:
        """The strength to which KKT violations are compared."""
        return self.l1 + self.l21 + float(self.strengths.max(initial=0.0))

    @property
    def kernel(self) -> Any:
        """The penalty as the kernels take it."""
        return _core.NestedPenalty(
            element=self.l1, row=self.l21, groups=self.groups, strengths=self.strengths
        )


@dataclass(frozen=True, eq=False)
class QuadraticProblem:
    """The smooth part: 1/2 tr(W H W') - tr(W B') + energy / 2.

    `quadratic` (n_features, n_features): h, symmetric positive semidefinite. `linear` (n_outputs,
    n_features): b. `energy`: squared norm of the targets.
    """

    quadratic: NDArray[np.float64]
    linear: NDArray[np.float64]
    energy: float

    def __post_init__(self) -> None:
        refuse_overflow(self.quadratic, self.linear, self.energy)

    def solve(
        self,
        penalty: SparsePenalty,
        *,
        init: NDArray[np.float64] | None = None,
        kkt_tol: float = 1e-6,
        max_iter: int = 20000,
        threads: int = 1,
    ) -> RegressionCoefficients:
        """Minimise the sum with a penalty; without one, solve the linear equations."""
        if penalty.scale == 0:
            return self._solve_smooth(kkt_tol)
        coef = np.zeros_like(self.linear) if init is None else np.array(init, order="C")
        report = _core.transfer_regression(
            *self._arrays(),
            penalty.kernel,
            tolerance=kkt_tol,
            max_iterations=max_iter,
            coefficients=coef,
            num_threads=threads,
        )
        return RegressionCoefficients(
            coef=coef,
            **_certificate(report),
            n_iter=report.iterations,
            n_newton=report.newton_steps,
            history=np.array(report.history),
        )

    def rounded(
        self,
        fit: RegressionCoefficients,
        penalty: SparsePenalty,
        dtype: np.dtype[Any],
        *,
        kkt_tol: float,
        threads: int = 1,
    ) -> RegressionCoefficients:
        """Return coefficients in a precision, with the certificate of what rounding left."""
        if fit.coef.dtype == dtype:
            return fit
        with np.errstate(over="ignore"):
            coef = fit.coef.astype(dtype)
        if not np.isfinite(coef).all():
            raise _core.NumericalError(
                f"the coefficients overflow {dtype}: scale X up, for example by StandardScaler, or "
                "give it as float64"
            )
        exact = coef.astype(np.float64)
        if penalty.scale == 0:
            return replace(fit, coef=coef, **self._certify_smooth(exact, kkt_tol))
        report = _core.transfer_regression_certify(
            *self._arrays(),
            penalty.kernel,
            tolerance=kkt_tol,
            coefficients=exact,
            num_threads=threads,
        )
        return replace(fit, coef=coef, **_certificate(report))

    def _arrays(self) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
        return np.ascontiguousarray(self.quadratic), np.ascontiguousarray(self.linear), self.energy

    def _solve_smooth(self, kkt_tol: float) -> RegressionCoefficients:
        try:
            factor = lapack(scipy.linalg.cho_factor, self.quadratic, lower=True)
            coef = lapack(scipy.linalg.cho_solve, factor, self.linear.T).T
        except scipy.linalg.LinAlgError:
            # Singular without a ridge: the solution of least norm.
            coef = lapack(scipy.linalg.lstsq, self.quadratic, self.linear.T)[0].T
        coef = np.ascontiguousarray(coef)
        certificate = self._certify_smooth(coef, kkt_tol)
        return RegressionCoefficients(
            coef=coef,
            **certificate,
            n_iter=0,
            n_newton=1,
            history=np.array([self.energy / 2, certificate["objective"]]),
        )

    def _certify_smooth(self, coef: NDArray[np.float64], kkt_tol: float) -> dict[str, Any]:
        product = matmul(coef, self.quadratic)
        objective = 0.5 * inner(coef, product) - inner(coef, self.linear) + self.energy / 2
        if not np.isfinite(objective):
            raise _core.NumericalError(
                "the objective of the coefficients is not finite: divide the samples by their "
                "largest norm, and the targets likewise"
            )
        gradient = product - self.linear
        # With r the gradient, the optimum is 1/2 <r, H^+ r> below.
        behind = (
            lapack(scipy.linalg.lstsq, self.quadratic, gradient.T)[0].T
            if gradient.any()
            else gradient
        )
        violation = float(np.abs(gradient).max())
        return {
            "objective": float(objective),
            "kkt_violation": violation,
            "duality_gap": max(0.5 * inner(gradient, behind), 0.0),
            "converged": violation <= kkt_tol * float(np.abs(self.linear).max()),
        }


def _certificate(report: Any) -> dict[str, Any]:
    return {
        "objective": report.objective,
        "kkt_violation": report.kkt_violation,
        "duality_gap": report.duality_gap,
        "converged": report.converged,
    }


def refuse_overflow(*products: NDArray[np.float64] | float) -> None:
    """Raise an error unless products of samples and targets are finite."""
    if not all(np.isfinite(part).all() for part in products):
        raise _core.NumericalError(
            "the squares of the samples or targets, or their sums, overflow float64: divide the "
            "samples by their largest norm, and the targets likewise"
        )


def refuse_underflow(rows: NDArray[np.float64]) -> None:
    """Raise an error for samples of which the squares lose digits, or vanish."""
    largest = float(np.abs(rows).max(initial=0.0))
    if 0 < largest < _LEAST:
        raise ValueError(
            f"X must have entries whose squares do not underflow, got deviations of {largest:.3g} "
            "from the means; scale the features, for example by StandardScaler"
        )


def group_strengths(
    groups: ArrayLike | None, strength: float, n_features: int
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Assign numbers to groups of features and weigh each by the root of its size; empty for none."""
    if strength == 0:
        return np.zeros(0, np.int32), np.zeros(0)
    if groups is None:
        raise ValueError("groups is required for a positive strength of groups")
    labels = np.asarray(groups)
    if labels.shape != (n_features,):
        raise ValueError(f"groups must have shape ({n_features},), got {labels.shape}")
    if labels.dtype.kind in "fc" and not np.isfinite(labels).all():
        raise ValueError("groups must name the group of every feature, got NaN or infinity")
    _, numbers, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    return numbers.astype(np.int32), strength * np.sqrt(sizes)


def warn_unconverged(fit: RegressionCoefficients, *, stacklevel: int) -> None:
    """Warn that coefficients missed their tolerance."""
    precision = ", or pass float64" if fit.coef.dtype == np.float32 else ""
    warnings.warn(
        f"the coefficients stopped at a KKT violation of {fit.kkt_violation:.2g} (duality gap "
        f"{fit.duality_gap:.2g}) after {fit.n_iter} iterations; raise max_iter or kkt_tol"
        f"{precision}",
        ConvergenceWarning,
        stacklevel=stacklevel,
    )
