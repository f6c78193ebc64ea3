"""Spectrograms of any length: checks, scaling per corpus, order, padded batches and masks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_array
from torch import Tensor

__all__ = [
    "BandScaler",
    "Batch",
    "are_rows",
    "balanced_order",
    "batches_of",
    "by_length",
    "check_rows",
    "check_sequences",
    "crop",
    "mixed_batches",
    "normalise_levels",
    "pad",
    "spec_augment",
    "standardise_groups",
]

_SHORTEST = 2


@dataclass(frozen=True)
class Batch:
    """Padded spectrograms.

    `frames` (n, n_frames, n_bands): zero after the end of each sequence. `lengths` (n,): number of
    frames of each sequence.
    """

    frames: Tensor
    lengths: Tensor

    def to(self, device: torch.device) -> Batch:
        """Return the batch on a device."""
        return Batch(self.frames.to(device), self.lengths.to(device))


def check_sequences(value: Any, *, n_bands: int | None = None) -> list[NDArray[np.float32]]:
    """Return spectrograms (n_frames, n_bands) as finite float32 arrays, or name the faulty one.

    The number of bands is that of the first one by default.
    """
    if not hasattr(value, "__len__") or len(value) == 0:
        raise ValueError("X must hold at least one spectrogram (n_frames, n_bands)")
    checked = []
    for number, item in enumerate(value):
        array = np.asarray(item)
        if array.dtype.kind not in "fiu":
            raise TypeError(f"X[{number}] must consist of real numbers, got {array.dtype}")
        if array.ndim != 2 or (n_bands is not None and array.shape[1] != n_bands):
            raise ValueError(
                f"X[{number}] must have shape (n_frames, {n_bands or 'n_bands'}), got {array.shape}"
            )
        n_bands = array.shape[1]
        if len(array) < _SHORTEST:
            raise ValueError(
                f"X[{number}] has {len(array)} frames; statistics over time need at least "
                f"{_SHORTEST}"
            )
        array = np.ascontiguousarray(array, dtype=np.float32)
        if not np.isfinite(array).all():
            raise ValueError(f"X[{number}] has entries that are NaN, infinite or too large")
        checked.append(array)
    return checked


def are_rows(X: Any) -> bool:
    """Return whether samples are vectors: a matrix, a data frame or a list of vectors."""
    if hasattr(X, "ndim"):
        return bool(X.ndim == 2)
    return hasattr(X, "__len__") and len(X) > 0 and np.ndim(X[0]) == 1


def check_rows(value: Any, *, n_features: int | None = None) -> list[NDArray[np.float32]]:
    """Return feature rows (n, n_features) as sequences of a single frame."""
    rows = check_array(value, dtype=np.float32, input_name="X")
    if n_features is not None and rows.shape[1] != n_features:
        raise ValueError(f"X must have {n_features} features, got {rows.shape[1]}")
    return list(rows[:, None])


class BandScaler:
    """Standardise each band over the frames of a corpus, source and target each by its own.

    `mean`, `scale` (2, n_bands): statistics of the source (row 0) and of the target (row 1).

    Standardised spectrograms are standardised to the same bits: statistics are taken and applied in
    float64, and what float32 cannot tell from mean 0 and deviation 1 counts as that.
    """

    def __init__(self, mean: NDArray[np.float64], scale: NDArray[np.float64]) -> None:
        self.mean = mean
        self.scale = scale

    @classmethod
    def fit(
        cls, sequences: Sequence[NDArray[np.float32]], is_source: NDArray[np.bool_]
    ) -> BandScaler:
        """Estimate the statistics of both domains; without a target those of the source twice."""
        rows: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []
        for wanted in (True, False):
            chosen = [x for x, s in zip(sequences, is_source, strict=True) if s == wanted]
            rows.append(_moments(chosen) if chosen else rows[0])
        mean, scale = zip(*rows, strict=True)
        return cls(np.stack(mean), np.stack(scale))

    def apply(
        self, sequences: Sequence[NDArray[np.float32]], is_source: NDArray[np.bool_]
    ) -> list[NDArray[np.float32]]:
        """Return standardised spectrograms."""
        return [
            ((x - self.mean[0 if s else 1]) / self.scale[0 if s else 1]).astype(np.float32)
            for x, s in zip(sequences, is_source, strict=True)
        ]


def standardise_groups(
    sequences: Sequence[NDArray[np.float32]], groups: NDArray[Any]
) -> list[NDArray[np.float32]]:
    """Standardise each band over the frames of a group, all groups by their own."""
    scaled = list(sequences)
    for group in np.unique(groups):
        rows = np.flatnonzero(groups == group)
        part = [scaled[row] for row in rows]
        whole = np.ones(len(rows), dtype=bool)
        for row, values in zip(rows, BandScaler.fit(part, whole).apply(part, whole), strict=True):
            scaled[row] = values
    return scaled


def normalise_levels(sequences: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
    r"""Remove the level of recordings from their logarithmic spectrograms.

    Parameters
    ----------
    sequences : sequence of ndarray of shape (n_frames, n_bands)
        Natural logarithms of power, such as those of `sparsetransfer.features.LogMel`.

    Returns
    -------
    list of numpy.ndarray of shape (n_frames, n_bands), float32
        Each minus the logarithm of its mean power over frames and bands.

    Notes
    -----
    A gain adds a constant to all logarithms of power, which this takes away: distance to the
    microphone and recording level differ between corpora. It costs where the level of an utterance
    tells emotions apart and the corpus keeps it, as between loud anger and quiet sadness.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsetransfer.deep import normalise_levels
    >>> quiet = np.log(np.array([[1.0, 3.0], [2.0, 2.0]], dtype=np.float32))
    >>> soft, loud = normalise_levels([quiet, quiet + 5])
    >>> bool(np.allclose(soft, loud)), float(np.exp(soft).mean().round(3))
    (True, 1.0)
    """
    return [
        (x - np.logaddexp.reduce(x, axis=None, dtype=np.float64) + np.log(x.size)).astype(
            np.float32
        )
        for x in sequences
    ]


def _moments(
    sequences: Sequence[NDArray[np.float32]],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    count = sum(len(x) for x in sequences)
    mean = sum(x.sum(axis=0, dtype=np.float64) for x in sequences) / count
    variance = sum(np.square(x - mean).sum(axis=0) for x in sequences) / count
    # A constant band carries nothing; it becomes zero instead of a division by zero.
    scale = np.where(variance > 0, np.sqrt(variance), 1.0)
    rounding = np.finfo(np.float32).eps
    mean = np.where(np.abs(mean) <= rounding * scale, 0.0, mean)
    return mean, np.where(np.abs(scale - 1) <= rounding, 1.0, scale)


def pad(sequences: Sequence[NDArray[np.float32]]) -> Batch:
    """Pad spectrograms with zeros into one array."""
    lengths = [len(x) for x in sequences]
    frames = np.zeros((len(sequences), max(lengths), sequences[0].shape[1]), dtype=np.float32)
    for row, x in zip(frames, sequences, strict=True):
        row[: len(x)] = x
    return Batch(torch.from_numpy(frames), torch.tensor(lengths))


def crop(
    sequences: Sequence[NDArray[np.float32]], n_frames: int, rng: np.random.Generator
) -> list[NDArray[np.float32]]:
    """Crop a random stretch of at most `n_frames` frames from each spectrogram."""
    cut = []
    for x in sequences:
        start = int(rng.integers(0, max(len(x) - n_frames, 0) + 1))
        cut.append(x[start : start + n_frames])
    return cut


def by_length(lengths: Sequence[int], batch_frames: int) -> Iterator[NDArray[np.intp]]:
    """Yield indices of sequences of like length, so that a batch has about `batch_frames` frames."""
    order = np.argsort(lengths, kind="stable")
    first = 0
    for last in range(1, len(order) + 1):
        longest = 0 if last == len(order) else lengths[order[last]]
        if last == len(order) or (last + 1 - first) * longest > batch_frames:
            yield order[first:last]
            first = last


def spec_augment(
    batch: Batch,
    rng: np.random.Generator,
    *,
    n_masks: int = 2,
    max_frames: int = 20,
    max_bands: int = 8,
) -> Batch:
    """Mask random stretches of time and of frequency in every standardised spectrogram.

    SpecAugment (Park et al. 2019, doi:10.21437/Interspeech.2019-2680): `n_masks` per axis, of
    widths uniform from zero to the largest, which is at most a fifth of the frames and half of the
    bands; masked entries become 0, the mean.
    """
    if n_masks == 0:
        return batch
    frames = batch.frames.clone()
    n_bands = frames.shape[2]
    for row, length in zip(frames, batch.lengths.tolist(), strict=True):
        for _ in range(n_masks):
            width = int(rng.integers(0, min(max_frames, length // 5) + 1))
            start = int(rng.integers(0, length - width + 1))
            row[start : start + width] = 0
            width = int(rng.integers(0, min(max_bands, n_bands // 2) + 1))
            start = int(rng.integers(0, n_bands - width + 1))
            row[:, start : start + width] = 0
    return Batch(frames, batch.lengths)


def balanced_order(
    rows: NDArray[np.intp], targets: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.intp]:
    """Return a random order of the samples, balanced by oversampling the small classes."""
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
