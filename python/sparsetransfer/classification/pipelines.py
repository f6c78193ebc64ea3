"""Pipelines that carry domain labels to the steps that want them."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import sklearn
from numpy.typing import ArrayLike
from sklearn.pipeline import Pipeline
from sklearn.utils.metaestimators import available_if

from sparsetransfer._labels import UNKNOWN_LABELS, labelled
from sparsetransfer.classification.labelled_only import LabelledOnly
from sparsetransfer.exceptions import DomainError

__all__ = ["TransferPipeline", "make_transfer_pipeline"]


def _ends_in_a_transformer(pipeline: TransferPipeline) -> bool:
    return hasattr(super(TransferPipeline, pipeline), "fit_transform")


class TransferPipeline(Pipeline):  # type: ignore[misc]
    """A scikit-learn pipeline whose `fit` takes `sample_domain`.

    Without metadata routing, `sample_domain` is handed to every step whose `fit` has a parameter
    of this name; with routing enabled in scikit-learn, it is routed to the steps that request it.
    The last step is fitted on the labelled rows only.

    Parameters
    ----------
    steps : list of (str, estimator)
        Transformers and a final classifier, as in `sklearn.pipeline.Pipeline`.
    transform_input : list of str, optional
        As in `sklearn.pipeline.Pipeline`.
    memory : str or joblib.Memory, optional
        As in `sklearn.pipeline.Pipeline`.
    verbose : bool, default=False
        As in `sklearn.pipeline.Pipeline`.
    """

    def fit(
        self,
        X: Any,
        y: ArrayLike | None = None,
        *,
        sample_domain: ArrayLike | None = None,
        **params: Any,
    ) -> TransferPipeline:
        """Fit all steps.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Rows of all domains.
        y : array-like of shape (n,)
            Labels; -1, NaN or None where unknown. A target row whose label is not masked counts
            as labelled.
        sample_domain : array-like of shape (n,), int, optional
            Positive for rows of a source, negative for rows of a target.
        **params
            Passed on as in `sklearn.pipeline.Pipeline`.

        Returns
        -------
        TransferPipeline
            Itself.

        Raises
        ------
        DomainError
            If the label of a source row is unknown.
        """
        super().fit(X, y, **params, **self._domain_params(y, sample_domain))
        return self

    @available_if(_ends_in_a_transformer)  # type: ignore[untyped-decorator]
    def fit_transform(
        self,
        X: Any,
        y: ArrayLike | None = None,
        *,
        sample_domain: ArrayLike | None = None,
        **params: Any,
    ) -> Any:
        """Fit all steps and return the last one's output for the fitted rows.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Rows of all domains.
        y : array-like of shape (n,), optional
            Labels; -1, NaN or None where unknown.
        sample_domain : array-like of shape (n,), int, optional
            Positive for rows of a source, negative for rows of a target.
        **params
            Passed on as in `sklearn.pipeline.Pipeline`.

        Returns
        -------
        ndarray of shape (n, k)
            For instance the codes of the rows of both domains.

        Raises
        ------
        DomainError
            If `y` is given and the label of a source row is unknown.
        """
        return super().fit_transform(X, y, **params, **self._domain_params(y, sample_domain))

    def _domain_params(
        self, y: ArrayLike | None, sample_domain: ArrayLike | None
    ) -> dict[str, ArrayLike]:
        if sample_domain is None:
            return {}
        domain = np.asarray(sample_domain)
        if y is not None and domain.shape == np.shape(y):
            unknown = int((~labelled(y) & (domain > 0)).sum())
            if unknown:
                raise DomainError(f"y: {unknown} source rows have no label ({UNKNOWN_LABELS})")
        takers = [
            name
            for name, step in self.steps
            if hasattr(step, "fit") and "sample_domain" in inspect.signature(step.fit).parameters
        ]
        if not sklearn.get_config()["enable_metadata_routing"]:
            return {f"{name}__sample_domain": sample_domain for name in takers}
        # scikit-learn refuses what no step requests.
        wanted = takers or self.get_metadata_routing().consumes("fit", ["sample_domain"])
        return {"sample_domain": sample_domain} if wanted else {}


def make_transfer_pipeline(*steps: Any) -> TransferPipeline:
    """Chain transformers and a classifier for labelled source and unlabelled target rows.

    Parameters
    ----------
    *steps : estimators
        Transformers, among them for instance `TransferSparseCoding`, and at last a classifier,
        which is wrapped in `LabelledOnly`.

    Returns
    -------
    TransferPipeline
        Steps are named by their class in lower case, as `sklearn.pipeline.make_pipeline` does.

    Raises
    ------
    ValueError
        If there are fewer than two steps.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import RidgeClassifier
    >>> from sklearn.preprocessing import StandardScaler
    >>> X = np.array([[0.0, 1.0], [1.0, 0.0], [0.1, 0.9], [0.9, 0.2]])
    >>> model = make_transfer_pipeline(StandardScaler(), RidgeClassifier())
    >>> model.fit(X, [0, 1, -1, -1], sample_domain=[1, 1, -2, -2]).predict(X)
    array([0, 1, 0, 1])
    """
    if len(steps) < 2:
        raise ValueError(f"give at least a transformer and a classifier, got {len(steps)} steps")
    *transformers, classifier = steps
    wrapped = classifier if isinstance(classifier, LabelledOnly) else LabelledOnly(classifier)
    names = [type(step).__name__.lower() for step in [*transformers, classifier]]
    seen: dict[str, int] = {}
    unique = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        unique.append(name if names.count(name) == 1 else f"{name}-{seen[name]}")
    return TransferPipeline(list(zip(unique, [*transformers, wrapped], strict=True)))
