"""Codes whose whole distributions are drawn together: the Gaussian MMD, through its gradient."""

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sparsetransfer import _core
from sparsetransfer import mmd as discrepancy
from sparsetransfer._domains import check_domains
from sparsetransfer._former import former_keywords, warn_of_former
from sparsetransfer._linalg import inner, matmul, squared_spectral_norm
from sparsetransfer._validation import (
    FloatArray,
    check_flags,
    check_integer,
    check_matrix,
    check_real,
    check_vector,
    resolve_threads,
)
from sparsetransfer.exceptions import ConvergenceWarning
from sparsetransfer.transfer.couplings import couple_domains
from sparsetransfer.transfer.kernel.alternation import Alternation, decrease_rate
from sparsetransfer.transfer.kernel.proximal import shrink, violations
from sparsetransfer.transfer.problem import initial_codes

__all__ = ["KernelCodes", "KernelDictionary", "kernel_encode", "kernel_learn"]

_LARGEST_SHRINKAGE = 60


@dataclass(frozen=True)
class KernelCodes:
    """Codes at a stationary point of a problem that is not convex.

    - `codes` (n_samples, n_components).
    - `objective`: value at `codes`.
    - `kkt_violation`: the largest distance of 0 from the subdifferential over all entries; compare
      with alpha. Zero at every local minimum: it does not tell a local from the global one, and
      there is no duality gap.
    - `converged`: whether the violation is within the tolerance asked for.
    - `history` (n_iter + 1,): the objective at the start and after every iteration; it never rises.
    - `n_iter`: proximal gradient steps.
    - `discrepancy`: the squared MMD of the codes.
    """

    codes: FloatArray
    objective: float
    kkt_violation: float
    converged: bool
    history: NDArray[np.float64]
    n_iter: int
    discrepancy: float

    @property
    def stationarity_violation(self) -> float:
        """The former name of `kkt_violation`."""
        warn_of_former("stationarity_violation", "kkt_violation")
        return self.kkt_violation


@dataclass(frozen=True)
class KernelDictionary:
    """A dictionary learned with codes under the Gaussian MMD.

    `components` (n_components, n_features): atoms in the unit ball. `codes`: codes for these atoms.
    `history` (n_iter,): the objective after every alternation; it never rises. `converged`: whether
    the objective settled within `max_iter` alternations.
    """

    components: FloatArray
    codes: KernelCodes
    history: NDArray[np.float64]
    converged: bool


class KernelProblem:
    """The smooth part of the objective and its gradient."""

    def __init__(
        self,
        X: ArrayLike,
        sample_domain: ArrayLike,
        alpha: float,
        mmd: float,
        bandwidths: ArrayLike,
        l2: float,
        positive_code: bool,
        n_jobs: int | None,
    ) -> None:
        check_flags(positive_code=positive_code)
        given = check_matrix(X, "X")
        self.dtype = given.dtype
        # In double precision: a step's gain is soon below the rounding of a float32 objective.
        self.X = given.astype(np.float64, copy=False)
        self.source = check_domains(sample_domain, len(self.X)) > 0
        pooled = couple_domains(np.where(self.source, 1, -1)).pooled
        self.strength = check_real(mmd, "mmd", minimum=0) / inner(pooled, pooled)
        self.alpha = check_real(alpha, "alpha", minimum=0, strict=True)
        self.l2 = check_real(l2, "l2", minimum=0)
        self.bandwidths = check_vector(np.atleast_1d(bandwidths), "bandwidths", dtype=np.float64)
        if not (self.bandwidths > 0).all():
            raise ValueError(f"bandwidths must be positive, got {self.bandwidths.min()}")
        self.positive_code = positive_code
        self.threads = resolve_threads(n_jobs)

    def evaluate(self, S: FloatArray, D: FloatArray) -> tuple[float, FloatArray, float]:
        """Return the smooth value, its gradient, and the squared MMD."""
        residual = matmul(S, D) - self.X
        if not np.isfinite(inner(residual, residual) + inner(S, S)):
            return np.inf, residual, np.inf
        value = 0.5 * inner(residual, residual) + 0.5 * self.l2 * inner(S, S)
        gradient = matmul(residual, D.T) + self.l2 * S
        term = discrepancy.gaussian(
            S[self.source],
            S[~self.source],
            bandwidths=self.bandwidths.tolist(),
            gradient=True,
            n_jobs=self.threads,
        )
        assert term.gradient_source is not None
        assert term.gradient_target is not None
        gradient[self.source] += 0.5 * self.strength * term.gradient_source
        gradient[~self.source] += 0.5 * self.strength * term.gradient_target
        return float(value + 0.5 * self.strength * term.value), gradient, term.value

    def violation(self, S: FloatArray, gradient: FloatArray) -> float:
        return float(violations(S, gradient, self.alpha, self.positive_code).max())

    def solve(self, S: FloatArray, D: FloatArray, max_iter: int, tol: float) -> KernelCodes:
        """Make proximal gradient steps: Barzilai-Borwein lengths, halved until they descend."""
        smooth, gradient, term = self.evaluate(S, D)
        value = smooth + self.alpha * float(np.abs(S).sum())
        curvature = squared_spectral_norm(D) if np.isfinite(inner(D, D)) else np.inf
        if not np.isfinite(value) or not np.isfinite(gradient).all() or not curvature < np.inf:
            raise _core.NumericalError(
                "the objective of the codes or its gradient overflows: divide the signals and the "
                "components by their largest norms"
            )
        history = [value]
        length = 1 / max(curvature, np.finfo(np.float64).tiny)
        while len(history) <= max_iter and self.violation(S, gradient) > tol * self.alpha:
            for _ in range(_LARGEST_SHRINKAGE):
                trial = shrink(S - length * gradient, length * self.alpha, self.positive_code)
                step = trial - S
                smooth_trial, gradient_trial, term_trial = self.evaluate(trial, D)
                trial_value = smooth_trial + self.alpha * float(np.abs(trial).sum())
                if trial_value <= value - 1e-4 / length * inner(step, step):
                    break
                length = max(length / 2, np.finfo(np.float64).tiny)
            else:
                break  # rounding: no step lowers the objective any more
            change = gradient_trial - gradient
            curvature = inner(step, change)
            if curvature > 0 and 0 < (longer := inner(step, step) / curvature) < np.inf:
                length = longer
            S, gradient, value, term = trial, gradient_trial, trial_value, term_trial
            history.append(value)
        if self.dtype == np.float32:
            S = S.astype(np.float32).astype(np.float64)
            smooth, gradient, term = self.evaluate(S, D)
            value = smooth + self.alpha * float(np.abs(S).sum())
        violation = self.violation(S, gradient)
        return KernelCodes(
            codes=S.astype(self.dtype, copy=False),
            objective=value,
            kkt_violation=violation,
            converged=violation <= tol * self.alpha,
            history=np.array(history),
            n_iter=len(history) - 1,
            discrepancy=float(term),
        )


@former_keywords(
    components="dictionary", positive="positive_code", init="code_init", n_threads="n_jobs"
)
def kernel_encode(
    X: ArrayLike,
    dictionary: ArrayLike,
    sample_domain: ArrayLike,
    *,
    alpha: float = 0.02,
    mmd: float = 60.0,
    bandwidths: ArrayLike = 1.0,
    l2: float = 0.0,
    positive_code: bool = False,
    code_init: ArrayLike | None = None,
    max_iter: int = 2000,
    tol: float = 1e-3,
    n_jobs: int | None = None,
) -> KernelCodes:
    r"""Compute sparse codes of two domains that are alike under Gaussian kernels.

    Parameters
    ----------
    X : array_like of shape (n_samples, n_features)
        Signals of both domains; float32 is kept, all else becomes float64.
    dictionary : array_like of shape (n_components, n_features)
        The dictionary, one atom per row.
    sample_domain : array_like of shape (n_samples,), int
        Positive for source, negative for target.
    alpha : float, default=0.02
        Weight of the l1 norm, > 0.
    mmd : float, default=60.0
        Scale-free weight of the MMD term, as in `transfer_encode`, >= 0.
    bandwidths : float or array_like of float, default=1.0
        The :math:`\sigma` of :math:`\exp(-\|s-t\|^2/(2\sigma^2))` between codes, > 0; several
        kernels are averaged. They stay fixed: bandwidths that follow the codes, such as their
        median distance, would change the objective on the way.
    l2 : float, default=0.0
        Weight of half the squared norm of the codes, >= 0.
    positive_code : bool, default=False
        Whether codes must be non-negative.
    code_init : array_like of shape (n_samples, n_components), optional
        Codes to start from; zeros by default. They may change the answer. The codes of
        `transfer_encode` are a good start.
    max_iter : int, default=2000
        Most proximal gradient steps.
    tol : float, default=1e-3
        Stationarity violation relative to `alpha` at which to stop.
    n_jobs : int, optional
        Threads of the MMD kernels.

    Returns
    -------
    KernelCodes
        Codes and their certificate.

    Raises
    ------
    ValueError
        If an argument has the wrong shape or range, or an entry is not finite.
    DomainError
        If `sample_domain` lacks source or target.

    Warns
    -----
    ConvergenceWarning
        If `max_iter` steps do not reach `tol`.

    See Also
    --------
    transfer_encode : The linear kernel, convex and much faster.

    Notes
    -----
    Minimises, with samples as columns and :math:`\mu = \hat\mu/(1/n_s+1/n_t)`,

    .. math:: \tfrac12\|X-DS\|_F^2 + \alpha\|S\|_1 + \tfrac{l_2}2\|S\|_F^2
       + \tfrac\mu2 \operatorname{MMD}_\sigma^2(S_s, S_t)

    with the biased estimate. Where all distances are well below :math:`\sigma` the last term is
    :math:`\tfrac{\mu}{2\sigma^2}` times the squared difference of the mean codes. It is not convex:
    proximal gradient steps with backtracking end at a stationary point. A step costs
    :math:`O(n^2 k)` time and memory O(nk).
    """
    problem = KernelProblem(X, sample_domain, alpha, mmd, bandwidths, l2, positive_code, n_jobs)
    n, d = problem.X.shape
    D = check_matrix(dictionary, "dictionary", dtype=np.float64, n_features=d)
    result = problem.solve(
        initial_codes(code_init, n, len(D), np.dtype(np.float64), positive_code),
        D,
        check_integer(max_iter, "max_iter", minimum=0),
        check_real(tol, "tol", minimum=0, strict=True),
    )
    if not result.converged:
        warnings.warn(_describe(result, problem.alpha), ConvergenceWarning, stacklevel=3)
    return result


@former_keywords(positive="positive_code", n_threads="n_jobs")
def kernel_learn(
    X: ArrayLike,
    dict_init: ArrayLike,
    sample_domain: ArrayLike,
    *,
    alpha: float = 0.02,
    mmd: float = 60.0,
    bandwidths: ArrayLike = 1.0,
    l2: float = 0.0,
    positive_code: bool = False,
    code_init: ArrayLike | None = None,
    max_iter: int = 300,
    code_iter: int = 10,
    tol: float = 1e-3,
    objective_tol: float = 1e-4,
    n_jobs: int | None = None,
) -> KernelDictionary:
    """Learn one dictionary for two domains with codes alike under Gaussian kernels.

    Parameters
    ----------
    X, sample_domain, alpha, mmd, bandwidths, l2, positive_code, tol, n_jobs
        As in `kernel_encode`.
    dict_init : array_like of shape (n_components, n_features)
        The atoms to start from; longer ones are scaled back to length one.
    code_init : array_like of shape (n_samples, n_components), optional
        Codes to start from; zeros by default.
    max_iter : int, default=300
        Most alternations of codes and atoms. 0 solves for the codes only.
    code_iter : int, default=10
        Most proximal gradient steps in each; the last codes get 200 times as many.
    objective_tol : float, default=1e-4
        Relative decrease of the objective per alternation, averaged over the last ten, at which to
        stop.

    Returns
    -------
    KernelDictionary
        Atoms, codes and history.

    Raises
    ------
    ValueError
        If an argument has the wrong shape or range, or an entry is not finite.
    DomainError
        If `sample_domain` lacks source or target.

    Warns
    -----
    ConvergenceWarning
        If the objective did not settle to `objective_tol` within `max_iter` alternations, or the
        last codes do not reach `tol`.

    See Also
    --------
    transfer_learn : The linear kernel.

    Notes
    -----
    Every alternation first moves codes and atoms on along their last step, as in Nesterov's method,
    and is made again without where that did not lower the objective.
    """
    problem = KernelProblem(X, sample_domain, alpha, mmd, bandwidths, l2, positive_code, n_jobs)
    n, d = problem.X.shape
    D = check_matrix(dict_init, "dict_init", dtype=np.float64, n_features=d)
    D = np.ascontiguousarray(D / np.maximum(np.linalg.norm(D, axis=1, keepdims=True), 1))
    S = initial_codes(code_init, n, len(D), D.dtype, positive_code)
    steps = check_integer(code_iter, "code_iter", minimum=1)
    tol = check_real(tol, "tol", minimum=0, strict=True)
    iterations = check_integer(max_iter, "max_iter", minimum=0)
    alternation = Alternation(problem, S, D, steps, tol)
    history, settled = alternation.run(
        iterations, check_real(objective_tol, "objective_tol", minimum=0)
    )
    # The certificate is that of the atoms as they are returned.
    D = alternation.components.astype(problem.dtype).astype(np.float64)
    result = problem.solve(alternation.codes, D, 200 * steps, tol)
    parts = []
    if not result.converged:
        parts.append(_describe(result, problem.alpha))
    if iterations > 0 and not settled:
        parts.append(
            f"the alternation stopped after {iterations} iterations before the objective settled "
            f"(it still fell by {decrease_rate(history):.2g} of itself per iteration); raise "
            "max_iter or objective_tol"
        )
    if parts:
        warnings.warn("; ".join(parts), ConvergenceWarning, stacklevel=3)
    components = D.astype(problem.dtype, copy=False)
    return KernelDictionary(components, result, np.array(history), settled)


def _describe(result: KernelCodes, alpha: float) -> str:
    return (
        f"the codes stopped at a stationarity violation of "
        f"{result.kkt_violation / alpha:.2g} alpha after {result.n_iter} steps; raise "
        "max_iter or tol"
    )
