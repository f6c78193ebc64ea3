"""How many threads the kernels of this process may use, and threadpoolctl's handle on it."""

import math
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import threadpoolctl

from sparsetransfer import _simd

__all__ = [
    "available_processors",
    "get_num_threads",
    "limit",
    "one_torch_thread",
    "set_num_threads",
]

_CGROUP_LIMIT = Path("/sys/fs/cgroup/cpu.max")
MOST_THREADS = 2**31 - 1  # what the kernels' integers hold
_VARIABLES = ("SPARSETRANSFER_NUM_THREADS", "OMP_NUM_THREADS")

_limits: list[tuple["_Found | None", int | None]] = []
"""All limits that hold, the last one first of all: `set_num_threads` has None as its key."""

_lock = threading.Lock()
_last = threading.local()


def get_num_threads() -> int:
    """Return how many threads a kernel uses when its call does not say.

    Returns
    -------
    int
        The number given to `set_num_threads`; else the environment variable
        ``SPARSETRANSFER_NUM_THREADS``; else ``OMP_NUM_THREADS``, which joblib and Dask set in their
        workers; else the processors that affinity and the container's quota leave to this process.

    Raises
    ------
    ValueError
        If the deciding environment variable is not a positive integer.

    Notes
    -----
    The number of threads never changes a result, to the last bit.

    Examples
    --------
    >>> import sparsetransfer
    >>> sparsetransfer.get_num_threads() >= 1
    True
    """
    return limit() or _from_environment() or available_processors()


def set_num_threads(n_threads: int | None) -> None:
    """Limit the threads of every kernel of this process.

    ``threadpoolctl.threadpool_limits(limits=2, user_api="sparsetransfer")`` does the same for the
    length of a ``with`` block.

    Parameters
    ----------
    n_threads : int or None
        At least 1. None takes the limit back. An explicit positive ``n_jobs`` or ``n_threads`` of
        a single call still wins.

    Raises
    ------
    TypeError
        If `n_threads` is neither an integer nor None.
    ValueError
        If `n_threads` is below 1 or above 2**31 - 1.

    Examples
    --------
    >>> import sparsetransfer
    >>> sparsetransfer.set_num_threads(1)
    >>> sparsetransfer.get_num_threads()
    1
    >>> sparsetransfer.set_num_threads(None)
    """
    _replace_limit(None, None if n_threads is None else _checked(n_threads))


def _checked(n_threads: int) -> int:
    if isinstance(n_threads, bool) or not hasattr(n_threads, "__index__"):
        raise TypeError(f"n_threads must be an integer or None, got {n_threads!r}")
    number = n_threads.__index__()
    if not 1 <= number <= MOST_THREADS:
        raise ValueError(f"n_threads must be between 1 and {MOST_THREADS}, got {number}")
    return number


def _replace_limit(key: "_Found | None", *value: int | None) -> None:
    """Remove the limit of a key, and put another in front of all."""
    global _limits
    with _lock:
        _limits = [each for each in _limits if each[0] is not key] + [(key, each) for each in value]


def limit() -> int | None:
    """Return the limit set in this process, if there is one."""
    limits = _limits
    return limits[-1][1] if limits else None


def available_processors() -> int:
    """Count the processors that affinity and the container's quota leave to this process."""
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count() or 1
    quota = _processors_of_quota(_CGROUP_LIMIT, int(time.monotonic()))
    return max(1, count if quota is None else min(count, quota))


@lru_cache(maxsize=1)
def _processors_of_quota(path: Path, second: int) -> int | None:
    """Return what the container's quota leaves, read once a second: a call may take less."""
    try:
        quota, period = path.read_text(encoding="ascii").split()
        return None if quota == "max" else math.ceil(int(quota) / int(period))
    except (OSError, ValueError):
        return None


def _from_environment() -> int | None:
    for variable in _VARIABLES:
        text = os.environ.get(variable, "").strip()
        if text:
            # OMP_NUM_THREADS may list one number per nesting level.
            first = text.split(",")[0].strip()
            if not first.isdecimal() or not 1 <= int(first[:20]) <= MOST_THREADS:
                raise ValueError(
                    f"{variable} must be an integer between 1 and {MOST_THREADS}, got {text!r}"
                )
            return int(first)
    return None


class _Found(int):
    """What one block of ``threadpool_limits`` found, and restores in the end: the key of its limit."""


class _PoolController(threadpoolctl.LibController):  # type: ignore[misc]
    """Lets ``threadpoolctl.threadpool_limits`` and ``threadpool_info`` reach the pool."""

    user_api = "sparsetransfer"
    internal_api = "sparsetransfer"
    filename_prefixes = tuple(f"_core_{level}" for level in _simd.LEVELS)

    # `threadpool_limits` asks for the number, sets its own, if any, in the same thread, and ends by
    # setting what it found, even if it has limited BLAS alone. Setting that number would make a
    # limit of a default, undo what was set meanwhile, and where blocks of several threads overlap,
    # keep the limit of a block that has ended. So a block takes back what it has set, if anything.
    def get_num_threads(self) -> int:
        found = _Found(get_num_threads())
        _last.found = found
        return found

    def set_num_threads(self, num_threads: int) -> None:
        if isinstance(num_threads, _Found):
            _replace_limit(num_threads)
        else:
            _replace_limit(getattr(_last, "found", None), _checked(num_threads))

    def get_version(self) -> str | None:
        return None


threadpoolctl.register(_PoolController)


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Limit PyTorch to one thread where the work is spread over processes already."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
