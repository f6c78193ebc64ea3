"""Transfer sparse coding on arrays: codes of a given dictionary, and dictionary and codes."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from sparsetransfer import _simd
from sparsetransfer._validation import (
    FloatArray,
    check_integer,
    check_matrix,
    check_real,
    resolve_threads,
)
from sparsetransfer.exceptions import ConvergenceWarning
from sparsetransfer.transfer.domains import check_domains, mean_weights

__all__ = [
    "TransferCodes",
    "TransferDictionary",
    "TransferProgress",
    "transfer_encode",
    "transfer_learn",
]

_core = _simd.load()


def default_kkt_tol(dtype: np.dtype[np.floating]) -> float:
    """Return the relative KKT violation that solvers reach by default in a precision."""
    return 1e-3 if dtype == np.float32 else 1e-6


@dataclass(frozen=True)
class TransferCodes:
    """Codes of a given dictionary and what is certain about them.

    Attributes
    ----------
    codes : numpy.ndarray of shape (n_samples, n_components)
    objective : float
        Value at `codes`, all terms.
    kkt_violation : float
        The largest distance of 0 from the subdifferential over all entries; compare with alpha.
    duality_gap : float
        The objective minus a feasible dual value: an upper bound of the suboptimality.
    converged : bool
        Whether `kkt_violation` is within the tolerance asked for.
    n_iter : int
        Proximal gradient iterations.
    n_newton : int
        Newton steps after them.
    mean_difference : numpy.ndarray of shape (n_components,), or None
        Mean source code minus mean target code; None with one domain only.
    """

    codes: FloatArray
    objective: float
    kkt_violation: float
    duality_gap: float
    converged: bool
    n_iter: int
    n_newton: int
    mean_difference: FloatArray | None


@dataclass(frozen=True)
class TransferDictionary:
    """A dictionary learned with its codes.

    Attributes
    ----------
    components : numpy.ndarray of shape (n_components, n_features)
        Atoms in the unit ball.
    codes : TransferCodes
        The codes for these atoms, solved to the final tolerance, with their certificate.
    history : numpy.ndarray of shape (n_iter,)
        The objective after every iteration; it never rises.
    n_iter : int
        Iterations of codes and dictionary.
    converged : bool
        Whether the objective settled within `max_iter` iterations.
    """

    components: FloatArray
    codes: TransferCodes
    history: NDArray[np.float64]
    n_iter: int
    converged: bool


@dataclass(frozen=True)
class TransferProgress:
    """What a callback is told after every iteration.

    Attributes
    ----------
    iteration : int
        Counted from 1.
    objective : float
        Value after the iteration.
    kkt_violation : float
        Of the iteration's codes.
    """

    iteration: int
    objective: float
    kkt_violation: float


def transfer_encode(
    X: ArrayLike,
    components: ArrayLike,
    sample_domain: ArrayLike | None = None,
    *,
    alpha: float = 0.02,
    mmd: float = 60.0,
    laplacian: float = 0.0,
    graph: sparse.sparray | sparse.spmatrix | None = None,
    l2: float = 0.0,
    positive: bool = False,
    init: ArrayLike | None = None,
    max_iter: int = 5000,
    kkt_tol: float | None = None,
    n_threads: int | None = None,
) -> TransferCodes:
    r"""Find the coupled sparse codes of source and target samples in a given dictionary.

    Parameters
    ----------
    X : array_like of shape (n_samples, n_features)
        Signals of all domains; float32 is kept, all else becomes float64.
    components : array_like of shape (n_components, n_features)
        The dictionary, one atom per row.
    sample_domain : array_like of shape (n_samples,), int, optional
        Positive for source, negative for target. None: one domain, without an MMD term.
    alpha : float, default=0.02
        Weight of the l1 norm, > 0.
    mmd : float, default=60.0
        Scale-free weight of the MMD term, >= 0. Published weights :math:`\mu` correspond to
        :math:`\hat\mu = \mu (1/n_s + 1/n_t)`.
    laplacian : float, default=0.0
        Weight of the graph term, >= 0.
    graph : scipy sparse array of shape (n_samples, n_samples), optional
        The graph Laplacian L, symmetric positive semidefinite; required if `laplacian` > 0.
    l2 : float, default=0.0
        Weight of half the squared norm of the codes (elastic net), >= 0.
    positive : bool, default=False
        Whether codes must be non-negative.
    init : array_like of shape (n_samples, n_components), optional
        Codes to start from; zeros by default. They change the time, not the answer.
    max_iter : int, default=5000
        Most proximal gradient iterations.
    kkt_tol : float, optional
        KKT violation, relative to `alpha`, at which to stop: 1e-6 by default in float64, 1e-3 in
        float32.
    n_threads : int, optional
        How many threads. The answer is the same for any number, bit for bit.

    Returns
    -------
    TransferCodes
        Codes and certificate.

    Raises
    ------
    ValueError
        If an argument has the wrong shape or range, or an entry is not finite.
    DomainError
        If `sample_domain` lacks source or target.

    Warns
    -----
    ConvergenceWarning
        If `max_iter` iterations do not reach `kkt_tol`.

    Notes
    -----
    The problem is [1]_

    .. math:: \min_S \tfrac12\|X - DS\|_F^2 + \alpha\|S\|_1 + \tfrac{l_2}2 \|S\|_F^2
       + \tfrac\mu2 \operatorname{tr}(S M S^\top) + \tfrac\gamma2 \operatorname{tr}(S L S^\top)

    with samples as columns and :math:`M = m m^\top`, so that the third trace is the squared
    distance of the domains' mean codes. It is convex. The MMD term couples all samples but has
    rank one: it is solved inside the proximal operator of FISTA, whose step therefore does not
    depend on :math:`\mu`; Newton steps on the active set finish. One iteration costs
    :math:`O(n k^2)`.

    References
    ----------
    .. [1] M. Long, G. Ding, J. Wang, J. Sun, Y. Guo, P. S. Yu, "Transfer Sparse Coding for Robust
       Image Representation", CVPR 2013. https://doi.org/10.1109/CVPR.2013.59

    Examples
    --------
    >>> import numpy as np
    >>> from sparsetransfer.transfer import transfer_encode
    >>> rng = np.random.default_rng(0)
    >>> X, D = rng.normal(size=(40, 8)), rng.normal(size=(5, 8))
    >>> domain = np.repeat([1, -1], 20)
    >>> result = transfer_encode(X, D, domain, alpha=0.1, mmd=600.0)
    >>> result.converged, bool(np.abs(result.mean_difference).max() < 0.05)
    (True, True)
    """
    signals = check_matrix(X, "X")
    n, d = signals.shape
    dictionary = check_matrix(components, "components", dtype=signals.dtype, n_features=d)
    threads = resolve_threads(n_threads)
    alpha, mmd, laplacian, l2 = _strengths(alpha, mmd, laplacian, l2)
    coupling = _Coupling(n, sample_domain, mmd, laplacian, graph, signals.dtype)
    codes = _initial_codes(init, n, len(dictionary), signals.dtype, positive)
    settings = _encode_settings(max_iter, kkt_tol, signals.dtype)
    # Not by NumPy, whose last bits may depend on the threads of its BLAS.
    gram = _core.gram(dictionary, threads)
    gram[np.diag_indices_from(gram)] += l2
    report = _core.transfer_encode(
        gram,
        _core.correlations(dictionary, signals, threads),
        _core.squared_norm(signals, threads),
        *coupling.arrays,
        alpha=alpha,
        positive=bool(positive),
        settings=settings,
        codes=codes,
        num_threads=threads,
    )
    result = _codes(report, codes, coupling)
    if not result.converged:
        _warn(result, alpha)
    return result


def transfer_learn(
    X: ArrayLike,
    dict_init: ArrayLike,
    sample_domain: ArrayLike | None = None,
    *,
    alpha: float = 0.02,
    mmd: float = 60.0,
    laplacian: float = 0.0,
    graph: sparse.sparray | sparse.spmatrix | None = None,
    l2: float = 0.0,
    positive: bool = False,
    positive_dict: bool = False,
    code_init: ArrayLike | None = None,
    max_iter: int = 50,
    tol: float = 1e-5,
    kkt_tol: float | None = None,
    callback: Callable[[TransferProgress], bool | None] | None = None,
    n_threads: int | None = None,
) -> TransferDictionary:
    r"""Learn one dictionary for source and target together with their coupled codes.

    Parameters
    ----------
    X : array_like of shape (n_samples, n_features)
        Signals of all domains; float32 is kept, all else becomes float64.
    dict_init : array_like of shape (n_components, n_features)
        The atoms to start from; longer ones are scaled back to length one.
    sample_domain, alpha, mmd, laplacian, graph, l2, positive, n_threads
        As in `transfer_encode`.
    positive_dict : bool, default=False
        Whether atoms must be non-negative.
    code_init : array_like of shape (n_samples, n_components), optional
        Codes to start from; zeros by default.
    max_iter : int, default=50
        Most iterations of codes and dictionary. 0 solves for the codes only.
    tol : float, default=1e-5
        Relative decrease of the objective per iteration at which to stop.
    kkt_tol : float, optional
        Tolerance of the final codes, as in `transfer_encode`.
    callback : callable, optional
        Called with a `TransferProgress` after every iteration; a true return value stops.

    Returns
    -------
    TransferDictionary
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
        If the final codes do not reach `kkt_tol`.

    See Also
    --------
    transfer_encode : The problem for a given dictionary.

    Notes
    -----
    Codes and atoms take turns. The atoms move by block coordinate descent [1]_ on the statistics
    :math:`SS^\top` and :math:`XS^\top`, in the unit ball; neither coupling term contains them.
    While they move, the codes are solved to a violation of 0.1 and then 0.01 alpha, which costs a
    fraction of exact codes and decreases the objective as fast. An atom that no code uses is
    replaced by the sample that is represented worst.

    References
    ----------
    .. [1] J. Mairal, F. Bach, J. Ponce, G. Sapiro, "Online Learning for Matrix Factorization and
       Sparse Coding", Journal of Machine Learning Research 11, 2010 (Algorithm 2).
    """
    signals = check_matrix(X, "X")
    n, d = signals.shape
    dictionary = check_matrix(dict_init, "dict_init", dtype=signals.dtype, n_features=d)
    threads = resolve_threads(n_threads)
    alpha, mmd, laplacian, l2 = _strengths(alpha, mmd, laplacian, l2)
    coupling = _Coupling(n, sample_domain, mmd, laplacian, graph, signals.dtype)
    if positive_dict:
        dictionary = np.maximum(dictionary, 0)
    lengths = np.linalg.norm(dictionary, axis=1, keepdims=True)
    dictionary = np.ascontiguousarray(dictionary / np.maximum(lengths, 1))
    codes = _initial_codes(code_init, n, len(dictionary), signals.dtype, positive)
    settings = _core.TransferLearnSettings(
        max_iterations=check_integer(max_iter, "max_iter", minimum=0),
        tolerance=check_real(tol, "tol", minimum=0),
        l2=l2,
        positive_codes=bool(positive),
        positive_atoms=bool(positive_dict),
        code_tolerance=1e-2,
        passes=3,
        encode=_encode_settings(5000, kkt_tol, signals.dtype),
    )
    history: list[float] = []

    def observe(progress: TransferProgress) -> bool:
        history.append(progress.objective)
        if callback is None:
            return False
        state = TransferProgress(progress.iteration, progress.objective, progress.kkt_violation)
        return bool(callback(state))

    report = _core.transfer_learn(
        signals,
        *coupling.arrays,
        alpha=alpha,
        settings=settings,
        observer=observe,
        dictionary=dictionary,
        codes=codes,
        num_threads=threads,
    )
    result = _codes(report.codes, codes, coupling)
    if not result.converged:
        _warn(result, alpha)
    return TransferDictionary(
        components=dictionary,
        codes=result,
        history=np.array(history),
        n_iter=report.iterations,
        converged=report.converged,
    )


class _Coupling:
    """The coupling terms as the kernels take them: E = sqrt(mu) m, and L in compressed rows."""

    def __init__(
        self,
        n_samples: int,
        sample_domain: ArrayLike | None,
        mmd: float,
        laplacian: float,
        graph: sparse.sparray | sparse.spmatrix | None,
        dtype: np.dtype[np.floating],
    ) -> None:
        self.weights: NDArray[np.float64] | None = None
        means = np.zeros((0, n_samples), dtype)
        if sample_domain is not None:
            self.weights = mean_weights(check_domains(sample_domain, n_samples))
            if mmd > 0:
                unit = self.weights / np.linalg.norm(self.weights)
                means = (np.sqrt(mmd) * unit)[None].astype(dtype)
        self.arrays = (means, *_laplacian_arrays(n_samples, laplacian, graph, dtype))


def _laplacian_arrays(
    n_samples: int,
    laplacian: float,
    graph: sparse.sparray | sparse.spmatrix | None,
    dtype: np.dtype[np.floating],
) -> tuple[NDArray[np.int64], NDArray[np.int32], FloatArray]:
    if laplacian == 0:
        return np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0, dtype)
    if graph is None:
        raise ValueError(f"graph is required for laplacian={laplacian}")
    if not sparse.issparse(graph) or graph.shape != (n_samples, n_samples):
        got = getattr(graph, "shape", type(graph).__name__)
        raise ValueError(f"graph must be sparse of shape ({n_samples}, {n_samples}), got {got}")
    matrix = sparse.csr_array(graph, dtype=np.float64)
    if not np.isfinite(matrix.data).all():
        raise ValueError("graph must be finite")
    # float32 Laplacians are symmetric to float32 rounding only.
    asymmetry = abs(matrix - matrix.T).max() if matrix.nnz else 0.0
    if asymmetry > 1e-6 * abs(matrix).max():
        raise ValueError(f"graph must be symmetric, got entries that differ by {asymmetry:.3g}")
    matrix = sparse.csr_array((matrix + matrix.T) * (laplacian / 2))
    matrix.sort_indices()
    return (
        matrix.indptr.astype(np.int64),
        matrix.indices.astype(np.int32),
        matrix.data.astype(dtype),
    )


def _strengths(alpha: float, mmd: float, laplacian: float, l2: float) -> tuple[float, ...]:
    return (
        check_real(alpha, "alpha", minimum=0, strict=True),
        check_real(mmd, "mmd", minimum=0),
        check_real(laplacian, "laplacian", minimum=0),
        check_real(l2, "l2", minimum=0),
    )


def _initial_codes(
    init: ArrayLike | None,
    n_samples: int,
    n_components: int,
    dtype: np.dtype[np.floating],
    positive: bool,
) -> FloatArray:
    if init is None:
        return np.zeros((n_samples, n_components), dtype)
    codes = check_matrix(init, "init", dtype=dtype, n_features=n_components)
    if len(codes) != n_samples:
        raise ValueError(f"init must have {n_samples} rows, got {len(codes)}")
    return np.maximum(codes, 0) if positive else codes.copy()


def _encode_settings(max_iter: int, kkt_tol: float | None, dtype: np.dtype[np.floating]) -> Any:
    tolerance = (
        default_kkt_tol(dtype)
        if kkt_tol is None
        else check_real(kkt_tol, "kkt_tol", minimum=0, strict=True)
    )
    return _core.TransferEncodeSettings(
        tolerance=tolerance, max_iterations=check_integer(max_iter, "max_iter", minimum=0)
    )


def _codes(report: Any, codes: FloatArray, coupling: _Coupling) -> TransferCodes:
    difference = None
    if coupling.weights is not None:
        difference = (coupling.weights @ codes).astype(codes.dtype)
    return TransferCodes(
        codes=codes,
        objective=report.objective,
        kkt_violation=report.kkt_violation,
        duality_gap=report.duality_gap,
        converged=report.converged,
        n_iter=report.proximal_iterations,
        n_newton=report.newton_steps,
        mean_difference=difference,
    )


def _warn(result: TransferCodes, alpha: float) -> None:
    warnings.warn(
        f"the codes stopped at a KKT violation of {result.kkt_violation / alpha:.2g} alpha "
        f"(duality gap {result.duality_gap:.2g}) after {result.n_iter} iterations; raise max_iter "
        "or kkt_tol",
        ConvergenceWarning,
        stacklevel=3,
    )
