"""Several feature sets, one balanced classifier each, averaged."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from sparsetransfer._domains import read_source_labels
from sparsetransfer._labels import MaskedClassifierMixin
from sparsetransfer._validation import check_integer, check_matrix, check_real, check_rows
from sparsetransfer.classification.balanced_ridge import (
    RidgeFit,
    class_targets,
    class_weights,
    ridge,
)
from sparsetransfer.classification.priors import PriorBalance, balance_prior

__all__ = ["MultiView", "join_views", "view_columns"]

View = int | slice | Sequence[int] | NDArray[np.intp]
"""A number of columns, or the columns themselves."""

_LEAST_CONFIDENCE = 1e-3


def join_views(views: Sequence[ArrayLike]) -> tuple[NDArray[np.float64], list[int]]:
    """Join feature sets of the same rows side by side.

    Parameters
    ----------
    views : sequence of array_like of shape (n, d_view)
        At least one; equal numbers of rows.

    Returns
    -------
    X : ndarray of shape (n, sum of d_view)
        All columns.
    widths : list of int
        Number of columns of each view, as `MultiView` takes them.

    Raises
    ------
    ValueError
        If there is no view or the numbers of rows differ.

    Examples
    --------
    >>> join_views([[[1.0], [2.0]], [[3.0, 4.0], [5.0, 6.0]]])[1]
    [1, 2]
    """
    arrays = [np.asarray(check_matrix(v, f"views[{i}]"), np.float64) for i, v in enumerate(views)]
    if not arrays:
        raise ValueError("views must hold at least one array, got none")
    if len({len(array) for array in arrays}) > 1:
        raise ValueError(
            f"views must have equal numbers of rows, got {[len(array) for array in arrays]}"
        )
    return np.hstack(arrays), [array.shape[1] for array in arrays]


def view_columns(views: Sequence[View] | None, n_features: int) -> list[NDArray[np.intp]]:
    """Return the columns of each view.

    `views`: numbers of columns that follow each other and add up to `n_features`, or the columns of
    each view; one view of all columns by default. `n_features`: number of columns. Returns: column
    numbers. Raises ValueError if a view is empty, numbers do not add up, or a column does not
    exist.
    """
    if views is None:
        return [np.arange(n_features)]
    if not len(views):
        raise ValueError("views must hold at least one view, got none")
    if all(isinstance(view, (int, np.integer)) for view in views):
        widths = np.array(views, dtype=np.intp)
        if widths.min() < 1 or widths.sum() != n_features:
            raise ValueError(
                f"views must be positive numbers of columns that add up to {n_features}, got "
                f"{widths.tolist()}"
            )
        return list(np.split(np.arange(n_features), np.cumsum(widths)[:-1]))
    columns = []
    for number, view in enumerate(views):
        try:
            chosen = np.arange(n_features)[view]
        except (IndexError, TypeError) as error:
            raise ValueError(
                f"views[{number}] must be positions of columns, below {n_features}, got {view!r}; "
                "X.columns.get_indexer(names) finds those of a DataFrame's columns"
            ) from error
        if chosen.ndim != 1 or not chosen.size:
            raise ValueError(f"views[{number}] must hold at least one column, got {view!r}")
        columns.append(chosen)
    return columns


class MultiView(MaskedClassifierMixin, BaseEstimator):  # type: ignore[misc]
    r"""Average the balanced posteriors of one ridge classifier per view.

    Every feature set misleads in its own way in a corpus it was not trained on; an average over
    several is misled less. Two further steps use the unlabelled target: posteriors are shifted to
    a prior (`balance_prior`), and, if asked for, pseudo-labels of the target join the training.

    Parameters
    ----------
    views : sequence of int, or of slice or array of int, optional
        Columns of each view as in `view_columns`; one view of all columns by default.
    encoders : sequence of transformer or None, optional
        One entry per view: None for the columns as they are, or a transformer whose codes take
        their place, such as `sparsetransfer.transfer.TransferSparseCoding` or a
        `TransferPipeline` that ends in it. It is fitted on the rows of both domains, with
        `sample_domain` if its `fit` takes it.
    alpha : float, default=20.0
        Penalty of the ridge, > 0, in units of the mean squared norm of the rows.
    prior : array_like of shape (n_classes,), optional
        Share of every class in the target, in the order of `classes_`. **By default the classes
        are taken to be equally frequent in the target.**
    temperature : float, default=0.5
        Scale of the scores in the posteriors, as in `balance_prior`.
    rounds : int, default=0
        Rounds of self-training, >= 0. Pseudo-labels help on some targets and destroy others: keep
        them off, or let `Safeguard` decide.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels of the source, sorted.
    columns_ : list of ndarray of int
        Columns of each view.
    encoders_ : list
        Fitted encoders, None for raw views.
    ridges_ : list of RidgeFit
        The classifier of each view.
    balances_ : list of PriorBalance
        The map from scores to posteriors of each view.
    target_posteriors_ : ndarray of shape (n_views, n_target, n_classes)
        Posteriors of each view on the fitted target rows (on all rows where there is no target).
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, if the fitted data had string names.

    See Also
    --------
    Safeguard : Decides without labels whether rounds of self-training are worth their risk.

    Notes
    -----
    With :math:`S_v` the ridge scores of view v, the posteriors are

    .. math:: P = \frac1V \sum_v \mathrm{softmax}(S_v / (\tau\,\mathrm{std}\,S_v) + b_v).

    A round of self-training fits every ridge again, on the source rows and on the target rows with
    the targets :math:`2P - 1`. A target row weighs in proportion to its confidence
    :math:`(\max_c P_{ic} - 1/k) / (1 - 1/k)`, and all target rows weigh together what all source
    rows do. :math:`P` is the average over views, so that views teach each other.

    Labels of target rows are never looked at, masked or not.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsetransfer.transfer import pack
    >>> rng = np.random.default_rng(0)
    >>> labels = np.repeat(["calm", "angry"], 30)
    >>> means = np.where(labels == "angry", 1.0, -1.0)[:, None]
    >>> source, target = (means + rng.normal(size=(60, 6)) for _ in range(2))
    >>> X, y, sample_domain = pack(source, labels, target)
    >>> model = MultiView(views=[4, 2]).fit(X, y, sample_domain=sample_domain)
    >>> bool((model.predict(target) == labels).mean() > 0.9)
    True
    """

    __metadata_request__fit = {"sample_domain": True}  # noqa: RUF012

    def __init__(
        self,
        views: Sequence[View] | None = None,
        *,
        encoders: Sequence[Any] | None = None,
        alpha: float = 20.0,
        prior: ArrayLike | None = None,
        temperature: float = 0.5,
        rounds: int = 0,
    ) -> None:
        self.views = views
        self.encoders = encoders
        self.alpha = alpha
        self.prior = prior
        self.temperature = temperature
        self.rounds = rounds

    def fit(
        self, X: ArrayLike, y: ArrayLike, *, sample_domain: ArrayLike | None = None
    ) -> MultiView:
        """Fit on labelled source rows and unlabelled target rows.

        Parameters
        ----------
        X : array_like of shape (n, d)
            Rows of all domains; the columns of all views side by side.
        y : array_like of shape (n,)
            Labels of the source rows; those of target rows are ignored.
        sample_domain : array_like of shape (n,), int, optional
            Positive for rows of a source, negative for rows of a target. By default rows with a
            masked label (-1, NaN, None) are the target; without any, posteriors are balanced over
            the source itself.

        Returns
        -------
        MultiView
            Itself.

        Raises
        ------
        DomainError
            If the label of a source row is unknown.
        ValueError
            If there is one class only, or a parameter is out of range.
        """
        # Before labels are looked at: a target may carry any.
        rows = check_rows(self, X, dtype=np.float64)
        check_integer(self.rounds, "rounds", minimum=0)
        check_real(self.alpha, "alpha", minimum=0.0, strict=True)
        known = read_source_labels(y, sample_domain, len(rows), type(self).__name__)
        self.classes_, codes, source = known.classes, known.codes, known.source
        self.columns_ = view_columns(self.views, rows.shape[1])
        represented = self._encode(rows, np.where(source, 1, -1), sample_domain)
        target = ~source if not source.all() else source
        self._learn(represented, codes, source, target)
        return self

    def _encode(
        self, rows: NDArray[np.float64], sides: NDArray[np.int64], sample_domain: ArrayLike | None
    ) -> list[NDArray[np.float64]]:
        given = [None] * len(self.columns_) if self.encoders is None else list(self.encoders)
        if len(given) != len(self.columns_):
            raise ValueError(
                f"encoders must have one entry for each of {len(self.columns_)} views, got "
                f"{len(given)}"
            )
        domains = sides if sample_domain is None else np.asarray(sample_domain)
        self.encoders_, represented = [], []
        for encoder, columns in zip(given, self.columns_, strict=True):
            view, fitted = rows[:, columns], None
            if encoder is not None:
                fitted = clone(encoder)
                takes = "sample_domain" in inspect.signature(fitted.fit).parameters
                options = {"sample_domain": domains} if takes and (sides < 0).any() else {}
                # Codes of the fitted rows may differ from those that `transform` would give.
                view = np.asarray(fitted.fit_transform(view, **options), dtype=np.float64)
            self.encoders_.append(fitted)
            represented.append(view)
        return represented

    def _learn(
        self,
        views: Sequence[NDArray[np.float64]],
        codes: NDArray[np.int64],
        source: NDArray[np.bool_],
        target: NDArray[np.bool_],
    ) -> None:
        count = len(self.classes_)
        wanted, weights = class_targets(codes, count), class_weights(codes, count)
        unknown = [view[target] for view in views]
        train = [view[source] for view in views]
        self._fit_views(train, wanted, weights, unknown)
        for _ in range(self.rounds if not source.all() else 0):
            posteriors = self.target_posteriors_.mean(axis=0)
            trust = _confidence(posteriors)
            self._fit_views(
                [np.vstack(pair) for pair in zip(train, unknown, strict=True)],
                np.vstack([wanted, 2.0 * posteriors - 1.0]),
                np.concatenate([weights, trust * (weights.sum() / trust.sum())]),
                unknown,
            )

    def _fit_views(
        self,
        train: Sequence[NDArray[np.float64]],
        wanted: NDArray[np.float64],
        weights: NDArray[np.float64],
        unknown: Sequence[NDArray[np.float64]],
    ) -> None:
        self.ridges_: list[RidgeFit] = [
            ridge(view, wanted, weights, alpha=self.alpha) for view in train
        ]
        scores = [fit.scores(view) for fit, view in zip(self.ridges_, unknown, strict=True)]
        self.balances_: list[PriorBalance] = [
            balance_prior(each, self.prior, temperature=self.temperature) for each in scores
        ]
        self.target_posteriors_ = np.stack(
            [balance.posteriors(s) for balance, s in zip(self.balances_, scores, strict=True)]
        )

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return class probabilities of target rows.

        Parameters
        ----------
        X : array_like of shape (n, d)
            Rows of the target, fitted or not.

        Returns
        -------
        ndarray of shape (n, n_classes)
            Averages over the views, in the order of `classes_`.
        """
        posteriors = self.predict_views(X)
        return np.asarray(posteriors.mean(axis=0))

    def predict_views(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the class probabilities of every view, whose average `predict_proba` is.

        Parameters
        ----------
        X : array_like of shape (n, d)
            Rows of the target, fitted or not.

        Returns
        -------
        ndarray of shape (n_views, n, n_classes)
            In the order of `classes_`.
        """
        check_is_fitted(self)
        rows = check_rows(self, X, dtype=np.float64, reset=False)
        found = []
        parts = zip(self.columns_, self.encoders_, self.ridges_, self.balances_, strict=True)
        for columns, encoder, fit, balance in parts:
            view = rows[:, columns]
            if encoder is not None:
                takes = "sample_domain" in inspect.signature(encoder.transform).parameters
                options = {"sample_domain": np.full(len(rows), -1)} if takes else {}
                view = np.asarray(encoder.transform(view, **options), dtype=np.float64)
            scores = np.asarray(check_matrix(fit.scores(view), "scores of X"), np.float64)
            found.append(balance.posteriors(scores))
        return np.stack(found)

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Label target rows.

        Parameters
        ----------
        X : array_like of shape (n, d)
            Rows of the target, fitted or not.

        Returns
        -------
        ndarray of shape (n,)
            Labels out of `classes_`.
        """
        best = self.predict_proba(X).argmax(axis=1)
        return np.asarray(self.classes_[best])


def _confidence(posteriors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (max P - 1/k) / (1 - 1/k) per row, from just above 0 to 1."""
    chance = 1.0 / posteriors.shape[1]
    certainty = (posteriors.max(axis=1) - chance) / (1.0 - chance)
    return np.asarray(np.maximum(certainty, _LEAST_CONFIDENCE), dtype=np.float64)
