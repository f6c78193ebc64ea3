"""Dictionary learning on all samples at once, with an objective that never rises."""

import math
import time
from collections.abc import Callable
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from sparsetransfer._former import former_keywords
from sparsetransfer._validation import (
    Mask,
    check_callable,
    check_choice,
    check_generator,
    check_integer,
    check_real,
)
from sparsetransfer.dictionary.result import LearnedDictionary, Progress, Status
from sparsetransfer.dictionary.steps.alternation import State
from sparsetransfer.dictionary.steps.atoms import check_atom_set
from sparsetransfer.dictionary.steps.initialisation import Initialisation
from sparsetransfer.dictionary.steps.problem import FORMER_KEYWORDS, Problem, first_dictionary
from sparsetransfer.dictionary.steps.updates import require_unconstrained

__all__ = ["BatchMethod", "learn_dictionary"]

BatchMethod: TypeAlias = Literal["block_coordinate", "lagrange_dual", "optimal_directions", "ksvd"]
_METHODS = ("block_coordinate", "lagrange_dual", "optimal_directions", "ksvd")


@former_keywords(method="dictionary_update", **FORMER_KEYWORDS)
def learn_dictionary(
    X: ArrayLike,
    n_components: int,
    *,
    alpha: float,
    dictionary_update: BatchMethod = "block_coordinate",
    max_iter: int = 100,
    tol: float = 1e-5,
    init: Initialisation = "samples",
    dict_init: ArrayLike | None = None,
    code_init: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    positive_code: bool = False,
    positive_dict: bool = False,
    l1_ratio: float = 0.0,
    mask: Mask = None,
    n_nonzero_coefs: int | None = None,
    coding_max_iter: int = 1000,
    time_limit: float | None = None,
    callback: Callable[[Progress], bool | None] | None = None,
    rng: np.random.Generator | int | None = None,
    n_jobs: int | None = None,
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
    dictionary_update : {"block_coordinate", "lagrange_dual", "optimal_directions", "ksvd"}
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
    positive_code, positive_dict : bool, default=False
        Keep codes or atoms non-negative.
    l1_ratio : float, default=0
        Keep the atoms d within (1 − l1_ratio)‖d‖² + l1_ratio ‖d‖₁ ≤ 1: the unit ball for 0, the
        ℓ1 ball, which makes atoms sparse, for 1. Like non-negative atoms it needs
        "block_coordinate" or "ksvd".
    mask : array_like of bool, shape (n_samples, n_features), or "nan", optional
        True where an entry of `X` was observed; "nan" takes NaN for missing. The objective then
        counts observed entries only. Needs "block_coordinate".
    n_nonzero_coefs : int, optional
        Code by orthogonal matching pursuit with at most so many atoms instead of by the ℓ1 norm;
        `alpha` must be 0 then. A code is kept where the pursuit finds none that is better, so that
        the objective does not rise; there is no certificate.
    coding_max_iter : int, default=1000
        Rounds of the coder per sample at most.
    time_limit : float, optional
        Seconds after which no further alternation is begun.
    callback : callable, optional
        Called with a `Progress` after every alternation; ends learning by returning True.
    rng : numpy.random.Generator or int, optional
        Source of the first dictionary and of atoms for which there are too few signals, or its
        seed.
    n_jobs : int, optional
        Threads: None for `get_num_threads()`, -1 for all. The result does not depend on it.

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
    Minimises Σ w_i (‖m_i ∘ (x_i − Dᵀs_i)‖²/2 + α ‖s_i‖₁) over D with ‖d_j‖ ≤ 1 and s, where m is
    the mask. Each half step is an
    exact or monotone minimisation. Atoms that repeat another are merged into it, and atoms that no
    code uses become the signals with the largest residual; both leave the objective as it is.
    Where signals are too few or too similar for that, the last atoms get random directions.
    Memory: the codes, and with "ksvd" or a mask one residual as large as `X`.

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
    check_callable(callback, "callback")
    atoms = check_atom_set(positive_dict, l1_ratio)
    check_choice(dictionary_update, "dictionary_update", _METHODS)
    if dictionary_update in ("lagrange_dual", "optimal_directions"):
        require_unconstrained(dictionary_update, atoms)
    if sample_weight is not None and dictionary_update == "ksvd":
        raise ValueError("sample_weight cannot be used with dictionary_update='ksvd'")
    problem = Problem(
        X,
        n_components,
        alpha=alpha,
        sample_weight=sample_weight,
        positive_code=positive_code,
        atoms=atoms,
        coding_max_iter=coding_max_iter,
        mask=mask,
        n_nonzero_coefs=n_nonzero_coefs,
        n_jobs=n_jobs,
    )
    if problem.mask is not None and dictionary_update != "block_coordinate":
        raise ValueError(
            f"mask needs dictionary_update='block_coordinate', got {dictionary_update!r}"
        )
    if dictionary_update == "ksvd" and atoms.l1_ratio > 0 and problem.alpha == 0:
        raise ValueError("l1_ratio with dictionary_update='ksvd' needs a positive alpha")
    max_iter = check_integer(max_iter, "max_iter", minimum=0)
    tol = check_real(tol, "tol", minimum=0.0)
    budget = math.inf if time_limit is None else check_real(time_limit, "time_limit", minimum=0.0)
    start = time.perf_counter()
    generator = check_generator(rng)
    components = first_dictionary(problem, dict_init, init, generator)
    state = State(problem, dictionary_update, components, code_init)
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
            status = "time_limit"
        else:
            continue
        break
    return state.finish(np.array(history), status, generator)


def _is_calm(history: list[float], tol: float) -> bool:
    return len(history) > 1 and history[-2] - history[-1] <= tol * history[-1]
