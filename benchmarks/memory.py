"""How much memory a process has taken."""

from __future__ import annotations

import platform
from pathlib import Path

__all__ = ["peak"]


def peak() -> float:
    """Return the most memory that the process has had, in MB."""
    status = Path("/proc/self/status")
    if status.exists():  # on Linux getrusage tells of the process that started this one, too
        line = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
        return int(line.split()[1]) / 1e3
    try:
        import resource
    except ImportError:  # Windows
        return float("nan")
    unit = 1e6 if platform.system() == "Darwin" else 1e3
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) / unit
