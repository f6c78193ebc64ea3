"""scikit-learn's `MiniBatchDictionaryLearning`, from statistics that can be merged."""

import copy
import math
import time
from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from sparsetransfer._former import former_keywords
from sparsetransfer._linalg import inner
from sparsetransfer._validation import (
    FloatArray,
    Mask,
    check_choice,
    check_integer,
    check_real,
    check_rows,
)
from sparsetransfer.dictionary.learner import FIT_ALGORITHMS, as_generator, with_logging
from sparsetransfer.dictionary.masked_statistics import MaskedStatistics
from sparsetransfer.dictionary.online import OnlineState
from sparsetransfer.dictionary.result import Progress
from sparsetransfer.dictionary.statistics import Statistics
from sparsetransfer.dictionary.steps.atoms import check_atom_set
from sparsetransfer.dictionary.steps.initialisation import Initialisation
from sparsetransfer.dictionary.steps.problem import Problem, batches, first_dictionary
from sparsetransfer.dictionary.transformer import FLOATS, DictionaryTransformer

__all__ = ["MiniBatchDictionaryLearning"]


class _Stopping:
    """scikit-learn's two reasons to stop: a dictionary at rest, a cost that no longer falls."""

    def __init__(self, n_samples: int, tol: float, patience: float) -> None:
        self.n_samples = n_samples
        self.tol = tol
        self.patience = patience
        self.smoothed = math.nan
        self.best = math.inf
        self.without_progress = 0

    def reached(self, step: int, batch: int, cost: float, moved: float) -> bool:
        # The first costs are those of a dictionary that has seen little.
        if step <= min(100, self.n_samples / batch):
            return False
        share = min(1.0, batch / (self.n_samples + 1))
        started = not math.isnan(self.smoothed)
        self.smoothed = self.smoothed * (1 - share) + cost * share if started else cost
        if self.tol > 0 and moved <= self.tol:
            return True
        self.without_progress = 0 if self.smoothed < self.best else self.without_progress + 1
        self.best = min(self.best, self.smoothed)
        return self.without_progress >= self.patience


class MiniBatchDictionaryLearning(DictionaryTransformer):
    """Learn online: a drop-in for `sklearn.decomposition.MiniBatchDictionaryLearning`.

    Parameters
    ----------
    n_components : int, optional
        The number of atoms; by default the number of features.
    alpha : float, default=1
        The weight of the codes' ℓ1 norm, at the scale of ‖x‖²/2.
    max_iter : int, default=1000
        Passes over the samples at most.
    fit_algorithm : {"lars", "cd"}, default="lars"
        Both are solved exactly by the same coder; there for scikit-learn's sake.
    n_jobs : int, optional
        The number of threads; None means as many as `sparsetransfer.get_num_threads` says.
    batch_size : int, default=256
        Samples between two dictionary steps.
    shuffle : bool, default=True
        Draw a new order of the samples for every pass.
    dict_init : numpy.ndarray of shape (n_components, n_features), optional
        The first dictionary.
    transform_algorithm : str, default="omp"
        As `algorithm` of `sparse_encode`.
    transform_n_nonzero_coefs : int, optional
        As `n_nonzero_coefs` of `sparse_encode`.
    transform_alpha : float, optional
        As `alpha` of `sparse_encode`; by default `alpha`.
    verbose : bool or int, default=False
        Log the objective of every mini-batch at level INFO.
    split_sign : bool, default=False
        Whether to give positive and negative parts of codes side by side: 2 * n_components columns.
    random_state : int, numpy.random.Generator or RandomState, optional
        Draws of `init`, of the order of the samples, and of atoms for which there are too few
        samples.
    positive_code, positive_dict : bool, default=False
        Keep codes or atoms non-negative.
    transform_max_iter : int, default=1000
        Rounds of the coder per sample at most, in `fit` too.
    callback : callable, optional
        Called with a `Progress` after every mini-batch; ends learning by returning True.
    tol : float, default=1e-3
        Stop when a step moves the dictionary by no more than this (Frobenius norm / n_components).
        Zero: never.
    max_no_improvement : int, default=10
        Stop after so many batches without a new minimum of the smoothed cost. None: never.
    init : {"svd", "samples", "spread"}, default="svd"
        The first dictionary where `dict_init` is not given, see `initial_dictionary`.
    l1_ratio : float, default=0
        The set of the atoms, as in `learn_dictionary`.
    forgetting : float, default=4
        See `learn_dictionary_online`.
    time_limit : float, optional
        Seconds after which no further mini-batch is begun.
    transform_time_limit : float, optional
        Seconds after which `transform` returns codes as far as they are, as in `lasso`.

    Attributes
    ----------
    components_ : numpy.ndarray of shape (n_components, n_features)
        The dictionary, atoms in rows, none longer than one.
    n_steps_ : int
        Mini-batches processed.
    n_iter_ : int
        Passes over the samples, a part counting as one.
    statistics_ : Statistics
        Of the samples seen, with forgetting.
    n_samples_seen_ : float
        The weight of the samples seen.
    n_features_in_ : int
        The number of features seen by `fit`.
    feature_names_in_ : numpy.ndarray of shape (n_features,)
        The names of the features, if `X` has them.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsetransfer.dictionary import MiniBatchDictionaryLearning
    >>> X = np.random.default_rng(0).normal(size=(600, 8))
    >>> learner = MiniBatchDictionaryLearning(12, alpha=0.5, max_iter=3, batch_size=50)
    >>> learner.fit(X).components_.shape
    (12, 8)
    """

    @former_keywords(time_budget="time_limit")
    def __init__(
        self,
        n_components: int | None = None,
        *,
        alpha: float = 1,
        max_iter: int = 1000,
        fit_algorithm: str = "lars",
        n_jobs: int | None = None,
        batch_size: int = 256,
        shuffle: bool = True,
        dict_init: FloatArray | None = None,
        transform_algorithm: str = "omp",
        transform_n_nonzero_coefs: int | None = None,
        transform_alpha: float | None = None,
        verbose: int = False,
        split_sign: bool = False,
        random_state: Any = None,
        positive_code: bool = False,
        positive_dict: bool = False,
        transform_max_iter: int = 1000,
        callback: Callable[[Progress], bool | None] | None = None,
        tol: float = 1e-3,
        max_no_improvement: int | None = 10,
        init: Initialisation = "svd",
        l1_ratio: float = 0.0,
        forgetting: float = 4.0,
        time_limit: float | None = None,
        transform_time_limit: float | None = None,
    ) -> None:
        self.n_components = n_components
        self.alpha = alpha
        self.max_iter = max_iter
        self.fit_algorithm = fit_algorithm
        self.n_jobs = n_jobs
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.dict_init = dict_init
        self.transform_algorithm = transform_algorithm
        self.transform_n_nonzero_coefs = transform_n_nonzero_coefs
        self.transform_alpha = transform_alpha
        self.verbose = verbose
        self.split_sign = split_sign
        self.random_state = random_state
        self.positive_code = positive_code
        self.positive_dict = positive_dict
        self.transform_max_iter = transform_max_iter
        self.callback = callback
        self.tol = tol
        self.max_no_improvement = max_no_improvement
        self.init = init
        self.l1_ratio = l1_ratio
        self.forgetting = forgetting
        self.time_limit = time_limit
        self.transform_time_limit = transform_time_limit

    def fit(
        self,
        X: ArrayLike,
        y: object = None,
        *,
        sample_weight: ArrayLike | None = None,
        mask: Mask = None,
    ) -> Self:
        """Learn the dictionary from scratch, batch by batch.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Signals.
        y : object, optional
            Ignored.
        sample_weight : array_like of shape (n_samples,), optional
            Non-negative weights; they multiply the samples in the statistics.
        mask : array_like of bool, shape (n_samples, n_features), or "nan", optional
            Which entries of `X` were observed, as in `learn_dictionary_online`.

        Returns
        -------
        MiniBatchDictionaryLearning
            The estimator itself.

        Raises
        ------
        ValueError
            If `X` is not finite, shapes do not fit, or a parameter is out of range.
        """
        signals = check_rows(self, X, dtype=FLOATS, ensure_all_finite=mask is None)
        problem = self._problem(signals, sample_weight, mask)
        rng = as_generator(self.random_state)
        state = self._first_state(
            problem, rng, problem.total_weight, masked=problem.mask is not None
        )
        n = len(problem.X)
        batch_size = min(self.batch_size, n)
        patience = math.inf if self.max_no_improvement is None else self.max_no_improvement
        stopping = _Stopping(n, check_real(self.tol, "tol", minimum=0.0), patience)
        budget = math.inf if self.time_limit is None else self.time_limit
        callback = with_logging(self.callback, self.verbose)
        start = time.perf_counter()
        self.n_steps_ = coded = 0
        max_iter = check_integer(self.max_iter, "max_iter", minimum=0)
        for rows in batches(n, batch_size, max_iter, rng if self.shuffle else None):
            before = state.components.copy()
            batch = problem.rows(rows)
            cost, _ = state.step(problem, *batch)
            self.n_steps_ += 1
            coded += len(batch[0])
            seconds = time.perf_counter() - start
            change = state.components - before
            moved = math.sqrt(inner(change, change)) / len(before)
            if stopping.reached(self.n_steps_, len(batch[0]), cost, moved) or seconds >= budget:
                break
            if callback is not None and callback(
                Progress(self.n_steps_, cost, state.components.copy(), coded, seconds)
            ):
                break
        self.n_iter_ = math.ceil(self.n_steps_ / math.ceil(n / batch_size))
        state.expect_new_samples()
        self._keep(state, problem)
        return self

    def partial_fit(
        self,
        X: ArrayLike,
        y: object = None,
        *,
        sample_weight: ArrayLike | None = None,
        mask: Mask = None,
    ) -> Self:
        """Learn from one more mini-batch.

        When the first batch comes back, a pass is taken to begin anew, so that passes over the same
        batches give the dictionary of `fit` without `shuffle`.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            The batch; batches may differ in size, each counts by its samples.
        y : object, optional
            Ignored.
        sample_weight : array_like of shape (n_samples,), optional
            Non-negative weights; they multiply the samples in the statistics.
        mask : array_like of bool, shape (n_samples, n_features), or "nan", optional
            Which entries of `X` were observed, as in `learn_dictionary_online`.

        Returns
        -------
        MiniBatchDictionaryLearning
            The estimator itself.

        Raises
        ------
        ValueError
            If `X` is not finite, shapes do not fit, or a parameter is out of range.
        """
        first = not hasattr(self, "components_")
        signals = check_rows(self, X, dtype=FLOATS, reset=first, ensure_all_finite=mask is None)
        if not first:
            signals = signals.astype(self.components_.dtype, copy=False)
        problem = self._problem(signals, sample_weight, mask)
        # Statistics with and without masks do not mix: the first batch decides.
        if first:
            state = self._first_state(
                problem, as_generator(self.random_state), masked=mask is not None
            )
            self.n_steps_ = 0
        else:
            state = copy.copy(self._state)
            state.components = state.components.copy()
            state.forgetting = check_real(self.forgetting, "forgetting", minimum=0.0)
        if problem.mask is not None and not isinstance(state.statistics, MaskedStatistics):
            raise ValueError("mask must be given from the first batch on")
        state.step(problem, problem.X, problem.weights, problem.mask)
        self.n_steps_ += 1
        self._keep(state, problem)
        return self

    def _problem(self, signals: FloatArray, sample_weight: ArrayLike | None, mask: Mask) -> Problem:
        check_choice(self.fit_algorithm, "fit_algorithm", FIT_ALGORITHMS)
        check_integer(self.batch_size, "batch_size", minimum=1)
        return Problem(
            signals,
            signals.shape[1] if self.n_components is None else self.n_components,
            alpha=self.alpha,
            sample_weight=sample_weight,
            positive_code=self.positive_code,
            atoms=check_atom_set(self.positive_dict, self.l1_ratio),
            mask=mask,
            coding_max_iter=self.transform_max_iter,
            n_jobs=self.n_jobs,
        )

    def _first_state(
        self,
        problem: Problem,
        rng: np.random.Generator,
        n_samples: float | None = None,
        *,
        masked: bool,
    ) -> OnlineState:
        dict_init = self._dictionary(self.dict_init, problem.X.shape[1], problem.X.dtype)
        forgetting = check_real(self.forgetting, "forgetting", minimum=0.0)
        components = first_dictionary(problem, dict_init, self.init, rng)
        return OnlineState(components, forgetting, n_samples, rng=rng, masked=masked)

    def _keep(self, state: OnlineState, problem: Problem) -> None:
        self.components_ = state.finished(problem.atoms)
        self.statistics_: Statistics = state.statistics
        self.n_samples_seen_ = state.n_seen
        self._state = state
