"""Regression to relaxed labels, with target scores rebuilt from source labels: TDLR."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sparsetransfer._linalg import gram_matrix, inner, matmul
from sparsetransfer._validation import FloatArray, check_integer, check_real
from sparsetransfer.transfer.problem import resolve_kkt_tol
from sparsetransfer.transfer.regression.base import (
    ClassWeight,
    LabelRegression,
    TransferRows,
    class_coupling,
    relative_penalty,
)
from sparsetransfer.transfer.regression.reconstruction import Reconstruction, rebuild
from sparsetransfer.transfer.regression.solver import QuadraticProblem

__all__ = ["TDLR"]

_RELAXATION_STEPS = 20


class TDLR(LabelRegression):
    r"""Regress relaxed labels; rebuild the scores of the target from those of few source samples.

    Parameters
    ----------
    conditional : float, default=0.0
        Weight of the squared distances between the regressed means of every class, >= 0, with
        pseudo-labels for the target. Off by default; the paper has them.
    reconstruction : float, default=0.1
        Weight of the reconstruction of the target's scores, >= 0.
    sparsity : float, default=0.1
        Weight of the sum over source samples of the norm of their reconstruction coefficients, >
        0, in units of `reconstruction` (and of labels, which are of size one).
    l21 : float, default=0.02
        Weight of the sum over features of the norm of their coefficients, between 0 and 1: a
        fraction of the weight that alone would make every coefficient zero at first.
    max_iter : int, default=50
        Most rounds of relaxation, coefficients and reconstruction.
    tol : float, default=1e-4
        Relative decrease of the objective per round at which to stop.
    mmd, ridge, class_weight, kkt_tol, n_jobs
        As in `DoSL`.
    laplacian, n_neighbors
        As in `TRaSL`.

    Attributes
    ----------
    reconstruction_ : numpy.ndarray of shape (n_target, n_source)
        Q: how target scores are made of source labels; whole columns are exactly zero.
    relaxation_ : numpy.ndarray of shape (n_source, n_classes)
        M, by how much labels are exceeded.
    objective_ : float
        The objective at the end.
    history_ : numpy.ndarray
        The objective after every round; it never rises while no pseudo-label changes.
    kkt_violation_, duality_gap_ : float
        Of `coef_`, for the last relaxation and reconstruction.
    converged_ : bool
        Whether `coef_` met `kkt_tol`.
    n_iter_ : int
        Rounds made.
    coef_, intercept_, classes_, n_features_in_, feature_names_in_
        As of `DoSL`.

    Notes
    -----
    With centred one-hot labels Y (in rows), :math:`\tilde Y = Y + B \circ M`, B = 1 at the class
    of a sample and -1 elsewhere, the objective follows [1]_ (eq. 12):

    .. math:: \min_{W,\,M\ge0,\,Q} \tfrac12\|X_s W^\top - \tilde Y\|_w^2
       + \tfrac{\mu_1}{2 n_t}\Bigl(\|X_t W^\top - Q\tilde Y\|_F^2 + 2\mu_2\sum_i\|q_i\|_2\Bigr)
       + \tfrac{\mu}{2}\|W\delta\|^2 + \tfrac{\nu}{2}\sum_c\|W\delta_c\|^2
       + \tfrac{\gamma}{2n}\operatorname{tr}(W X^\top L X W^\top) + \lambda\sum_r\|w_r\|_2
       + \tfrac{\rho}{2}\|W\|_F^2

    with :math:`q_i` the column of Q for source sample i, and mean differences :math:`\delta` of
    domains and :math:`\delta_c` of classes. Here M, W and Q are updated by exact minimisation. Two
    deviations from the printed updates: the reweighting matrix enters the update of Q in [1]_ with
    the sign that makes the inverse indefinite, which stationarity does not give; and strengths are
    relative, with a ridge.

    References
    ----------
    .. [1] S. Li, P. Song, W. Zhang, "Transferable discriminant linear regression for cross-corpus
       speech emotion recognition", Applied Acoustics 197, 2022.
       https://doi.org/10.1016/j.apacoust.2022.108919
    """

    def __init__(
        self,
        *,
        mmd: float = 10.0,
        conditional: float = 0.0,
        reconstruction: float = 0.1,
        sparsity: float = 0.1,
        laplacian: float = 0.0,
        n_neighbors: int = 5,
        l21: float = 0.02,
        ridge: float = 0.01,
        max_iter: int = 50,
        tol: float = 1e-4,
        class_weight: ClassWeight = "balanced",
        kkt_tol: float | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.mmd = mmd
        self.conditional = conditional
        self.reconstruction = reconstruction
        self.sparsity = sparsity
        self.laplacian = laplacian
        self.n_neighbors = n_neighbors
        self.l21 = l21
        self.ridge = ridge
        self.max_iter = max_iter
        self.tol = tol
        self.class_weight = class_weight
        self.kkt_tol = kkt_tol
        self.n_jobs = n_jobs

    def _fit_rows(self, data: TransferRows, threads: int) -> FloatArray:
        conditional = check_real(self.conditional, "conditional", minimum=0)
        rounds = check_integer(self.max_iter, "max_iter", minimum=1)
        tolerance = check_real(self.tol, "tol", minimum=0)
        kkt_tol = resolve_kkt_tol(self.kkt_tol, data.dtype)
        fixed = np.zeros((data.rows.shape[1],) * 2)
        self._add_fixed_terms(fixed, data, threads)
        first = data.fit_term(data.targets)
        penalty = relative_penalty(
            first.linear, l21=check_real(self.l21, "l21", minimum=0, maximum=1)
        )
        rebuilt = _RebuiltTarget(
            data.rows[~data.source],
            check_real(self.reconstruction, "reconstruction", minimum=0),
            check_real(self.sparsity, "sparsity", minimum=0, strict=True),
            len(data.codes),
            threads,
        )
        relaxed = _Relaxation(data)
        fit = QuadraticProblem(first.quadratic + fixed, first.linear, first.energy).solve(
            penalty, kkt_tol=kkt_tol, threads=threads
        )
        guesses = np.zeros(0, np.int64)
        matched = np.zeros_like(fixed)
        history: list[float] = []
        while len(history) < rounds:
            previous = guesses
            if conditional > 0 and data.domains is not None:
                scores = matmul(data.rows[~data.source], fit.coef.T) + data.prior
                guesses = scores.argmax(axis=1)
                coupling = class_coupling(data, data.domains, guesses)
                matched = conditional * data.mean_term(coupling)
            relaxed.update(fit.coef, rebuilt)
            rebuilt.update(fit.coef, relaxed.labels)
            term = data.fit_term(relaxed.labels)
            problem = QuadraticProblem(
                term.quadratic + fixed + matched + rebuilt.quadratic,
                term.linear + rebuilt.linear(relaxed.labels),
                term.energy + rebuilt.energy(relaxed.labels),
            )
            fit = problem.solve(penalty, init=fit.coef, kkt_tol=kkt_tol, threads=threads)
            history.append(fit.objective + rebuilt.penalty)
            settled = len(history) > 1 and abs(history[-2] - history[-1]) <= tolerance * history[-2]
            if settled and np.array_equal(previous, guesses):
                break
        self.n_iter_ = len(history)
        self.history_ = np.array(history)
        self.reconstruction_ = rebuilt.found.coef
        self.relaxation_ = relaxed.excess
        fit = problem.rounded(fit, penalty, data.dtype, kkt_tol=kkt_tol, threads=threads)
        self._certify(fit)
        self.objective_ = fit.objective + rebuilt.penalty
        return fit.coef


class _Relaxation:
    """Labels that may be exceeded, away from the decision boundary."""

    def __init__(self, data: TransferRows) -> None:
        self._rows = data.rows[data.source]
        self._weights = data.weights[:, None]
        self._targets = data.targets
        self._signs = np.where(data.targets + data.prior > 0.5, 1.0, -1.0)
        self.excess = np.zeros_like(data.targets)
        self.labels = data.targets

    def update(self, coef: NDArray[np.float64], rebuilt: _RebuiltTarget) -> None:
        """Descend in M >= 0 with everything else fixed.

        The reconstruction mixes samples: their curvatures are bounded row by row, and projected
        gradient steps on the bound never raise the objective. Without it, one step is exact.
        """
        scores = matmul(self._rows, coef.T)
        core = rebuilt.found.core
        gram = rebuilt.strength * gram_matrix(core.T)
        pull = rebuilt.strength * matmul(
            core.T, matmul(rebuilt.found.basis.T, rebuilt.scores(coef))
        )
        curvature = self._weights + np.abs(gram).sum(axis=1, keepdims=True)
        for _ in range(_RELAXATION_STEPS if gram.any() else 1):
            gradient = self._weights * (self.labels - scores) + matmul(gram, self.labels) - pull
            self.excess = np.maximum(self.excess - self._signs * gradient / curvature, 0.0)
            self.labels = self._targets + self._signs * self.excess


class _RebuiltTarget:
    """The term that rebuilds scores of the target out of labels of few source samples."""

    def __init__(
        self,
        target: NDArray[np.float64],
        strength: float,
        sparsity: float,
        n_source: int,
        threads: int,
    ) -> None:
        self._target = target
        self._sparsity = sparsity
        self._threads = threads
        self.strength = strength / max(1, len(target))
        self.found = Reconstruction.nothing(len(target), n_source)
        self.quadratic = self.strength * gram_matrix(target.T)

    @property
    def penalty(self) -> float:
        return self.strength * self._sparsity * self.found.size

    def scores(self, coef: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(matmul(self._target, coef.T))

    def update(self, coef: NDArray[np.float64], labels: NDArray[np.float64]) -> None:
        if self.strength > 0 and len(self._target):
            self.found = rebuild(
                self.scores(coef), labels, self._sparsity, self.found, self._threads
            )

    def linear(self, labels: NDArray[np.float64]) -> NDArray[np.float64]:
        inside = matmul(self.found.basis.T, self._target)
        return np.asarray(self.strength * matmul(matmul(self.found.core, labels).T, inside))

    def energy(self, labels: NDArray[np.float64]) -> float:
        rebuilt = matmul(self.found.core, labels)
        return self.strength * inner(rebuilt, rebuilt)
