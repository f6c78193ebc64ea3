"""Recordings as rows of feature sets, and the hashes by which they are known again."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sparsetransfer._validation import check_matrix
from sparsetransfer.evaluation.data.dataset import Dataset, views_first

__all__ = ["recording_keys", "row_keys", "unlabelled_domain", "views_and_keys"]


def views_and_keys(
    recordings: Dataset | ArrayLike | Sequence[ArrayLike],
    feature_sets: tuple[str, ...],
    widths: tuple[int, ...],
) -> tuple[list[NDArray[np.float64]], NDArray[np.uint8]]:
    """Check recordings against the feature sets of a recogniser and their numbers of columns.

    Return the rows of each feature set and the keys of `recording_keys`; other feature sets or
    widths are a ValueError.
    """
    if isinstance(recordings, Dataset):
        if set(feature_sets) <= set(recordings.named):
            recordings = views_first(recordings, feature_sets)
        if recordings.feature_sets != feature_sets:
            raise ValueError(
                f"the recogniser was fitted on {', '.join(feature_sets)}, got recordings "
                f"with {', '.join(recordings.feature_sets)}"
            )
        return [recordings.features, *recordings.views.values()], recording_keys(recordings)
    given: Any = [recordings] if len(widths) == 1 else recordings
    if len(given) != len(widths):
        raise ValueError(
            f"expected rows of {len(widths)} feature sets, {', '.join(feature_sets)}, "
            f"got {len(given)}"
        )
    views = [
        np.asarray(check_matrix(view, "recordings", n_features=width), dtype=np.float64)
        for view, width in zip(given, widths, strict=True)
    ]
    return views, row_keys(views)


def recording_keys(domain: Dataset) -> NDArray[np.uint8]:
    """Return 16 bytes per recording: the hash of its audio where known, else of its features."""
    keys = row_keys([domain.features, *domain.views.values()])
    if domain.digests is not None:
        for row, digest in enumerate(domain.digests.tolist()):
            if digest:
                keys[row] = _hash(digest.encode())
    return keys


def row_keys(views: Sequence[NDArray[np.float64]]) -> NDArray[np.uint8]:
    """Return the hashes (n, 16) of feature rows."""
    rows = np.hstack(views).astype("<f8")
    return np.array([_hash(row.tobytes()) for row in rows], dtype=np.uint8).reshape(-1, 16)


def _hash(content: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(hashlib.sha256(content).digest()[:16], dtype=np.uint8)


def unlabelled_domain(rows: NDArray[np.float64], like: Dataset) -> Dataset:
    """Return rows of the only feature set of a corpus as recordings without labels."""
    if like.views:
        raise ValueError(
            f"an array is rows of one feature set, the source has {', '.join(like.feature_sets)}; "
            "give the target as a Dataset"
        )
    checked = np.asarray(
        check_matrix(rows, "target", n_features=like.features.shape[1]), np.float64
    )
    count = len(checked)
    name = "target" if like.name != "target" else "target (unlabelled)"
    return Dataset(
        name,
        checked,
        np.full(count, "unlabelled"),
        np.full(count, ""),
        np.array([str(number) for number in range(count)]),
        like.feature_names,
        like.feature_set,
    )
