"""Dictionary learning from mini-batches: one pass, many passes, or a stream."""

import copy
import hashlib
import math
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sparsetransfer import _core
from sparsetransfer._former import former_keywords
from sparsetransfer._linalg import inner, matmul
from sparsetransfer._validation import (
    FloatArray,
    Mask,
    check_callable,
    check_flags,
    check_generator,
    check_integer,
    check_real,
)
from sparsetransfer.dictionary.masked_statistics import MaskedStatistics
from sparsetransfer.dictionary.result import LearnedDictionary, Progress, Status
from sparsetransfer.dictionary.statistics import Statistics
from sparsetransfer.dictionary.steps.alternation import warn_unless_converged
from sparsetransfer.dictionary.steps.atoms import AtomSet, check_atom_set
from sparsetransfer.dictionary.steps.coding import Certificate
from sparsetransfer.dictionary.steps.initialisation import Initialisation
from sparsetransfer.dictionary.steps.problem import (
    FORMER_KEYWORDS,
    Problem,
    batches,
    first_dictionary,
)
from sparsetransfer.dictionary.steps.updates import _update, stationarity

__all__ = ["OnlineState", "learn_dictionary_online"]

# An atom is dead once it went unused for so many samples per atom; one that never was used, for one.
_PATIENCE = 10
# Codes of a dictionary that is about to move need no more; the final codes are exact.
_PASSING_TOLERANCE = 0.05
# Forgetting sets in after so many samples per atom: before, there is nothing to spare.
_SLOWNESS = 5


class OnlineState:
    """A dictionary and the statistics it follows from, moved on by one mini-batch after another.

    - `components` (n_components, n_features): the first dictionary; changed in place from then on.
    - `forgetting`: the exponent ρ of the weight ((seen + 5 k) / (now + 5 k))^ρ that old samples
      keep.
    - `n_samples`: how many samples there are, if they come back pass after pass: from the third
      pass on old codes fade by exp(-2) a pass, lest later passes move the dictionary less and less.
      By default a pass ends when its first batch comes back.
    - `rng`: source of atoms for which there are too few signals; a copy is kept.
    - `masked`: whether entries will be missing.
    """

    def __init__(
        self,
        components: FloatArray,
        forgetting: float,
        n_samples: float | None = None,
        *,
        rng: np.random.Generator,
        masked: bool = False,
    ) -> None:
        self.components = components
        # Its draws depend on neither how many batches come nor how they are shuffled.
        self._rng = copy.deepcopy(rng)
        self.forgetting = forgetting
        self.n_samples = math.inf if n_samples is None else n_samples
        kind = MaskedStatistics if masked else Statistics
        self.statistics: Statistics = kind(
            components.shape[0], components.shape[1], dtype=components.dtype
        )
        self.n_seen = 0.0
        self.unused_since = np.full(len(components), (_PATIENCE - 1.0) * len(components))
        self._known_length = n_samples is not None
        self._first_batch = ""
        self._pass_began = 0.0

    def _kept_share(self, weight: float) -> float:
        """Return what the past keeps when samples of this weight come.

        Shares of successive batches multiply to the share of all of them in one batch: how samples
        are cut into batches does not matter.
        """
        slowness = _SLOWNESS * len(self.components)
        past, now = self.n_seen + slowness, self.n_seen + weight + slowness
        share = (past / now) ** self.forgetting
        if self.forgetting > 0 and self.n_seen >= 2 * self.n_samples:
            share = min(share, math.exp(-2 * weight / self.n_samples))
        return float(share)

    def step(
        self,
        problem: Problem,
        X: FloatArray,
        weights: FloatArray,
        mask: NDArray[np.bool_] | None,
    ) -> tuple[float, Certificate]:
        """Encode a batch, add it to the statistics, update the dictionary.

        Returns the batch's mean objective at the dictionary as it was, and the certificate.
        """
        if not self._known_length:
            self._measure_pass(X)
        codes = np.empty((len(X), len(self.components)), X.dtype)
        certificate = problem.coder(
            X, self.components, codes, warm=False, tolerance=_PASSING_TOLERANCE, mask=mask
        )
        weight = float(weights.sum(dtype=np.float64)) if weights.size else float(len(X))
        if self.n_seen > 0:
            self.statistics.decay(self._kept_share(weight))
        self.n_seen += weight
        self.statistics._accumulate(X, codes, weights, problem.num_threads, mask)
        _update(
            self.components,
            self.statistics,
            dictionary_update="block_coordinate",
            passes=1,
            tol=0.0,
            atoms=problem.atoms,
            num_threads=problem.num_threads,
        )
        self._revive(problem, X, codes, weight, mask)
        return float(
            np.average(certificate.objective, weights=weights if weights.size else None)
        ), certificate

    def expect_new_samples(self) -> None:
        """Reset the number of samples: those to come may be others."""
        self.n_samples, self._known_length = math.inf, False

    def _measure_pass(self, X: FloatArray) -> None:
        """Count the samples of a pass by the weight seen between two visits of its first batch."""
        batch = hashlib.blake2b(np.ascontiguousarray(X).data, digest_size=16).hexdigest()
        if not self._first_batch:
            self._first_batch, self._pass_began = batch, self.n_seen
        elif batch == self._first_batch:
            self.n_samples, self._pass_began = self.n_seen - self._pass_began, self.n_seen
        elif self.n_seen >= self._pass_began + self.n_samples:
            self.n_samples = math.inf  # New samples: a stream after all.

    def _revive(
        self,
        problem: Problem,
        X: FloatArray,
        codes: FloatArray,
        weight: float,
        mask: NDArray[np.bool_] | None,
    ) -> None:
        """Replace zero atoms, and atoms long unused, by the batch's signals explained worst."""
        self.unused_since += weight
        self.unused_since[codes.any(axis=0)] = 0.0
        k = len(self.components)
        dead = np.flatnonzero((self.unused_since > _PATIENCE * k) | ~self.components.any(axis=1))
        if not dead.size:
            return
        if mask is not None:
            # Missing entries as the dictionary explains them.
            X = np.where(mask, X, matmul(codes, self.components))
        replaced = _core.dictionary_replace_atoms(
            X,
            dead,
            codes,
            self.components,
            num_threads=problem.num_threads,
            **problem.atoms._asdict(),
        )
        self.statistics._forget(replaced)
        self.unused_since[replaced] = (_PATIENCE - 1.0) * k

    def finished(self, atoms: AtomSet) -> FloatArray:
        """Return the dictionary, with random atoms where there were too few signals for more."""
        return atoms.without_zeros(self.components, copy.deepcopy(self._rng))


@former_keywords(**FORMER_KEYWORDS)
def learn_dictionary_online(
    X: ArrayLike,
    n_components: int,
    *,
    alpha: float,
    batch_size: int | None = None,
    n_epochs: float = 1,
    forgetting: float = 4.0,
    tol: float = 0.0,
    shuffle: bool = True,
    return_codes: bool = True,
    init: Initialisation = "samples",
    dict_init: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    positive_code: bool = False,
    positive_dict: bool = False,
    l1_ratio: float = 0.0,
    mask: Mask = None,
    coding_max_iter: int = 1000,
    time_limit: float | None = None,
    callback: Callable[[Progress], bool | None] | None = None,
    rng: np.random.Generator | int | None = None,
    n_jobs: int | None = None,
) -> LearnedDictionary:
    """Learn a dictionary from mini-batches: the way to learn from many samples fast.

    Parameters
    ----------
    X : array_like of shape (n_samples, n_features)
        Signals. float32 is kept.
    n_components : int
        The number of atoms.
    alpha : float
        The weight of the codes' ℓ1 norm, at the scale of ‖x‖²/2.
    batch_size : int, optional
        Samples between two dictionary steps; the last batch of a pass may be smaller. By default
        one sample per atom but at least 256: a step costs as much as coding some hundred samples.
    n_epochs : float, default=1
        Passes over the samples; 1.5 end half-way through the second, after whole samples.
    forgetting : float, default=4
        The exponent ρ ≥ 0 of the weight ((seen + 5 k) / (now + 5 k))^ρ that old samples keep, with
        k atoms: their codes belong to an old dictionary. From the third pass on they fade by
        exp(-2) a pass if that is less. Zero forgets nothing.
    tol : float, default=0
        Stop when no atom moved farther than this over a pass's worth of samples; zero never stops.
    shuffle : bool, default=True
        Draw a new order of the samples for every pass.
    return_codes : bool, default=True
        Code all samples at the final dictionary and certify the codes.
    init : {"samples", "spread", "svd"}, default="samples"
        The first dictionary, see `initial_dictionary`; not used with `dict_init`.
    dict_init : array_like of shape (n_components, n_features), optional
        The first dictionary. Atoms longer than one are scaled to one.
    sample_weight : array_like of shape (n_samples,), optional
        Non-negative weights; they multiply the samples in the statistics.
    positive_code, positive_dict : bool, default=False
        Keep codes or atoms non-negative.
    l1_ratio : float, default=0
        Keep the atoms d within (1 − l1_ratio)‖d‖² + l1_ratio ‖d‖₁ ≤ 1: the unit ball for 0, the
        ℓ1 ball, which makes atoms sparse, for 1.
    mask : array_like of bool, shape (n_samples, n_features), or "nan", optional
        True where an entry of `X` was observed; "nan" takes NaN for missing. See `MaskedStatistics`.
    coding_max_iter : int, default=1000
        Rounds of the coder per sample at most.
    time_limit : float, optional
        Seconds after which no further mini-batch is begun.
    callback : callable, optional
        Called with a `Progress` after every mini-batch; ends learning by returning True.
    rng : numpy.random.Generator or int, optional
        Source, or its seed, of the first dictionary, the orders and atoms for too few signals.
    n_jobs : int, optional
        Threads: None for `get_num_threads()`, -1 for all. The result does not depend on it.

    Returns
    -------
    LearnedDictionary

    Warns
    -----
    ConvergenceWarning
        Once, if codes did not converge, or `tol` was given and not reached.

    Raises
    ------
    ValueError
        If shapes do not fit, an entry is not finite, or a number is out of range.

    Notes
    -----
    The statistics are sums over samples, so that batches of unequal size count by their samples:
    after N samples in whatever batches, one whose batch ended with the m-th weighs
    ((m + 5 k) / (N + 5 k))^ρ. Zero atoms and atoms that no sample used for a while are replaced by
    the signals of the batch that are represented worst. Memory: one batch's codes and the statistics, O(k (batch + k + d)).

    References
    ----------
    J. Mairal, F. Bach, J. Ponce, G. Sapiro. Online Learning for Matrix Factorization and Sparse
    Coding. JMLR 11 (2010), algorithms 1 and 2, and section 3.4 for forgetting and mini-batches.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsetransfer.dictionary import learn_dictionary_online
    >>> X = np.random.default_rng(0).normal(size=(1000, 8))
    >>> learned = learn_dictionary_online(X, 16, alpha=0.5, n_epochs=2, batch_size=50, rng=0)
    >>> learned.n_iter, learned.codes.shape
    (40, (1000, 16))
    """
    check_flags(shuffle=shuffle, return_codes=return_codes)
    check_callable(callback, "callback")
    problem = Problem(
        X,
        n_components,
        alpha=alpha,
        sample_weight=sample_weight,
        positive_code=positive_code,
        atoms=check_atom_set(positive_dict, l1_ratio),
        coding_max_iter=coding_max_iter,
        mask=mask,
        n_jobs=n_jobs,
    )
    batch_size = max(256, problem.n_components) if batch_size is None else batch_size
    batch_size = check_integer(batch_size, "batch_size", minimum=1)
    n_epochs = check_real(n_epochs, "n_epochs", minimum=0.0, maximum=2**31 - 1)
    forgetting = check_real(forgetting, "forgetting", minimum=0.0)
    tol = check_real(tol, "tol", minimum=0.0)
    budget = math.inf if time_limit is None else check_real(time_limit, "time_limit", minimum=0.0)
    start = time.perf_counter()
    generator = check_generator(rng)
    state = OnlineState(
        first_dictionary(problem, dict_init, init, generator),
        forgetting,
        problem.total_weight,
        rng=generator,
        masked=problem.mask is not None,
    )
    history: list[float] = []
    coded = 0
    status: Status = "converged" if tol == 0 else "max_iter"
    reference, reference_at = state.components.copy(), 0
    uncertain: Certificate | None = None
    for rows in batches(len(problem.X), batch_size, n_epochs, generator if shuffle else None):
        mean, certificate = state.step(problem, *problem.rows(rows))
        if not np.all(certificate.converged):
            uncertain = certificate
        history.append(mean)
        coded += len(certificate.objective)
        seconds = time.perf_counter() - start
        if coded - reference_at >= len(problem.X):
            moved = np.linalg.norm(state.components - reference, axis=1).max()
            if tol > 0 and moved <= tol:
                status = "converged"
                break
            reference, reference_at = state.components.copy(), coded
        if callback is not None and callback(
            Progress(len(history), mean, _read_only(state.components), coded, seconds)
        ):
            status = "callback"
            break
        if seconds >= budget:
            status = "time_limit"
            break
    return _finish(problem, state, np.array(history), status, return_codes, uncertain)


def _read_only(array: FloatArray) -> FloatArray:
    view = array.view()
    view.flags.writeable = False
    return view


def _finish(
    problem: Problem,
    state: OnlineState,
    history: NDArray[np.float64],
    status: Status,
    return_codes: bool,
    uncertain: Certificate | None,
) -> LearnedDictionary:
    components = state.finished(problem.atoms)
    weights = problem.weights.astype(np.float64)
    if not weights.size:
        weights = np.ones(len(problem.X))
    codes: FloatArray | None = None
    gap = kkt = math.nan
    if return_codes:
        codes = np.empty((len(problem.all_X), problem.n_components), problem.X.dtype)
        uncertain = problem.coder(
            problem.all_X, components, codes, warm=False, mask=problem.all_mask
        )
        kept = slice(None) if problem.kept is None else problem.kept
        objective = inner(weights, uncertain.objective[kept])
        gap = inner(weights, uncertain.gap[kept]) / max(objective, float(np.finfo(float).tiny))
        kkt = float(uncertain.kkt.max())
    else:
        objective = math.nan
    result = LearnedDictionary(
        components=components,
        codes=codes,
        objective=objective,
        history=history,
        n_iter=len(history),
        status=status,
        duality_gap=gap,
        kkt_violation=kkt,
        stationarity=stationarity(components, state.statistics, problem.atoms),
        statistics=state.statistics,
    )
    warn_unless_converged(result, uncertain, stacklevel=4)
    return result
