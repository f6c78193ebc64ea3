"""The network that regresses emotions, with all its hidden layers, and its loss."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sparsetransfer.deep.affect import AFFECT
from sparsetransfer.deep.networks.backbones import ConvolutionalEncoder, VectorEncoder
from sparsetransfer.deep.training.sequences import Batch

__all__ = ["Regressor", "regression_loss", "valence_groups"]


def valence_groups(classes: NDArray[Any]) -> list[int]:
    """Return a group per class: positive, negative, neutral; each unknown class is one of its own."""
    groups = []
    for number, name in enumerate(classes.tolist()):
        valence = AFFECT.get(str(name), (0.0, None))[1]
        groups.append(3 + number if valence is None else int(np.sign(valence)) + 1)
    return groups


class Regressor(nn.Module):
    """Encoder, fully connected layers and scores."""

    def __init__(
        self,
        encoder: ConvolutionalEncoder | VectorEncoder,
        hidden: Sequence[int],
        n_classes: int,
        dropout: float,
        groups: Sequence[int],
        *,
        adversary: bool,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.hidden = nn.ModuleList(
            nn.Sequential(nn.Dropout(dropout), nn.Linear(before, after), nn.ReLU())
            for before, after in itertools.pairwise((encoder.n_outputs, *hidden))
        )
        self.scores = nn.Linear(hidden[-1], n_classes)
        self.groups = tuple(groups)
        if adversary:
            self.adversary = nn.Sequential(nn.Linear(hidden[-1], 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, batch: Batch) -> tuple[Tensor, ...]:
        """Return the outputs of all hidden layers, then scores."""
        features = self.encoder(batch)
        outputs = []
        for layer in self.hidden:
            features = layer(features)
            outputs.append(features)
        return (*outputs, self.scores(features))

    def masks(self, labels: Tensor, guess: Tensor, n_layers: int) -> list[Tensor | None]:
        """Return, from the first layer to the last, which source sample may rebuild which target."""
        by_class = guess[:, None] == labels[None, :]
        groups = torch.tensor(self.groups, device=labels.device)
        by_group = groups[guess][:, None] == groups[labels][None, :]
        between: list[Tensor | None] = [by_group] * max(n_layers - 2, 0)
        first: list[Tensor | None] = [None] if n_layers > 1 else []
        return [*first, *between, by_class]


def regression_loss(scores: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """Return half the weighted mean squared distance between scores and one-hot labels."""
    wanted = nn.functional.one_hot(labels, scores.shape[1]).to(scores.dtype)
    errors = (scores - wanted).square().sum(dim=1)
    return (weights[labels] * errors).mean() / 2
