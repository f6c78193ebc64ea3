"""Where chunks are coded: in this process, or on the workers of a Dask cluster."""

from __future__ import annotations

import itertools
import os
import tempfile
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from sparsetransfer._validation import FloatArray
from sparsetransfer.distributed.chunks import Chunk, Chunks, DaskBlock
from sparsetransfer.distributed.passes import Pass, Summary, code_chunk, merge

__all__ = ["Cluster", "Engine", "Local"]


class Engine(Protocol):
    """Runs passes and keeps the codes of each chunk between them."""

    def start(self, chunks: Chunks) -> None:
        """Forget the codes of any earlier data set."""

    def take(self, positions: NDArray[np.intp], dtype: np.dtype[Any]) -> FloatArray:
        """Return the rows at ascending positions, counted over all chunks."""

    def run(self, task: Pass) -> Summary:
        """Code every chunk and return the sum of the summaries."""

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
        self.keep_codes = keep_codes
        self._chunks: Chunks | None = None
        self._codes: list[sparse.csr_array | None] = []
        self._task: Pass | None = None

    def start(self, chunks: Chunks) -> None:
        """Forget the codes of any earlier data set."""
        self._chunks = chunks
        self._codes = [None] * len(chunks)

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
        """Code every chunk and return the sum of the summaries."""
        assert self._chunks is not None
        self._task = task
        summaries = []
        for number, chunk in enumerate(self._chunks):
            codes, summary = code_chunk(chunk, self._codes[number], task)
            if self.keep_codes:
                self._codes[number] = codes
            summaries.append(summary)
        total: Summary = _tree(summaries, merge)
        return total

    def save_codes(self, folder: str | os.PathLike[str]) -> None:
        """Write the codes of the last pass, one ``.npz`` file of compressed rows per chunk."""
        assert self._chunks is not None
        assert self._task is not None
        for number, chunk in enumerate(self._chunks):
            codes = self._codes[number]
            if codes is None:
                codes, _ = code_chunk(chunk, None, self._task)
            write_codes(Path(folder), number, codes)


class Cluster:
    """Code chunks on the workers of a Dask cluster; the codes stay there between passes.

    Parameters
    ----------
    client : distributed.Client
        A connected client.
    n_threads : int, default=1
        Threads of a kernel on a worker: Dask runs as many kernels at a time as workers have
        threads.

    Notes
    -----
    Every task is a function of a chunk, its last codes and the dictionary. If a worker is lost,
    Dask computes what it held again, and the answer has the same bits. Summaries are merged on the
    workers in pairs, in the order of the chunks, and one travels to the client.
    """

    def __init__(self, client: Any, *, n_threads: int = 1) -> None:
        self.client = client
        self.n_threads = n_threads
        self._chunks: Chunks | None = None
        self._codes: list[Any] = []
        self._run = ""
        self._number = 0

    def start(self, chunks: Chunks) -> None:
        """Forget the codes of any earlier data set."""
        self._chunks = chunks
        self._codes = [None] * len(chunks)
        self._run = uuid.uuid4().hex[:12]
        self._number = 0

    def take(self, positions: NDArray[np.intp], dtype: np.dtype[Any]) -> FloatArray:
        """Return the rows at ascending positions, counted over all chunks."""
        assert self._chunks is not None
        found = [
            self._on_chunk(take_rows, self._chunks[number], inside, dtype, pure=False)
            for number, inside in _by_chunk(self._chunks, positions)
        ]
        return np.vstack([future.result() for future in found])

    def run(self, task: Pass) -> Summary:
        """Code every chunk and return the sum of the summaries."""
        assert self._chunks is not None
        self._number += 1
        prefix = f"{self._run}-{self._number}"
        # A task, not scattered data: what was scattered cannot be computed again.
        shared = self.client.submit(_same, task, key=f"pass-{prefix}")
        done = [
            self._on_chunk(
                code_chunk,
                chunk,
                codes,
                shared,
                key=f"code-{prefix}-{number}",
                workers=[worker],
                allow_other_workers=True,
            )
            for number, (chunk, codes, worker) in enumerate(
                zip(self._chunks, self._codes, self._places(), strict=True)
            )
        ]
        self._codes = [
            self.client.submit(_first, both, key=f"codes-{prefix}-{number}")
            for number, both in enumerate(done)
        ]
        summaries = [
            self.client.submit(_second, both, key=f"summary-{prefix}-{number}")
            for number, both in enumerate(done)
        ]
        steps = itertools.count()

        def merge_there(first: Any, second: Any) -> Any:
            return self.client.submit(merge, first, second, key=f"merge-{prefix}-{next(steps)}")

        total: Summary = _tree(summaries, merge_there).result()
        return total

    def save_codes(self, folder: str | os.PathLike[str]) -> None:
        """Write the codes of the last pass; the folder must be one that every worker sees."""
        written = [
            self.client.submit(write_codes, Path(folder).absolute(), number, codes, pure=False)
            for number, codes in enumerate(self._codes)
        ]
        for future in written:
            future.result()

    def _places(self) -> list[str]:
        """Give every worker a run of neighbouring chunks, whose summaries then merge there."""
        assert self._chunks is not None
        threads = sorted(self.client.nthreads().items())
        slots = [worker for worker, count in threads for _ in range(count)]
        if not slots:
            raise ValueError("engine: the cluster has no workers")
        return [slots[i * len(slots) // len(self._chunks)] for i in range(len(self._chunks))]

    def _on_chunk(
        self, function: Callable[..., Any], chunk: Chunk, *rest: Any, **options: Any
    ) -> Any:
        if not isinstance(chunk.read, DaskBlock):
            return self.client.submit(function, chunk, *rest, **options)
        rows = self.client.compute(chunk.read.block)
        bare = replace(chunk, read=_not_here)
        return self.client.submit(_with_rows, function, bare, rows, *rest, **options)


def take_rows(chunk: Chunk, positions: NDArray[np.intp], dtype: np.dtype[Any]) -> FloatArray:
    """Return some rows of a chunk."""
    rows: FloatArray = chunk.load(dtype)[positions]
    return rows


def write_codes(folder: Path, number: int, codes: sparse.csr_array) -> None:
    """Write the codes of one chunk aside and move them into place."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor, aside = tempfile.mkstemp(dir=folder, suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as file:
            sparse.save_npz(file, codes)
        os.replace(aside, folder / f"codes-{number:06d}.npz")
    except BaseException:
        os.unlink(aside)
        raise


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
    return function(replace(chunk, read=lambda: np.asarray(rows)), *rest)


def _same(task: Pass) -> Pass:
    return task


def _first(both: tuple[Any, Any]) -> Any:
    return both[0]


def _second(both: tuple[Any, Any]) -> Any:
    return both[1]
