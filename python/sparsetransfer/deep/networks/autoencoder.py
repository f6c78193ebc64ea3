"""The autoencoder of feature rows, and the scales of both domains."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.utils.metaestimators import available_if
from torch import Tensor, nn

from sparsetransfer.deep.training.loop import resolve_device

__all__ = ["Autoencoder", "EmbeddingClassifierMixin", "RowScaler", "embed", "restored_classifier"]

_WIDTHS = (40, 20, 10)


@dataclass(frozen=True, eq=False)
class RowScaler:
    """Standardise rows of features, source and target each by its own statistics.

    `mean`, `scale` (2, n_features): of the source (row 0) and of the target (row 1).
    """

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]

    @classmethod
    def fit(cls, X: NDArray[np.float64], is_source: NDArray[np.bool_]) -> Self:
        """Estimate the statistics of both domains; without a target those of the source twice."""
        domains = [X[is_source], X[~is_source] if (~is_source).any() else X[is_source]]
        mean = np.stack([rows.mean(axis=0) for rows in domains])
        deviations = np.stack([rows.std(axis=0) for rows in domains])
        rounding = 10 * np.finfo(np.float64).eps * np.abs(mean)
        return cls(mean, np.where(deviations > rounding, deviations, 1.0))

    def apply(self, X: NDArray[np.float64], is_source: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return standardised rows."""
        which = np.where(is_source, 0, 1)
        return np.asarray((X - self.mean[which]) / self.scale[which], dtype=np.float64)


class Autoencoder(nn.Module):
    """88 → 40 → 20 → 10 → embedding and back, with the activations of the published code."""

    def __init__(self, n_features: int, n_components: int) -> None:
        super().__init__()
        wide, middle, narrow = _WIDTHS
        self.encoder = nn.Sequential(
            nn.Linear(n_features, wide),
            nn.ReLU(),
            nn.Linear(wide, middle),
            nn.ReLU(),
            nn.Linear(middle, narrow),
            nn.ReLU(),
            nn.Linear(narrow, n_components),
        )
        self.decoder = nn.Sequential(
            nn.Linear(n_components, narrow),
            nn.Linear(narrow, middle),
            nn.ReLU(),
            nn.Linear(middle, wide),
            nn.Linear(wide, n_features),
        )

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return embeddings and rebuilt features."""
        latent = self.encoder(features)
        return latent, self.decoder(latent)


def embed(
    network: nn.Module, device: str | None, scaled: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return embeddings in double precision, so that they do not depend on the batch."""
    place = resolve_device(device)
    exact = copy.deepcopy(network).double().to(place).eval()
    with torch.no_grad():
        latent = exact(torch.from_numpy(scaled).to(place))[0]
    return np.asarray(latent.cpu().numpy())


def embedding_classifier() -> LogisticRegression:
    """Return the unfitted classifier of embeddings."""
    return LogisticRegression(class_weight="balanced", max_iter=1000)


def restored_classifier(
    classes: NDArray[Any], tensors: Mapping[str, Tensor], n_components: int
) -> LogisticRegression:
    """Restore a fitted classifier of embeddings from the tensors of a file."""
    model = embedding_classifier()
    model.classes_ = classes
    model.coef_, model.intercept_ = (tensors[k].numpy() for k in ("coefficients", "intercept"))
    rows = 1 if len(classes) == 2 else len(classes)
    if model.coef_.shape != (rows, n_components) or model.intercept_.shape != (rows,):
        raise ValueError("the classifier has another shape than its classes")
    return model


class EmbeddingClassifierMixin:
    """Predictions by a classifier on embeddings, which is there if `fit` saw labels."""

    transform: Callable[..., Any]

    @available_if(lambda self: _has_classifier(self))  # type: ignore[untyped-decorator]
    def predict(self, X: Any, *, sample_domain: ArrayLike | None = None) -> NDArray[Any]:
        """Label samples by the classifier on their embeddings.

        Parameters
        ----------
        X, sample_domain
            As in `transform`.

        Returns
        -------
        numpy.ndarray of shape (n,)
            Labels out of `classes_`.
        """
        embedded = self.transform(X, sample_domain=sample_domain)
        return np.asarray(self.classifier_.predict(embedded))

    @available_if(lambda self: _has_classifier(self))  # type: ignore[untyped-decorator]
    def predict_proba(
        self, X: Any, *, sample_domain: ArrayLike | None = None
    ) -> NDArray[np.float64]:
        """Return class probabilities.

        Parameters
        ----------
        X, sample_domain
            As in `transform`.

        Returns
        -------
        numpy.ndarray of shape (n, n_classes), float64
            In the order of `classes_`.
        """
        embedded = self.transform(X, sample_domain=sample_domain)
        return np.asarray(self.classifier_.predict_proba(embedded), dtype=np.float64)

    def _fit_classifier(self, embedded: NDArray[np.float64], labels: NDArray[Any]) -> None:
        self.classes_ = np.unique(labels)
        if len(self.classes_) < 2:
            raise ValueError(f"y must have at least two classes, got {self.classes_.tolist()}")
        self.classifier_ = embedding_classifier().fit(embedded, labels)


def _has_classifier(model: Any) -> bool:
    if not hasattr(model, "network_") or hasattr(model, "classifier_"):
        return True
    raise AttributeError("fit saw no label: there is no classifier, only transform")
