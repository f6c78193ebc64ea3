"""Where chunks are coded: in this process, or on the workers of a Dask cluster."""

from __future__ import annotations

import itertools
import os
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from sparsetransfer._files import replacing
from sparsetransfer._former import former_keywords
from sparsetransfer._validation import FloatArray, check_flags
from sparsetransfer.distributed.chunk import Chunk
from sparsetransfer.distributed.chunks import Chunks
from sparsetransfer.distributed.coding import code_chunk
from sparsetransfer.distributed.passes import Coded, Pass, Summary, merge
from sparsetransfer.distributed.sources import DaskBlock

__all__ = ["Cluster", "Engine", "Local"]


class Engine(Protocol):
    """Runs passes and keeps the codes of each chunk between them."""

    def start(self, chunks: Chunks) -> None:
        """Discard the codes of any earlier data set."""

    def take(self, positions: NDArray[np.intp], dtype: np.dtype[Any]) -> FloatArray:
        """Return the rows at ascending positions, counted over all chunks."""

    def run(self, task: Pass) -> Summary:
        """Encode every chunk and return the sum of the summaries."""

    def save_codes(self, folder: str | os.PathLike[str]) -> None:
        """Write the codes of the last pass, one ``.npz`` file of compressed rows per chunk."""


class Local:
    """Code one chunk after the other in this process, each with all its threads.

    Parameters
    ----------
    keep_codes : bool, default=True
        Whether to keep codes (compressed) between passes to start from; without, memory is that
        of one chunk, and passes take longer.
    """

    def __init__(self, *, keep_codes: bool = True) -> None:
        check_flags(keep_codes=keep_codes)
        self.keep_codes = keep_codes
        self._chunks: Chunks | None = None
        self._coded: list[Coded | None] = []
        self._task: Pass | None = None

    def start(self, chunks: Chunks) -> None:
        """Discard the codes of any earlier data set."""
        self._chunks = chunks
        self._coded = [None] * len(chunks)

    def take(self, positions: NDArray[np.intp], dtype: np.dtype[Any]) -> FloatArray:
        """Return the rows at ascending positions, counted over all chunks."""
        assert self._chunks is not None
        return np.vstack(
            [
                take_rows(self._chunks[number], inside, dtype)
                for number, inside in _by_chunk(self._chunks, positions)
            ]
        )

    def run(self, task: Pass) -> Summary:
        """Encode every chunk and return the sum of the summaries."""
        assert self._chunks is not None
        self._task = task
        summaries = []
        for number, chunk in enumerate(self._chunks):
            coded, summary = code_chunk(chunk, self._coded[number], task)
            if self.keep_codes:
                self._coded[number] = coded
            summaries.append(summary)
        total: Summary = _tree(summaries, merge)
        return total

    def save_codes(self, folder: str | os.PathLike[str]) -> None:
        """Write the codes of the last pass, one ``.npz`` file of compressed rows per chunk."""
        assert self._chunks is not None
        assert self._task is not None
        for number, chunk in enumerate(self._chunks):
            coded = self._coded[number]
            if coded is None:
                coded, _ = code_chunk(chunk, None, self._task)
            write_codes(Path(folder), number, coded)


class Cluster:
    """Code chunks on the workers of a Dask cluster; the codes stay there between passes.

    Parameters
    ----------
    client : distributed.Client
        A connected client.
    n_jobs : int, default=1
        Threads of a kernel on a worker: Dask runs as many kernels at a time as workers have
        threads.

    Notes
    -----
    Every task is a function of a chunk, its last codes and the dictionary. If a worker is lost,
    Dask computes what it held again, and the answer has the same bits. Summaries are merged on the
    workers in pairs, in the order of the chunks, and one travels to the client.
    """

    @former_keywords(n_threads="n_jobs")
    def __init__(self, client: Any, *, n_jobs: int = 1) -> None:
        self.client = client
        self.n_jobs = n_jobs
        self._chunks: Chunks | None = None
        self._coded: list[Any] = []
        self._run = ""
        self._number = 0

    def start(self, chunks: Chunks) -> None:
        """Discard the codes of any earlier data set."""
        self._chunks = chunks
        self._coded = [None] * len(chunks)
        self._run = uuid.uuid4().hex[:12]
        self._number = 0

    def take(self, positions: NDArray[np.intp], dtype: np.dtype[Any]) -> FloatArray:
        """Return the rows at ascending positions, counted over all chunks."""
        assert self._chunks is not None
        numbers, inside = zip(*_by_chunk(self._chunks, positions), strict=True)
        found = self._map_chunks(take_rows, numbers, inside, [dtype] * len(numbers), pure=False)
        return np.vstack(self.client.gather(found))

    def run(self, task: Pass) -> Summary:
        """Encode every chunk and return the sum of the summaries."""
        assert self._chunks is not None
        self._number += 1
        prefix = f"{self._run}-{self._number}"
        # A task, not scattered data: what was scattered cannot be computed again.
        shared = self.client.submit(_same, task, key=f"pass-{prefix}")
        done = []
        for worker, numbers in self._places():
            done += self._map_chunks(
                code_chunk,
                numbers,
                [self._coded[number] for number in numbers],
                [shared] * len(numbers),
                key=[f"code-{prefix}-{number}" for number in numbers],
                workers=[worker],
                allow_other_workers=True,
            )
        self._coded = self.client.map(_first, done, key=_keys("codes", prefix, done))
        items = self.client.map(_second, done, key=_keys("summary", prefix, done))
        level = 0
        while len(items) > 1:  # the tree of `_tree`
            level += 1
            pairs = (items[:-1:2], items[1::2])
            merged = self.client.map(merge, *pairs, key=_keys(f"merge{level}", prefix, pairs[1]))
            items = merged + items[2 * len(merged) :]
        total: Summary = items[0].result()
        return total

    def save_codes(self, folder: str | os.PathLike[str]) -> None:
        """Write the codes of the last pass; the folder must be one that every worker sees."""
        written = [
            self.client.submit(write_codes, Path(folder).absolute(), number, coded, pure=False)
            for number, coded in enumerate(self._coded)
        ]
        for future in written:
            future.result()

    def _places(self) -> list[tuple[str, range]]:
        """Assign a run of adjacent chunks to every worker, which merges their summaries."""
        assert self._chunks is not None
        threads = sorted(self.client.nthreads().items())
        ends = np.cumsum([count for _, count in threads])
        if not len(ends):
            raise ValueError("engine: the cluster has no workers")
        edges = [0, *(int(end) * len(self._chunks) // int(ends[-1]) for end in ends)]
        runs = [range(*edge) for edge in itertools.pairwise(edges)]
        return [(worker, run) for (worker, _), run in zip(threads, runs, strict=True) if run]

    def _map_chunks(
        self,
        function: Callable[..., Any],
        numbers: Sequence[int],
        *rest: Sequence[Any],
        **options: Any,
    ) -> list[Any]:
        """Submit a function of chunks; rows of Dask are a dependency, and stay where they are."""
        assert self._chunks is not None
        bare, rows = [], []
        for number in numbers:
            chunk = self._chunks[number]
            block = chunk.read.block if isinstance(chunk.read, DaskBlock) else None
            bare.append(chunk if block is None else replace(chunk, read=_not_here))
            rows.append(None if block is None else self.client.compute(block))
        calls: list[Any] = self.client.map(
            _with_rows, [function] * len(bare), bare, rows, *rest, **options
        )
        return calls


def take_rows(chunk: Chunk, positions: NDArray[np.intp], dtype: np.dtype[Any]) -> FloatArray:
    """Return some rows of a chunk."""
    rows: FloatArray = chunk.load(dtype)[positions]
    return rows


def write_codes(folder: Path, number: int, coded: Coded) -> None:
    """Write the codes of one chunk aside and move them into place."""
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / f"codes-{number:06d}.npz") as aside, aside.open("wb") as file:
        sparse.save_npz(file, coded.codes)


def _tree(items: list[Any], combine: Callable[[Any, Any], Any]) -> Any:
    """Combine neighbours until one is left: the same tree for every engine and any workers."""
    while len(items) > 1:
        pairs = [items[start : start + 2] for start in range(0, len(items), 2)]
        items = [combine(*pair) if len(pair) == 2 else pair[0] for pair in pairs]
    return items[0]


def _by_chunk(
    chunks: Sequence[Chunk], positions: NDArray[np.intp]
) -> list[tuple[int, NDArray[np.intp]]]:
    """Return numbers of chunks and the positions within them, without those that have none."""
    starts = np.cumsum([0] + [chunk.n_samples for chunk in chunks])
    edges = np.searchsorted(positions, starts)
    return [
        (number, positions[first:last] - starts[number])
        for number, (first, last) in enumerate(itertools.pairwise(edges.tolist()))
        if last > first
    ]


def _not_here() -> Any:
    raise RuntimeError("the rows of this chunk travel beside it")


def _with_rows(function: Callable[..., Any], chunk: Chunk, rows: Any, *rest: Any) -> Any:
    if rows is not None:
        chunk = replace(chunk, read=lambda: np.asarray(rows))
    return function(chunk, *rest)


def _keys(name: str, prefix: str, futures: Sequence[Any]) -> list[str]:
    return [f"{name}-{prefix}-{number}" for number in range(len(futures))]


def _same(task: Pass) -> Pass:
    return task


def _first(both: tuple[Any, Any]) -> Any:
    return both[0]


def _second(both: tuple[Any, Any]) -> Any:
    return both[1]
