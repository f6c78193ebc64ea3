"""A residual network over spectrograms, and how it learns to classify speakers."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from sparsetransfer._labels import check_groups
from sparsetransfer._validation import check_integer
from sparsetransfer.deep.classifier import held_out_loss
from sparsetransfer.deep.networks.backbones import ResidualEncoder
from sparsetransfer.deep.training.checkpoint import (
    check_tensors,
    describing,
    load_module,
    read_checkpoint,
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
from sparsetransfer.deep.training.sequences import (
    Batch,
    batches_of,
    check_sequences,
    crop,
    pad,
    spec_augment,
    standardise_groups,
)

__all__ = ["SpeakerNetwork", "train_classes", "train_speaker_network"]


class SpeakerNetwork(nn.Module):
    """Residual encoder with statistics pooling, an embedding, and scores.

    `n_bands`: bands of the spectrograms. `n_outputs`: speakers or emotions to distinguish.
    `channels`: channels of the residual stages. `n_blocks`: residual blocks of a stage.
    `n_embedding`: length of the embedding. Raises ValueError if there is no stage, or a size is
    below 1.
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

        Raises CheckpointError if the file is damaged, or holds something else.
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

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.normal(size=(40, 20)).astype(np.float32) for _ in range(8)]
    >>> network = train_speaker_network(
    ...     X, np.repeat(["s1", "s2"], 4), channels=(4, 4, 4), n_embedding=6, max_epochs=1
    ... )
    >>> network.training
    False
    """
    sequences = check_sequences(X)
    every = np.ones(len(sequences), dtype=np.bool_)
    names = check_groups(speakers, "speakers", every, "sample")
    known, targets = np.unique(names.astype(str), return_inverse=True)
    if len(known) < 2:
        raise ValueError(f"speakers must name at least two speakers, got {known.tolist()}")
    given = np.zeros(len(every)) if corpora is None else corpora
    groups = check_groups(given, "corpora", every, "sample")
    scaled = standardise_groups(sequences, groups.astype(str))
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
    train_classes(
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


def train_classes(
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
    """Train scores by cross-entropy on random crops; the encoder is frozen in the warm-up."""
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
        held_out = partial(nn.functional.cross_entropy, weight=weights.cpu())
        return held_out_loss(network, sequences, targets, held, device, held_out)

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
