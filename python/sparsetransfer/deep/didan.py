"""Deep regression onto emotions with an alignment of two corpora."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, TypeAlias, get_args

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from sparsetransfer._validation import check_real
from sparsetransfer.deep import losses
from sparsetransfer.deep.classifier import (
    Prepared,
    SpectrogramClassifier,
    check_training,
    held_out_loss,
    paired_batches,
)
from sparsetransfer.deep.networks.backbones import ConvolutionalEncoder, VectorEncoder, check_widths
from sparsetransfer.deep.networks.regressor import Regressor, regression_loss, valence_groups
from sparsetransfer.deep.training.alignment import Alignment, alignment_loss, growth
from sparsetransfer.deep.training.loop import Progress, resolve_device, seed_of, train
from sparsetransfer.deep.training.sequences import (
    Batch,
    are_rows,
    balanced_order,
    check_rows,
    check_sequences,
    crop,
    pad,
)
from sparsetransfer.exceptions import DomainWarning

__all__ = ["DIDAN", "Alignment"]

_Pair: TypeAlias = tuple[Batch, Tensor, Batch | None]
"""Source batch, its class numbers, target batch."""


class DIDAN(SpectrogramClassifier):
    r"""Deep implicit distribution alignment network, with its rivals on the same network.

    A convolutional network with statistics over time and fully connected layers regresses onto
    one-hot emotions of the source, while target features are asked to be sparse combinations of
    source features.

    Parameters
    ----------
    alignment : str or None, default="ida"
        What pulls the corpora together: "ida", implicit distribution alignment, or "lida", its
        layer-adapted form, both on features of unit norm; "ida-published" and "lida-published", the
        same two as their abstracts describe them (see Notes); "mmd", the maximum mean discrepancy;
        "coral", the covariances; "dann", an adversarial domain classifier; or None, nothing (the
        source-only twin).
    weight : float, default=0.1
        Weight of the alignment, at least 0. 0 gives the same model as ``alignment=None``. 1 is usual
        for "mmd", "coral" and "dann".
    warmup : float, default=0.3
        Share of `max_epochs` in which the weight ("dann": the reversed gradient) grows from 0, in
        [0, 1]. The epoch that is kept comes after it.
    alpha : float, default=0.1
        Weight of the penalty inside the implicit alignments, for features of unit norm.
    penalty : {"l1", "l21"}, default="l1"
        Penalty inside the implicit alignments; see
        `sparsetransfer.deep.losses.sparse_reconstruction`.
    channels : sequence of int, default=(16, 32, 64)
        Channels of the convolutions.
    hidden : sequence of int, default=(128, 64, 64)
        Units of the fully connected layers; the last are the embedding.
    balanced_batches : bool, default=False
        Whether every batch holds as many source samples of each class, drawn again and again from
        small classes, instead of weighting the loss of a sample by the inverse of its class's
        frequency.
    dropout : float, default=0.3
        Share of units dropped before each fully connected layer, in [0, 1).
    max_epochs : int, default=30
        The largest number of passes over the source.
    batch_size : int, default=64
        Samples of each domain in a batch.
    crop_frames : int, default=200
        Longest stretch of an utterance in training, in frames; predictions read all.
    learning_rate : float, default=1e-3
        Step of Adam.
    weight_decay : float, default=1e-4
        Decay of AdamW.
    validation_fraction : float, default=0.15
        Share of every source class held out for early stopping, by whole speakers where `groups`
        names them; 0 runs all epochs.
    patience : int, default=8
        Epochs without improvement on it after which to stop.
    device : str, optional
        For example ``"cpu"``; CUDA if there is one by default.
    random_state : int, Generator or RandomState, optional
        Seed; on the CPU equal seeds give equal models for an equal number of PyTorch's threads.
    checkpoint : path-like, optional
        File written after every epoch; a killed `fit` with equal arguments goes on from it.
    progress : callable, optional
        Called as ``progress(epoch, max_epochs, loss)``.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Known labels, sorted.
    network_ : torch.nn.Module
        The trained network.
    history_ : dict of str to list of float
        Training loss and validation loss per epoch.
    n_bands_ : int
        Bands of the spectrograms, or features of the rows.
    reads_rows_ : bool
        Whether `X` was a matrix of feature rows.

    Notes
    -----
    Feature rows of any set pass into the fully connected layers without convolutions, standardised
    like bands; `channels` and `crop_frames` then say nothing.

    The loss of a batch is :math:`\frac1{2 n_s} \sum_i w_{y_i} \|y_i - f(x_i)\|^2 + \lambda(t)\,
    R(F_s, F_t)` with class weights inverse to frequency and
    :math:`\lambda(t) = \lambda \tanh(1.5\, t / \mathrm{warmup})`, t the share of `max_epochs` that
    is over. For "ida" :math:`R` is
    `losses.sparse_reconstruction` of the embeddings with rows of unit norm, where source samples of
    the class that the network presently guesses may rebuild a target; targets whose guessed class
    is not in the batch do not take part. As directions leave lengths free, the squared logarithm of
    the ratio of the mean norms of target and source is added. "lida" is the mean of such terms of all hidden layers: at the
    first, any source sample may rebuild a target; between, those of the same valence (positive,
    negative, neutral) as the guess; at the last, those of the guessed class. With one hidden layer
    only the last is there.

    "ida-published" lets any source sample rebuild a target, "lida-published" adds the terms up, and
    both divide source and target by the root mean square norm of the source's features only. Their gradient shrinks
    the target's features even where they are perfectly aligned, the more the larger the weight:
    scores of target samples then tend to the bias, which costs recall.

    Of both papers only the abstracts are open: network, optimiser, weights and the form of the
    terms are our choice. Scores become probabilities by clipping at 0 and scaling to sum one, as
    regression onto one-hot labels estimates posteriors.

    Spectrograms are standardised per band by their own corpus's statistics.

    References
    ----------
    .. [1] Y. Zhao, J. Wang, Y. Zong, W. Zheng, H. Lian, L. Zhao, "Deep implicit distribution
       alignment networks for cross-corpus speech emotion recognition", ICASSP 2023,
       arXiv:2302.08921.
    .. [2] Y. Zhao, Y. Zong, J. Wang, H. Lian, C. Lu, L. Zhao, W. Zheng, "Layer-adapted implicit
       distribution alignment networks for cross-corpus speech emotion recognition", 2023,
       arXiv:2310.03992.
    """

    def __init__(
        self,
        alignment: Alignment | None = "ida",
        *,
        weight: float = 0.1,
        warmup: float = 0.3,
        alpha: float = 0.1,
        penalty: losses.Penalty = "l1",
        channels: Sequence[int] = (16, 32, 64),
        hidden: Sequence[int] = (128, 64, 64),
        balanced_batches: bool = False,
        dropout: float = 0.3,
        max_epochs: int = 30,
        batch_size: int = 64,
        crop_frames: int = 200,
        learning_rate: float = 1e-3,
        weight_decay: float = 1e-4,
        validation_fraction: float = 0.15,
        patience: int = 8,
        device: str | None = None,
        random_state: int | np.random.Generator | np.random.RandomState | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.alignment = alignment
        self.weight = weight
        self.warmup = warmup
        self.alpha = alpha
        self.penalty = penalty
        self.channels = channels
        self.hidden = hidden
        self.balanced_batches = balanced_batches
        self.dropout = dropout
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.crop_frames = crop_frames
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.device = device
        self.random_state = random_state
        self.checkpoint = checkpoint
        self.progress = progress

    def fit(
        self,
        X: Any,
        y: ArrayLike | None,
        *,
        sample_domain: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> DIDAN:
        """Train on labelled source and unlabelled target samples.

        Parameters
        ----------
        X : sequence of array_like of shape (n_frames, n_bands), or matrix (n, n_features)
            Spectrograms of any lengths, for example log-mel, or rows of features.
        y : array_like of shape (n,)
            Labels; those of target samples are not looked at.
        sample_domain : array_like of shape (n,), int, optional
            Positive: source, negative: target. By default samples with a masked label (-1, NaN or
            None) are the target.
        groups : array_like of shape (n,), optional
            Speakers; the validation samples then come from speakers of their own, with every
            class among them.

        Returns
        -------
        DIDAN
            Itself.

        Raises
        ------
        ValueError
            If an argument cannot be used.
        DomainError
            If a domain has no sample or the source no label.
        CheckpointError
            If the checkpoint belongs to another run.

        Warns
        -----
        DomainWarning
            If there is an alignment to make but no target, or if no split by speaker has every
            class on both sides; validation samples then are held out regardless of speakers.
        """
        self._check_parameters()
        data = self._prepare(X, y, sample_domain)
        # Without weight nothing may be left of an alignment, not even its batch statistics.
        alignment = self.alignment if self.weight > 0 else None
        if alignment is not None and not data.is_target.any():
            warnings.warn(
                "there is no target sample: DIDAN trains on the source only",
                DomainWarning,
                stacklevel=2,
            )
            alignment = None
        seed, device = seed_of(self.random_state), resolve_device(self.device)
        with torch.random.fork_rng([]):
            torch.manual_seed(seed)
            network = self._make_network().to(device)
        training, held, weights = self._hold_out(data, groups, seed, device)
        in_training = torch.ones_like(weights) if self.balanced_batches else weights
        held_out = partial(regression_loss, weights=weights.cpu())
        # An epoch before the alignment acts would be the source-only twin.
        warmup = 0 if alignment is None else round(self.warmup * self.max_epochs)
        validate = partial(
            held_out_loss, network, data.sequences, data.targets, held, device, held_out
        )
        self.history_ = train(
            network,
            torch.optim.AdamW(
                network.parameters(), lr=self.learning_rate, weight_decay=self.weight_decay
            ),
            lambda rng, _: self._batches(data, training, alignment is not None, rng, device),
            partial(self._loss, network, in_training, alignment),
            self._training(seed, device, warmup=warmup),
            validate=validate if len(held) else None,
            identity=self._json_parameters() | {"data": data.digest(groups)},
        )
        self.network_ = network
        return self

    def _check_parameters(self) -> None:
        if self.alignment not in (None, *get_args(Alignment)):
            names = ", ".join(map(repr, get_args(Alignment)))
            raise ValueError(f"alignment must be {names} or None, got {self.alignment!r}")
        check_training(self)
        check_real(self.alpha, "alpha", minimum=0)
        check_real(self.dropout, "dropout", minimum=0, maximum=0.99)
        for name in ("channels", "hidden"):
            check_widths(getattr(self, name), name)

    def _check_samples(self, X: Any, n_bands: int | None = None) -> list[NDArray[np.float32]]:
        rows = are_rows(X)
        if n_bands is None:
            self.reads_rows_ = rows
        elif rows != self.reads_rows_:
            wanted = "a matrix of feature rows" if self.reads_rows_ else "spectrograms"
            raise ValueError(f"X must be {wanted}, as in fit, got {np.ndim(X[0]) + 1} dimensions")
        return check_rows(X, n_features=n_bands) if rows else check_sequences(X, n_bands=n_bands)

    def _description(self) -> dict[str, Any]:
        return {"reads_rows": self.reads_rows_}

    def _read_description(self, meta: dict[str, Any]) -> None:
        # Files of earlier versions hold networks of spectrograms.
        self.reads_rows_ = bool(meta.get("reads_rows", False))

    def _make_network(self) -> Regressor:
        encoder = (
            VectorEncoder(self.n_bands_)
            if self.reads_rows_
            else ConvolutionalEncoder(self.n_bands_, self.channels)
        )
        return Regressor(
            encoder,
            self.hidden,
            len(self.classes_),
            self.dropout,
            valence_groups(self.classes_),
            adversary=self.alignment == "dann",
        )

    def _batches(
        self,
        data: Prepared,
        training: NDArray[np.intp],
        with_target: bool,
        rng: np.random.Generator,
        device: torch.device,
    ) -> Iterator[_Pair]:
        def make(sequences: list[NDArray[np.float32]]) -> Batch:
            return pad(crop(sequences, self.crop_frames, rng)).to(device)

        order = (
            balanced_order(training, data.targets, rng)
            if self.balanced_batches
            else rng.permutation(training)
        )
        return paired_batches(
            data, order, self.batch_size, rng, make, device, with_target=with_target
        )

    def _loss(
        self,
        network: Regressor,
        weights: Tensor,
        alignment: Alignment | None,
        pair: _Pair,
        done: float,
    ) -> Tensor:
        source, labels, target = pair
        outputs = network(source)
        loss = regression_loss(outputs[-1], labels, weights)
        if alignment is None or target is None:
            return loss
        return loss + self.weight * alignment_loss(
            alignment,
            network,
            outputs,
            network(target),
            labels,
            share=growth(done, self.warmup),
            alpha=self.alpha,
            penalty=self.penalty,
        )

    @staticmethod
    def _probabilities(scores: Tensor) -> NDArray[np.float64]:
        positive = scores.double().clamp(min=0).numpy()
        totals = positive.sum(axis=1, keepdims=True)
        uniform = np.full_like(positive, 1 / positive.shape[1])
        return np.divide(positive, totals, out=uniform, where=totals > 0)
