"""Dictionary learning on all samples at once, with an objective that never rises."""

import math
import time
import warnings
from collections.abc import Callable
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sparsetransfer import _core
from sparsetransfer._validation import (
    FloatArray,
    check_integer,
    check_matrix,
    check_real,
    check_vector,
    resolve_threads,
)
from sparsetransfer.dictionary._coding import Certificate, Coder
from sparsetransfer.dictionary.initialisation import Initialisation, initial_dictionary
from sparsetransfer.dictionary.result import LearnedDictionary, Progress, Status
from sparsetransfer.dictionary.statistics import empty_statistics
from sparsetransfer.dictionary.updates import _update, stationarity
from sparsetransfer.exceptions import ConvergenceWarning

__all__ = ["BatchMethod", "learn_dictionary"]

BatchMethod: TypeAlias = Literal["block_coordinate", "lagrange_dual", "optimal_directions", "ksvd"]
_METHODS = ("block_coordinate", "lagrange_dual", "optimal_directions", "ksvd")
# Inner limits of one dictionary step; a step costs little beside the codes of many samples.
_PASSES = {"block_coordinate": 5, "lagrange_dual": 50, "optimal_directions": 1}
_STEP_TOLERANCE = {"block_coordinate": 1e-4, "lagrange_dual": 1e-8, "optimal_directions": 0.0}
# Atoms this close in direction are one atom: the rounding of unit vectors, not a choice.
_DUPLICATE = 1e-12


def learn_dictionary(
    X: ArrayLike,
    n_components: int,
    *,
    alpha: float,
    method: BatchMethod = "block_coordinate",
    max_iter: int = 100,
    tol: float = 1e-5,
    init: Initialisation = "samples",
    dict_init: ArrayLike | None = None,
    code_init: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    positive_codes: bool = False,
    positive_components: bool = False,
    coding_max_iter: int = 1000,
    time_budget: float | None = None,
    callback: Callable[[Progress], bool | None] | None = None,
    rng: np.random.Generator | int | None = None,
    n_threads: int | None = None,
) -> LearnedDictionary:
    """Learn atoms and sparse codes of signals by alternating minimisation.

    Parameters
    ----------
    X : array_like of shape (n_samples, n_features)
        Signals. float32 is kept.
    n_components : int
        The number of atoms.
    alpha : float
        The weight of the codes' ℓ1 norm, at the scale of ‖x‖²/2.
    method : {"block_coordinate", "lagrange_dual", "optimal_directions", "ksvd"}
        The dictionary step, see `update_dictionary` and `update_ksvd`.
        Default "block_coordinate".
    max_iter : int, default=100
        Alternations at most.
    tol : float, default=1e-5
        Stop when an alternation lowers the objective by no more than this share of it.
    init : {"samples", "spread", "svd"}, default="samples"
        The first dictionary, see `initial_dictionary`; not used with `dict_init`.
    dict_init : array_like of shape (n_components, n_features), optional
        The first dictionary. Atoms longer than one are scaled to one.
    code_init : array_like of shape (n_samples, n_components), optional
        The first codes. Without `dict_init` the first dictionary is improved for them first.
    sample_weight : array_like of shape (n_samples,), optional
        Non-negative weights of the samples in the objective.
    positive_codes, positive_components : bool, default=False
        Keep codes or atoms non-negative.
    coding_max_iter : int, default=1000
        Rounds of the coder per sample at most.
    time_budget : float, optional
        Seconds after which no further alternation is begun.
    callback : callable, optional
        Called with a `Progress` after every alternation; ends learning by returning True.
    rng : numpy.random.Generator or int, optional
        Source of the first dictionary's draws, or its seed.
    n_threads : int, optional
        See `resolve_threads`; the answer does not depend on it.

    Returns
    -------
    LearnedDictionary
        With the optimal codes of `X` at the returned atoms.

    Warns
    -----
    ConvergenceWarning
        Once, if `max_iter` ended learning or codes did not converge.

    Raises
    ------
    ValueError
        If shapes do not fit, an entry is not finite, a number is out of range, or the options
        exclude each other.

    Notes
    -----
    Minimises Σ w_i (‖x_i − Dᵀs_i‖²/2 + α ‖s_i‖₁) over D with ‖d_j‖ ≤ 1 and s. Each half step is an
    exact or monotone minimisation. Atoms that repeat another are merged into it, and atoms that no
    code uses become the signals with the largest residual; both leave the objective as it is.
    Memory: the codes, and with "ksvd" one residual as large as `X`.

    References
    ----------
    H. Lee, A. Battle, R. Raina, A. Y. Ng. Efficient sparse coding algorithms. NIPS 19 (2007),
    algorithm 1. DOI 10.7551/mitpress/7503.003.0105

    Examples
    --------
    >>> import numpy as np
    >>> from sparsetransfer.dictionary import learn_dictionary
    >>> X = np.random.default_rng(0).normal(size=(200, 8))
    >>> learned = learn_dictionary(X, 16, alpha=0.5, rng=0, tol=1e-4)
    >>> learned.components.shape, bool(np.all(np.diff(learned.history) <= 0))
    ((16, 8), True)
    """
    problem = _Problem(
        X,
        n_components,
        alpha=alpha,
        sample_weight=sample_weight,
        positive_codes=positive_codes,
        positive_components=positive_components,
        coding_max_iter=coding_max_iter,
        n_threads=n_threads,
    )
    if method not in _METHODS:
        raise ValueError(f"method must be one of {', '.join(_METHODS)}, got {method!r}")
    if positive_components and method in ("lagrange_dual", "optimal_directions"):
        raise ValueError(f"positive_components cannot be kept by method={method!r}")
    if sample_weight is not None and method == "ksvd":
        raise ValueError("sample_weight cannot be used with method='ksvd'")
    max_iter = check_integer(max_iter, "max_iter", minimum=0)
    tol = check_real(tol, "tol", minimum=0.0)
    budget = (
        math.inf if time_budget is None else check_real(time_budget, "time_budget", minimum=0.0)
    )
    start = time.perf_counter()
    state = _State(problem, method, _first_dictionary(problem, dict_init, init, rng), code_init)
    if code_init is not None and dict_init is None:
        state.improve_dictionary()
    history: list[float] = []
    status: Status = "max_iter"
    calm = 0
    while len(history) < max_iter:
        history.append(state.alternate())
        seconds = time.perf_counter() - start
        calm = calm + 1 if _is_calm(history, tol) else 0
        # New atoms show in the objective one alternation after they came.
        if calm >= (2 if state.replaced else 1):
            status = "converged"
        elif callback is not None and callback(state.progress(history, seconds)):
            status = "callback"
        elif seconds >= budget and len(history) < max_iter:
            status = "time_budget"
        else:
            continue
        break
    return state.finish(np.array(history), status)


def _is_calm(history: list[float], tol: float) -> bool:
    return len(history) > 1 and history[-2] - history[-1] <= tol * history[-1]


class _Problem:
    """Checked signals and options."""

    def __init__(
        self,
        X: ArrayLike,
        n_components: int,
        *,
        alpha: float,
        sample_weight: ArrayLike | None,
        positive_codes: bool,
        positive_components: bool,
        coding_max_iter: int,
        n_threads: int | None,
    ) -> None:
        self.all_X = self.X = check_matrix(X, "X")
        self.n_components = check_integer(n_components, "n_components", minimum=1)
        self.alpha = check_real(alpha, "alpha", minimum=0.0)
        self.weights = (
            np.empty(0, self.X.dtype)
            if sample_weight is None
            else check_vector(
                sample_weight, "sample_weight", size=len(self.X), dtype=self.X.dtype, minimum=0
            )
        )
        self.kept: NDArray[np.bool_] | None = None
        if self.weights.size and not self.weights.all():
            # Samples without weight must not even replace a dead atom.
            if not self.weights.any():
                raise ValueError("sample_weight must not be zero for all samples")
            self.kept = self.weights > 0
            self.X, self.weights = self.X[self.kept], self.weights[self.kept]
        self.positive_codes = bool(positive_codes)
        self.positive_components = bool(positive_components)
        self.num_threads = resolve_threads(n_threads)
        self.coder = Coder(
            self.alpha,
            positive=self.positive_codes,
            max_iter=check_integer(coding_max_iter, "coding_max_iter", minimum=1),
            num_threads=self.num_threads,
        )

    @property
    def total_weight(self) -> float:
        """The weight of all samples: their number when they are not weighted."""
        return float(self.weights.sum(dtype=np.float64)) if self.weights.size else len(self.X)

    def check_dictionary(self, dictionary: ArrayLike) -> FloatArray:
        """Return a writable copy inside the constraints."""
        shape = (self.n_components, self.X.shape[1])
        atoms = check_matrix(dictionary, "dict_init", dtype=self.X.dtype, n_features=shape[1])
        if atoms.shape != shape:
            raise ValueError(f"dict_init must have shape {shape}, got {atoms.shape}")
        if self.positive_components and atoms.min() < 0:
            raise ValueError("dict_init must not be negative when positive_components is set")
        return np.array(atoms / np.maximum(1, np.linalg.norm(atoms, axis=1, keepdims=True)))


def _first_dictionary(
    problem: _Problem,
    dict_init: ArrayLike | None,
    init: Initialisation,
    rng: np.random.Generator | int | None,
) -> FloatArray:
    if dict_init is not None:
        return problem.check_dictionary(dict_init)
    X = problem.X
    if init == "svd" and problem.weights.size:
        X = X * np.sqrt(problem.weights)[:, np.newaxis]
    return initial_dictionary(
        X,
        problem.n_components,
        method=init,
        positive=problem.positive_components,
        rng=rng,
    )


class _State:
    """Atoms and codes between two half steps."""

    def __init__(
        self,
        problem: _Problem,
        method: str,
        components: FloatArray,
        code_init: ArrayLike | None,
    ) -> None:
        self.problem = problem
        self.method = method
        self.components = components
        self.statistics = empty_statistics(components)
        self.replaced = False
        self.alternations = 0
        shape = (len(problem.all_X), problem.n_components)
        self.warm = code_init is not None
        if code_init is None:
            self.codes: FloatArray = np.zeros((len(problem.X), shape[1]), components.dtype)
        else:
            self.codes = check_matrix(
                code_init, "code_init", dtype=components.dtype, n_features=shape[1]
            ).copy()
            if self.codes.shape != shape:
                raise ValueError(f"code_init must have shape {shape}, got {self.codes.shape}")
            if problem.positive_codes and self.codes.min() < 0:
                raise ValueError("code_init must not be negative when positive_codes is set")
            if problem.kept is not None:
                self.codes = self.codes[problem.kept]

    def improve_dictionary(self) -> None:
        """Improve the dictionary for the codes as they are, before they are ever recomputed."""
        self._gather()
        self._step("block_coordinate")

    def alternate(self) -> float:
        """Code, improve the dictionary, revive its dead atoms; return the objective."""
        problem = self.problem
        self.encode()
        _core.dictionary_merge_duplicate_atoms(
            self.components,
            self.codes,
            tolerance=_DUPLICATE,
            positive_codes=problem.positive_codes,
            num_threads=problem.num_threads,
        )
        if self.method == "ksvd":
            _core.dictionary_ksvd(
                problem.X,
                self.codes,
                self.components,
                alpha=problem.alpha,
                positive_dictionary=problem.positive_components,
                positive_codes=problem.positive_codes,
                num_threads=problem.num_threads,
            )
            self._gather()
        else:
            self._gather()
            self._step(self.method)
        objective = self._objective()
        dead = _core.dictionary_replace_dead_atoms(
            problem.X,
            self.codes,
            self.components,
            positive=problem.positive_components,
            num_threads=problem.num_threads,
        )
        self.replaced = len(dead) > 0
        self.alternations += 1
        return objective

    def encode(self) -> Certificate:
        certificate = self.problem.coder(
            self.problem.X, self.components, self.codes, warm=self.warm
        )
        self.warm = True
        return certificate

    def _gather(self) -> None:
        problem = self.problem
        self.statistics = empty_statistics(self.components)
        self.statistics._accumulate(problem.X, self.codes, problem.weights, problem.num_threads)

    def _objective(self) -> float:
        return self.statistics.objective(
            self.components, self.problem.alpha, n_threads=self.problem.num_threads
        )

    def _step(self, method: str) -> None:
        trial = self.components.copy()
        self._update(trial, method)
        if method == "optimal_directions":
            # Least squares knows no unit ball; projected, it need not be better than before.
            trial /= np.maximum(1, np.linalg.norm(trial, axis=1, keepdims=True))
            before = self._objective()
            self.components, old = trial, self.components
            if self._objective() >= before:
                self.components = old
                self._update(self.components, "block_coordinate")
        else:
            self.components = trial

    def _update(self, components: FloatArray, method: str) -> None:
        _update(
            components,
            self.statistics,
            method=method,
            passes=_PASSES[method],
            tol=_STEP_TOLERANCE[method],
            positive=self.problem.positive_components,
            num_threads=self.problem.num_threads,
        )

    def progress(self, history: list[float], seconds: float) -> Progress:
        """Describe the state to a callback."""
        view = self.components.view()
        view.flags.writeable = False
        return Progress(
            len(history), history[-1], view, self.alternations * len(self.problem.X), seconds
        )

    def finish(self, history: NDArray[np.float64], status: Status) -> LearnedDictionary:
        """Code once more at the final dictionary and certify the result."""
        certificate = self.encode()
        self._gather()
        weights = self.problem.weights if self.problem.weights.size else np.ones(len(self.codes))
        weights = weights.astype(np.float64)
        objective = float(weights @ certificate.objective)
        codes = self.codes
        if self.problem.kept is not None:
            codes = np.zeros((len(self.problem.all_X), codes.shape[1]), codes.dtype)
            self.problem.coder(self.problem.all_X, self.components, codes, warm=False)
        result = LearnedDictionary(
            components=self.components,
            codes=codes,
            objective=objective,
            history=history,
            n_iter=len(history),
            status=status,
            duality_gap=float(weights @ certificate.gap) / max(objective, np.finfo(float).tiny),
            kkt_violation=float(certificate.kkt.max()),
            stationarity=stationarity(
                self.components, self.statistics, self.problem.positive_components
            ),
            statistics=self.statistics,
        )
        warn_unless_converged(result, certificate)
        return result


def warn_unless_converged(result: LearnedDictionary, certificate: Certificate | None) -> None:
    """Issue the one warning of a call that was ended by a limit."""
    parts = []
    if result.status == "max_iter" and result.n_iter > 0:
        parts.append(f"the dictionary did not converge in {result.n_iter} iterations")
    if certificate is not None and not np.all(certificate.converged):
        failed = len(certificate.converged) - int(np.sum(certificate.converged))
        parts.append(
            f"{failed} of {len(certificate.gap)} codes did not "
            f"converge (worst violation {result.kkt_violation:.1e} alpha)"
        )
    if parts:
        warnings.warn("; ".join(parts), ConvergenceWarning, stacklevel=3)
