"""A classifier that is fitted on the labelled rows only."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone
from sklearn.utils import _safe_indexing, get_tags
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    _routing_enabled,
    process_routing,
)
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from sparsetransfer._domains import encode_source_labels, require_labels
from sparsetransfer._labels import UNKNOWN_LABELS, MaskedClassifierMixin, labelled
from sparsetransfer._validation import check_rows
from sparsetransfer.exceptions import DomainError

__all__ = ["LabelledOnly"]


def _delegates(name: str) -> Any:
    def check(self: LabelledOnly) -> bool:
        getattr(getattr(self, "estimator_", self.estimator), name)
        return True

    return available_if(check)


class LabelledOnly(MetaEstimatorMixin, MaskedClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Fit a classifier on the rows whose label is known.

    After a transfer step the rows of source and target stand in one array, and the labels of the
    target are masked. Put in front of any classifier, this keeps the masked rows out of its fit.

    Parameters
    ----------
    estimator : classifier
        Any scikit-learn classifier; it is cloned.

    Attributes
    ----------
    estimator_ : classifier
        The fitted clone.
    classes_ : ndarray of shape (n_classes,)
        Known labels, sorted.
    n_features_in_ : int
        Number of columns of the fitted rows.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, if the fitted rows had string names.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> X = np.array([[0.0], [1.0], [0.9]])
    >>> model = LabelledOnly(KNeighborsClassifier(1)).fit(X, [0, 1, -1])
    >>> model.predict(X), model.classes_
    (array([0, 1, 1]), array([0, 1]))
    """

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit(self, X: Any, y: ArrayLike | None, **fit_params: Any) -> LabelledOnly:
        """Fit a clone of the classifier on the labelled rows.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Rows of all domains.
        y : array-like of shape (n,)
            Labels; -1, NaN and None mask them.
        **fit_params
            Passed to the classifier; arrays with one entry per row are cut to the labelled rows.

        Returns
        -------
        LabelledOnly
            Itself.

        Raises
        ------
        DomainError
            If no label is known.
        ValueError
            If `X` and `y` differ in length, or `y` is missing.
        """
        rows = check_rows(self, X if hasattr(X, "shape") else np.asarray(X), skip_check_array=True)
        if not rows.shape:
            raise ValueError(f"X must be rows of samples, got {type(X).__name__}")
        y = require_labels(y, rows.shape[0], "LabelledOnly")
        known = labelled(y)
        if not known.any():
            raise DomainError(
                f"y has no known label among {len(known)}: the source must be labelled "
                f"({UNKNOWN_LABELS})"
            )
        classes, codes = encode_source_labels(y, known)
        chosen = rows if known.all() else _safe_indexing(rows, np.flatnonzero(known))
        params = {
            name: np.asarray(value)[known] if np.shape(value)[:1] == known.shape else value
            for name, value in fit_params.items()
        }
        if _routing_enabled():
            params = process_routing(self, "fit", **params).estimator.fit
        self.estimator_ = clone(self.estimator).fit(chosen, classes[codes], **params)
        self.classes_ = self.estimator_.classes_
        return self

    def get_metadata_routing(self) -> MetadataRouter:
        """Return what `fit` passes on, where scikit-learn's metadata routing is enabled.

        Returns
        -------
        sklearn.utils.metadata_routing.MetadataRouter
            What it and the classifier request.
        """
        mapping = MethodMapping().add(caller="fit", callee="fit")
        router = MetadataRouter(owner=self).add_self_request(self)
        return router.add(estimator=self.estimator, method_mapping=mapping)

    def predict(self, X: Any) -> NDArray[Any]:
        """Label rows.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Rows of any domain.

        Returns
        -------
        ndarray of shape (n,)
            Labels out of `classes_`.
        """
        rows = self._checked(X)
        return np.asarray(self.estimator_.predict(rows))

    @_delegates("predict_proba")  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return class probabilities.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Rows of any domain.

        Returns
        -------
        ndarray of shape (n, n_classes)
            Probabilities in the order of `classes_`.
        """
        rows = self._checked(X)
        return np.asarray(self.estimator_.predict_proba(rows))

    @_delegates("decision_function")  # type: ignore[untyped-decorator]
    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """Return the classifier's scores.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Rows of any domain.

        Returns
        -------
        ndarray of shape (n,) or (n, n_classes)
            Scores as the classifier defines them.
        """
        rows = self._checked(X)
        return np.asarray(self.estimator_.decision_function(rows))

    def _checked(self, X: Any) -> Any:
        """Return the rows as they are, if their columns are those that were fitted."""
        check_is_fitted(self, "estimator_")
        if getattr(X, "ndim", 2) != 2:
            return X  # The classifier refuses it, with advice.
        return check_rows(self, X, reset=False, skip_check_array=True)

    def __sklearn_tags__(self) -> Any:
        """Return the tags of the classifier inside, as far as they concern its input."""
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.input_tags = inner.input_tags
        tags.classifier_tags = inner.classifier_tags
        return tags
