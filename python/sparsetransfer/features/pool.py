"""Many small computations, here or in worker processes, whichever is sooner done."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, as_completed
from typing import TypeVar

import joblib

__all__ = ["compute_all", "n_workers"]

_log = logging.getLogger(__name__)

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

# Starting workers means importing numpy, pandas and what they need, in all of them at once. Work
# is begun in this process, whose first utterance pays for the same imports and so tells how long
# they take on this machine; workers are started once the pace says that they will save time.
_TRIAL_SECONDS = 1.0
_START_PER_FIRST = 3.0
_START_SECONDS = (5.0, 15.0)  # least and most that a start is taken to cost


def n_workers(n_jobs: int | None) -> int:
    """Convert `n_jobs` to a number of processes; None and -1 are every CPU of this process."""
    if n_jobs is None or n_jobs == -1:
        return int(joblib.cpu_count())
    if isinstance(n_jobs, bool) or n_jobs < 1:
        raise ValueError(f"n_jobs must be None, -1 or positive, got {n_jobs}")
    return n_jobs


def compute_all(
    pending: Sequence[_Item],
    compute: Callable[[_Item], _Result],
    workers: int,
    executor: Executor | None = None,
) -> Iterator[_Result]:
    """Compute here, and go over to a pool when the pace so far says that it pays.

    Results are yielded in the order of completion. `compute` is picklable for more than one worker;
    an `executor` computes everything instead.
    """
    if executor is not None:
        futures = [executor.submit(compute, item) for item in pending]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            for future in futures:
                future.cancel()
        return
    began = started = time.perf_counter()
    start_cost, paced = 0.0, 0
    for position, item in enumerate(pending):
        elapsed = time.perf_counter() - started
        # The first utterance pays for imports and says nothing about the pace.
        if workers > 1 and position > 1 and elapsed > _TRIAL_SECONDS:
            left = (len(pending) - position) * elapsed / paced
            if left * (1 - 1 / workers) > start_cost:
                _log.info(
                    "%d utterances are left to %d processes", len(pending) - position, workers
                )
                yield from _compute_in_pool(pending[position:], compute, workers)
                return
        yield compute(item)
        if position == 0:
            started = time.perf_counter()
            least, most = _START_SECONDS
            start_cost = min(max(_START_PER_FIRST * (started - began), least), most)
        else:
            paced += 1


def _compute_in_pool(
    pending: Sequence[_Item], compute: Callable[[_Item], _Result], workers: int
) -> Iterator[_Result]:
    """Compute in fresh processes, with one BLAS thread each."""
    with joblib.parallel_config(backend="loky", inner_max_num_threads=1):
        pool = joblib.Parallel(n_jobs=workers, return_as="generator_unordered")
        yield from pool(joblib.delayed(compute)(item) for item in pending)
