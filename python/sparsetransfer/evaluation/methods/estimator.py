"""Any scikit-learn estimator as a method, by its import path."""

from __future__ import annotations

import importlib
import inspect
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.svm import LinearSVC

from sparsetransfer._domains import pack
from sparsetransfer.evaluation.data.rows import LabelledRows, UnlabelledRows
from sparsetransfer.evaluation.methods.base import MethodOutput, Tuning, fit_classifier
from sparsetransfer.evaluation.methods.classifiers import check_family, family_obstacle
from sparsetransfer.evaluation.methods.fitted import (
    FitBeforePredict,
    FittedMethod,
    LinearScores,
    RowModel,
    class_scores,
)
from sparsetransfer.evaluation.methods.settings import check_estimator
from sparsetransfer.subspace import (
    CORAL,
    JointDistributionAdaptation,
    SubspaceAlignment,
    TransferComponentAnalysis,
)
from sparsetransfer.transfer.regression.base import LabelRegression

__all__ = ["EstimatorMethod", "check_params", "estimator_class"]

_LINEAR = (LabelRegression, LinearSVC, LogisticRegression, RidgeClassifier)
_ENCODERS = (CORAL, JointDistributionAdaptation, SubspaceAlignment, TransferComponentAnalysis)
"""Classifiers and transformers whose fitted state a model file keeps."""


def estimator_class(path: str) -> type[Any]:
    """Import an estimator class, for example of ``sklearn.ensemble:RandomForestClassifier``.

    Raises ValueError if the path is not ``module:Class``, cannot be imported, or is no class with
    `fit` and `predict` or `transform`.
    """
    module, separator, name = path.partition(":")
    if not separator or not module or not name:
        raise ValueError(f"estimator {path!r}: expected module:Class")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"estimator {path!r} cannot be imported: {error}") from error
    usable = (
        inspect.isclass(found)
        and hasattr(found, "fit")
        and (hasattr(found, "predict") or hasattr(found, "transform"))
    )
    if not usable:
        raise ValueError(f"estimator {path!r} is no class with fit and predict or transform")
    return found  # type: ignore[no-any-return]


def check_params(
    name: str, params: Mapping[str, Any], known: Collection[str] | None
) -> dict[str, Any]:
    """Return a plain copy of parameters; a name that is not `known`, if any are, is a ValueError."""
    if known is not None and (strange := sorted(set(params) - set(known))):
        raise ValueError(f"{name} has no parameters {strange}; it has {sorted(known)}")
    plain: dict[str, Any] = json.loads(json.dumps(dict(params)))
    return plain


def _takes_domain(estimator: Any) -> bool:
    return "sample_domain" in inspect.signature(estimator.fit).parameters


@dataclass(frozen=True)
class EstimatorMethod(FitBeforePredict):
    """A scikit-learn estimator: a classifier, or a transformer before a tuned classifier.

    An estimator whose `fit` has the parameter `sample_domain` gets the rows of source and target
    with the target's labels masked; any other classifier gets the source alone, and any other
    transformer gets all rows without labels.

    - `estimator`: import path, ``module:Class``.
    - `params`: arguments of the class, as plain JSON values. A parameter `random_state` that is not
      among them gets the seed.
    - `classifier`: family of the classifier after a transformer, a name in `FAMILIES`.
    - `every_view`: whether all feature sets are put side by side, instead of the first one alone.

    Raises ValueError if the estimator cannot be imported, or a parameter cannot be used.
    """

    name: str
    description: str
    estimator: str
    params: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    classifier: str = "svm"
    every_view: bool = False

    def __post_init__(self) -> None:
        made = estimator_class(self.estimator)
        parameters = inspect.signature(made).parameters
        variable = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
        known = {*parameters, *getattr(made.__init__, "also_accepts", ())}
        name = f"estimator {self.estimator!r}"
        params = check_params(name, self.params, None if variable else known)
        object.__setattr__(self, "params", params)
        check_family(self.name, self.classifier)
        try:
            estimator = self._make(0)
        except TypeError as error:  # a parameter without default
            raise ValueError(f"method {self.name!r}: {error}") from error
        check_estimator(self.name, estimator, params)

    @property
    def adapts(self) -> bool:
        """Whether target rows take part in learning."""
        found = estimator_class(self.estimator)
        return (
            not hasattr(found, "predict")
            or "sample_domain" in inspect.signature(found.fit).parameters
        )

    def settings(self) -> dict[str, Any]:
        """Return the parameters fixed in advance."""
        found = estimator_class(self.estimator)
        after = {} if hasattr(found, "predict") else {"classifier": self.classifier}
        views = {"every_view": True} if self.every_view else {}
        return {"estimator": self.estimator, "params": dict(self.params), **after, **views}

    def obstacle(self) -> str:
        """Return why it cannot predict new recordings; empty if it can."""
        found = estimator_class(self.estimator)
        if hasattr(found, "predict"):
            known = issubclass(found, _LINEAR)
        elif known := issubclass(found, _ENCODERS):
            return family_obstacle(self.classifier)
        return "" if known else f"no model file keeps a fitted {found.__name__}"

    def fit(self, source: LabelledRows, target: UnlabelledRows, tuning: Tuning) -> FittedMethod:
        """Fit the estimator and label `target`."""
        rows, unknown = (part.matrix(every_view=self.every_view) for part in (source, target))
        estimator = self._make(tuning.seed)
        everything, labels, domain = pack(rows, source.labels.astype(object), unknown)
        domain = np.where(domain > 0, np.append(source.corpora, np.zeros(len(unknown))), -1)
        domain = np.where(domain < 0, -int(source.corpora.max()) - 1, domain).astype(np.int64)
        if hasattr(estimator, "predict"):
            if _takes_domain(estimator):
                estimator.fit(everything, labels, sample_domain=domain)
            else:
                estimator.fit(rows, source.labels)
            return self._classified(estimator, unknown)
        codes = self._transform(estimator, everything, labels, domain)
        codes_source, codes_target = codes[: len(rows)], codes[len(rows) :]
        tuned, chosen = fit_classifier(self.classifier, codes_source, codes_target, source, tuning)
        output = MethodOutput(tuned.predict(codes_target), chosen, codes_source, codes_target)
        return tuned.fitted(output, codes_target, (estimator,), every_view=self.every_view)

    def _classified(self, estimator: Any, unknown: NDArray[np.float64]) -> FittedMethod:
        output = MethodOutput(np.asarray(estimator.predict(unknown), dtype=np.str_))
        if self.obstacle():
            # Evaluated only: it need not have scores.
            empty = np.zeros((len(unknown), 0))
            return FittedMethod((), output, empty, RowModel((), estimator))
        return FittedMethod(
            classes=tuple(str(name) for name in estimator.classes_),
            output=output,
            target_scores=class_scores(estimator, unknown),
            model=RowModel((), LinearScores.of(estimator), every_view=self.every_view),
        )

    def _make(self, seed: int) -> Any:
        made = estimator_class(self.estimator)
        params = dict(self.params)
        if "random_state" in inspect.signature(made).parameters:
            params.setdefault("random_state", seed)
        return made(**params)

    @staticmethod
    def _transform(
        estimator: Any,
        rows: NDArray[np.float64],
        labels: NDArray[Any],
        domain: NDArray[np.int64],
    ) -> NDArray[np.float64]:
        """Return the codes of the fitted rows, the transductive ones where there are such."""
        if not _takes_domain(estimator):
            return np.asarray(estimator.fit(rows).transform(rows), dtype=np.float64)
        if "sample_domain" in inspect.signature(estimator.fit_transform).parameters:
            codes = estimator.fit_transform(rows, labels, sample_domain=domain)
        else:
            estimator.fit(rows, labels, sample_domain=domain)
            takes = "sample_domain" in inspect.signature(estimator.transform).parameters
            routed = {"sample_domain": domain} if takes else {}
            codes = estimator.transform(rows, **routed)
        return np.asarray(codes, dtype=np.float64)
