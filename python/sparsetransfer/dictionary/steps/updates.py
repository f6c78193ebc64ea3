"""One dictionary step on given statistics or codes."""

from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from sparsetransfer import _core
from sparsetransfer._former import former_keywords
from sparsetransfer._validation import (
    FloatArray,
    check_choice,
    check_flags,
    check_integer,
    check_matrix,
    check_real,
    common_dtype,
    resolve_threads,
)
from sparsetransfer.dictionary.masked_statistics import MaskedStatistics
from sparsetransfer.dictionary.statistics import Statistics
from sparsetransfer.dictionary.steps.atoms import AtomSet, check_atom_set

__all__ = ["Method", "update_dictionary", "update_ksvd"]

Method: TypeAlias = Literal["block_coordinate", "lagrange_dual", "optimal_directions"]
_METHODS = ("block_coordinate", "lagrange_dual", "optimal_directions")


class _KsvdStep(NamedTuple):
    components: FloatArray
    codes: FloatArray


@former_keywords(
    components="dictionary",
    method="dictionary_update",
    positive="positive_dict",
    n_threads="n_jobs",
)
def update_dictionary(
    dictionary: ArrayLike,
    statistics: Statistics,
    *,
    dictionary_update: Method = "block_coordinate",
    passes: int = 1,
    tol: float = 0.0,
    positive_dict: bool = False,
    l1_ratio: float = 0.0,
    n_jobs: int | None = None,
) -> FloatArray:
    """Update a dictionary for fixed codes, given only their statistics.

    Parameters
    ----------
    dictionary : array_like of shape (n_components, n_features)
        The dictionary, atoms in rows; not changed.
    statistics : Statistics
        Of the signals and their codes. `MaskedStatistics` need block coordinates.
    dictionary_update : {"block_coordinate", "lagrange_dual", "optimal_directions"}, default="block_coordinate"
        Exact minimisation over one atom of the unit ball after the other; the exact minimiser over
        all of them through its dual; or unconstrained least squares, whose atoms have any length
        (scale them together with the codes).
    passes : int, default=1
        At most so many passes over the atoms, or interior-point steps of the dual.
    tol : float, default=0
        Block coordinates: stop after a pass in which no atom moved farther. Dual: the relative
        duality gap to stop at.
    positive_dict : bool, default=False
        Keep the atoms non-negative (block coordinates only).
    l1_ratio : float, default=0
        Keep the atoms d within (1 − l1_ratio)‖d‖² + l1_ratio ‖d‖₁ ≤ 1: the unit ball for 0, the
        ℓ1 ball, which makes atoms sparse, for 1 (in between: block coordinates only).
    n_jobs : int, optional
        Threads: None for `get_num_threads()`, -1 for all. The result does not depend on it.

    Returns
    -------
    numpy.ndarray of shape (n_components, n_features)
        With the dtype of `statistics`. The objective is never higher than before. Atoms that no
        code uses are unchanged.

    Raises
    ------
    ValueError
        If shapes do not fit, or `dictionary_update` is unknown or cannot keep what was asked for.

    Notes
    -----
    Minimises tr(D Dᵀ A)/2 − tr(D Bᵀ). A block-coordinate pass costs O(k² d) operations, a step of
    the dual or optimal directions O(k³ + k² d).

    References
    ----------
    J. Mairal, F. Bach, J. Ponce, G. Sapiro. Online Learning for Matrix Factorization and Sparse
    Coding. JMLR 11 (2010), algorithm 2.

    H. Lee, A. Battle, R. Raina, A. Y. Ng. Efficient sparse coding algorithms. NIPS 19 (2007),
    section 4. DOI 10.7551/mitpress/7503.003.0105

    K. Engan, S. O. Aase, J. H. Husøy. Method of optimal directions for frame design. ICASSP 1999.
    DOI 10.1109/ICASSP.1999.760624

    Examples
    --------
    >>> import numpy as np
    >>> from sparsetransfer.dictionary import Statistics
    >>> rng = np.random.default_rng(0)
    >>> X, codes = rng.normal(size=(30, 4)), rng.normal(size=(30, 3))
    >>> statistics = Statistics(3, 4).add(X, codes)
    >>> free = update_dictionary(np.eye(3, 4), statistics, dictionary_update="optimal_directions")
    >>> np.allclose(free, np.linalg.lstsq(codes, X)[0])  # least squares
    True
    """
    check_choice(dictionary_update, "dictionary_update", _METHODS)
    atoms = check_atom_set(positive_dict, l1_ratio)
    if dictionary_update != "block_coordinate":
        require_unconstrained(dictionary_update, atoms)
        if isinstance(statistics, MaskedStatistics):
            raise ValueError(
                f"masked statistics need dictionary_update='block_coordinate', got {dictionary_update!r}"
            )
    passes = check_integer(passes, "passes", minimum=1)
    tol = check_real(tol, "tol", minimum=0.0)
    updated = check_matrix(
        dictionary, "dictionary", dtype=statistics.A.dtype, n_features=statistics.n_features
    ).copy()
    _update(
        updated,
        statistics,
        dictionary_update=dictionary_update,
        passes=passes,
        tol=tol,
        atoms=atoms,
        num_threads=resolve_threads(n_jobs),
    )
    return updated


def _update(
    components: FloatArray,
    statistics: Statistics,
    *,
    dictionary_update: str,
    passes: int,
    tol: float,
    atoms: AtomSet,
    num_threads: int,
) -> None:
    """Update checked `components` in place."""
    A, B = statistics.A, statistics.B
    if isinstance(statistics, MaskedStatistics):
        _core.dictionary_from_masked(
            A,
            B,
            components,
            passes=passes,
            tolerance=tol,
            num_threads=num_threads,
            **atoms._asdict(),
        )
    elif dictionary_update == "lagrange_dual":
        _core.dictionary_lagrange_dual(
            A, B, components, max_iterations=passes, tolerance=tol, num_threads=num_threads
        )
    elif dictionary_update == "optimal_directions":
        _core.dictionary_optimal_directions(A, B, components, num_threads=num_threads)
    else:
        _core.dictionary_block_coordinate(
            A,
            B,
            components,
            passes=passes,
            tolerance=tol,
            num_threads=num_threads,
            **atoms._asdict(),
        )


def update_ksvd(
    X: ArrayLike,
    dictionary: ArrayLike,
    codes: ArrayLike,
    *,
    alpha: float = 0.0,
    positive_dict: bool = False,
    positive_code: bool = False,
    l1_ratio: float = 0.0,
    n_jobs: int | None = None,
) -> _KsvdStep:
    """Update atoms and the codes that use them together, by one pass of approximate K-SVD.

    - `X` (n_samples, n_features): signals.
    - `dictionary` (n_components, n_features): the dictionary, atoms in rows; not changed.
    - `codes` (n_samples, n_components): not changed; the supports of the new codes are within
      theirs.
    - `alpha`: the penalty of the codes. Zero means fixed supports (as from OMP) and unit-norm
      atoms.
    - `positive_dict`, `positive_code`: keep atoms or codes non-negative.
    - `l1_ratio`: the set of the atoms, as in `update_dictionary`; needs a positive `alpha`.
    - `n_jobs`: threads: None for `get_num_threads()`, -1 for all. The result does not depend on it.

    Returns `components` (n_components, n_features) and `codes` (n_samples, n_components). Raises
    ValueError if shapes do not fit, an entry is not finite, or `alpha` is negative.

    ‖X − S D‖²/2 + α ‖S‖₁ never rises: both the atom (E g / ‖g‖², put inside the unit ball) and its
    coefficients (soft(E d, α) / ‖d‖²) are exact minimisers. Holds one residual as large as `X`.

    References
    ----------
    R. Rubinstein, M. Zibulevsky, M. Elad. Efficient Implementation of the K-SVD Algorithm using
    Batch Orthogonal Matching Pursuit. Technion CS-2008-08 (2008), algorithm 5; the soft threshold
    for α > 0 is ours.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[3.0, 4.0], [6.0, 8.0]])
    >>> step = update_ksvd(X, [[1.0, 0.0]], [[3.0], [6.0]])
    >>> np.allclose(step.codes @ step.components, X)  # one atom is enough
    True
    """
    check_flags(positive_code=positive_code)
    atoms = check_atom_set(positive_dict, l1_ratio)
    alpha = check_real(alpha, "alpha", minimum=0.0)
    if alpha == 0 and atoms.l1_ratio > 0:
        raise ValueError("l1_ratio needs a positive alpha: fixed supports have unit-norm atoms")
    dtype = common_dtype(X)
    X = check_matrix(X, "X", dtype=dtype)
    components = check_matrix(dictionary, "dictionary", dtype=dtype, n_features=X.shape[1]).copy()
    codes = check_matrix(codes, "codes", dtype=dtype, n_features=len(components)).copy()
    if len(codes) != len(X):
        raise ValueError(f"codes must have one row per sample, got {len(codes)} for {len(X)}")
    _core.dictionary_ksvd(
        X,
        codes,
        components,
        alpha=alpha,
        positive_dictionary=atoms.positive,
        positive_codes=bool(positive_code),
        l1_ratio=atoms.l1_ratio,
        num_threads=resolve_threads(n_jobs),
    )
    return _KsvdStep(components, codes)


def require_unconstrained(dictionary_update: str, atoms: AtomSet) -> None:
    """Raise for sets of atoms that only block coordinates and K-SVD can keep."""
    if atoms.positive:
        raise ValueError(
            f"positive atoms cannot be kept by dictionary_update={dictionary_update!r}"
        )
    if atoms.l1_ratio > 0:
        raise ValueError(f"an l1_ratio cannot be kept by dictionary_update={dictionary_update!r}")


def stationarity(components: FloatArray, statistics: Statistics, atoms: AtomSet) -> float:
    """Return how far the farthest atom would move in its own exact update.

    Zero exactly at a dictionary that no single-atom update improves, which for fixed codes is the
    optimum. Unused atoms do not count.
    """
    curvature, slope = statistics._curvature_and_slope(components)
    total = curvature.sum(axis=1)
    used = total > np.finfo(total.dtype).eps * total.max(initial=0.0)
    if not used.any():
        return 0.0
    moved = atoms.nearest_to_slope(curvature[used], slope[used])
    return float(np.linalg.norm(moved - components[used], axis=1).max())
