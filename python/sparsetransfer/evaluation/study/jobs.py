"""Running jobs here, in processes, or on any executor, with one result."""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass

import joblib
import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from sparsetransfer.evaluation.data.rows import LabelledRows, UnlabelledRows
from sparsetransfer.evaluation.methods.base import Method, MethodOutput, Tuning
from sparsetransfer.evaluation.scoring.discrepancy import (
    Discrepancy,
    measure_discrepancy,
    project_2d,
)

__all__ = ["Job", "JobResult", "execute"]

_IN_FLIGHT = 32
"""Jobs handed to an executor at a time: they carry their data with them."""


@dataclass(frozen=True, eq=False)
class Job:
    """What travels to a worker. There is no field for target labels, on purpose.

    `number`: position of the cell, and of the fold within it. `task`: the cell's, for messages.
    `source`, `target`: what it is given. `tuning`: how it chooses.
    """

    number: tuple[int, int]
    task: str
    method: Method
    source: LabelledRows
    target: UnlabelledRows
    tuning: Tuning


@dataclass(frozen=True, eq=False)
class JobResult:
    """What comes back.

    - `number`: that of the job.
    - `output`: predictions and diagnostics; codes are left with the worker.
    - `after`: between the codes.
    - `points` (n, 2): codes of source and target in the plane.
    - `warnings`: raised while the method ran.
    - `wall`, `cpu`: seconds; `cpu` counts all threads.
    - `peak`: largest resident memory of the process so far, in MiB; NaN where the system does not
      tell.
    """

    number: tuple[int, int]
    output: MethodOutput
    after: Discrepancy | None
    points: tuple[NDArray[np.float64], NDArray[np.float64]] | None
    warnings: tuple[str, ...]
    wall: float
    cpu: float
    peak: float


def execute(jobs: Iterator[Job], n_jobs: int, executor: Executor | None) -> Iterator[JobResult]:
    """Run jobs, made as they are needed, and yield their results in any order.

    One process is this one; with an `executor`, that runs the jobs instead.
    """
    if executor is not None:
        yield from _on(executor, jobs)
    elif n_jobs == 1:
        yield from map(run_job, jobs)
    else:
        # No memory maps: the arrays are small, and a killed run would leave the files behind.
        parallel = joblib.Parallel(n_jobs, return_as="generator_unordered", max_nbytes=None)
        yield from parallel(joblib.delayed(run_job)(job) for job in jobs)


def _on(executor: Executor, jobs: Iterator[Job]) -> Iterator[JobResult]:
    running: set[Future[JobResult]] = set()
    exhausted = False
    try:
        while running or not exhausted:
            while not exhausted and len(running) < _IN_FLIGHT:
                job = next(jobs, None)
                if job is None:
                    exhausted = True
                else:
                    running.add(executor.submit(run_job, job))
            finished, running = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                yield future.result()
    finally:
        for future in running:
            future.cancel()


def run_job(job: Job) -> JobResult:
    """Run one job in this process, with BLAS on one thread.

    A ValueError or ArithmeticError is raised with the names of task and method.
    """
    wall, cpu = time.perf_counter(), time.process_time()
    with warnings.catch_warnings(record=True) as caught, threadpool_limits(1, user_api="blas"):
        warnings.simplefilter("always")
        try:
            output = job.method.predict(job.source, job.target, job.tuning)
        except (ValueError, ArithmeticError) as error:
            text = str(error).removeprefix(f"method {job.method.name!r}: ")
            error.args = (f"{job.task}: method {job.method.name!r}: {text}",)
            raise
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        after, points = None, None
        if output.source_codes is not None and output.target_codes is not None:
            after = measure_discrepancy(output.source_codes, output.target_codes)
            points = project_2d(output.source_codes, output.target_codes)
    texts = [f"{warning.category.__name__}: {warning.message}" for warning in caught]
    return JobResult(
        number=job.number,
        output=MethodOutput(np.asarray(output.predictions), output.diagnostics),
        after=after,
        points=points,
        warnings=tuple(dict.fromkeys(texts)),
        wall=wall,
        cpu=cpu,
        peak=_peak(),
    )


def _peak() -> float:
    try:
        import resource
    except ImportError:
        return float("nan")
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts KiB, macOS bytes.
    return used / (1 << 20 if sys.platform == "darwin" else 1 << 10)
