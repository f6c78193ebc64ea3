"""Where the rows of chunks lie: arrays, files and Dask collections."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sparsetransfer._files import reading
from sparsetransfer._messages import listing
from sparsetransfer._validation import check_integer, column_names
from sparsetransfer.distributed.chunk import Chunk

__all__ = ["DaskBlock", "array", "arrays", "dask", "npy", "parquet", "zarr"]

_Path = str | os.PathLike[str]


@dataclass(frozen=True)
class DaskBlock:
    """Rows that Dask computes; an engine on a cluster leaves them where they are computed.

    `block`: one partition.
    """

    block: Any

    def __call__(self) -> ArrayLike:
        """Compute the rows for this process."""
        return np.asarray(self.block.compute())


def array(X: ArrayLike, chunk_size: int, domain: int) -> Iterator[Chunk]:
    """Split an array, or a memory map, into chunks that view it."""
    columns = _columns(X)
    rows = X if isinstance(X, np.ndarray) else np.asarray(X)
    if rows.ndim != 2:
        raise ValueError(f"X must be a 2-D array, got shape {rows.shape}")
    return (
        Chunk(
            f"rows {start}-{stop - 1}",
            partial(_same, rows[start:stop]),
            stop - start,
            rows.shape[1],
            domain,
            columns=columns,
        )
        for start, stop in _ranges(len(rows), chunk_size)
    )


def arrays(given: Iterable[ArrayLike], domain: int) -> Iterator[Chunk]:
    """Return a chunk per array."""
    tables = list(given)
    found = [np.asarray(rows) for rows in tables]
    for number, rows in enumerate(found):
        if rows.ndim != 2:
            raise ValueError(f"chunk {number} must be a 2-D array, got shape {rows.shape}")
    return (
        Chunk(
            str(number),
            partial(_same, rows),
            len(rows),
            rows.shape[1],
            domain,
            columns=_columns(table),
        )
        for number, (rows, table) in enumerate(zip(found, tables, strict=True))
    )


def npy(path: _Path, chunk_size: int, domain: int) -> Iterator[Chunk]:
    """Split a ``.npy`` file."""
    return _slices(path, _map(path).shape, chunk_size, domain, _read_npy)


def zarr(path: _Path, chunk_size: int | None, domain: int) -> Iterator[Chunk]:
    """Split a Zarr array, by default along its own chunks."""
    import zarr

    found = zarr.open_array(os.fspath(path), mode="r")
    if found.ndim != 2:
        raise ValueError(f"{os.fspath(path)} must hold a 2-D array, got shape {found.shape}")
    size = found.chunks[0] if chunk_size is None else chunk_size
    return _slices(path, found.shape, size, domain, _read_zarr)


def parquet(path: _Path, columns: Sequence[str] | None, domain: int) -> Iterator[Chunk]:
    """Return a chunk per row group of a Parquet file that has rows."""
    from pyarrow import parquet

    with reading(path) as place:
        file = parquet.ParquetFile(place)
    if isinstance(columns, str):
        raise TypeError(f"columns must be a sequence of names, got the text {columns!r}")
    stored = file.schema_arrow.pandas_metadata or {}
    # What pandas wrote as the index of a data frame is no feature.
    others = [
        name for name in file.schema_arrow.names if name not in stored.get("index_columns", ())
    ]
    names = others if columns is None else list(columns)
    if not names or len(set(names)) < len(names):
        raise ValueError(
            f"{os.fspath(path)}: columns must name features, each once, got {listing(names) or 'none'}"
        )
    missing = sorted(set(names) - set(file.schema_arrow.names))
    if missing:
        raise ValueError(f"{os.fspath(path)} has no columns {listing(missing)}")
    return (
        Chunk(
            f"{Path(path).name}, row group {group}",
            partial(_read_parquet, path, group, names),
            file.metadata.row_group(group).num_rows,
            len(names),
            domain,
            columns=tuple(names),
        )
        for group in range(file.metadata.num_row_groups)
        if file.metadata.row_group(group).num_rows
    )


def dask(collection: Any, domain: int) -> Iterator[Chunk]:
    """Return a chunk per partition that has rows."""
    if not hasattr(collection, "to_delayed"):
        raise TypeError(
            "collection must be a dask.array.Array or a dask.dataframe.DataFrame, got "
            f"{type(collection).__name__}"
        )
    if collection.ndim != 2:
        raise ValueError(f"collection must be 2-D, got {collection.ndim} dimensions")
    width, columns = int(collection.shape[1]), _columns(collection)
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
    return (
        Chunk(f"partition {number}", DaskBlock(block), int(size), width, domain, columns=columns)
        for number, (block, size) in enumerate(zip(blocks, sizes, strict=True))
        if size > 0
    )


def _slices(
    path: _Path,
    shape: tuple[int, ...],
    chunk_size: int,
    domain: int,
    read: Callable[[_Path, int, int], NDArray[Any]],
) -> Iterator[Chunk]:
    return (
        Chunk(
            f"{Path(path).name}[{start}:{stop}]",
            partial(read, path, start, stop),
            stop - start,
            shape[1],
            domain,
        )
        for start, stop in _ranges(shape[0], chunk_size)
    )


def _ranges(n_samples: int, chunk_size: int) -> list[tuple[int, int]]:
    size = check_integer(chunk_size, "chunk_size", minimum=1)
    return [(start, min(start + size, n_samples)) for start in range(0, n_samples, size)]


def _columns(table: Any) -> tuple[str, ...] | None:
    names = column_names(table)
    return None if names is None else tuple(names)


def _same(rows: NDArray[Any]) -> NDArray[Any]:
    return rows


def _map(path: _Path) -> NDArray[Any]:
    with reading(path) as place:
        rows = np.lib.format.open_memmap(place, mode="r")
    if rows.ndim != 2:
        raise ValueError(f"{os.fspath(path)} must hold one 2-D array")
    return rows


def _read_npy(path: _Path, start: int, stop: int) -> NDArray[Any]:
    return _map(path)[start:stop]


def _read_parquet(path: _Path, group: int, names: list[str]) -> NDArray[Any]:
    from pyarrow import parquet

    with reading(path) as place:
        table = parquet.ParquetFile(place).read_row_group(group, columns=names)
        return np.column_stack([table[name].to_numpy() for name in names])


def _read_zarr(path: _Path, start: int, stop: int) -> NDArray[Any]:
    import zarr

    return np.asarray(zarr.open_array(os.fspath(path), mode="r")[start:stop])
