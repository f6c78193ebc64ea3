"""A residual network that learns speakers first and emotions afterwards."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from sparsetransfer._validation import check_integer, check_real
from sparsetransfer.deep.backbones import ResidualEncoder
from sparsetransfer.deep.checkpoint import (
    check_tensors,
    describing,
    load_module,
    read_checkpoint,
    read_parameters,
    write_checkpoint,
)
from sparsetransfer.deep.classifier import (
    SpectrogramClassifier,
    balanced_weights,
    batches_of,
    held_out_cross_entropy,
)
from sparsetransfer.deep.holdout import split_for_validation
from sparsetransfer.deep.sequences import (
    Batch,
    check_sequences,
    crop,
    pad,
    spec_augment,
    standardise_groups,
)
from sparsetransfer.deep.training import (
    Progress,
    Training,
    data_digest,
    resolve_device,
    seed_of,
    train,
)

__all__ = ["SpeakerNetwork", "SpeakerResNet", "train_speaker_network"]


class SpeakerNetwork(nn.Module):
    """Residual encoder with statistics pooling, an embedding, and scores.

    Parameters
    ----------
    n_bands : int
        Bands of the spectrograms.
    n_outputs : int
        Speakers or emotions to tell apart.
    channels : sequence of int, default=(16, 32, 64)
        Channels of the residual stages.
    n_blocks : int, default=2
        Residual blocks of a stage.
    n_embedding : int, default=128
        Length of the embedding.

    Raises
    ------
    ValueError
        If there is no stage, or a size is below 1.
    """

    def __init__(
        self,
        n_bands: int,
        n_outputs: int,
        *,
        channels: Sequence[int] = (16, 32, 64),
        n_blocks: int = 2,
        n_embedding: int = 128,
    ) -> None:
        super().__init__()
        for name, value in (("n_bands", n_bands), ("n_outputs", n_outputs)):
            check_integer(value, name, minimum=1)
        check_integer(n_embedding, "n_embedding", minimum=1)
        self.shape = {
            "n_bands": n_bands,
            "channels": list(channels),
            "n_blocks": n_blocks,
            "n_embedding": n_embedding,
        }
        self.encoder = ResidualEncoder(n_bands, channels, n_blocks)
        self.embedding = nn.Linear(self.encoder.n_outputs, n_embedding)
        self.scores = nn.Linear(n_embedding, n_outputs)

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return embeddings (n, n_embedding) and scores (n, n_outputs) of padded spectrograms."""
        embedding = self.embedding(self.encoder(batch))
        return embedding, self.scores(torch.relu(embedding))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the network as safetensors with a JSON header, aside and then renamed."""
        meta = {"shape": self.shape, "n_outputs": self.scores.out_features}
        write_checkpoint(path, "SpeakerNetwork", self.state_dict(), meta)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a network that `save` wrote.

        Raises
        ------
        CheckpointError
            If the file is damaged, or holds something else.
        """
        tensors, meta = read_checkpoint(path, "SpeakerNetwork")
        with describing(path, "a network"):
            shape = read_parameters({"parameters": meta["shape"]}, tensors)
            check_tensors(cls(n_outputs=meta["n_outputs"], **shape), tensors)
        network = cls(n_outputs=meta["n_outputs"], **shape)
        load_module(network, tensors)
        return network.eval()


def train_speaker_network(
    X: Any,
    speakers: ArrayLike,
    *,
    corpora: ArrayLike | None = None,
    channels: Sequence[int] = (16, 32, 64),
    n_blocks: int = 2,
    n_embedding: int = 128,
    n_masks: int = 2,
    max_epochs: int = 20,
    batch_size: int = 64,
    crop_frames: int = 200,
    learning_rate: float = 1e-3,
    validation_fraction: float = 0.1,
    patience: int = 5,
    device: str | None = None,
    random_state: int | np.random.Generator | np.random.RandomState | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> SpeakerNetwork:
    """Train a network to classify speakers.

    Parameters
    ----------
    X : sequence of array_like of shape (n_frames, n_bands)
        Spectrograms of any lengths; any speech with known speakers serves, also a target corpus
        without emotion labels.
    speakers : array_like of shape (n,)
        Who speaks; at least two, each at least twice where a share is held out.
    corpora : array_like of shape (n,), optional
        Which corpus a sample is from; bands are standardised per corpus, so that speakers are not
        told by their microphones. By default all are one.
    channels, n_blocks, n_embedding
        As in `SpeakerNetwork`.
    n_masks, max_epochs, batch_size, crop_frames, learning_rate, validation_fraction, patience, \
device, random_state, checkpoint, progress
        As in `SpeakerResNet`.

    Returns
    -------
    SpeakerNetwork
        On the CPU, in evaluation mode.

    Raises
    ------
    ValueError
        If an argument cannot be used.
    """
    sequences = check_sequences(X)
    names = np.asarray(speakers)
    if names.shape != (len(sequences),):
        raise ValueError(f"speakers must have shape ({len(sequences)},), got {names.shape}")
    known, targets = np.unique(names.astype(str), return_inverse=True)
    if len(known) < 2:
        raise ValueError(f"speakers must name at least two speakers, got {known.tolist()}")
    groups = np.zeros(len(sequences), dtype=np.int64) if corpora is None else np.asarray(corpora)
    if groups.shape != (len(sequences),):
        raise ValueError(f"corpora must have shape ({len(sequences)},), got {groups.shape}")
    scaled = standardise_groups(sequences, groups)
    seed = seed_of(random_state)
    torch_device = resolve_device(device)
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        network = SpeakerNetwork(
            scaled[0].shape[1],
            len(known),
            channels=channels,
            n_blocks=n_blocks,
            n_embedding=n_embedding,
        )
    training, held = split_for_validation(
        np.arange(len(scaled)), targets, None, validation_fraction, seed
    )
    settings = Training(max_epochs, patience, seed, torch_device, checkpoint, progress)
    identity = {
        "data": data_digest(scaled, targets),
        "learning_rate": learning_rate,
        "batch_size": batch_size,
        "crop_frames": crop_frames,
        "n_masks": n_masks,
        "validation_fraction": validation_fraction,
    }
    _train(
        network.to(torch_device),
        [{"params": list(network.parameters()), "lr": learning_rate}],
        scaled,
        targets,
        training,
        held,
        torch.ones(len(known)),
        settings,
        batch_size=batch_size,
        crop_frames=crop_frames,
        n_masks=n_masks,
        identity=identity,
    )
    return network.cpu()


class SpeakerResNet(SpectrogramClassifier):
    """Emotions by a residual network that was taught speakers first.

    Parameters
    ----------
    pretrained : SpeakerNetwork, path-like or None, default=None
        What `train_speaker_network` returned, or the file it was saved to; None starts from random
        parameters (the twin without transfer). `FineTunedCampplus` starts from a published network.
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
    batch_size : int, default=64
        Samples in a batch.
    crop_frames : int, default=200
        Longest stretch of an utterance in training, in frames; predictions read all.
    learning_rate : float, default=1e-3
        Step of AdamW.
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
        Seed.
    checkpoint : path-like, optional
        File written after every epoch; a killed `fit` with equal arguments goes on from it.
    progress : callable, optional
        Called as ``progress(epoch, max_epochs, loss)``.

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
        y : array_like of shape (n,)
            Labels; those of target samples are not looked at.
        sample_domain : array_like of shape (n,), int, optional
            Positive: source, negative: target. By default samples with a masked label are the
            target.
        groups : array_like of shape (n,), optional
            Speakers; the validation samples then come from speakers of their own, with every
            class among them.

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
        training, held = split_for_validation(
            np.flatnonzero(data.is_source), data.targets, groups, self.validation_fraction, seed
        )
        factor = 1.0 if started is None else self.encoder_factor
        head = [*network.embedding.parameters(), *network.scores.parameters()]
        frozen_epochs = 0 if started is None else self.frozen_epochs
        settings = Training(
            self.max_epochs,
            self.patience,
            seed,
            device,
            self.checkpoint,
            self.progress,
            warmup=frozen_epochs,
        )
        self.history_ = _train(
            network.to(device),
            [
                {"params": list(network.encoder.parameters()), "lr": self.learning_rate * factor},
                {"params": head, "lr": self.learning_rate},
            ],
            data.sequences,
            data.targets,
            training,
            held,
            balanced_weights(data.targets[training], len(self.classes_)),
            settings,
            batch_size=self.batch_size,
            crop_frames=self.crop_frames,
            n_masks=self.n_masks,
            weight_decay=self.weight_decay,
            identity=self._json_parameters() | {"data": data.digest(groups)},
        )
        self.network_ = network
        return self

    def _check_parameters(self) -> None:
        for name in ("max_epochs", "batch_size", "crop_frames", "patience", "n_blocks"):
            check_integer(getattr(self, name), name, minimum=2 if name == "batch_size" else 1)
        check_integer(self.n_embedding, "n_embedding", minimum=1)
        for name in ("frozen_epochs", "n_masks"):
            check_integer(getattr(self, name), name, minimum=0)
        for name in ("encoder_factor", "weight_decay"):
            check_real(getattr(self, name), name, minimum=0)
        check_real(self.learning_rate, "learning_rate", minimum=0, strict=True)
        check_real(self.validation_fraction, "validation_fraction", minimum=0, maximum=0.99)

    def _pretrained_network(self) -> SpeakerNetwork | None:
        given = self.pretrained
        if given is None or isinstance(given, SpeakerNetwork):
            network = given
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
        parameters = self._json_parameters_without("pretrained")
        shape = getattr(self, "shape_", self._shape())
        return parameters | {k: v for k, v in shape.items() if k != "n_bands"}


def _train(
    network: SpeakerNetwork,
    parameter_groups: list[dict[str, Any]],
    sequences: list[NDArray[np.float32]],
    targets: NDArray[np.int64],
    training: NDArray[np.intp],
    held: NDArray[np.intp],
    weights: Tensor,
    settings: Training,
    *,
    batch_size: int,
    crop_frames: int,
    n_masks: int,
    weight_decay: float = 1e-4,
    identity: dict[str, Any],
) -> dict[str, list[float]]:
    device = settings.device
    weights = weights.to(device)

    def batches(rng: np.random.Generator, epoch: int) -> Iterator[tuple[Batch, Tensor]]:
        frozen = epoch < settings.warmup
        for parameter in network.encoder.parameters():
            parameter.requires_grad_(not frozen)
        if frozen:
            # Statistics of batch normalisation stay those of the speakers, too.
            network.encoder.eval()

        def make(chosen: list[NDArray[np.float32]]) -> Batch:
            return spec_augment(pad(crop(chosen, crop_frames, rng)), rng, n_masks=n_masks)

        for rows, batch in batches_of(sequences, rng.permutation(training), batch_size, make):
            yield batch.to(device), torch.from_numpy(targets[rows]).to(device)

    def loss(pair: tuple[Batch, Tensor], _: float) -> Tensor:
        batch, labels = pair
        return nn.functional.cross_entropy(network(batch)[1].float(), labels, weight=weights)

    def validate() -> float:
        return held_out_cross_entropy(network, sequences, targets, held, weights, device)

    optimizer = torch.optim.AdamW(parameter_groups, weight_decay=weight_decay)
    history = train(
        network,
        optimizer,
        batches,
        loss,
        settings,
        validate=validate if len(held) else None,
        identity=identity,
    )
    for parameter in network.parameters():
        parameter.requires_grad_(True)
    return history
