"""Threads: how many the BLAS of NumPy and the compiled kernels may use."""

from __future__ import annotations

import importlib
import operator
from typing import Any

import numpy  # noqa: F401  (its BLAS must be in memory before a limit can be set on it)

from rushlight.compiled import default_threads, native
from rushlight.errors import MissingExtra, explain

__all__ = ["blas_info", "get_num_threads", "set_num_threads"]

MOST = 1 << 10  # threads of the compiled kernels


def set_num_threads(n: int) -> None:
    """Let matrix products and compiled kernels use at most `n` threads, in the whole process.

    Args:
        n: number of threads, an int >= 1.

    Raises:
        ValueError: `n` is below 1 or no int.
        MissingExtra: threadpoolctl (extra `cli`) is not installed. The environment variables
            OPENBLAS_NUM_THREADS and MKL_NUM_THREADS, set before Python starts, do without it.

    Example:
        >>> before = get_num_threads()
        >>> set_num_threads(1)
        >>> get_num_threads()
        1
        >>> set_num_threads(before)
    """
    try:
        count = 0 if isinstance(n, bool) else operator.index(n)
    except TypeError:
        count = 0
    if count < 1:
        raise ValueError(explain("set_num_threads", got=repr(n), expected="an int >= 1"))
    pools = _threadpoolctl()
    if pools is None:
        raise MissingExtra("threadpoolctl", "cli", "setting the number of threads")
    pools.threadpool_limits(limits=count, user_api="blas")
    if native is not None:
        native.set_threads(min(count, MOST))


def get_num_threads() -> int:
    """Return how many threads matrix products may use.

    Without threadpoolctl (extra `cli`) it is what the environment variables of the BLAS say, or
    else the number of cores that the process may use.

    Example:
        >>> get_num_threads() >= 1
        True
    """
    found = [int(pool["num_threads"]) for pool in blas_info()]
    if found:
        return max(found)
    return default_threads()


def blas_info() -> list[dict[str, Any]]:
    """Return what threadpoolctl knows of each BLAS in memory; nothing where it is missing."""
    pools = _threadpoolctl()
    if pools is None:
        return []
    return [pool for pool in pools.threadpool_info() if pool.get("user_api") == "blas"]


def _threadpoolctl() -> Any:
    try:
        return importlib.import_module("threadpoolctl")
    except ImportError:
        return None
