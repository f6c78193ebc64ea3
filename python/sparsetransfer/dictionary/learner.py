"""scikit-learn's `DictionaryLearning`, with the same parameters and an objective that falls."""

import logging
import numbers
from collections.abc import Callable
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state

from sparsetransfer._former import former_keywords
from sparsetransfer._validation import (
    FloatArray,
    Mask,
    check_callable,
    check_choice,
    check_flags,
    check_generator,
    check_integer,
    check_rows,
)
from sparsetransfer.dictionary.functional import BatchMethod, learn_dictionary
from sparsetransfer.dictionary.result import Progress
from sparsetransfer.dictionary.steps.initialisation import Initialisation
from sparsetransfer.dictionary.transformer import FLOATS, DictionaryTransformer

__all__ = ["FIT_ALGORITHMS", "DictionaryLearning", "as_generator", "with_logging"]

FIT_ALGORITHMS = ("lars", "cd")
logger = logging.getLogger(__name__)

Callback: TypeAlias = Callable[[Progress], bool | None]


def as_generator(random_state: Any) -> np.random.Generator:
    """Return a Generator from whatever scikit-learn or NumPy accept as a random state."""
    if isinstance(random_state, np.random.Generator):
        return random_state
    if random_state is None or isinstance(random_state, np.random.RandomState):
        state = check_random_state(random_state)
        return np.random.default_rng(state.randint(2**32, dtype=np.uint32))
    return check_generator(random_state, "random_state")


def with_logging(callback: Callback | None, verbose: object) -> Callback | None:
    """Return a callback that logs progress before it calls `callback`, if it is to."""
    check_callable(callback, "callback")
    if not isinstance(verbose, numbers.Integral):
        check_flags(verbose=verbose)
    if not verbose:
        return callback

    def tell(progress: Progress) -> bool | None:
        logger.info(
            "iteration %d: objective %.6g after %.1f s",
            progress.iteration,
            progress.objective,
            progress.seconds,
        )
        return None if callback is None else callback(progress)

    return tell


class DictionaryLearning(DictionaryTransformer):
    """Learn a dictionary: a drop-in for `sklearn.decomposition.DictionaryLearning`.

    Parameters
    ----------
    n_components : int, optional
        The number of atoms; by default the number of features.
    alpha : float, default=1
        The weight of the codes' ℓ1 norm, at the scale of ‖x‖²/2.
    max_iter : int, default=1000
        Alternations at most.
    tol : float, default=1e-8
        Stop when an alternation lowers the objective by no more than this share of it.
    fit_algorithm : {"lars", "cd"}, default="lars"
        Both are solved exactly by the same coder; there for scikit-learn's sake.
    transform_algorithm : str, default="omp"
        As `algorithm` of `sparse_encode`.
    transform_n_nonzero_coefs : int, optional
        As `n_nonzero_coefs` of `sparse_encode`.
    transform_alpha : float, optional
        As `alpha` of `sparse_encode`; by default `alpha`.
    n_jobs : int, optional
        The number of threads; None means as many as `sparsetransfer.get_num_threads` says.
    code_init : numpy.ndarray of shape (n_samples, n_components), optional
        The first codes; needs no `dict_init`.
    dict_init : numpy.ndarray of shape (n_components, n_features), optional
        The first dictionary; needs no `code_init`.
    callback : callable, optional
        Called with a `Progress` after every alternation; ends learning by returning True.
    verbose : bool or int, default=False
        Log the objective of every alternation at level INFO.
    split_sign : bool, default=False
        Whether to give positive and negative parts of codes side by side: 2 * n_components columns.
    random_state : int, numpy.random.Generator or RandomState, optional
        Draws of `init`, if it draws, and of atoms for which there are too few samples.
    positive_code, positive_dict : bool, default=False
        Keep codes or atoms non-negative.
    transform_max_iter : int, default=1000
        Rounds of the coder per sample at most, in `fit` too.
    dictionary_update : {"block_coordinate", "lagrange_dual", "optimal_directions", "ksvd"}
        The dictionary step of `learn_dictionary`. Default "block_coordinate".
    init : {"svd", "samples", "spread"}, default="svd"
        The first dictionary where `dict_init` is not given, see `initial_dictionary`.
    l1_ratio : float, default=0
        The set of the atoms, as in `learn_dictionary`.
    time_limit : float, optional
        Seconds after which no further alternation is begun.
    transform_time_limit : float, optional
        Seconds after which `transform` returns codes as far as they are, as in `lasso`.

    Attributes
    ----------
    components_ : numpy.ndarray of shape (n_components, n_features)
        The dictionary, atoms in rows, none longer than one.
    error_ : list of float
        The objective after every alternation; it never rises.
    n_iter_ : int
        Alternations made.
    objective_ : float
        The objective of the training signals at `components_`.
    duality_gap_, kkt_violation_, stationarity_ : float
        The certificate, as in `LearnedDictionary`.
    n_features_in_ : int
        The number of features seen by `fit`.
    feature_names_in_ : numpy.ndarray of shape (n_features,)
        The names of the features, if `X` has them.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsetransfer.dictionary import DictionaryLearning
    >>> X = np.random.default_rng(0).normal(size=(60, 8))
    >>> learner = DictionaryLearning(12, alpha=0.5, tol=1e-3, transform_algorithm="lasso_lars")
    >>> codes = learner.fit_transform(X)
    >>> codes.shape, np.allclose(codes, learner.transform(X), atol=1e-8)
    ((60, 12), True)
    """

    @former_keywords(method="dictionary_update", time_budget="time_limit")
    def __init__(
        self,
        n_components: int | None = None,
        *,
        alpha: float = 1,
        max_iter: int = 1000,
        tol: float = 1e-8,
        fit_algorithm: str = "lars",
        transform_algorithm: str = "omp",
        transform_n_nonzero_coefs: int | None = None,
        transform_alpha: float | None = None,
        n_jobs: int | None = None,
        code_init: FloatArray | None = None,
        dict_init: FloatArray | None = None,
        callback: Callable[[Progress], bool | None] | None = None,
        verbose: int = False,
        split_sign: bool = False,
        random_state: Any = None,
        positive_code: bool = False,
        positive_dict: bool = False,
        transform_max_iter: int = 1000,
        dictionary_update: BatchMethod = "block_coordinate",
        init: Initialisation = "svd",
        l1_ratio: float = 0.0,
        time_limit: float | None = None,
        transform_time_limit: float | None = None,
    ) -> None:
        self.n_components = n_components
        self.alpha = alpha
        self.max_iter = max_iter
        self.tol = tol
        self.fit_algorithm = fit_algorithm
        self.transform_algorithm = transform_algorithm
        self.transform_n_nonzero_coefs = transform_n_nonzero_coefs
        self.transform_alpha = transform_alpha
        self.n_jobs = n_jobs
        self.code_init = code_init
        self.dict_init = dict_init
        self.callback = callback
        self.verbose = verbose
        self.split_sign = split_sign
        self.random_state = random_state
        self.positive_code = positive_code
        self.positive_dict = positive_dict
        self.transform_max_iter = transform_max_iter
        self.dictionary_update = dictionary_update
        self.init = init
        self.l1_ratio = l1_ratio
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
        """Learn the dictionary.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Signals.
        y : object, optional
            Ignored.
        sample_weight : array_like of shape (n_samples,), optional
            Non-negative weights of the samples in the objective.
        mask : array_like of bool, shape (n_samples, n_features), or "nan", optional
            Which entries of `X` were observed, as in `learn_dictionary`.

        Returns
        -------
        DictionaryLearning
            The estimator itself.

        Raises
        ------
        ValueError
            If `X` is not finite, shapes do not fit, or a parameter is out of range.

        Warns
        -----
        ConvergenceWarning
            If `max_iter` ended learning or codes did not converge.
        """
        self._fit(X, sample_weight, mask)
        return self

    def fit_transform(
        self,
        X: ArrayLike,
        y: object = None,
        *,
        sample_weight: ArrayLike | None = None,
        mask: Mask = None,
    ) -> FloatArray:
        """Learn the dictionary and return the optimal codes of the training signals.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Signals.
        y : object, optional
            Ignored.
        sample_weight : array_like of shape (n_samples,), optional
            Non-negative weights of the samples in the objective.
        mask : array_like of bool, shape (n_samples, n_features), or "nan", optional
            Which entries of `X` were observed, as in `learn_dictionary`.

        Returns
        -------
        numpy.ndarray of shape (n_samples, n_components)
            Lasso codes, whatever `transform_algorithm` is, as in scikit-learn.
        """
        return self._split(self._fit(X, sample_weight, mask))

    def _fit(self, X: ArrayLike, sample_weight: ArrayLike | None, mask: Mask) -> FloatArray:
        check_choice(self.fit_algorithm, "fit_algorithm", FIT_ALGORITHMS)
        signals = check_rows(self, X, dtype=FLOATS, ensure_all_finite=mask is None)
        d = signals.shape[1]
        learned = learn_dictionary(
            signals,
            d if self.n_components is None else self.n_components,
            alpha=self.alpha,
            dictionary_update=self.dictionary_update,
            max_iter=check_integer(self.max_iter, "max_iter", minimum=0),
            tol=self.tol,
            init=self.init,
            dict_init=self._dictionary(self.dict_init, d, signals.dtype),
            code_init=self.code_init,
            sample_weight=sample_weight,
            positive_code=self.positive_code,
            positive_dict=self.positive_dict,
            l1_ratio=self.l1_ratio,
            mask=mask,
            coding_max_iter=self.transform_max_iter,
            time_limit=self.time_limit,
            callback=with_logging(self.callback, self.verbose),
            rng=as_generator(self.random_state),
            n_jobs=self.n_jobs,
        )
        self.components_ = learned.components
        self.error_ = learned.history.tolist()
        self.n_iter_ = learned.n_iter
        self.objective_ = learned.objective
        self.duality_gap_ = learned.duality_gap
        self.kkt_violation_ = learned.kkt_violation
        self.stationarity_ = learned.stationarity
        assert learned.codes is not None
        return learned.codes
