"""One dictionary for several domains, together with its coupled codes."""

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from sparsetransfer import _simd
from sparsetransfer._validation import check_integer, check_matrix, check_real, resolve_threads
from sparsetransfer.transfer.couplings import MeanCoupling
from sparsetransfer.transfer.problem import (
    Coupling,
    Solver,
    check_strengths,
    encode_settings,
    initial_codes,
    pack_codes,
    warn_unconverged,
)
from sparsetransfer.transfer.result import TransferDictionary, TransferProgress

__all__ = ["transfer_learn"]

_core = _simd.load()

DictionaryUpdate: TypeAlias = Literal["block_coordinate", "lagrange_dual"]
_UPDATES = {
    "block_coordinate": _core.DictionaryUpdate.block_coordinate,
    "lagrange_dual": _core.DictionaryUpdate.lagrange_dual,
}
_NO_UPDATES = {
    "optimal_directions": "its atoms have any length, and the weights of the codes' penalties mean "
    "nothing without the unit ball; 'lagrange_dual' is the exact minimiser in the ball",
    "ksvd": "it changes codes sample by sample as if they were not coupled",
}


def transfer_learn(
    X: ArrayLike,
    dict_init: ArrayLike,
    sample_domain: ArrayLike | None = None,
    *,
    alpha: float = 0.02,
    mmd: float = 60.0,
    coupling: MeanCoupling | None = None,
    laplacian: float = 0.0,
    graph: sparse.sparray | sparse.spmatrix | None = None,
    l2: float = 0.0,
    positive: bool = False,
    positive_dict: bool = False,
    solver: Solver = "auto",
    dictionary_update: DictionaryUpdate = "block_coordinate",
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
    sample_domain, alpha, mmd, coupling, laplacian, graph, l2, positive, n_threads
        As in `transfer_encode`.
    positive_dict : bool, default=False
        Whether atoms must be non-negative.
    solver : {"auto", "fista", "newton", "admm", "gauss-seidel"}, default="auto"
        As in `transfer_encode`. "gauss-seidel" is the published alternation: one sweep over the
        samples an iteration, and none after the last. Its codes usually stay far from their
        optimum, which their certificate tells.
    dictionary_update : {"block_coordinate", "lagrange_dual"}, default="block_coordinate"
        How the atoms move: some passes of exact steps in one atom after the other, or the exact
        minimiser over all atoms through its dual (the published choice).
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
    Codes and atoms take turns. The atoms move by block coordinate descent [1]_ or the Lagrange
    dual [2]_ on the statistics :math:`SS^\top` and :math:`XS^\top`, in the unit ball; neither
    coupling term contains them.
    While they move, the codes are solved to a violation of 0.1 and then 0.01 alpha, which costs a
    fraction of exact codes and decreases the objective as fast. An atom that no code uses is
    replaced by the sample that is represented worst.

    References
    ----------
    .. [1] J. Mairal, F. Bach, J. Ponce, G. Sapiro, "Online Learning for Matrix Factorization and
       Sparse Coding", Journal of Machine Learning Research 11, 2010 (Algorithm 2).
    .. [2] H. Lee, A. Battle, R. Raina, A. Y. Ng, "Efficient sparse coding algorithms", NIPS 19,
       2007. https://doi.org/10.7551/mitpress/7503.003.0105 (section 4)
    """
    signals = check_matrix(X, "X")
    n, d = signals.shape
    dictionary = check_matrix(dict_init, "dict_init", dtype=signals.dtype, n_features=d)
    threads = resolve_threads(n_threads)
    alpha, mmd, laplacian, l2 = check_strengths(alpha, mmd, laplacian, l2)
    terms = Coupling(n, sample_domain, coupling, mmd, laplacian, graph, signals.dtype)
    if positive_dict:
        dictionary = np.maximum(dictionary, 0)
    lengths = np.linalg.norm(dictionary, axis=1, keepdims=True)
    dictionary = np.ascontiguousarray(dictionary / np.maximum(lengths, 1))
    codes = initial_codes(code_init, n, len(dictionary), signals.dtype, positive)
    settings = _core.TransferLearnSettings(
        max_iterations=check_integer(max_iter, "max_iter", minimum=0),
        tolerance=check_real(tol, "tol", minimum=0),
        l2=l2,
        positive_codes=bool(positive),
        positive_atoms=bool(positive_dict),
        code_tolerance=1e-2,
        passes=3,
        dictionary_update=_dictionary_update(dictionary_update, positive_dict),
        encode=encode_settings(
            solver, 1 if solver == "gauss-seidel" else 5000, kkt_tol, signals.dtype, positive
        ),
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
        *terms.arrays,
        alpha=alpha,
        settings=settings,
        observer=observe,
        dictionary=dictionary,
        codes=codes,
        num_threads=threads,
    )
    result = pack_codes(report.codes, codes, terms)
    if not result.converged:
        warn_unconverged(result, alpha)
    return TransferDictionary(
        components=dictionary,
        codes=result,
        history=np.array(history),
        n_iter=report.iterations,
        converged=report.converged,
    )


def _dictionary_update(name: str, positive: bool) -> Any:
    if name in _NO_UPDATES:
        raise ValueError(f"dictionary_update={name!r} does not suit: {_NO_UPDATES[name]}")
    if name not in _UPDATES:
        raise ValueError(f"dictionary_update must be one of {', '.join(_UPDATES)}, got {name!r}")
    if positive and name != "block_coordinate":
        raise ValueError(f"positive_dict needs dictionary_update='block_coordinate', got {name!r}")
    return _UPDATES[name]
