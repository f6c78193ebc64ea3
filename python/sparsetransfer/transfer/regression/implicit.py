"""Regression whose target scores are rebuilt sparsely from source scores."""

from __future__ import annotations

import warnings
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sparsetransfer._linalg import gram_matrix, matmul
from sparsetransfer._validation import FloatArray, check_choice, check_integer, check_real
from sparsetransfer.exceptions import ConvergenceWarning
from sparsetransfer.sparse_coding import lasso
from sparsetransfer.transfer.problem import resolve_kkt_tol
from sparsetransfer.transfer.regression.base import (
    ClassWeight,
    LabelRegression,
    TransferRows,
    relative_penalty,
)
from sparsetransfer.transfer.regression.reconstruction import Reconstruction, rebuild
from sparsetransfer.transfer.regression.solver import QuadraticProblem

__all__ = ["ImplicitDistributionAlignment"]


class ImplicitDistributionAlignment(LabelRegression):
    r"""Regress labels so that the target can be rebuilt from few source samples.

    Parameters
    ----------
    alignment : float, default=1.0
        Weight of the reconstruction of the target's scores, >= 0. It is relative to the mean
        squared residual of the source.
    sparsity : float, default=0.05
        Weight of the reconstruction coefficients, > 0, in units of `alignment` and of scores,
        which are of size one.
    penalty : {"l1", "l21"}, default="l1"
        "l1": every target sample chooses its source samples; "l21": all of them choose the same.
    l21 : float, default=0.0
        Weight of the sum over features of the norm of their coefficients, between 0 and 1: a
        fraction of the weight that alone would make every coefficient zero.
    max_iter : int, default=50
        Most rounds of reconstruction and regression.
    tol : float, default=1e-4
        Relative decrease of the objective per round at which to stop.
    ridge, class_weight, kkt_tol, n_jobs
        As in `DoSL`.

    Attributes
    ----------
    reconstruction_ : numpy.ndarray of shape (n_target, n_source)
        U: how target scores are made of source scores; zeros are exact.
    objective_ : float
        The objective at the end.
    history_ : numpy.ndarray
        The objective after every round; it never rises.
    kkt_violation_, duality_gap_ : float
        Of `coef_`, for the last reconstruction.
    converged_ : bool
        Whether `coef_` met `kkt_tol`.
    n_iter_ : int
        Rounds made.
    coef_, intercept_, classes_, n_features_in_, feature_names_in_
        As of `DoSL`.

    Notes
    -----
    With samples in rows, centred on the source,

    .. math:: \min_{W,U} \tfrac12\|X_s W^\top - Y\|_w^2
       + \tfrac{\tau}{n_t}\Bigl(\tfrac12\|X_t W^\top - U X_s W^\top\|_F^2 + \kappa\,\Omega(U)\Bigr)
       + \lambda\sum_r\|w_r\|_2 + \tfrac{\rho}{2}\|W\|_F^2

    where :math:`\Omega` is the sum of absolute entries, or of the norms of columns, one for each
    source sample. Distributions are aligned without a distance between them: scores of the target
    have to lie where scores of the source do. U is a lasso (or a multi-task lasso) with the scores
    of the source as dictionary, W a ridge (or multi-task lasso) regression; both are solved
    exactly, in turns. No pseudo-labels. This is the linear sibling of the regulariser of [1]_,
    which acts on the features of a network, and is near [2]_; the exact norms there could not be
    read, and this formulation is ours. With ``alignment=0`` it is the regression of the source.

    References
    ----------
    .. [1] Y. Zhao, J. Wang, Y. Zong, W. Zheng, H. Lian, L. Zhao, "Deep Implicit Distribution
       Alignment Networks for Cross-Corpus Speech Emotion Recognition", ICASSP 2023.
       https://arxiv.org/abs/2302.08921
    .. [2] "Cross-Corpus Speech Emotion Recognition Based on Joint Distribution Implicitly Aligned
       Subspace Learning", Electronics 11(17), 2022. https://doi.org/10.3390/electronics11172745
    """

    def __init__(
        self,
        *,
        alignment: float = 1.0,
        sparsity: float = 0.05,
        penalty: Literal["l1", "l21"] = "l1",
        l21: float = 0.0,
        ridge: float = 0.01,
        max_iter: int = 50,
        tol: float = 1e-4,
        class_weight: ClassWeight = "balanced",
        kkt_tol: float | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.alignment = alignment
        self.sparsity = sparsity
        self.penalty = penalty
        self.l21 = l21
        self.ridge = ridge
        self.max_iter = max_iter
        self.tol = tol
        self.class_weight = class_weight
        self.kkt_tol = kkt_tol
        self.n_jobs = n_jobs

    def _fit_rows(self, data: TransferRows, threads: int) -> FloatArray:
        alignment = check_real(self.alignment, "alignment", minimum=0)
        sparsity = check_real(self.sparsity, "sparsity", minimum=0, strict=True)
        rounds = check_integer(self.max_iter, "max_iter", minimum=1)
        tolerance = check_real(self.tol, "tol", minimum=0)
        kkt_tol = resolve_kkt_tol(self.kkt_tol, data.dtype)
        check_choice(self.penalty, "penalty", ("l1", "l21"))
        term = data.fit_term(data.targets)
        self._add_fixed_terms(term.quadratic, data, threads)
        strengths = relative_penalty(
            term.linear, l21=check_real(self.l21, "l21", minimum=0, maximum=1)
        )
        source, target = data.rows[data.source], data.rows[~data.source]
        share = alignment / max(1, len(target))
        rebuilt = _Rebuilt(self.penalty, sparsity, len(target), len(source), threads)
        fit = term.solve(strengths, kkt_tol=kkt_tol, threads=threads)
        history: list[float] = []
        while len(history) < rounds:
            if share > 0 and len(target):
                rebuilt.update(matmul(source, fit.coef.T), matmul(target, fit.coef.T))
            left = target - matmul(rebuilt.coef, source)
            problem = QuadraticProblem(
                term.quadratic + share * gram_matrix(left.T), term.linear, term.energy
            )
            fit = problem.solve(strengths, init=fit.coef, kkt_tol=kkt_tol, threads=threads)
            history.append(fit.objective + share * sparsity * rebuilt.size)
            if len(history) > 1 and history[-2] - history[-1] <= tolerance * history[-2]:
                break
        self.n_iter_ = len(history)
        self.history_ = np.array(history)
        self.reconstruction_ = rebuilt.coef
        fit = problem.rounded(fit, strengths, data.dtype, kkt_tol=kkt_tol, threads=threads)
        self._certify(fit)
        self.objective_ = fit.objective + share * sparsity * rebuilt.size
        return fit.coef


class _Rebuilt:
    """U (n_target, n_source), sparse by entries or by source samples."""

    def __init__(
        self, penalty: str, sparsity: float, n_target: int, n_source: int, threads: int
    ) -> None:
        self._by_entries = penalty == "l1"
        self._sparsity = sparsity
        self._threads = threads
        self._found = Reconstruction.nothing(n_target, n_source)
        self.coef = self._found.coef

    def update(self, source: NDArray[np.float64], target: NDArray[np.float64]) -> None:
        if self._by_entries:
            with warnings.catch_warnings():
                # What a round misses, the next may find; a code that got worse is not taken.
                warnings.simplefilter("ignore", ConvergenceWarning)
                found = lasso(target, source, self._sparsity, tol=1e-4, n_jobs=self._threads)
            codes = np.asarray(found.codes, dtype=np.float64)
            better = self._values(codes, source, target) < self._values(self.coef, source, target)
            self.coef = np.where(better[:, None], codes, self.coef)
        else:
            self._found = rebuild(target, source, self._sparsity, self._found, self._threads)
            self.coef = self._found.coef

    def _values(
        self,
        codes: NDArray[np.float64],
        source: NDArray[np.float64],
        target: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        missed = np.square(target - matmul(codes, source)).sum(axis=1)
        return np.asarray(0.5 * missed + self._sparsity * np.abs(codes).sum(axis=1))

    @property
    def size(self) -> float:
        return float(np.abs(self.coef).sum()) if self._by_entries else self._found.size
