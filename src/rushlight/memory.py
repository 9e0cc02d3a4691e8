"""Memory: what the C library does with the memory of freed arrays."""

from __future__ import annotations

import os
import sys

__all__ = ["configure", "keep_freed_memory"]

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
_LARGEST_MMAP_THRESHOLD = 1 << 25  # what glibc accepts at most, on 64 bits
# Whoever has tuned malloc by these knows better.
_VARIABLES = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")


def keep_freed_memory(bytes: int = 1 << 28) -> bool:
    """Let the process keep up to `bytes` of freed memory for its next arrays (glibc only).

    By default glibc hands the memory of a large array back to the kernel when the array is freed,
    and each page of the next one is faulted in and zeroed again: a training step, which frees and
    makes the same arrays over and over, can spend as much time on that as on its arithmetic. This
    sets two options of malloc for the whole process, other libraries included:

    - arrays up to 32 MiB come from the heap instead of a mapping of their own;
    - the heap shrinks only when more than `bytes` at its end are free.

    So the process may look up to `bytes` larger than what is in use, per malloc arena. Nothing is
    taken in advance. `import rushlight` does this once; set the environment variable
    RUSHLIGHT_MALLOC=default to leave malloc alone. It also is left alone where it has been tuned
    by MALLOC_TRIM_THRESHOLD_, MALLOC_MMAP_THRESHOLD_ or GLIBC_TUNABLES.

    Args:
        bytes: int, how much freed memory to keep; default 256 MiB.

    Returns:
        bool: True if malloc took the options, False where there is no such malloc (macOS, Windows,
        musl), which is left as it is.

    Source: https://man7.org/linux/man-pages/man3/mallopt.3.html
    """
    if sys.platform != "linux":
        return False
    try:
        import ctypes  # NumPy has imported it already

        mallopt = ctypes.CDLL(None).mallopt
    except (ImportError, OSError, AttributeError):
        return False
    bytes = min(bytes, (1 << 31) - 1)  # mallopt takes a C int
    return bool(mallopt(_MMAP_THRESHOLD, _LARGEST_MMAP_THRESHOLD)) and bool(
        mallopt(_TRIM_THRESHOLD, bytes)
    )


def configure() -> None:
    """Call `keep_freed_memory` unless the environment says otherwise; done at import."""
    if os.environ.get("RUSHLIGHT_MALLOC") != "default" and not any(
        name in os.environ for name in _VARIABLES
    ):
        keep_freed_memory()
