"""Running jobs here, in processes, or on any executor, with one result."""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass
from typing import Any

import joblib
import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from sparsetransfer._messages import listing
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

    `number`: position of the cell, and of the fold within it. `source`, `target`: what it is given.
    `tuning`: how it chooses.
    """

    number: tuple[int, int]
    method: Method
    source: LabelledRows
    target: UnlabelledRows
    tuning: Tuning


@dataclass(frozen=True, eq=False)
class JobResult:
    """What comes back.

    - `number`: that of the job.
    - `refusal`: why the method refused; empty if it did not.
    - `output`: predictions and diagnostics; codes are left with the worker.
    - `after`: between the codes.
    - `points` (n, 2): codes of source and target in the plane.
    - `warnings`: raised while the method ran.
    - `wall`, `cpu`: seconds; `cpu` counts all threads.
    - `peak`: largest resident memory of the process so far, in MiB; NaN where the system does not
      tell.
    """

    number: tuple[int, int]
    refusal: str
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

    A ValueError or ArithmeticError of the method is its refusal, and so are answers that are none.
    """
    refusal, after, points = "", None, None
    wall, cpu = time.perf_counter(), time.process_time()
    with warnings.catch_warnings(record=True) as caught, threadpool_limits(1, user_api="blas"):
        warnings.simplefilter("always")
        try:
            output = job.method.predict(job.source, job.target, job.tuning)
            _check_answers(np.asarray(output.predictions), job)
        except (ValueError, ArithmeticError) as error:
            text = " ".join(str(error).split()).removeprefix(f"method {job.method.name!r}: ")
            refusal = text or type(error).__name__
            output = MethodOutput(np.empty(0, np.str_))
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        if output.source_codes is not None and output.target_codes is not None:
            after = measure_discrepancy(output.source_codes, output.target_codes)
            points = project_2d(output.source_codes, output.target_codes)
    texts = [f"{warning.category.__name__}: {warning.message}" for warning in caught]
    return JobResult(
        number=job.number,
        refusal=refusal,
        output=MethodOutput(np.asarray(output.predictions), output.diagnostics),
        after=after,
        points=points,
        warnings=tuple(dict.fromkeys(texts)),
        wall=wall,
        cpu=cpu,
        peak=_peak(),
    )


def _check_answers(found: NDArray[Any], job: Job) -> None:
    if found.shape != (len(job.target),):
        raise ValueError(f"returned {found.shape} predictions for {len(job.target)} target rows")
    strangers = sorted(set(found.astype(np.str_).tolist()) - set(job.source.labels.tolist()))
    if strangers:
        raise ValueError(f"returned labels that the source lacks: {listing(strangers)}")


def _peak() -> float:
    try:
        import resource
    except ImportError:
        return float("nan")
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts KiB, macOS bytes.
    return used / (1 << 20 if sys.platform == "darwin" else 1 << 10)
