"""A residual network that learns speakers first and emotions afterwards."""

from __future__ import annotations

import inspect
import os
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike

from sparsetransfer.deep.classifier import SpectrogramClassifier, check_training, json_parameters
from sparsetransfer.deep.fine_tuned import FineTunedCampplus
from sparsetransfer.deep.networks.speaker import SpeakerNetwork, train_classes
from sparsetransfer.deep.training.loop import Progress, resolve_device, seed_of

__all__ = ["SpeakerResNet"]


class SpeakerResNet(SpectrogramClassifier):
    """Emotions by a residual network that was taught speakers first.

    Parameters
    ----------
    pretrained : SpeakerNetwork, path-like, "campplus" or None, default=None
        What `train_speaker_network` returned, or the file it was saved to; None starts from random
        parameters (the twin without transfer). With "campplus", a published network, the call
        returns a `FineTunedCampplus`, and takes its parameters in place of those below.
    frozen_epochs : int, default=3
        Epochs at the begin in which only the new scores and the embedding are trained; without
        `pretrained` there are none. Early stopping keeps an epoch after them.
    encoder_factor : float, default=0.1
        Learning rate of the pre-trained encoder in units of `learning_rate`: discriminative
        learning rates. Without `pretrained` it is 1.
    n_masks : int, default=2
        SpecAugment masks per axis in training; 0 for none.
    channels : sequence of int, default=(16, 32, 64)
        Channels of the residual stages; a pre-trained network brings its own.
    n_blocks : int, default=2
        Residual blocks of a stage; likewise.
    n_embedding : int, default=128
        Length of the embedding; likewise.
    max_epochs : int, default=25
        The largest number of passes over the source.
    batch_size, crop_frames, learning_rate, weight_decay, validation_fraction, patience, device, \
random_state, checkpoint, progress
        As in `DIDAN`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Known labels, sorted.
    network_ : SpeakerNetwork
        The trained network.
    history_ : dict of str to list of float
        Training loss and validation loss per epoch.
    n_bands_ : int
        Bands of the spectrograms.

    Notes
    -----
    Residual blocks over time and frequency, mean and standard deviation over time (statistics
    pooling, so that utterances of any length are read whole), a linear embedding, and scores
    trained by cross-entropy with class weights inverse to frequency. Only the abstract and the
    structure of the paper are open: depth, bands, mask widths and optimiser are our choice, and
    the speakers are those of the corpora at hand, not thousands of celebrities. Target samples
    take part only in the statistics by which spectrograms are standardised.

    References
    ----------
    .. [1] S. Padi, S. O. Sadjadi, R. D. Sriram, D. Manocha, "Improved speech emotion recognition
       using transfer learning and spectrogram augmentation", ICMI 2021, arXiv:2108.02510.
    """

    def __new__(cls, pretrained: Any = None, **parameters: Any) -> Self:
        """Return the estimator of the network, as `pathlib.Path` chooses its class."""
        if isinstance(pretrained, str) and pretrained == "campplus":
            campplus: Any = FineTunedCampplus(**parameters)
            return campplus  # type: ignore[no-any-return]
        return super().__new__(cls)

    def __init__(
        self,
        pretrained: SpeakerNetwork | str | os.PathLike[str] | None = None,
        *,
        frozen_epochs: int = 3,
        encoder_factor: float = 0.1,
        n_masks: int = 2,
        channels: Sequence[int] = (16, 32, 64),
        n_blocks: int = 2,
        n_embedding: int = 128,
        max_epochs: int = 25,
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
        self.pretrained = pretrained
        self.frozen_epochs = frozen_epochs
        self.encoder_factor = encoder_factor
        self.n_masks = n_masks
        self.channels = channels
        self.n_blocks = n_blocks
        self.n_embedding = n_embedding
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
    ) -> SpeakerResNet:
        """Train on labelled source spectrograms.

        Parameters
        ----------
        X : sequence of array_like of shape (n_frames, n_bands)
            Spectrograms of any lengths, source and target.
        y, sample_domain, groups
            As in `DIDAN.fit`.

        Returns
        -------
        SpeakerResNet
            Itself.

        Raises
        ------
        ValueError
            If an argument cannot be used, or the pre-trained network has other bands.
        DomainError
            If a domain has no sample or the source no label.
        CheckpointError
            If the checkpoint or the pre-trained network cannot be read.

        Warns
        -----
        DomainWarning
            If no split by speaker has every class on both sides; validation samples then are held
            out regardless of speakers.
        """
        self._check_parameters()
        data = self._prepare(X, y, sample_domain)
        seed = seed_of(self.random_state)
        device = resolve_device(self.device)
        started = self._pretrained_network()
        with torch.random.fork_rng([]):
            torch.manual_seed(seed)
            network = self._make_network()
        if started is not None:
            wanted = network.state_dict()
            taken = {k: v for k, v in started.state_dict().items() if not k.startswith("scores.")}
            network.load_state_dict(wanted | taken)
        training, held, weights = self._hold_out(data, groups, seed, device)
        factor = 1.0 if started is None else self.encoder_factor
        head = [*network.embedding.parameters(), *network.scores.parameters()]
        frozen_epochs = 0 if started is None else self.frozen_epochs
        self.history_ = train_classes(
            network.to(device),
            [
                {"params": list(network.encoder.parameters()), "lr": self.learning_rate * factor},
                {"params": head, "lr": self.learning_rate},
            ],
            data.sequences,
            data.targets,
            training,
            held,
            weights,
            self._training(seed, device, warmup=frozen_epochs),
            batch_size=self.batch_size,
            crop_frames=self.crop_frames,
            n_masks=self.n_masks,
            weight_decay=self.weight_decay,
            identity=self._json_parameters() | {"data": data.digest(groups)},
        )
        self.network_ = network
        return self

    def _check_parameters(self) -> None:
        check_training(self)

    def _pretrained_network(self) -> SpeakerNetwork | None:
        given = self.pretrained
        if isinstance(given, str) and given == "campplus":
            raise ValueError(
                "pretrained='campplus' needs an estimator of its own, got it in set_params: make one "
                "by SpeakerResNet(pretrained='campplus')"
            )
        if given is None or isinstance(given, SpeakerNetwork):
            network = given
        elif not isinstance(given, str | os.PathLike):
            raise TypeError(
                f"pretrained must be a SpeakerNetwork, its file, 'campplus' or None, got {given!r}"
            )
        else:
            network = SpeakerNetwork.load(given)
        if network is not None and network.shape["n_bands"] != self.n_bands_:
            raise ValueError(
                f"pretrained reads {network.shape['n_bands']} bands, X has {self.n_bands_}"
            )
        self.shape_ = self._shape() if network is None else dict(network.shape)
        return network

    def _shape(self) -> dict[str, Any]:
        return {
            "n_bands": self.n_bands_,
            "channels": list(self.channels),
            "n_blocks": self.n_blocks,
            "n_embedding": self.n_embedding,
        }

    def _make_network(self) -> SpeakerNetwork:
        shape = getattr(self, "shape_", None) or self._shape()
        return SpeakerNetwork(n_outputs=len(self.classes_), **shape)

    def _json_parameters(self) -> dict[str, Any]:
        parameters = json_parameters(self, "pretrained")
        shape = getattr(self, "shape_", self._shape())
        return parameters | {k: v for k, v in shape.items() if k != "n_bands"}


# Else inspect and Sphinx would show the parameters of __new__.
_parameters = list(inspect.signature(SpeakerResNet.__init__).parameters.values())[1:]
SpeakerResNet.__signature__ = inspect.Signature(_parameters)  # type: ignore[attr-defined]
