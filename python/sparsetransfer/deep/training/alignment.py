"""What pulls two corpora together in a batch, and how its weight grows."""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn

from sparsetransfer.deep import losses
from sparsetransfer.deep.networks.regressor import Regressor

__all__ = ["Alignment", "alignment_loss", "growth"]

Alignment: TypeAlias = Literal[
    "ida", "lida", "ida-published", "lida-published", "mmd", "coral", "dann"
]

_Layers: TypeAlias = list[Tensor]


def growth(done: float, warmup: float) -> float:
    """Return the share of a term's weight when the share `done` of the training is over.

    It is tanh(1.5 done / warmup): 0 in the first epoch, nine tenths at the end of the warm-up (the
    schedule of Ganin et al. 2016, JMLR 17(59), section 5.2.2, for 0.3), and 1 without a warm-up.
    """
    return math.tanh(1.5 * done / warmup) if warmup > 0 else 1.0


def alignment_loss(
    alignment: Alignment,
    network: Regressor,
    source: _Layers,
    target: _Layers,
    labels: Tensor,
    *,
    share: float,
    alpha: float,
    penalty: losses.Penalty,
) -> Tensor:
    """Return the term that pulls a source and a target batch together, times its grown share.

    source, target: outputs of all hidden layers, then scores
    """
    *hidden, scores = source
    *hidden_target, scores_target = target
    if alignment == "dann":
        # The classifier of the domains learns at full weight; what flows back from it grows.
        features = losses.reverse_gradient(torch.cat([hidden[-1], hidden_target[-1]]), share)
        is_source = torch.zeros(len(features), device=features.device)
        is_source[: len(scores)] = 1
        side = network.adversary(features).squeeze(1).float()
        return nn.functional.binary_cross_entropy_with_logits(side, is_source)
    if alignment == "mmd":
        return share * losses.discrepancy(hidden[-1], hidden_target[-1])
    if alignment == "coral":
        return share * losses.coral(hidden[-1], hidden_target[-1])
    guess = scores_target.argmax(dim=1)
    masks = network.masks(labels, guess, len(hidden))
    if alignment == "ida-published":
        masks[-1] = None
    published = alignment.endswith("published")
    first = 0 if alignment.startswith("lida") else len(masks) - 1
    terms = []
    for ours, theirs, allowed in list(zip(hidden, hidden_target, masks, strict=True))[first:]:
        scale = ours.square().sum(dim=1).mean().sqrt() + 1e-6 if published else 1.0
        term = losses.sparse_reconstruction(
            ours / scale,
            theirs / scale,
            alpha,
            penalty=penalty,
            allowed=allowed,
            normalise=not published,
        )
        terms.append(term if published else term + _length_difference(ours, theirs))
    total = torch.stack(terms).sum()
    return share * (total if published else total / len(terms))


def _length_difference(source: Tensor, target: Tensor) -> Tensor:
    """Return the squared logarithm of the ratio of mean norms; its gradient moves the target only.

    A term on directions leaves lengths free: turning the last layers at a large weight stretches
    them.
    """
    lengths = [rows.norm(dim=1).mean() + 1e-6 for rows in (source.detach(), target)]
    return (lengths[1] / lengths[0]).log().square()
