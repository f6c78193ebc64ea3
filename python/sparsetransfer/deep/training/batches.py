"""Orders and batches of samples, plain or balanced by class."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from sparsetransfer.deep.training.sequences import Batch

__all__ = ["balanced_order", "batches_of", "mixed_batches"]


def balanced_order(
    rows: NDArray[np.intp], targets: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.intp]:
    """Draw a class-balanced order of the samples; small classes are oversampled."""
    members = [rng.permutation(rows[targets[rows] == c]) for c in np.unique(targets[rows])]
    turns = -(-len(rows) // len(members))
    return np.stack([np.resize(m, turns) for m in members], axis=1).ravel()


def batches_of(
    sequences: list[NDArray[np.float32]],
    order: NDArray[np.intp],
    batch_size: int,
    make: Callable[[list[NDArray[np.float32]]], Batch],
) -> Iterator[tuple[NDArray[np.intp], Batch]]:
    """Yield batches of about `batch_size` samples in their order, none of one of several."""
    count = max(1, min(round(len(order) / batch_size), len(order) // 2))
    for part in np.array_split(order, count):
        yield part, make([sequences[i] for i in part])


def mixed_batches(
    order: NDArray[np.intp], others: NDArray[np.intp], batch_size: int
) -> Iterator[NDArray[np.intp]]:
    """Yield batches of about `batch_size` samples, each with its share of both orders."""
    count = max(1, round((len(order) + len(others)) / batch_size))
    for parts in zip(np.array_split(order, count), np.array_split(others, count), strict=True):
        yield np.concatenate(parts)
