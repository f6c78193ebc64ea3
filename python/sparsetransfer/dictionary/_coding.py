"""The coding step of dictionary learning: exact ℓ1 codes, in place, with their certificates."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sparsetransfer import _core
from sparsetransfer._validation import FloatArray

__all__ = ["Certificate", "Coder"]

# Violation of the optimality conditions in units of alpha, by precision.
_TOLERANCES = {np.dtype(np.float32): 1e-5, np.dtype(np.float64): 1e-8}


class Certificate(NamedTuple):
    """What the coder proves of the codes it returns, one entry per sample."""

    objective: FloatArray
    gap: FloatArray
    kkt: FloatArray
    converged: FloatArray


class Coder:
    """Lasso codes with fixed options.

    Parameters
    ----------
    alpha : float
        The weight of the ℓ1 norm.
    positive : bool
        Whether codes are non-negative.
    max_iter : int
        Rounds of the active set per sample at most.
    num_threads : int
        A resolved number of threads.
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
            tolerance=_TOLERANCES[X.dtype] if tolerance is None else tolerance,
            max_iterations=self.max_iter,
            nonnegative=self.positive,
            warm_start=warm,
        )
        _, status, gap, kkt, objective = _core.lasso(
            X, components, settings, codes, mask=mask, n_threads=self.num_threads
        )
        return Certificate(objective, gap, kkt, status == 0)
