"""A denoising autoencoder whose embedding follows activation and valence."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any, Literal, Self, TypeAlias

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from sparsetransfer._domains import new_domains, resolve_domains, source_mask
from sparsetransfer._labels import MaskedClassifierMixin, check_labels, class_values, labelled
from sparsetransfer._validation import FloatArray, check_integer, check_real, check_rows
from sparsetransfer.deep import losses
from sparsetransfer.deep.affect import AFFECT, ratings_of
from sparsetransfer.deep.classifier import check_training, json_parameters
from sparsetransfer.deep.networks.autoencoder import (
    Autoencoder,
    EmbeddingClassifierMixin,
    RowScaler,
    embed,
    restored_classifier,
)
from sparsetransfer.deep.training.alignment import growth
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
from sparsetransfer.deep.training.holdout import split_for_validation
from sparsetransfer.deep.training.loop import (
    Progress,
    Training,
    data_digest,
    resolve_device,
    seed_of,
    train,
)
from sparsetransfer.deep.training.sequences import balanced_order, mixed_batches

__all__ = ["Dimension", "MetricAutoencoder"]

Dimension: TypeAlias = Literal["activation", "valence", "both"]

_COLUMNS = {"activation": [0], "valence": [1], "both": [0, 1], None: []}


class MetricAutoencoder(
    EmbeddingClassifierMixin,
    TransformerMixin,
    MaskedClassifierMixin,
    BaseEstimator,  # type: ignore[misc]
):
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
    balanced_batches : bool, default=False
        Whether every batch holds as many labelled source samples of each class, drawn again and
        again from small classes, beside its share of all others.
    warmup : float, default=0.0
        Share of `max_epochs` in which the weight of the metric loss grows from 0 to 1, in [0, 1].
    validation_fraction : float, default=0.0
        Share of every source class held out for early stopping on the same loss without noise, by
        whole speakers where `groups` names them; 0 runs all epochs, as published.
    patience : int, default=20
        Epochs without improvement on it after which to stop.
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
        Training loss and validation loss per epoch.
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
        balanced_batches: bool = False,
        warmup: float = 0.0,
        validation_fraction: float = 0.0,
        patience: int = 20,
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
        self.balanced_batches = balanced_batches
        self.warmup = warmup
        self.validation_fraction = validation_fraction
        self.patience = patience
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
        groups: ArrayLike | None = None,
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
        groups : array_like of shape (n,), optional
            Speakers, as in `DIDAN.fit`.
        dimensions : array_like of shape (n, 2), optional
            Activation and valence of each sample, NaN where unknown; those of target samples are
            not looked at. By default `affect` gives them for the emotions in `y`.
        affect : mapping of str to (float, float), default=AFFECT
            Activation and valence of emotions; `EMODB_AFFECT` has means of published ratings.

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
        X = check_rows(self, X, dtype=np.float64, ensure_min_samples=2)
        labels = None if y is None else check_labels(y, len(X))
        is_source = source_mask(resolve_domains(labels, sample_domain, len(X)), len(X))
        known = is_source & (labelled(labels) if labels is not None else False)
        targets = np.where(is_source, 0, -1).astype(np.int64)
        if labels is not None and known.any():
            targets[~known] = -1
            targets[known] = np.unique(class_values(labels[known]), return_inverse=True)[1]
        columns = _COLUMNS[self.dimension]
        if columns or dimensions is not None:
            rated = ratings_of(known, is_source, labels, dimensions, affect)[:, columns]
        else:
            rated = np.empty((len(X), 0))
        wanted = torch.from_numpy(self.spacing * rated)
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
        training, held = split_for_validation(
            np.flatnonzero(targets >= 0), targets, groups, self.validation_fraction, seed
        )
        others = np.flatnonzero(targets < 0)

        def pick(rows: NDArray[np.intp]) -> tuple[Tensor, Tensor]:
            return scaled[rows].to(device), wanted[rows].to(device)

        def batches(rng: np.random.Generator, _: int) -> Iterator[tuple[Tensor, Tensor]]:
            if self.balanced_batches:
                order, rest = balanced_order(training, targets, rng), rng.permutation(others)
            else:
                order, rest = rng.permutation(np.concatenate([training, others])), others[:0]
            yield from map(pick, mixed_batches(order, rest, self.batch_size))

        self.history_ = train(
            network,
            optimizer,
            batches,
            lambda pair, done: self._loss(network, *pair, done=done),
            Training(self.max_epochs, self.patience, seed, device, self.checkpoint, self.progress),
            validate=(lambda: self._loss(network, *pick(held)).item()) if len(held) else None,
            identity=json_parameters(self)
            | {"data": data_digest(scaled, wanted, targets, is_source, groups)},
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
        X = check_rows(self, X, dtype=[np.float64, np.float32], reset=False)
        is_source = new_domains(sample_domain, len(X)) > 0
        return embed(
            self.network_, self.device, RowScaler(self.mean_, self.scale_).apply(X, is_source)
        ).astype(X.dtype)

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
        check_training(self)
        check_real(self.spacing, "spacing", minimum=0, strict=True)
        check_real(self.noise, "noise", minimum=0)

    def _loss(
        self, network: Autoencoder, features: Tensor, wanted: Tensor, *, done: float = 1.0
    ) -> Tensor:
        noisy = features
        if network.training:
            noisy = features + self.noise * torch.randn_like(features)
        latent, rebuilt = network(noisy)
        loss = nn.functional.mse_loss(rebuilt.float(), features)
        if not wanted.shape[1]:
            return loss
        parts = latent.float().chunk(wanted.shape[1], dim=1)
        share = growth(done, self.warmup) if network.training else 1.0
        for part, label in zip(parts, wanted.T, strict=True):
            loss = loss + share * losses.continuous_metric(label, part)
        return loss.log()
