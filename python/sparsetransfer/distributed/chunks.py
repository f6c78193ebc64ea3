"""Where the rows of a data set lie, chunk by chunk."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sparsetransfer._files import existing_file
from sparsetransfer._labels import class_values, label_array, labelled
from sparsetransfer._messages import listing
from sparsetransfer._validation import FloatArray, check_integer, check_matrix

__all__ = ["Chunk", "Chunks", "DaskBlock"]


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
    """

    name: str
    read: Callable[[], ArrayLike]
    n_samples: int
    n_features: int
    domain: int = 1
    labels: NDArray[np.intp] | None = None

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


@dataclass(frozen=True)
class DaskBlock:
    """Rows that Dask computes; an engine on a cluster leaves them where they are computed.

    Attributes
    ----------
    block : dask.delayed.Delayed
        One partition.
    """

    block: Any

    def __call__(self) -> ArrayLike:
        """Compute the rows for this process."""
        return np.asarray(self.block.compute())


class Chunks(Sequence[Chunk]):
    """The chunks of a data set, of one width, in a fixed order.

    Parameters
    ----------
    chunks : iterable of Chunk
        At least one.

    Raises
    ------
    ValueError
        If there is none, one is empty, or widths differ; the message names the chunk.

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
        for chunk in self._chunks:
            if chunk.n_samples < 1:
                raise ValueError(f"chunk {chunk.name} is empty")
            if chunk.n_features != width:
                raise ValueError(
                    f"chunk {chunk.name} has {chunk.n_features} features, "
                    f"{self._chunks[0].name} has {width}"
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
        rows = X if isinstance(X, np.ndarray) else np.asarray(X)
        if rows.ndim != 2:
            raise ValueError(f"X must be a 2-D array, got shape {rows.shape}")
        return cls(
            Chunk(
                f"rows {start}-{stop - 1}",
                partial(_same, rows[start:stop]),
                stop - start,
                rows.shape[1],
                domain,
            )
            for start, stop in _ranges(len(rows), chunk_size)
        )

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
        found = [np.asarray(array) for array in arrays]
        for number, array in enumerate(found):
            if array.ndim != 2:
                raise ValueError(f"chunk {number} must be a 2-D array, got shape {array.shape}")
        return cls(
            Chunk(str(number), partial(_same, array), len(array), array.shape[1], domain)
            for number, array in enumerate(found)
        )

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
        rows = _map(path)
        return cls(
            Chunk(
                f"{Path(path).name}[{start}:{stop}]",
                partial(_read_npy, path, start, stop),
                stop - start,
                rows.shape[1],
                domain,
            )
            for start, stop in _ranges(len(rows), chunk_size)
        )

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
            The features, all numeric; by default every column.
        domain : int, default=1
            Positive: source, negative: target.

        Returns
        -------
        Chunks

        Raises
        ------
        ValueError
            If a column is missing.
        """
        from pyarrow import parquet

        file = parquet.ParquetFile(existing_file(path))
        names = list(columns) if columns is not None else list(file.schema_arrow.names)
        missing = sorted(set(names) - set(file.schema_arrow.names))
        if missing:
            raise ValueError(f"{os.fspath(path)} has no columns {listing(missing)}")
        return cls(
            Chunk(
                f"{Path(path).name}, row group {group}",
                partial(_read_parquet, path, group, names),
                file.metadata.row_group(group).num_rows,
                len(names),
                domain,
            )
            for group in range(file.metadata.num_row_groups)
        )

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
        Every pass computes the partitions anew, as it would read files, unless they were persisted
        on the cluster. With `Cluster` they are computed where they are needed and stay there.
        """
        if not hasattr(collection, "to_delayed"):
            raise TypeError(
                "collection must be a dask.array.Array or a dask.dataframe.DataFrame, got "
                f"{type(collection).__name__}"
            )
        if collection.ndim != 2:
            raise ValueError(f"collection must be 2-D, got {collection.ndim} dimensions")
        width = int(collection.shape[1])
        if hasattr(collection, "rechunk"):
            collection = collection.rechunk({1: -1})
            sizes: Sequence[float] = collection.chunks[0]
            if np.isnan(sizes).any():
                collection = collection.compute_chunk_sizes()
                sizes = collection.chunks[0]
            blocks = list(collection.to_delayed()[:, 0])
        else:
            sizes = collection.map_partitions(len).compute()
            blocks = list(collection.to_delayed())
        return cls(
            Chunk(f"partition {number}", DaskBlock(block), int(size), width, domain)
            for number, (block, size) in enumerate(zip(blocks, sizes, strict=True))
            if size > 0
        )

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
        import zarr

        array = zarr.open_array(os.fspath(path), mode="r")
        if array.ndim != 2:
            raise ValueError(f"{os.fspath(path)} must hold a 2-D array, got shape {array.shape}")
        size = array.chunks[0] if chunk_size is None else chunk_size
        return cls(
            Chunk(
                f"{Path(path).name}[{start}:{stop}]",
                partial(_read_zarr, path, start, stop),
                stop - start,
                array.shape[1],
                domain,
            )
            for start, stop in _ranges(array.shape[0], size)
        )


def _ranges(n_samples: int, chunk_size: int) -> list[tuple[int, int]]:
    size = check_integer(chunk_size, "chunk_size", minimum=1)
    return [(start, min(start + size, n_samples)) for start in range(0, n_samples, size)]


def _same(rows: NDArray[Any]) -> NDArray[Any]:
    return rows


def _map(path: str | os.PathLike[str]) -> NDArray[Any]:
    try:
        rows = np.load(existing_file(path), mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise
    except (ValueError, EOFError, OSError) as error:
        raise ValueError(f"{os.fspath(path)} cannot be read: {error}") from error
    if not isinstance(rows, np.ndarray) or rows.ndim != 2:
        raise ValueError(f"{os.fspath(path)} must hold one 2-D array")
    return rows


def _read_npy(path: str | os.PathLike[str], start: int, stop: int) -> NDArray[Any]:
    return _map(path)[start:stop]


def _read_parquet(path: str | os.PathLike[str], group: int, names: list[str]) -> NDArray[Any]:
    from pyarrow import parquet

    table = parquet.ParquetFile(path).read_row_group(group, columns=names)
    return np.column_stack([table[name].to_numpy() for name in names])


def _read_zarr(path: str | os.PathLike[str], start: int, stop: int) -> NDArray[Any]:
    import zarr

    return np.asarray(zarr.open_array(os.fspath(path), mode="r")[start:stop])
