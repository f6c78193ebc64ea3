"""What the classifiers of spectrograms share: checks, scaling, saving."""

from __future__ import annotations

import itertools
import json
import os
from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from sparsetransfer._domains import (
    new_domains,
    read_source_labels,
)
from sparsetransfer._labels import MaskedClassifierMixin
from sparsetransfer._validation import check_flags_of, check_integer, check_real
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
from sparsetransfer.deep.training.loop import Progress, Training, data_digest, resolve_device
from sparsetransfer.deep.training.sequences import (
    BandScaler,
    Batch,
    batches_of,
    by_length,
    check_sequences,
    pad,
)

__all__ = ["Prepared", "SpectrogramClassifier", "balanced_weights", "check_training"]

_FRAMES_AT_ONCE = 20_000

_MINIMA = {"batch_size": 2, "frozen_epochs": 0, "n_masks": 0} | dict.fromkeys(
    ("max_epochs", "crop_frames", "patience", "n_blocks", "n_embedding"), 1
)
_MAXIMA: dict[str, float | None] = {"warmup": 1, "validation_fraction": 0.99} | dict.fromkeys(
    ("learning_rate", "weight", "weight_decay", "encoder_factor")
)


@dataclass(frozen=True)
class Prepared:
    """Checked training data.

    `sequences` (n_frames, n_bands): standardised spectrograms of all domains. `is_source` (n,):
    which are source samples with a known label. `is_target` (n,): which are target samples.
    `targets` (n,): class numbers of the source samples, -1 elsewhere: no target label goes further.
    """

    sequences: list[NDArray[np.float32]]
    is_source: NDArray[np.bool_]
    is_target: NDArray[np.bool_]
    targets: NDArray[np.int64]

    def digest(self, groups: ArrayLike | None) -> str:
        """Digest what a checkpoint has to agree with: all that training reads, and who speaks."""
        return data_digest(self.sequences, self.is_source, self.is_target, self.targets, groups)


class SpectrogramClassifier(TransformerMixin, MaskedClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Base of the classifiers whose samples are spectrograms of any length."""

    device: str | None
    max_epochs: int
    patience: int
    validation_fraction: float
    checkpoint: str | os.PathLike[str] | None
    progress: Progress | None
    _scaler: ClassVar[type[BandScaler]] = BandScaler

    @abstractmethod
    def _check_parameters(self) -> None:
        """Raise if a parameter cannot be used."""

    def _check_samples(self, X: Any, n_bands: int | None = None) -> list[NDArray[np.float32]]:
        """Return samples as finite arrays of frames; without `n_bands` they are those of `fit`."""
        return check_sequences(X, n_bands=n_bands)

    @abstractmethod
    def _make_network(self) -> nn.Module:
        """Return an untrained network for `n_bands_` and `classes_`."""

    def _prepare(self, X: Any, y: ArrayLike | None, sample_domain: ArrayLike | None) -> Prepared:
        sequences = self._check_samples(X)
        read = read_source_labels(
            y, sample_domain, len(sequences), type(self).__name__, partly=True
        )
        self.classes_ = read.classes
        self.n_bands_ = sequences[0].shape[1]
        self.scaler_ = self._scaler.fit(sequences, read.source)
        targets = np.full(len(sequences), -1, dtype=np.int64)
        targets[read.known] = read.codes
        return Prepared(
            self.scaler_.apply(sequences, read.source), read.known, ~read.source, targets
        )

    def _hold_out(
        self, data: Prepared, groups: ArrayLike | None, seed: int, device: torch.device
    ) -> tuple[NDArray[np.intp], NDArray[np.intp], Tensor]:
        """Return the rows to train on, the rows held out, and class weights of the former."""
        training, held = split_for_validation(
            np.flatnonzero(data.is_source), data.targets, groups, self.validation_fraction, seed
        )
        weights = balanced_weights(data.targets[training], len(self.classes_))
        return training, held, weights.to(device)

    def _training(self, seed: int, device: torch.device, *, warmup: int = 0) -> Training:
        """Return how to train by the parameters of the estimator."""
        return Training(
            self.max_epochs, self.patience, seed, device, self.checkpoint, self.progress, warmup
        )

    def _embed(self, X: Any, sample_domain: ArrayLike | None) -> tuple[Tensor, Tensor]:
        """Return embeddings and scores of new spectrograms, computed in batches of like length."""
        check_is_fitted(self, "network_")
        sequences = self._check_samples(X, self.n_bands_)
        from_source = new_domains(sample_domain, len(sequences)) > 0
        return evaluate(
            self.network_, self.scaler_.apply(sequences, from_source), resolve_device(self.device)
        )

    def transform(self, X: Any, *, sample_domain: ArrayLike | None = None) -> NDArray[np.float32]:
        """Return embeddings.

        Parameters
        ----------
        X : sequence of array_like of shape (n_frames, n_bands)
            Spectrograms of any lengths.
        sample_domain : array_like of shape (n,), int, optional
            Positive for the source, negative for the target (the default); it tells by which
            corpus's statistics to standardise.

        Returns
        -------
        numpy.ndarray of shape (n, n_embedding), float32

        Raises
        ------
        ValueError
            If a spectrogram cannot be used.
        sklearn.exceptions.NotFittedError
            Before `fit`.
        """
        return np.asarray(self._embed(X, sample_domain)[0].numpy())

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
            In the order of `classes_`; rows sum to one.
        """
        return self._probabilities(self._embed(X, sample_domain)[1])

    def predict(self, X: Any, *, sample_domain: ArrayLike | None = None) -> NDArray[Any]:
        """Label spectrograms.

        Parameters
        ----------
        X, sample_domain
            As in `transform`.

        Returns
        -------
        numpy.ndarray of shape (n,)
            Labels out of `classes_`.
        """
        best = self._embed(X, sample_domain)[1].argmax(dim=1)
        return np.asarray(self.classes_[best.numpy()])

    @staticmethod
    def _probabilities(scores: Tensor) -> NDArray[np.float64]:
        return np.asarray(torch.softmax(scores.double(), dim=1).numpy())

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted model as safetensors with a JSON header.

        Parameters
        ----------
        path : path-like
            File to write, aside and then renamed.

        Raises
        ------
        TypeError
            If a parameter or a class label cannot be written as JSON.
        """
        check_is_fitted(self, "network_")
        tensors = {f"network.{k}": v for k, v in self.network_.state_dict().items()}
        tensors["mean"] = torch.from_numpy(self.scaler_.mean)
        tensors["scale"] = torch.from_numpy(self.scaler_.scale)
        meta = {"parameters": self._json_parameters(), "classes": self.classes_.tolist()}
        meta |= self._description()
        write_checkpoint(path, type(self).__name__, tensors, meta)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a model that `save` wrote.

        Parameters
        ----------
        path : path-like
            The file.

        Returns
        -------
        estimator
            Fitted, on the CPU until it is used; `device` is None, whatever the writer's was.

        Raises
        ------
        CheckpointError
            If the file is damaged, or holds another model or version.
        """
        tensors, meta = read_checkpoint(path, cls.__name__)
        with describing(path, f"a {cls.__name__}"):
            model = cls(**read_parameters(meta, tensors))
            model._check_parameters()
            model.classes_ = read_classes(meta["classes"])
            model.scaler_ = cls._scaler(*check_scales(tensors["mean"], tensors["scale"]))
            model.n_bands_ = model.scaler_.mean.shape[1]
            model._read_description(meta)
            check_tensors(model._make_network(), tensors, "network.")
        network = model._make_network()
        load_module(network, tensors, "network.")
        model.network_ = network.eval()
        return model

    def _description(self) -> dict[str, Any]:
        """Return what `_make_network` needs beside the parameters, as JSON values."""
        return {}

    def _read_description(self, meta: dict[str, Any]) -> None:
        """Restore what `_description` returned; an error means that the file is refused."""

    def _json_parameters(self) -> dict[str, Any]:
        """Return the parameters a loaded model needs: what concerns training only is dropped."""
        return json_parameters(self)

    def __sklearn_tags__(self) -> Any:
        """Return tags: samples are sequences, not rows of a matrix."""
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        return tags


def check_training(estimator: BaseEstimator, **minima: int) -> None:
    """Raise if a parameter of training that an estimator has is out of range."""
    check_flags_of(estimator)
    for name, minimum in (_MINIMA | minima).items():
        if hasattr(estimator, name):
            check_integer(getattr(estimator, name), name, minimum=minimum)
    for name, maximum in _MAXIMA.items():
        if hasattr(estimator, name):
            value, strict = getattr(estimator, name), name == "learning_rate"
            check_real(value, name, minimum=0, maximum=maximum, strict=strict)


def json_parameters(estimator: BaseEstimator, *names: str) -> dict[str, Any]:
    """Return parameters as JSON values, without `names` and those that concern training only."""
    left_out = ("checkpoint", "device", "progress", "random_state", *names)
    parameters = {k: v for k, v in estimator.get_params().items() if k not in left_out}
    written: dict[str, Any] = json.loads(json.dumps(parameters))
    return written


def evaluate(
    network: nn.Module,
    sequences: list[NDArray[np.float32]],
    device: torch.device,
    batch_frames: int = _FRAMES_AT_ONCE,
) -> tuple[Tensor, Tensor]:
    """Return what a network computes of whole sequences, in their order, on the CPU."""
    network.to(device).eval()
    parts: list[tuple[Tensor, Tensor]] = []
    order: list[NDArray[np.intp]] = []
    with torch.no_grad():
        for rows in by_length([len(x) for x in sequences], batch_frames):
            batch = pad([sequences[i] for i in rows]).to(device)
            embedding, scores = network(batch)[-2:]
            parts.append((embedding.float().cpu(), scores.float().cpu()))
            order.append(rows)
    back = torch.from_numpy(np.argsort(np.concatenate(order)))
    embeddings, scores = zip(*parts, strict=True)
    return torch.cat(embeddings)[back], torch.cat(scores)[back]


def balanced_weights(targets: NDArray[np.int64], n_classes: int) -> Tensor:
    """Return a weight per class, inverse to its frequency, with mean one over the samples."""
    counts = np.bincount(targets, minlength=n_classes)
    return torch.tensor(len(targets) / (n_classes * np.maximum(counts, 1)), dtype=torch.float32)


def paired_batches(
    data: Prepared,
    order: NDArray[np.intp],
    batch_size: int,
    rng: np.random.Generator,
    make: Callable[[list[NDArray[np.float32]]], Batch],
    device: torch.device,
    *,
    with_target: bool,
) -> Iterator[tuple[Batch, Tensor, Batch | None]]:
    """Yield labelled batches in their order, each beside a batch of targets drawn without end."""
    target = np.flatnonzero(data.is_target)
    endless = itertools.chain.from_iterable(
        batches_of(data.sequences, rng.permutation(target), batch_size, make)
        for _ in itertools.count()
    )
    for rows, batch in batches_of(data.sequences, order, batch_size, make):
        labels = torch.from_numpy(data.targets[rows]).to(device)
        yield batch, labels, next(endless)[1] if with_target else None


def held_out_loss(
    network: nn.Module,
    sequences: list[NDArray[np.float32]],
    targets: NDArray[np.int64],
    held: NDArray[np.intp],
    device: torch.device,
    loss: Callable[[Tensor, Tensor], Tensor],
    batch_frames: int = _FRAMES_AT_ONCE,
) -> float:
    """Return the loss of scores and labels of whole sequences that training did not see."""
    scores = evaluate(network, [sequences[row] for row in held], device, batch_frames)[1]
    return loss(scores, torch.from_numpy(targets[held])).item()
