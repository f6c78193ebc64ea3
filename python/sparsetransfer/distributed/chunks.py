"""Where the rows of a data set lie, chunk by chunk."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sparsetransfer._labels import class_values, label_array, labelled
from sparsetransfer._messages import listing
from sparsetransfer.distributed import sources
from sparsetransfer.distributed.chunk import Chunk

__all__ = ["Chunks"]


class Chunks(Sequence[Chunk]):
    """The chunks of a data set, of one width, in a fixed order.

    Parameters
    ----------
    chunks : iterable of Chunk
        At least one.

    Raises
    ------
    ValueError
        If there is none, one is empty, or widths or the names of columns differ; the message names
        the chunk.

    Notes
    -----
    ``+`` puts data sets together: ``Chunks.from_npy(a) + Chunks.from_npy(b, domain=-1)``.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsetransfer.distributed import Chunks
    >>> chunks = Chunks.from_array(np.eye(5), chunk_size=2)
    >>> [chunk.n_samples for chunk in chunks], chunks.n_samples
    ([2, 2, 1], 5)
    """

    def __init__(self, chunks: Iterable[Chunk]) -> None:
        self._chunks = tuple(chunks)
        if not self._chunks:
            raise ValueError("chunks must hold at least one chunk")
        width = self._chunks[0].n_features
        named = next((c for c in self._chunks if c.columns is not None), self._chunks[0])
        for chunk in self._chunks:
            if chunk.n_samples < 1:
                raise ValueError(f"chunk {chunk.name} is empty")
            if chunk.n_features != width:
                raise ValueError(
                    f"chunk {chunk.name} has {chunk.n_features} features, "
                    f"{self._chunks[0].name} has {width}"
                )
            if chunk.columns is not None and chunk.columns != named.columns:
                raise ValueError(
                    f"chunk {chunk.name} has the columns {listing(chunk.columns)}, {named.name} has "
                    f"{listing(named.columns or ())}; choose the same columns in one order"
                )
            if chunk.domain == 0:
                raise ValueError(
                    f"chunk {chunk.name}: domain must be positive (source) or negative (target)"
                )
            if chunk.labels is not None and chunk.labels.shape != (chunk.n_samples,):
                raise ValueError(
                    f"chunk {chunk.name}: labels must have shape ({chunk.n_samples},), got "
                    f"{chunk.labels.shape}"
                )

    def __len__(self) -> int:
        return len(self._chunks)

    def __getitem__(self, index: Any) -> Any:
        return self._chunks[index]

    def __iter__(self) -> Iterator[Chunk]:
        return iter(self._chunks)

    def __add__(self, other: Chunks) -> Chunks:
        return Chunks([*self, *other])

    def with_labels(self, labels: ArrayLike) -> Chunks:
        """Assign a class to every row, for class-conditional terms.

        Parameters
        ----------
        labels : array_like of shape (n_samples,)
            Classes of the rows in the order of the chunks; those of target rows are pseudo-labels.
            Masked ones (-1, NaN, None) take no part.

        Returns
        -------
        Chunks
            The same rows, labelled.

        Raises
        ------
        ValueError
            If there is not one label per row, or none is known.

        Examples
        --------
        >>> import numpy as np
        >>> from sparsetransfer.distributed import Chunks
        >>> chunks = Chunks.from_array(np.eye(4), chunk_size=2)
        >>> [c.labels.tolist() for c in chunks.with_labels(["sad", None, "glad", "sad"])]
        [[1, -1], [0, 1]]
        """
        given = label_array(labels, "labels")
        if given.shape != (self.n_samples,):
            raise ValueError(f"labels must have shape ({self.n_samples},), got {given.shape}")
        known = labelled(given)
        if not known.any():
            raise ValueError("labels must hold a known class, got masked ones only")
        numbers = np.full(len(given), -1, dtype=np.intp)
        numbers[known] = np.unique(class_values(given[known]), return_inverse=True)[1]
        ends = np.cumsum([chunk.n_samples for chunk in self])
        parts = np.split(numbers, ends[:-1])
        return Chunks(replace(c, labels=part) for c, part in zip(self, parts, strict=True))

    @property
    def n_samples(self) -> int:
        """The number of rows of all chunks."""
        return sum(chunk.n_samples for chunk in self._chunks)

    @property
    def n_features(self) -> int:
        """The number of columns."""
        return self._chunks[0].n_features

    @classmethod
    def from_array(cls, X: ArrayLike, *, chunk_size: int = 16384, domain: int = 1) -> Chunks:
        """Split an array in memory, or a memory map, into chunks that view it.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            The rows.
        chunk_size : int, default=16384
            Rows of a chunk.
        domain : int, default=1
            Positive: source, negative: target.

        Returns
        -------
        Chunks
        """
        return cls(sources.array(X, chunk_size, domain))

    @classmethod
    def from_arrays(cls, arrays: Iterable[ArrayLike], *, domain: int = 1) -> Chunks:
        """Return chunks of which each is one of several arrays.

        Parameters
        ----------
        arrays : iterable of array_like of shape (n_samples, n_features)
            They are kept in memory; give `Chunk` a function to have them made when needed.
        domain : int, default=1
            Positive: source, negative: target.

        Returns
        -------
        Chunks
        """
        return cls(sources.arrays(arrays, domain))

    @classmethod
    def from_npy(
        cls, path: str | os.PathLike[str], *, chunk_size: int = 16384, domain: int = 1
    ) -> Chunks:
        """Read a ``.npy`` file through a memory map.

        Parameters
        ----------
        path : path-like
            A file with an array of shape (n_samples, n_features); workers must see it, too.
        chunk_size : int, default=16384
            Rows of a chunk.
        domain : int, default=1
            Positive: source, negative: target.

        Returns
        -------
        Chunks

        Raises
        ------
        ValueError
            If the file is truncated or holds something else.
        FileNotFoundError
            If there is none.
        """
        return cls(sources.npy(path, chunk_size, domain))

    @classmethod
    def from_parquet(
        cls,
        path: str | os.PathLike[str],
        *,
        columns: Sequence[str] | None = None,
        domain: int = 1,
    ) -> Chunks:
        """Read a Parquet file row group by row group (extra ``data``).

        Parameters
        ----------
        path : path-like
            The file.
        columns : sequence of str, optional
            The features, all numeric; by default every column but the index of a data frame.
        domain : int, default=1
            Positive: source, negative: target.

        Returns
        -------
        Chunks

        Raises
        ------
        TypeError
            If `columns` is a text.
        ValueError
            If a column is missing or named twice, or there is none.
        """
        return cls(sources.parquet(path, columns, domain))

    @classmethod
    def from_dask(cls, collection: Any, *, domain: int = 1) -> Chunks:
        """Return the partitions of a Dask array or data frame as chunks (extra ``distributed``).

        Parameters
        ----------
        collection : dask.array.Array or dask.dataframe.DataFrame
            Of shape (n_samples, n_features), numeric. Partitions without rows are left out; where
            the numbers of rows are not known, they are counted, which computes the collection once.
        domain : int, default=1
            Positive: source, negative: target.

        Returns
        -------
        Chunks

        Raises
        ------
        TypeError
            If `collection` is neither.
        ValueError
            If it is not 2-D.

        Notes
        -----
        Every pass recomputes the partitions, as it would read files, unless they were persisted
        on the cluster. With `Cluster` they are computed where they are needed and stay there.
        """
        return cls(sources.dask(collection, domain))

    @classmethod
    def from_zarr(
        cls, path: str | os.PathLike[str], *, chunk_size: int | None = None, domain: int = 1
    ) -> Chunks:
        """Read a Zarr array by its own chunks of rows (extra ``distributed``).

        Parameters
        ----------
        path : path-like
            A store with an array of shape (n_samples, n_features).
        chunk_size : int, optional
            Rows of a chunk; those of the store by default.
        domain : int, default=1
            Positive: source, negative: target.

        Returns
        -------
        Chunks
        """
        return cls(sources.zarr(path, chunk_size, domain))
