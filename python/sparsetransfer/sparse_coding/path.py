"""All solutions of the lasso of a signal, for every penalty at once."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from sparsetransfer import _core
from sparsetransfer._former import former_keywords
from sparsetransfer._linalg import matmul
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
from sparsetransfer.sparse_coding.functional import TOLERANCE, check_seconds
from sparsetransfer.sparse_coding.result import STATUS

__all__ = ["LassoPath", "lasso_path"]

_TOLERANCE = TOLERANCE[np.dtype(np.float64)]  # as for the codes of `lasso`
_ROUNDING = 64 * np.finfo(np.float64).eps


@dataclass(frozen=True)
class LassoPath:
    """The codes of one signal for all penalties, which are linear between the knots.

    Attributes
    ----------
    alphas : numpy.ndarray of shape (n_knots,)
        The penalties at which an atom joins or leaves, falling; the last one is the smallest that
        was asked for. Above the first the code is zero.
    codes : scipy.sparse.csr_array of shape (n_knots, n_components)
        The codes at the knots.
    kkt_violation : numpy.ndarray of shape (n_knots,)
        The largest violation of the optimality conditions between a knot and the one above it,
        both included: compare it to `alphas`.
    converged : bool
        Whether the path goes down to the smallest penalty and every knot is a solution to 1e-9 of
        its penalty, or to rounding.
    """

    alphas: NDArray[np.float64]
    codes: Any
    kkt_violation: NDArray[np.float64]
    converged: bool

    def at(self, alpha: float) -> FloatArray:
        """Return the code at a penalty.

        Parameters
        ----------
        alpha : float
            The penalty, at least the last of `alphas`.

        Returns
        -------
        numpy.ndarray of shape (n_components,)

        Raises
        ------
        ValueError
            If `alpha` lies below the path.
        """
        alpha = check_real(alpha, "alpha", minimum=0.0)
        if alpha < self.alphas[-1]:
            raise ValueError(f"alpha must be at least {self.alphas[-1]}, got {alpha}")
        if alpha >= self.alphas[0]:
            return np.zeros(self.codes.shape[1])
        below = int(np.searchsorted(-self.alphas, -alpha, side="left"))
        upper, lower = self.alphas[below - 1], self.alphas[below]
        share = (upper - alpha) / (upper - lower)
        ends = self.codes[[below - 1, below]].toarray()
        code: FloatArray = (1 - share) * ends[0] + share * ends[1]
        return code


@former_keywords(positive="positive_code", n_threads="n_jobs")
def lasso_path(
    X: ArrayLike,
    dictionary: ArrayLike,
    alpha_min: float = 0.0,
    *,
    l2: ArrayLike = 0.0,
    weights: ArrayLike | None = None,
    positive_code: bool = False,
    max_iter: int = 1000,
    time_limit: float | None = None,
    n_jobs: int | None = None,
) -> list[LassoPath]:
    r"""Solve the lasso for every penalty down to the smallest, by homotopy.

    Parameters
    ----------
    X : array_like of shape (n_samples, n_features)
        The signals. Paths are computed in float64.
    dictionary : array_like of shape (n_components, n_features)
        The atoms, one per row. They need not have unit norm, nor be independent.
    alpha_min : float, default=0.0
        The penalty at which a path ends, at least 0.
    l2 : float or array_like of shape (n_samples,), default=0.0
        The ridge penalty `h` of an elastic net, at least 0; it stays the same along the path.
    weights : array_like of shape (n_components,), optional
        Factors of the penalty for each atom, above 0. Ones by default.
    positive_code : bool, default=False
        Whether to allow non-negative codes only.
    max_iter : int, default=1000
        The largest number of knots of a signal.
    time_limit : float, optional
        Seconds after which paths end at the knots that they have reached, at least their first.
        The Gram matrix and the correlations are computed in any case. By default there is no limit.
    n_jobs : int, optional
        As in `lasso`.

    Returns
    -------
    list of LassoPath
        One per signal.

    Raises
    ------
    TypeError
        If an argument has the wrong type.
    ValueError
        If shapes do not fit, an entry is NaN or infinite, or a penalty is out of range.

    Warns
    -----
    ConvergenceWarning
        If some paths needed more knots or more time, or are not solutions everywhere; once, with
        the counts.

    See Also
    --------
    lasso : The codes for one penalty; ``algorithm="homotopy"`` is this method.

    Notes
    -----
    The solutions of

    .. math:: \tfrac12 \|x - D^\top a\|^2 + \tfrac h2 \|a\|^2 + \alpha \sum_j w_j |a_j|

    are piecewise linear in :math:`\alpha` [1]_, [2]_. The walk from knot to knot adds the atom
    whose correlation reaches its penalty, or drops the one whose coefficient reaches zero; each
    segment is recomputed from a Cholesky factor that is updated, so that rounding does not
    build up along the path. Atoms that depend on those in use are passed over. A knot costs
    O(n_components * n_nonzero) operations.

    References
    ----------
    .. [1] M. R. Osborne, B. Presnell, B. A. Turlach, "A new approach to variable selection in
       least squares problems", IMA Journal of Numerical Analysis 20, 2000.
       doi:10.1093/imanum/20.3.389
    .. [2] B. Efron, T. Hastie, I. Johnstone, R. Tibshirani, "Least angle regression", Ann.
       Statist. 32, 2004. doi:10.1214/009053604000000067

    Examples
    --------
    >>> import numpy as np
    >>> from sparsetransfer.sparse_coding import lasso_path
    >>> path = lasso_path([[3.0, 0.5]], np.eye(2))[0]
    >>> path.alphas
    array([3. , 0.5, 0. ])
    >>> path.at(1.0)
    array([2., 0.])
    """
    check_flags(positive_code=positive_code)
    signals = check_matrix(X, "X", dtype=np.float64)
    atoms = check_matrix(dictionary, "dictionary", dtype=np.float64, n_features=signals.shape[1])
    ridge = None
    if np.ndim(l2) > 0 or check_real(l2, "l2", minimum=0.0) > 0:
        spread = np.broadcast_to(l2, len(signals)) if np.ndim(l2) == 0 else l2
        ridge = check_vector(spread, "l2", size=len(signals), dtype=np.float64, minimum=0.0)
    factors = None
    if weights is not None:
        factors = check_vector(weights, "weights", size=len(atoms), dtype=np.float64)
        if not (factors > 0).all():
            raise ValueError("weights must be above 0")
    settings = _core.PathSettings(
        least_penalty=check_real(alpha_min, "alpha_min", minimum=0.0),
        most_steps=check_integer(max_iter, "max_iter", minimum=1),
        nonnegative=bool(positive_code),
    )
    with np.errstate(over="ignore", invalid="ignore"):  # refused below, by name
        gram, cov = matmul(atoms, atoms.T), matmul(signals, atoms.T)
    found = _core.lasso_paths(
        gram,
        cov,
        settings,
        ridge=ridge,
        weights=factors,
        time_limit=check_seconds(time_limit),
        n_threads=resolve_threads(n_jobs),
    )
    largest = 1.0 if factors is None else float(factors.max())
    scale = float(gram.diagonal().max())
    paths = [
        _judged(parts, len(atoms), largest, scale, float(np.abs(row).max()))
        for parts, row in zip(found, cov, strict=True)
    ]
    failed = sum(not path.converged for path in paths)
    if failed:
        stopped = sum(parts[-1] == STATUS.index("stopped") for parts in found)
        early = f" ({stopped} of them stopped early)" if stopped else ""
        warnings.warn(
            f"{failed} of {len(paths)} paths do not reach alpha_min={settings.least_penalty:g} "
            f"with a solution at every knot{early}: allow more knots by max_iter, more time, or "
            "end them earlier",
            ConvergenceWarning,
            stacklevel=3,
        )
    return paths


def _judged(
    parts: tuple[Any, ...], n_components: int, weight: float, scale: float, correlation: float
) -> LassoPath:
    alphas, begin, indices, values, kkt, status = parts
    codes = sparse.csr_array((values, indices, begin), shape=(len(alphas), n_components))
    norms = np.asarray(abs(codes).sum(axis=1)).reshape(-1)
    # A segment is as accurate as its ends; the one above the first knot has none.
    rounding = _ROUNDING * (correlation + scale * norms)
    accepted = np.maximum(_TOLERANCE * weight * alphas, rounding)
    return LassoPath(alphas, codes, kkt, bool(status == 0 and (kkt <= accepted).all()))
