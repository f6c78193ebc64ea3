"""The coding step of dictionary learning, in place: ℓ1 codes with certificates, or pursuits."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sparsetransfer import _core
from sparsetransfer._linalg import matmul
from sparsetransfer._validation import FloatArray
from sparsetransfer.sparse_coding.functional import TOLERANCE

__all__ = ["Certificate", "Coder", "PursuitCoder"]

# Samples whose codes are held twice at a time.
_CHUNK = 4096


class Certificate(NamedTuple):
    """What the coder proves of the codes it returns, one entry per sample."""

    objective: FloatArray
    gap: FloatArray
    kkt: FloatArray
    converged: FloatArray


class Coder:
    """Lasso codes with fixed options.

    `alpha`: the weight of the ℓ1 norm. `positive`: whether codes are non-negative. `max_iter`:
    rounds of the active set per sample at most. `num_threads`: a resolved number of threads.
    """

    def __init__(self, alpha: float, *, positive: bool, max_iter: int, num_threads: int) -> None:
        self.alpha = alpha
        self.positive = positive
        self.max_iter = max_iter
        self.num_threads = num_threads

    def __call__(
        self,
        X: FloatArray,
        components: FloatArray,
        codes: FloatArray,
        *,
        warm: bool,
        tolerance: float | None = None,
        mask: NDArray[np.bool_] | None = None,
    ) -> Certificate:
        """Write the codes of `X` into `codes`; read them first when `warm`.

        `tolerance` is the accepted violation of the optimality conditions in units of alpha; only
        the entries of `X` where `mask` is True count.
        """
        settings = _core.CodingSettings(
            alpha=self.alpha,
            tolerance=TOLERANCE[X.dtype] if tolerance is None else tolerance,
            max_iterations=self.max_iter,
            nonnegative=self.positive,
            warm_start=warm,
        )
        _, status, gap, kkt, objective = _core.lasso(
            X, components, settings, codes, mask=mask, n_threads=self.num_threads
        )
        return Certificate(objective, gap, kkt, status == 0)


class PursuitCoder:
    """Codes by orthogonal matching pursuit that are never worse than those they replace.

    `n_nonzero_coefs`: atoms per sample at most. `num_threads`: a resolved number of threads.
    """

    def __init__(self, n_nonzero_coefs: int, *, num_threads: int) -> None:
        self.n_nonzero_coefs = n_nonzero_coefs
        self.num_threads = num_threads

    def __call__(
        self,
        X: FloatArray,
        components: FloatArray,
        codes: FloatArray,
        *,
        warm: bool,
        tolerance: float | None = None,
        mask: NDArray[np.bool_] | None = None,
    ) -> Certificate:
        """Write the codes of `X` into `codes`, where `warm` does not mean to keep a better one.

        A greedy code may be worse than the last one at an improved dictionary; keeping the better
        of the two keeps the objective from rising.
        """
        settings = _core.PursuitSettings(
            rule=_core.SelectionRule.correlation,
            max_atoms=self.n_nonzero_coefs,
            tolerance=0.0,
        )
        objective = np.empty(len(X))
        for begin in range(0, len(X), _CHUNK):
            rows = slice(begin, begin + _CHUNK)
            part = None if mask is None else mask[rows]
            fresh = np.empty_like(codes[rows])
            *_, values = _core.pursue(
                X[rows], components, settings, fresh, mask=part, n_threads=self.num_threads
            )
            if warm:
                residual = X[rows] - matmul(codes[rows], components)
                if part is not None:
                    residual[~part] = 0
                old = 0.5 * np.einsum("ij,ij->i", residual, residual, dtype=np.float64)
                kept = old <= values
                fresh[kept], values[kept] = codes[rows][kept], old[kept]
            codes[rows], objective[rows] = fresh, values
        unknown = np.full(len(X), np.nan)
        return Certificate(objective, unknown, unknown, np.ones(len(X), np.bool_))
