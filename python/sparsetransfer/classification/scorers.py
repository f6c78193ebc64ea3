"""Scorers for settings of adaptation: over known labels alone, or without labels of the target."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import get_scorer
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import check_array

from sparsetransfer._domains import pack
from sparsetransfer._labels import UNKNOWN_LABELS, class_values, label_array, labelled
from sparsetransfer._linalg import matmul
from sparsetransfer._validation import check_choice
from sparsetransfer.exceptions import DomainError

__all__ = ["Criterion", "importance_weights", "known_label_scorer", "unlabelled_scorer"]

Criterion = Literal["importance", "deep_embedded", "reverse", "entropy", "density"]

_LARGEST_WEIGHT = 10.0
_TEMPERATURE = 0.05  # of the densities, as published
_BLOCK = 1 << 21  # similarities held at once


def known_label_scorer(
    scoring: str | Callable[..., float] = "accuracy",
) -> Callable[[Any, Any, ArrayLike], float]:
    """Return a scorer that leaves out the samples without a known label.

    Parameters
    ----------
    scoring : str or callable, default="accuracy"
        A name of `sklearn.metrics.get_scorer_names`, or a scorer ``(estimator, X, y) -> float``.

    Returns
    -------
    callable
        A scorer for `sklearn.model_selection`, for splits that test on masked labels, too. It
        raises `DomainError` where no label is known.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.dummy import DummyClassifier
    >>> from sparsetransfer.classification import known_label_scorer
    >>> X, y = np.zeros((4, 1)), ["anger", "anger", "neutral", None]
    >>> model = DummyClassifier(strategy="constant", constant="anger").fit(X[:3], y[:3])
    >>> known_label_scorer("balanced_accuracy")(model, X, y)
    0.5
    """
    return partial(_score_known, get_scorer(scoring))


def _score_known(scorer: Callable[..., float], estimator: Any, X: Any, y: ArrayLike) -> float:
    labels = label_array(y)
    known = np.flatnonzero(labelled(labels))
    if not len(known):
        raise DomainError(f"y has no known label among {len(labels)} to score ({UNKNOWN_LABELS})")
    return float(scorer(estimator, _safe_indexing(X, known), class_values(labels[known])))


def unlabelled_scorer(criterion: Criterion) -> Callable[[Any, Any, ArrayLike], float]:
    r"""Return a scorer that ranks settings without any label of the target.

    Rows with a known label are source, the others are target. Larger is better for every criterion.

    Parameters
    ----------
    criterion : {"importance", "deep_embedded", "reverse", "entropy", "density"}
        "importance": recall averaged over classes (UAR) on the source, every row weighted by how
        much more frequent it would be in the target [1]_. "deep_embedded": minus the weighted error
        with the weights as a control variate [2]_. "reverse": UAR on the source of the same
        estimator trained on the target with its own predictions for labels [3]_. "entropy": minus
        the mean entropy :math:`-\\sum_c p_{ic} \\log p_{ic}` of the target's probabilities [4]_.
        "density": the soft neighbourhood density of the target's probabilities [5]_, the mean
        entropy of the softmax of cosine similarities to all other rows at temperature 0.05.

    Returns
    -------
    callable
        ``scorer(estimator, X, y) -> float`` for `sklearn.model_selection`. Test sets have to hold
        rows of both domains, as with `SourceGroupKFold(score_target=True)`, or it raises
        `DomainError`. "entropy" and "density" raise AttributeError for an estimator without
        ``predict_proba``.

    Raises
    ------
    ValueError
        If there is no such criterion.

    Notes
    -----
    None of them is safe. Confident or clustered mistakes please "entropy" and "density"; weights
    say nothing where the domains are separable. "reverse" fits a clone of the estimator on the
    test set, with masked labels for the source: estimators of this package take them as they are,
    others within `LabelledOnly`.

    References
    ----------
    .. [1] M. Sugiyama, M. Krauledat, K.-R. Müller, "Covariate shift adaptation by importance
       weighted cross validation", Journal of Machine Learning Research 8:985-1005, 2007.
    .. [2] K. You, X. Wang, M. Long, M. I. Jordan, "Towards accurate model selection in deep
       unsupervised domain adaptation", ICML 2019.
    .. [3] E. Zhong, W. Fan, Q. Yang, O. Verscheure, J. Ren, "Cross validation framework to choose
       amongst models and datasets for transfer learning", ECML PKDD 2010.
       https://doi.org/10.1007/978-3-642-15939-8_35
    .. [4] P. Morerio, J. Cavazza, V. Murino, "Minimal-entropy correlation alignment for
       unsupervised deep domain adaptation", ICLR 2018.
    .. [5] K. Saito, D. Kim, P. Teterwak, S. Sclaroff, T. Darrell, K. Saenko, "Tune it the right
       way: unsupervised validation of domain adaptation via soft neighborhood density", ICCV 2021.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsetransfer.classification import BalancedRidge, unlabelled_scorer
    >>> from sparsetransfer.classification import LabelledOnly
    >>> from sparsetransfer.transfer import pack
    >>> rng = np.random.default_rng(0)
    >>> labels = np.tile(["anger", "neutral"], 30)
    >>> means = (labels == "anger")[:, None] * 3.0
    >>> source, target = (means + rng.normal(size=(60, 2)) for _ in range(2))
    >>> X, y, _ = pack(source, labels, target)
    >>> model = LabelledOnly(BalancedRidge()).fit(X, y)
    >>> unlabelled_scorer("reverse")(model, X, y) > 0.9
    True
    """
    check_choice(criterion, "criterion", get_args(Criterion))
    return partial(_score_unlabelled, criterion)


def _score_unlabelled(criterion: Criterion, estimator: Any, X: Any, y: ArrayLike) -> float:
    labels = label_array(y)
    known = labelled(labels)
    if known.all() or not known.any():
        missing, found = ("unlabelled", "labelled") if known.all() else ("labelled", "unlabelled")
        raise DomainError(
            f"the criterion {criterion!r} needs labelled source and unlabelled target rows in the "
            f"test set, got {len(labels)} {found} and no {missing} ones; split by "
            f"SourceGroupKFold(score_target=True) ({UNKNOWN_LABELS})"
        )
    target = _safe_indexing(X, np.flatnonzero(~known))
    if criterion in ("entropy", "density"):
        probabilities = _probabilities(estimator, target, criterion)
        return _mean_entropy(probabilities) if criterion == "entropy" else _density(probabilities)
    source = _safe_indexing(X, np.flatnonzero(known))
    truth = class_values(labels[known])
    if criterion == "reverse":
        return _reverse_recall(estimator, source, truth, target)
    right = np.asarray(estimator.predict(source)) == truth
    weights = importance_weights(check_array(source), check_array(target))
    if criterion == "deep_embedded":
        return -_controlled_risk(~right, weights)
    return float(
        np.mean(
            [
                np.average(right[truth == c], weights=weights[truth == c])
                for c in set(truth.tolist())
            ]
        )
    )


def _probabilities(estimator: Any, rows: Any, criterion: str) -> NDArray[np.float64]:
    if not hasattr(estimator, "predict_proba"):
        raise AttributeError(
            f"the criterion {criterion!r} needs predict_proba, which {type(estimator).__name__} "
            "lacks; choose 'importance' or 'reverse'"
        )
    return np.asarray(estimator.predict_proba(rows), np.float64)


def _mean_entropy(probabilities: NDArray[np.float64]) -> float:
    logarithms = np.log(probabilities, where=probabilities > 0, out=np.zeros_like(probabilities))
    return float(np.mean(np.sum(probabilities * logarithms, axis=1)))


def _density(probabilities: NDArray[np.float64]) -> float:
    """Return the mean entropy of every row's softmax similarities to the others, block by block."""
    rows = probabilities / np.linalg.norm(probabilities, axis=1, keepdims=True)
    if len(rows) == 1:
        return 0.0
    height, total = max(1, _BLOCK // len(rows)), 0.0
    for first in range(0, len(rows), height):
        block = matmul(rows[first : first + height], rows.T)
        block = (block - 1.0) / _TEMPERATURE  # cosines are at most 1
        block[np.arange(len(block)), np.arange(first, first + len(block))] = -np.inf
        exponentials = np.exp(block)
        sums = exponentials.sum(axis=1)
        finite = np.where(np.isfinite(block), block, 0.0)
        total += float(np.sum(np.log(sums) - np.sum(exponentials * finite, axis=1) / sums))
    return total / len(rows)


def _reverse_recall(estimator: Any, source: Any, truth: NDArray[Any], target: Any) -> float:
    guesses = np.asarray(estimator.predict(target))
    if len(set(guesses.tolist())) == 1:
        answers = np.repeat(guesses[:1], len(truth))  # a model of one class knows no other
    else:
        X, y, _ = pack(target, guesses, source)
        answers = clone(estimator).fit(X, y).predict(source)
    return float(np.mean([np.mean(answers[truth == c] == c) for c in set(truth.tolist())]))


def _controlled_risk(wrong: NDArray[np.bool_], weights: NDArray[np.float64]) -> float:
    """Return the weighted error with the weights, whose mean is known, as a control variate."""
    weighted = weights * wrong
    variance = float(np.var(weights))
    slope = -np.mean((weighted - weighted.mean()) * (weights - weights.mean()))
    slope = slope / variance if variance > 0 else 0.0
    return float(weighted.mean() + slope * (weights.mean() - 1.0))


def importance_weights(
    source: NDArray[np.float64], target: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Estimate how much more frequent each source row would be in the target.

    `source` (n_source, d): rows of the source. `target` (n_target, d): rows of the target. Returns
    (n_source,): positive weights of mean 1 before they are cut at 10.

    The odds of a logistic regression that tells the domains apart,
    p(target | x) / p(source | x) · n_source / n_target. Rows are scaled to unit mean energy and
    the regression is strongly regularised (C = 0.01), for odds of separable domains say nothing.

    References
    ----------
    S. Bickel, M. Brückner, T. Scheffer, "Discriminative learning under covariate shift", Journal of
    Machine Learning Research 10:2137-2155, 2009.
    """
    rows = np.vstack([source, target])
    energy = float(np.mean(np.einsum("ij,ij->i", rows, rows)))
    rows = rows / np.sqrt(energy) if energy > 0 else rows
    is_target = np.repeat([0, 1], [len(source), len(target)])
    model = LogisticRegression(C=0.01, max_iter=1000).fit(rows, is_target)
    odds = np.exp(model.decision_function(rows[: len(source)])) * len(source) / len(target)
    return np.asarray(np.minimum(odds / odds.mean(), _LARGEST_WEIGHT))
