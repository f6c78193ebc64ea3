"""A denoising autoencoder whose embedding follows activation and valence."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any, Literal, Self, TypeAlias

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor, nn

from sparsetransfer._domains import new_domains, resolve_domains, source_mask
from sparsetransfer._labels import MaskedClassifierMixin, check_labels, class_values, labelled
from sparsetransfer._validation import FloatArray, check_integer, check_real
from sparsetransfer.deep import losses
from sparsetransfer.deep.affect import AFFECT, affect_of
from sparsetransfer.deep.classifier import json_parameters
from sparsetransfer.deep.networks.autoencoder import (
    Autoencoder,
    RowScaler,
    embed,
    embedding_classifier,
    restored_classifier,
)
from sparsetransfer.deep.training.checkpoint import (
    check_scales,
    check_tensors,
    describing,
    load_module,
    read_checkpoint,
    read_classes,
    read_parameters,
    write_checkpoint,
)
from sparsetransfer.deep.training.loop import (
    Progress,
    Training,
    data_digest,
    resolve_device,
    seed_of,
    train,
)

__all__ = ["Dimension", "MetricAutoencoder"]

Dimension: TypeAlias = Literal["activation", "valence", "both"]


class MetricAutoencoder(TransformerMixin, MaskedClassifierMixin, BaseEstimator):  # type: ignore[misc]
    r"""Continuous metric learning: an embedding in which distances are differences in emotion.

    Parameters
    ----------
    dimension : {"activation", "valence", "both"} or None, default="both"
        Which label shapes the embedding; with "both" activation its first and valence its second
        half. None is the autoencoder alone (the unsupervised twin).
    spacing : float, default=2.0
        Factor of activation and valence in the loss, positive. 2 spreads labels between -1 and 1, as
        those of `AFFECT`, as far as the authors' ratings from 1 to 5; give 1 for such ratings. The
        loss is not free of scale: it weighs against the reconstruction of standardised features.
    n_components : int, default=2
        Length of the embedding; even for "both".
    noise : float, default=1.0
        Standard deviation of the noise that is added to standardised features.
    max_epochs : int, default=100
        The largest number of passes over the samples.
    batch_size : int, default=64
        Samples in a batch.
    learning_rate : float, default=1e-3
        Step of Adam.
    device, random_state, checkpoint, progress
        As in `DIDAN`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Known labels; only if there were some.
    network_ : torch.nn.Module
        The trained autoencoder.
    classifier_ : LogisticRegression
        Fitted on the embeddings of the labelled source samples; only if there were labels.
    history_ : dict of str to list of float
        Training loss per epoch.
    n_features_in_ : int
        Number of features.

    Notes
    -----
    Standardised features pass through layers of 40, 20 and 10 rectified units into a linear
    embedding and back. The loss of a batch is :math:`\log(\mathrm{MSE} + \ell)` with :math:`\ell` the
    continuous metric loss of `sparsetransfer.deep.losses.continuous_metric`, or
    :math:`\log \mathrm{MSE}` in a batch without two different known labels, and with
    ``dimension=None`` the MSE, as published. Samples with unknown activation or valence take part
    in the reconstruction only.

    Deviations from the published code: unlabelled target rows are reconstructed, too (it reads a
    labelled corpus only); each domain is standardised by its own mean and standard deviation (it
    uses those of the training corpus); Adam steps by 1e-3 (1e-4 there, over a corpus several times
    larger: ``learning_rate=1e-4`` and more epochs); a category stands in for the ratings of an
    utterance unless `fit` is given `dimensions`; the classifier on the embedding is logistic
    regression with balanced classes.

    References
    ----------
    .. [1] S. Das, N. L. Lund, N. N. Lønfeldt, A. K. Pagsberg, L. H. Clemmensen, "Continuous metric
       learning for transferable speech emotion recognition and embedding across low-resource
       languages", NLDL 2022, arXiv:2203.14867.
    """

    def __init__(
        self,
        dimension: Dimension | None = "both",
        *,
        spacing: float = 2.0,
        n_components: int = 2,
        noise: float = 1.0,
        max_epochs: int = 100,
        batch_size: int = 64,
        learning_rate: float = 1e-3,
        device: str | None = None,
        random_state: int | np.random.Generator | np.random.RandomState | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.dimension = dimension
        self.spacing = spacing
        self.n_components = n_components
        self.noise = noise
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.device = device
        self.random_state = random_state
        self.checkpoint = checkpoint
        self.progress = progress

    def fit(
        self,
        X: Any,
        y: ArrayLike | None = None,
        *,
        sample_domain: ArrayLike | None = None,
        dimensions: ArrayLike | None = None,
        affect: Mapping[str, tuple[float, float]] = AFFECT,
    ) -> MetricAutoencoder:
        """Train on the features of all samples.

        Parameters
        ----------
        X : array_like of shape (n, n_features)
            Functionals, for example eGeMAPS, of all domains.
        y : array_like of shape (n,), optional
            Emotions; masked (-1, NaN, None) or target samples are not looked at.
        sample_domain : array_like of shape (n,), int, optional
            Positive: source, negative: target. By default samples with a masked label are the
            target.
        dimensions : array_like of shape (n, 2), optional
            Activation and valence of each sample, NaN where unknown; those of target samples are
            not looked at. By default `affect` gives them for the emotions in `y`.
        affect : mapping of str to (float, float), default=AFFECT
            Activation and valence of emotions.

        Returns
        -------
        MetricAutoencoder
            Itself.

        Raises
        ------
        ValueError
            If an argument cannot be used, or an emotion has no activation and valence.
        DomainError
            If a domain has no sample.
        CheckpointError
            If the checkpoint belongs to another run.
        """
        self._check_parameters()
        X = validate_data(self, X, dtype=np.float64, ensure_min_samples=2)
        labels = None if y is None else check_labels(y, len(X))
        is_source = source_mask(resolve_domains(labels, sample_domain, len(X)), len(X))
        known = is_source & (labelled(labels) if labels is not None else False)
        wanted = self._wanted(labels, known, is_source, dimensions, affect)
        scaler = RowScaler.fit(X, is_source)
        self.mean_, self.scale_ = scaler.mean, scaler.scale
        rows = scaler.apply(X, is_source)
        scaled = torch.from_numpy(rows.astype(np.float32))
        seed = seed_of(self.random_state)
        device = resolve_device(self.device)
        with torch.random.fork_rng([]):
            torch.manual_seed(seed)
            network = Autoencoder(X.shape[1], self.n_components)
        optimizer = torch.optim.Adam(network.to(device).parameters(), lr=self.learning_rate)

        def batches(rng: np.random.Generator, _: int) -> Iterator[tuple[Tensor, Tensor]]:
            order = rng.permutation(len(scaled))
            for rows in np.array_split(order, max(1, round(len(order) / self.batch_size))):
                yield scaled[rows].to(device), wanted[rows].to(device)

        self.history_ = train(
            network,
            optimizer,
            batches,
            lambda pair, _: self._loss(network, *pair),
            Training(self.max_epochs, 1, seed, device, self.checkpoint, self.progress),
            identity=json_parameters(self) | {"data": data_digest(scaled, wanted, is_source)},
        )
        self.network_ = network
        if known.any():
            embedded = embed(self.network_, self.device, rows[known])
            self._fit_classifier(embedded, class_values(np.asarray(labels)[known]))
        elif hasattr(self, "classifier_"):
            del self.classifier_, self.classes_
        return self

    def transform(self, X: Any, *, sample_domain: ArrayLike | None = None) -> FloatArray:
        """Return embeddings.

        Parameters
        ----------
        X : array_like of shape (n, n_features)
            Features.
        sample_domain : array_like of shape (n,), int, optional
            Positive for the source, negative for the target (the default): by whose mean and
            standard deviation to standardise.

        Returns
        -------
        numpy.ndarray of shape (n, n_components)
            In the precision of `X`.
        """
        check_is_fitted(self, "network_")
        X = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        is_source = new_domains(sample_domain, len(X)) > 0
        return embed(
            self.network_, self.device, RowScaler(self.mean_, self.scale_).apply(X, is_source)
        ).astype(X.dtype)

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

    def predict_dimensions(self, X: Any, *, sample_domain: ArrayLike | None = None) -> FloatArray:
        """Read activation and valence off the embedding, up to an offset.

        Parameters
        ----------
        X, sample_domain
            As in `transform`.

        Returns
        -------
        numpy.ndarray of shape (n, 1) or (n, 2)
            The mean of the part of the embedding that belongs to each dimension, in the unit of the
            labels. The loss fixes its scale but not its origin, so compare by correlation, or after
            removing the mean.

        Raises
        ------
        ValueError
            If `dimension` is None.
        """
        if self.dimension is None:
            raise ValueError("dimension is None: the embedding was not shaped by any label")
        parts = np.split(
            self.transform(X, sample_domain=sample_domain), 1 + (self.dimension == "both"), axis=1
        )
        return np.stack([part.mean(axis=1) / self.spacing for part in parts], axis=1)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted model as safetensors with a JSON header, aside and then renamed."""
        check_is_fitted(self, "network_")
        tensors = {f"network.{k}": v for k, v in self.network_.state_dict().items()}
        tensors |= {"mean": torch.from_numpy(self.mean_), "scale": torch.from_numpy(self.scale_)}
        meta: dict[str, Any] = {"parameters": json_parameters(self), "classes": None}
        if hasattr(self, "classifier_"):
            meta["classes"] = self.classes_.tolist()
            tensors["coefficients"] = torch.from_numpy(self.classifier_.coef_)
            tensors["intercept"] = torch.from_numpy(self.classifier_.intercept_)
        write_checkpoint(path, "MetricAutoencoder", tensors, meta)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a model that `save` wrote.

        Raises
        ------
        CheckpointError
            If the file is damaged, or holds another model or version.
        """
        tensors, meta = read_checkpoint(path, "MetricAutoencoder")
        with describing(path, "a MetricAutoencoder"):
            model = cls(**read_parameters(meta, tensors))
            model._check_parameters()
            model.mean_, model.scale_ = check_scales(tensors["mean"], tensors["scale"])
            model.n_features_in_ = model.mean_.shape[1]
            shape = model.n_features_in_, model.n_components
            check_tensors(Autoencoder(*shape), tensors, "network.")
            if meta["classes"] is not None:
                model.classes_ = read_classes(meta["classes"])
                model.classifier_ = restored_classifier(model.classes_, tensors, model.n_components)
        model.network_ = Autoencoder(*shape).eval()
        load_module(model.network_, tensors, "network.")
        return model

    def _check_parameters(self) -> None:
        if self.dimension not in (None, "activation", "valence", "both"):
            raise ValueError(
                f"dimension must be 'activation', 'valence', 'both' or None, got {self.dimension!r}"
            )
        check_integer(self.n_components, "n_components", minimum=1)
        if self.dimension == "both" and self.n_components % 2:
            raise ValueError(f"n_components must be even for 'both', got {self.n_components}")
        check_integer(self.max_epochs, "max_epochs", minimum=1)
        check_integer(self.batch_size, "batch_size", minimum=2)
        check_real(self.spacing, "spacing", minimum=0, strict=True)
        check_real(self.noise, "noise", minimum=0)
        check_real(self.learning_rate, "learning_rate", minimum=0, strict=True)

    def _wanted(
        self,
        labels: NDArray[Any] | None,
        known: NDArray[np.bool_],
        is_source: NDArray[np.bool_],
        dimensions: ArrayLike | None,
        affect: Mapping[str, tuple[float, float]],
    ) -> Tensor:
        """Return the labels that shape each part of the embedding, NaN where unknown."""
        rated = np.full((len(is_source), 2), np.nan)
        if dimensions is not None:
            given = np.asarray(dimensions, dtype=np.float64)
            if given.shape != rated.shape or np.isinf(given).any():
                raise ValueError(
                    f"dimensions must be finite or NaN, of shape {rated.shape}, got {given.shape}"
                )
            rated[is_source] = given[is_source]
        elif labels is not None and self.dimension is not None:
            rated[known] = affect_of(labels[known].tolist(), affect)
        columns = {"activation": [0], "valence": [1], "both": [0, 1], None: []}[self.dimension]
        return torch.from_numpy(self.spacing * rated[:, columns])

    def _loss(self, network: Autoencoder, features: Tensor, wanted: Tensor) -> Tensor:
        noisy = features + self.noise * torch.randn_like(features)
        latent, rebuilt = network(noisy)
        loss = nn.functional.mse_loss(rebuilt.float(), features)
        if not wanted.shape[1]:
            return loss
        parts = latent.float().chunk(wanted.shape[1], dim=1)
        for part, label in zip(parts, wanted.T, strict=True):
            loss = loss + losses.continuous_metric(label, part)
        return loss.log()

    def _fit_classifier(self, embedded: NDArray[np.float64], labels: NDArray[Any]) -> None:
        self.classes_ = np.unique(labels)
        if len(self.classes_) < 2:
            raise ValueError(f"y must have at least two classes, got {self.classes_.tolist()}")
        self.classifier_ = embedding_classifier().fit(embedded, labels)


def _has_classifier(model: MetricAutoencoder) -> bool:
    if not hasattr(model, "network_") or hasattr(model, "classifier_"):
        return True
    raise AttributeError("fit saw no label: there is no classifier, only transform")
