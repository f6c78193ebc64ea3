"""One dictionary for several domains, together with its coupled codes."""

import warnings
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from sparsetransfer import _simd
from sparsetransfer._former import former_keywords
from sparsetransfer._validation import (
    FloatArray,
    check_callable,
    check_choice,
    check_flags,
    check_integer,
    check_matrix,
    check_real,
    resolve_threads,
)
from sparsetransfer.exceptions import ConvergenceWarning
from sparsetransfer.transfer.couplings import MeanContrasts
from sparsetransfer.transfer.problem import (
    Solver,
    certify_rounded,
    check_strengths,
    describe_unconverged,
    describe_zero,
    initial_codes,
    pack_codes,
    resolve_coupling,
    resolve_effort,
)
from sparsetransfer.transfer.result import TransferDictionary, TransferProgress
from sparsetransfer.transfer.supervision import Supervision

__all__ = ["alternate", "transfer_learn", "warn_unsettled"]

_core = _simd.load()

_TINY = float(np.finfo(np.float64).tiny)

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


@former_keywords(positive="positive_code", n_threads="n_jobs")
def transfer_learn(
    X: ArrayLike,
    dict_init: ArrayLike,
    sample_domain: ArrayLike | None = None,
    *,
    alpha: float = 0.02,
    mmd: float = 60.0,
    coupling: MeanContrasts | None = None,
    laplacian: float = 0.0,
    graph: sparse.sparray | sparse.spmatrix | None = None,
    l2: float = 0.0,
    positive_code: bool = False,
    positive_dict: bool = False,
    sample_weight: ArrayLike | None = None,
    label: float = 0.0,
    label_l2: float = 1.0,
    y: ArrayLike | None = None,
    solver: Solver = "auto",
    dictionary_update: DictionaryUpdate = "block_coordinate",
    code_init: ArrayLike | None = None,
    max_iter: int = 1000,
    tol: float = 1e-5,
    kkt_tol: float | None = None,
    callback: Callable[[TransferProgress], bool | None] | None = None,
    n_jobs: int | None = None,
) -> TransferDictionary:
    r"""Learn one dictionary for source and target together with their coupled codes.

    Parameters
    ----------
    X : array_like of shape (n_samples, n_features)
        Signals of all domains; float32 is kept, all else becomes float64.
    dict_init : array_like of shape (n_components, n_features)
        The atoms to start from; longer ones are scaled back to length one.
    sample_domain, alpha, mmd, coupling, laplacian, graph, l2, positive_code, n_jobs
        As in `transfer_encode`.
    positive_dict : bool, default=False
        Whether atoms must be non-negative.
    sample_weight : array_like of shape (n_samples,), optional
        As in `transfer_encode`.
    label : float, default=0.0
        Weight :math:`\beta` of the supervised term, >= 0.
    label_l2 : float, default=1.0
        Weight :math:`\nu` of half the squared norm of its map, > 0.
    y : array_like of shape (n_samples,), optional
        Classes for it; masked samples (-1, NaN, None), usually the target's, take no part.
    solver : {"auto", "fista", "newton", "admm", "gauss-seidel"}, default="auto"
        As in `transfer_encode`. "gauss-seidel" is the published alternation: one sweep over the
        samples an iteration, and none after the last. Its codes usually stay far from their
        optimum, which their certificate tells.
    dictionary_update : {"block_coordinate", "lagrange_dual"}, default="block_coordinate"
        How the atoms move: some passes of exact steps in one atom after the other, or the exact
        minimiser over all atoms through its dual (the published choice).
    code_init : array_like of shape (n_samples, n_components), optional
        Codes to start from; zeros by default.
    max_iter : int, default=1000
        Most iterations of codes and dictionary. 0 solves for the codes only.
    tol : float, default=1e-5
        Relative decrease of the objective per iteration, averaged over the last ten, at which to
        stop.
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
        If the objective did not settle to `tol` within `max_iter` iterations, or the final codes do
        not reach `kkt_tol`.

    See Also
    --------
    transfer_encode : The problem for a given dictionary.

    Notes
    -----
    Codes and atoms take turns. The atoms move by block coordinate descent [1]_ or the Lagrange
    dual [2]_ on the statistics :math:`SS^\top` and :math:`XS^\top`, in the unit ball; neither
    coupling term contains them.
    Every iteration first moves atoms and codes on along their last step, as in Nesterov's
    method, and is made again without where that did not lower the objective.

    With `label` > 0 the objective has the term

    .. math:: \frac\beta2 \sum_{i\ \text{labelled}} \|h_i - W s_i\|^2 + \frac\nu2\|W\|_F^2

    with :math:`h_i` the indicator of the class of sample i: codes, and through them the atoms, are
    to tell the classes by a linear map W, which is learned along by ridge regression. For all
    samples labelled these are the extended signals :math:`[X; \sqrt\beta H]` of discriminative
    K-SVD [3]_, the classifier term of label-consistent K-SVD [4]_; here an unlabelled sample has
    no extension, and codes and atoms are solved for under their penalties.

    While the atoms move, the codes are rough: with ``solver="auto"`` up to five sweeps of coordinate
    descent over the atoms, each exact in all codes of an atom together; with the other solvers a
    violation of 0.1 and then 0.01 alpha. That costs a fraction of exact codes and decreases the
    objective nearly as fast per iteration. An atom that no code uses is replaced by the sample that
    is represented worst.

    References
    ----------
    .. [1] J. Mairal, F. Bach, J. Ponce, G. Sapiro, "Online Learning for Matrix Factorization and
       Sparse Coding", Journal of Machine Learning Research 11, 2010 (Algorithm 2).
    .. [2] H. Lee, A. Battle, R. Raina, A. Y. Ng, "Efficient sparse coding algorithms", NIPS 19,
       2007. https://doi.org/10.7551/mitpress/7503.003.0105 (section 4)
    .. [3] Q. Zhang, B. Li, "Discriminative K-SVD for Dictionary Learning in Face Recognition",
       CVPR 2010. https://doi.org/10.1109/CVPR.2010.5539989
    .. [4] Z. Jiang, Z. Lin, L. S. Davis, "Label Consistent K-SVD: Learning a Discriminative
       Dictionary for Recognition", IEEE Transactions on Pattern Analysis and Machine Intelligence
       35(11), 2013. https://doi.org/10.1109/TPAMI.2013.88

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X, domains = rng.normal(size=(40, 6)), np.repeat([1, -1], 20)
    >>> X[20:] += 0.3
    >>> learned = transfer_learn(X, X[::4], domains, alpha=0.2, mmd=10.0, tol=1e-3)
    >>> learned.components.shape, bool(np.all(np.diff(learned.history) <= 1e-9))
    ((10, 6), True)
    """
    check_flags(positive_code=positive_code, positive_dict=positive_dict)
    check_callable(callback, "callback")
    signals = check_matrix(X, "X")
    learned = alternate(
        signals,
        check_matrix(dict_init, "dict_init", dtype=signals.dtype, n_features=signals.shape[1]),
        sample_domain,
        alpha=alpha,
        mmd=mmd,
        coupling=coupling,
        laplacian=laplacian,
        graph=graph,
        l2=l2,
        positive_code=positive_code,
        positive_dict=positive_dict,
        sample_weight=sample_weight,
        label=label,
        label_l2=label_l2,
        y=y,
        solver=solver,
        dictionary_update=dictionary_update,
        code_init=code_init,
        max_iter=max_iter,
        tol=tol,
        kkt_tol=kkt_tol,
        callback=callback,
        threads=resolve_threads(n_jobs),
    )
    warn_unsettled(learned, alpha, max_iter, stacklevel=4)
    return learned


def alternate(
    signals: FloatArray,
    dictionary: FloatArray,
    sample_domain: ArrayLike | None = None,
    *,
    alpha: float,
    mmd: float,
    coupling: MeanContrasts | None,
    laplacian: float,
    graph: sparse.sparray | sparse.spmatrix | None,
    l2: float,
    positive_code: bool,
    positive_dict: bool,
    sample_weight: ArrayLike | None = None,
    label: float,
    label_l2: float,
    y: ArrayLike | None,
    solver: Solver,
    dictionary_update: DictionaryUpdate,
    code_init: ArrayLike | None,
    max_iter: int,
    tol: float,
    kkt_tol: float | None,
    callback: Callable[[TransferProgress], bool | None] | None,
    threads: int,
) -> TransferDictionary:
    """Learn as `transfer_learn`, from validated arrays and without its warning."""
    n = len(signals)
    alpha, mmd, laplacian, l2 = check_strengths(alpha, mmd, laplacian, l2)
    terms = resolve_coupling(n, sample_domain, coupling, mmd, laplacian, graph, sample_weight)
    if positive_dict:
        dictionary = np.maximum(dictionary, 0)
    lengths = np.linalg.norm(dictionary, axis=1, keepdims=True)
    dictionary = np.ascontiguousarray(dictionary / np.maximum(lengths, 1))
    codes = terms.scale(initial_codes(code_init, n, len(dictionary), signals.dtype, positive_code))
    supervision = Supervision(y, n, len(dictionary), label, label_l2, terms, solver, signals.dtype)
    effort = resolve_effort(
        solver, 1 if solver == "gauss-seidel" else 5000, kkt_tol, signals.dtype, positive_code
    )
    iterations = check_integer(max_iter, "max_iter", minimum=0)
    tolerance = check_real(tol, "tol", minimum=0)
    update = _dictionary_update(dictionary_update, positive_dict)
    history: list[float] = []

    def observe(progress: TransferProgress) -> bool:
        history.append(progress.objective)
        if callback is None:
            return False
        state = TransferProgress(progress.iteration, progress.objective, progress.kkt_violation)
        return bool(callback(state))

    def learn(atoms: FloatArray, codes: FloatArray, alternations: int, code_iter: int) -> Any:
        dtype = codes.dtype
        return _core.transfer_learn(
            terms.scale(signals.astype(dtype, copy=False)),
            *terms.arrays(dtype),
            alpha=alpha,
            settings=_core.TransferLearnSettings(
                max_iterations=alternations,
                tolerance=tolerance,
                l2=l2,
                positive_codes=bool(positive_code),
                positive_atoms=bool(positive_dict),
                code_tolerance=1e-2,
                passes=3,
                dictionary_update=update,
                encode=effort.settings(code_iter),
            ),
            penalties=terms.penalties(dtype),
            **supervision.arguments(dtype),
            observer=observe,
            dictionary=atoms,
            codes=codes,
            num_threads=threads,
        )

    report = learn(dictionary, codes, iterations, effort.max_iter)
    result = pack_codes(report.codes, codes, terms)
    if signals.dtype == np.float32:
        atoms = dictionary.astype(np.float64)
        result = certify_rounded(
            result,
            lambda exact, steps: learn(atoms, exact, 0, steps).codes,
            terms,
            0 if solver == "gauss-seidel" else effort.max_iter - result.n_iter,
        )
    return TransferDictionary(
        components=dictionary,
        codes=result,
        history=np.array(history),
        n_iter=report.iterations,
        converged=report.converged,
        classes=supervision.classes,
        label_map=None if supervision.classes is None else supervision.map.T.copy(),
    )


def warn_unsettled(
    learned: TransferDictionary, alpha: float, max_iter: int, *, stacklevel: int = 3
) -> None:
    """Warn once if the alternation ran out of iterations, or codes are short of their tolerance or 0.

    A callback that ended the alternation, and `max_iter` of 0, had what they asked for.
    """
    parts = [] if learned.codes.codes.any() else [describe_zero(alpha)]
    history = learned.history
    if not learned.codes.converged:
        parts.append(describe_unconverged(learned.codes, alpha))
    if not learned.converged and 0 < max_iter <= learned.n_iter:
        last = history[-min(len(history), 11) :]
        rate = (last[0] - last[-1]) / max(len(last) - 1, 1) / max(abs(last[-1]), _TINY)
        parts.append(
            f"the alternation stopped after {learned.n_iter} iterations before the objective "
            f"settled (it still fell by {rate:.2g} of itself per iteration); raise max_iter or tol"
        )
    if parts:
        warnings.warn("; ".join(parts), ConvergenceWarning, stacklevel=stacklevel)


def _dictionary_update(name: str, positive_code: bool) -> Any:
    if str(name) in _NO_UPDATES:
        raise ValueError(f"dictionary_update={name!r} does not suit: {_NO_UPDATES[name]}")
    check_choice(name, "dictionary_update", _UPDATES)
    if positive_code and name != "block_coordinate":
        raise ValueError(f"positive_dict needs dictionary_update='block_coordinate', got {name!r}")
    return _UPDATES[name]
