"""scikit-learn's functions `dict_learning` and `dict_learning_online`, argument for argument."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sparsetransfer._validation import FloatArray, check_choice, check_flags, check_matrix
from sparsetransfer.dictionary.learner import FIT_ALGORITHMS, DictionaryLearning
from sparsetransfer.dictionary.minibatch import MiniBatchDictionaryLearning
from sparsetransfer.dictionary.result import Progress

__all__ = ["dict_learning", "dict_learning_online"]


def dict_learning(
    X: ArrayLike,
    n_components: int | None,
    *,
    alpha: float,
    max_iter: int = 100,
    tol: float = 1e-8,
    method: str = "lars",
    n_jobs: int | None = None,
    dict_init: FloatArray | None = None,
    code_init: FloatArray | None = None,
    callback: Callable[[Progress], bool | None] | None = None,
    verbose: int = False,
    random_state: Any = None,
    return_n_iter: bool = False,
    positive_dict: bool = False,
    positive_code: bool = False,
    method_max_iter: int = 1000,
) -> tuple[Any, ...]:
    """Learn a dictionary from all samples: a drop-in for `sklearn.decomposition.dict_learning`.

    Parameters
    ----------
    X : array_like of shape (n_samples, n_features)
        Signals.
    n_components : int or None
        The number of atoms; None means the number of features.
    alpha : float
        The weight of the codes' ℓ1 norm, at the scale of ‖x‖²/2.
    max_iter, tol, n_jobs, dict_init, code_init, callback, verbose, random_state
        As in `DictionaryLearning`.
    method : {"lars", "cd"}, default="lars"
        As `fit_algorithm` of `DictionaryLearning`.
    return_n_iter : bool, default=False
        Whether to return the number of alternations too.
    positive_dict, positive_code : bool, default=False
        Keep atoms or codes non-negative.
    method_max_iter : int, default=1000
        Rounds of the coder per sample at most.

    Returns
    -------
    code : numpy.ndarray of shape (n_samples, n_components)
    dictionary : numpy.ndarray of shape (n_components, n_features)
    errors : list of float
        The objective after every alternation.
    n_iter : int
        Only with `return_n_iter`.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsetransfer.dictionary import dict_learning
    >>> X = np.random.default_rng(0).normal(size=(60, 8))
    >>> code, dictionary, errors = dict_learning(X, 12, alpha=0.5, tol=1e-3)
    >>> code.shape, dictionary.shape
    ((60, 12), (12, 8))
    """
    check_flags(return_n_iter=return_n_iter)
    check_choice(method, "method", FIT_ALGORITHMS)
    learner = DictionaryLearning(
        n_components,
        alpha=alpha,
        max_iter=max_iter,
        tol=tol,
        fit_algorithm=method,
        n_jobs=n_jobs,
        dict_init=dict_init,
        code_init=code_init,
        callback=callback,
        verbose=verbose,
        random_state=random_state,
        positive_dict=positive_dict,
        positive_code=positive_code,
        transform_max_iter=method_max_iter,
    )
    code = learner.fit_transform(X)
    result = (code, learner.components_, learner.error_)
    return (*result, learner.n_iter_) if return_n_iter else result


def dict_learning_online(
    X: ArrayLike,
    n_components: int | None = 2,
    *,
    alpha: float = 1,
    max_iter: int = 100,
    return_code: bool = True,
    dict_init: FloatArray | None = None,
    callback: Callable[[Progress], bool | None] | None = None,
    batch_size: int = 256,
    verbose: int = False,
    shuffle: bool = True,
    n_jobs: int | None = None,
    method: str = "lars",
    random_state: Any = None,
    positive_dict: bool = False,
    positive_code: bool = False,
    method_max_iter: int = 1000,
    tol: float = 1e-3,
    max_no_improvement: int | None = 10,
) -> FloatArray | tuple[FloatArray, FloatArray]:
    """Learn from mini-batches: a drop-in for `sklearn.decomposition.dict_learning_online`.

    Parameters
    ----------
    X : array_like of shape (n_samples, n_features)
        Signals.
    n_components : int or None, default=2
        The number of atoms; None means the number of features.
    alpha : float, default=1
        The weight of the codes' ℓ1 norm, at the scale of ‖x‖²/2.
    return_code : bool, default=True
        Whether to return the lasso codes of `X` at the final dictionary too.
    max_iter, dict_init, callback, batch_size, verbose, shuffle, n_jobs, random_state, tol
        As in `MiniBatchDictionaryLearning`.
    method : {"lars", "cd"}, default="lars"
        As `fit_algorithm` of `MiniBatchDictionaryLearning`.
    positive_dict, positive_code : bool, default=False
        Keep atoms or codes non-negative.
    method_max_iter : int, default=1000
        Rounds of the coder per sample at most.
    max_no_improvement : int, default=10
        As in `MiniBatchDictionaryLearning`.

    Returns
    -------
    code : numpy.ndarray of shape (n_samples, n_components)
        Only with `return_code`.
    dictionary : numpy.ndarray of shape (n_components, n_features)

    Examples
    --------
    >>> import numpy as np
    >>> from sparsetransfer.dictionary import dict_learning_online
    >>> X = np.random.default_rng(0).normal(size=(600, 8))
    >>> dict_learning_online(X, 12, alpha=0.5, max_iter=2, return_code=False).shape
    (12, 8)
    """
    check_flags(return_code=return_code)
    check_choice(method, "method", FIT_ALGORITHMS)
    learner = MiniBatchDictionaryLearning(
        n_components,
        alpha=alpha,
        max_iter=max_iter,
        fit_algorithm=method,
        n_jobs=n_jobs,
        batch_size=batch_size,
        shuffle=shuffle,
        dict_init=dict_init,
        transform_algorithm="lasso_" + method,
        transform_alpha=alpha,
        verbose=verbose,
        random_state=random_state,
        positive_code=positive_code,
        positive_dict=positive_dict,
        transform_max_iter=method_max_iter,
        callback=callback,
        tol=tol,
        max_no_improvement=max_no_improvement,
    )
    signals = check_matrix(X, "X")
    learner.fit(signals)
    if not return_code:
        return learner.components_
    return np.asarray(learner.transform(signals)), learner.components_
