"""The coupled sparse codes of samples of several domains in a given dictionary."""

from numpy.typing import ArrayLike
from scipy import sparse

from sparsetransfer._former import former_keywords
from sparsetransfer._validation import check_flags, check_matrix, resolve_threads
from sparsetransfer.transfer.couplings import MeanContrasts
from sparsetransfer.transfer.problem import (
    Solver,
    check_strengths,
    initial_codes,
    resolve_coupling,
    resolve_effort,
    solve_codes,
    warn_unconverged,
)
from sparsetransfer.transfer.result import TransferCodes

__all__ = ["transfer_encode"]


@former_keywords(
    components="dictionary", positive="positive_code", init="code_init", n_threads="n_jobs"
)
def transfer_encode(
    X: ArrayLike,
    dictionary: ArrayLike,
    sample_domain: ArrayLike | None = None,
    *,
    alpha: float = 0.02,
    mmd: float = 60.0,
    coupling: MeanContrasts | None = None,
    laplacian: float = 0.0,
    graph: sparse.sparray | sparse.spmatrix | None = None,
    l2: float = 0.0,
    positive_code: bool = False,
    sample_weight: ArrayLike | None = None,
    solver: Solver = "auto",
    code_init: ArrayLike | None = None,
    max_iter: int = 5000,
    kkt_tol: float | None = None,
    n_jobs: int | None = None,
) -> TransferCodes:
    r"""Compute coupled sparse codes of source and target samples in a given dictionary.

    Parameters
    ----------
    X : array_like of shape (n_samples, n_features)
        Signals of all domains; float32 is kept, all else becomes float64.
    dictionary : array_like of shape (n_components, n_features)
        The dictionary, one atom per row.
    sample_domain : array_like of shape (n_samples,), int, optional
        Positive for source, negative for target: the marginal MMD of all source and all target
        samples. None: no MMD term, unless by `coupling`.
    alpha : float, default=0.02
        Weight of the l1 norm, > 0.
    mmd : float, default=60.0
        Scale-free weight of the MMD term, >= 0. Published weights :math:`\mu` correspond to
        :math:`\hat\mu = \mu (1/n_s + 1/n_t)`.
    coupling : MeanContrasts, optional
        Instead of `sample_domain`: the mean codes to draw together, from `couple_domains` (several
        sources and targets, weighted samples) and `couple_classes` (conditional on classes).
    laplacian : float, default=0.0
        Weight of the graph term, >= 0.
    graph : scipy sparse array of shape (n_samples, n_samples), optional
        The graph Laplacian L, symmetric positive semidefinite; required if `laplacian` > 0.
    l2 : float, default=0.0
        Weight of half the squared norm of the codes (elastic net), >= 0.
    positive_code : bool, default=False
        Whether codes must be non-negative.
    sample_weight : array_like of shape (n_samples,), optional
        Weights > 0 of the samples in the data and penalty terms, and in the means drawn together
        by `sample_domain`: a weight of two counts as the sample twice. Equal by default.
    solver : {"auto", "fista", "newton", "admm", "gauss-seidel"}, default="auto"
        Accelerated proximal gradient with Newton steps at the end; the former alone; Newton steps
        from the start; alternating directions with the exact quadratic step; or the published
        loop over the samples, which needs very many sweeps where `mmd` is above about one. All
        have the same answer, and the certificate tells how far each got.
    code_init : array_like of shape (n_samples, n_components), optional
        Codes to start from; zeros by default. They change the time, not the answer.
    max_iter : int, default=5000
        Most iterations: proximal gradient steps, alternating directions, or sweeps. 0 certifies
        `code_init` as it is.
    kkt_tol : float, optional
        KKT violation, relative to `alpha`, at which to stop: 1e-6 by default in float64, 1e-3 in
        float32.
    n_jobs : int, optional
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

    with samples as columns and :math:`M = m m^\top`, so that the first trace is the squared
    distance of the domains' mean codes; `MeanContrasts` tells the other forms. It is convex. The
    MMD term couples all samples but has a low rank: it is solved inside the proximal operator of FISTA, whose step therefore does not
    depend on :math:`\mu`; Newton steps on the active set finish. Alternating directions [2]_ solve
    :math:`(G + \rho I) S + S M' = R` in the eigenvectors of :math:`G = D^\top D`, in closed form
    without a graph. One iteration costs :math:`O(n k^2)`.

    The Gauss-Seidel loop is that of the public code of [1]_: one sample after the other, solved by
    feature-sign search [3]_. Its arithmetic is ours (means of the codes kept up to date, no cap on
    the active atoms), its iterates are the same.

    References
    ----------
    .. [1] M. Long, G. Ding, J. Wang, J. Sun, Y. Guo, P. S. Yu, "Transfer Sparse Coding for Robust
       Image Representation", CVPR 2013. https://doi.org/10.1109/CVPR.2013.59
    .. [2] S. Boyd, N. Parikh, E. Chu, B. Peleato, J. Eckstein, "Distributed Optimization and
       Statistical Learning via the Alternating Direction Method of Multipliers", Foundations and
       Trends in Machine Learning 3(1), 2011. https://doi.org/10.1561/2200000016 (section 3)
    .. [3] H. Lee, A. Battle, R. Raina, A. Y. Ng, "Efficient sparse coding algorithms", NIPS 19,
       2007. https://doi.org/10.7551/mitpress/7503.003.0105 (Algorithm 1)

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
    check_flags(positive_code=positive_code)
    signals = check_matrix(X, "X")
    n, d = signals.shape
    atoms = check_matrix(dictionary, "dictionary", dtype=signals.dtype, n_features=d)
    threads = resolve_threads(n_jobs)
    alpha, mmd, laplacian, l2 = check_strengths(alpha, mmd, laplacian, l2)
    terms = resolve_coupling(n, sample_domain, coupling, mmd, laplacian, graph, sample_weight)
    result = solve_codes(
        signals,
        atoms,
        initial_codes(code_init, n, len(atoms), signals.dtype, positive_code),
        terms,
        resolve_effort(solver, max_iter, kkt_tol, signals.dtype, positive_code),
        alpha=alpha,
        l2=l2,
        positive_code=bool(positive_code),
        threads=threads,
    )
    if not result.converged:
        warn_unconverged(result, alpha, stacklevel=4)
    return result
