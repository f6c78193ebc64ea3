"""Time kernels: rounds, medians, spread, and what machine it was."""

import platform
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sparsetransfer._config import configuration
from sparsetransfer._former import former_keywords
from sparsetransfer._validation import check_callable, check_integer, resolve_threads
from sparsetransfer.benchmarking.problems import KERNELS
from sparsetransfer.exceptions import ConvergenceWarning

__all__ = ["Measurement", "Report", "measure"]


@dataclass(frozen=True, slots=True)
class Measurement:
    """The time of one kernel.

    `name`: the kernel. `problem`: the size of its problem. `wall`, `cpu`: medians over the rounds,
    in seconds. `wall_spread`, `cpu_spread`: longest minus shortest round, in seconds. `error`: how
    far the answer is from right; a time without it means nothing. `error_meaning`: what `error`
    measures.
    """

    name: str
    problem: str
    wall: float
    cpu: float
    wall_spread: float
    cpu_spread: float
    error: float
    error_meaning: str


@dataclass(frozen=True, slots=True)
class Report:
    """Measurements, and where they were made.

    `environment`: processor, instruction sets, threads and versions. `rounds`: timed calls of every
    kernel, after one that is not timed. `n_threads`: threads that every call was given.
    """

    environment: dict[str, str]
    rounds: int
    n_threads: int
    measurements: tuple[Measurement, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain dictionaries and lists, for JSON."""
        return asdict(self)


@former_keywords(n_threads="n_jobs")
def measure(
    kernels: Sequence[str] | None = None,
    *,
    rounds: int = 5,
    n_jobs: int | None = None,
    progress: Callable[[str], None] | None = None,
) -> Report:
    """Time kernels of the library on generated data of fixed size.

    Parameters
    ----------
    kernels : sequence of str, optional
        Names of kernels; all by default.
    rounds : int, default=5
        Timed calls of every kernel, after one that is not timed.
    n_jobs : int, optional
        Threads: None for `get_num_threads()`, -1 for all.
    progress : callable, optional
        Called with the name of a kernel before it is measured.

    Returns
    -------
    Report
        `environment`, `rounds`, `n_threads` and `measurements`, of each kernel `name`, `problem`,
        median `wall` and `cpu` seconds with their spreads, and `error` with its meaning.

    Raises
    ------
    ValueError
        If a name is unknown or `rounds` is not positive.

    Examples
    --------
    >>> from sparsetransfer.benchmarking import measure
    >>> report = measure(["omp"], rounds=1)
    >>> report.measurements[0].error < 1e-8
    True
    """
    check_callable(progress, "progress")
    names = list(KERNELS) if kernels is None else list(kernels)
    unknown = [name for name in names if name not in KERNELS]
    if unknown:
        raise ValueError(f"kernels must be among {', '.join(KERNELS)}, got {', '.join(unknown)}")
    rounds = check_integer(rounds, "rounds", minimum=1)
    threads = resolve_threads(n_jobs)
    measurements = []
    for name in names:
        if progress is not None:
            progress(name)
        measurements.append(_measure(name, rounds, threads))
    return Report(_environment(), rounds, threads, tuple(measurements))


def _measure(name: str, rounds: int, threads: int) -> Measurement:
    task = KERNELS[name]()
    seconds = []
    with warnings.catch_warnings():
        # A fixed number of iterations is what is timed; the error tells how far they got.
        warnings.simplefilter("ignore", ConvergenceWarning)
        result = task.call(threads)
        for _ in range(rounds):
            wall, cpu = time.perf_counter(), time.process_time()
            task.call(threads)
            seconds.append((time.perf_counter() - wall, time.process_time() - cpu))
    median, spread = np.median(seconds, axis=0), np.ptp(seconds, axis=0)
    return Measurement(
        name,
        task.problem,
        wall=float(median[0]),
        cpu=float(median[1]),
        wall_spread=float(spread[0]),
        cpu_spread=float(spread[1]),
        error=task.error(result),
        error_meaning=task.meaning,
    )


def _environment() -> dict[str, str]:
    return {"processor": processor(), **configuration()}


def processor() -> str:
    """Return the name of the processor, as reported by the system."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
