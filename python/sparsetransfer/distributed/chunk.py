"""Rows that are read together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sparsetransfer._validation import FloatArray, check_integer, check_matrix

__all__ = ["Chunk"]


@dataclass(frozen=True)
class Chunk:
    """Rows that are read together.

    Attributes
    ----------
    name : str
        What messages call it.
    read : callable
        Returns the rows, array_like of shape (n_samples, n_features). It travels to workers, so it
        must be picklable there, and must return the same rows every time.
    n_samples : int
        The number of rows, at least 1.
    n_features : int
        The number of columns.
    domain : int
        Positive: source, negative: target; all rows of a chunk belong to one domain.
    labels : ndarray of shape (n_samples,), int, or None, default=None
        Numbers of the rows' classes from 0, -1 where unknown; `Chunks.with_labels` sets them.
    columns : tuple of str, optional
        Names of the columns, where they have any: those of all chunks have to agree.
    """

    name: str
    read: Callable[[], ArrayLike]
    n_samples: int
    n_features: int
    domain: int = 1
    labels: NDArray[np.intp] | None = None
    columns: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "domain", check_integer(self.domain, "domain", maximum=2**63 - 1))

    def load(self, dtype: np.dtype[Any]) -> FloatArray:
        """Read and check the rows.

        Raises
        ------
        ValueError
            If they are not as many or as wide as announced, cannot be read, or are not finite; the
            message names the chunk.
        """
        try:
            rows = check_matrix(self.read(), "X", dtype=dtype)
        except MemoryError as error:
            raise MemoryError(f"chunk {self.name} does not fit into memory: {error}") from error
        except Exception as error:  # whatever the reader of a file raises
            raise ValueError(
                f"chunk {self.name} cannot be used: {type(error).__name__}: {error}"
            ) from error
        if rows.shape != (self.n_samples, self.n_features):
            raise ValueError(
                f"chunk {self.name} must have shape {(self.n_samples, self.n_features)}, "
                f"got {rows.shape}"
            )
        return rows
