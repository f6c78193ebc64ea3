"""CAM++ up to a layer, statistics over time, and a linear classifier: to be fine-tuned in stages."""

from __future__ import annotations

import copy
import hashlib
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sparsetransfer._networks import weights as stored
from sparsetransfer._networks.campplus import Campplus
from sparsetransfer.deep.networks.backbones import StatisticsPooling
from sparsetransfer.deep.training.sequences import BandScaler, Batch

__all__ = ["MeanRemoval", "PooledCampplus", "find_campplus"]

_ROWS = 8  # utterances that frozen stages run at once: their activations stay in the cache
_MOMENTUM = 0.1
_EPS = 1e-6


def find_campplus(given: Campplus | str | os.PathLike[str] | None) -> tuple[Campplus, str]:
    """Return a speaker network of its own, and twelve digits of the hash of its weights."""
    if isinstance(given, Campplus):
        digest = hashlib.sha256()
        for name, tensor in given.state_dict().items():
            digest.update(name.encode() + tensor.detach().cpu().numpy().tobytes())
        return copy.deepcopy(given), digest.hexdigest()[:12]
    path = stored.locate("campplus", given)
    with torch.random.fork_rng([]):
        network = stored.network("campplus", path)
    assert isinstance(network, Campplus)
    return network, stored.digest(path)


class MeanRemoval(BandScaler):
    """Remove the mean of every band over the recording, which is what CAM++ expects."""

    @classmethod
    def fit(
        cls, sequences: Sequence[NDArray[np.float32]], is_source: NDArray[np.bool_]
    ) -> MeanRemoval:
        """Return a scaler without statistics of a corpus."""
        shape = (2, sequences[0].shape[1])
        return cls(np.zeros(shape, dtype=np.float32), np.ones(shape, dtype=np.float32))

    def apply(
        self, sequences: Sequence[NDArray[np.float32]], is_source: NDArray[np.bool_]
    ) -> list[NDArray[np.float32]]:
        """Return the spectrograms without their means."""
        return [x - x.mean(axis=0, dtype=np.float64).astype(np.float32) for x in sequences]


class PooledCampplus(nn.Module):
    """CAM++ up to a layer, mean and standard deviation over time, scores.

    The encoder normalises by the statistics that it came with, in training as well. Only the pooled
    vector is standardised by statistics of the corpora: of a batch in training, of all recordings
    of a domain otherwise.

    `encoder`: the speaker network, which is truncated. `layer`: last layer of frames. `n_outputs`:
    classes. `stages`: the parts of every stage, by the name of its first part, from the input on.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, encoder: Campplus, layer: str, n_outputs: int) -> None:
        super().__init__()
        encoder.truncate(layer)
        self.encoder = encoder
        self.stages: dict[str, list[str]] = {"head": ["head"]}
        for name in encoder.xvector:
            # A transition belongs to the block whose outputs it projects.
            first = name.replace("transit", "block")
            self.stages.setdefault(first, []).append(name)
        self.pooling = StatisticsPooling()
        width = 2 * encoder.widths[layer]
        self.register_buffer("mean", torch.zeros(2, width))
        self.register_buffer("scale", torch.ones(2, width))
        self.scores = nn.Linear(width, n_outputs)
        self.n_frozen = 0

    def train(self, mode: bool = True) -> PooledCampplus:
        """Set the mode; the encoder's normalisation stays in evaluation mode."""
        super().train(mode)
        self.encoder.eval()
        return self

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return pooled statistics (n, 2 width) and scores (n, n_outputs) of source utterances."""
        pooled = self.pool(batch)
        return pooled, self.scores(self.standardise(pooled))

    def pool(self, batch: Batch) -> Tensor:
        """Return mean and standard deviation over time of the layer, (n, 2 width)."""
        stages = list(self.stages.values())
        frozen = [name for names in stages[: self.n_frozen] for name in names]
        tuned = [name for names in stages[self.n_frozen :] for name in names]
        hidden = batch.frames
        if frozen:
            with torch.no_grad():
                hidden = torch.cat(
                    [
                        self.encoder.parts(frozen, frames, lengths)
                        for frames, lengths in zip(
                            hidden.split(_ROWS), batch.lengths.split(_ROWS), strict=True
                        )
                    ]
                )
        hidden = self.encoder.parts(tuned, hidden, batch.lengths)
        pooled: Tensor = self.pooling(hidden, (batch.lengths + 1) // 2)
        return pooled

    def standardise(self, pooled: Tensor, domain: int = 0) -> Tensor:
        """Standardise by the statistics of the batch in training, else of a domain (1: target)."""
        if not self.training:
            return (pooled - self.mean[domain]) / self.scale[domain]
        pooled = pooled.float()
        mean = pooled.mean(0)
        scale = (pooled.var(0, unbiased=False) + _EPS).sqrt()
        with torch.no_grad():
            self.mean[domain].lerp_(mean, _MOMENTUM)
            self.scale[domain].lerp_(scale, _MOMENTUM)
        return (pooled - mean) / scale

    def set_statistics(self, source: Tensor, target: Tensor) -> None:
        """Set mean and scale of the domains from the pooled statistics of their recordings."""
        for domain, pooled in enumerate((source, target)):
            values = pooled.double()
            scale = (values.var(0, unbiased=False) + _EPS).sqrt()
            self.mean[domain], self.scale[domain] = values.mean(0), scale

    def freeze(self, stages: int | str) -> None:
        """Freeze the first stages, by number or up to a name.

        Raises ValueError if there are not so many stages, or none of the name.
        """
        names = list(self.stages)
        if isinstance(stages, str):
            if stages not in names:
                raise ValueError(
                    f"frozen_stages must name one of {', '.join(names)}, got {stages!r}"
                )
            stages = names.index(stages) + 1
        if not 0 <= stages <= len(names):
            raise ValueError(
                f"frozen_stages must be from 0 to {len(names)} ({', '.join(names)}), got {stages}"
            )
        self.n_frozen = stages
        for number, name in enumerate(names):
            for parameter in self.stage_parameters(name):
                parameter.requires_grad_(number >= stages)

    def stage_parameters(self, stage: str) -> list[nn.Parameter]:
        """Return the parameters of a stage."""
        parts: list[Any] = [
            self.encoder.head if name == "head" else self.encoder.xvector[name]
            for name in self.stages[stage]
        ]
        return [parameter for part in parts for parameter in part.parameters()]
