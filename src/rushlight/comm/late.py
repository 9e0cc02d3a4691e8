"""Processes of a job that have not joined it: MPI starts when all have come, without a word."""

from __future__ import annotations

import atexit
import contextlib
import importlib.util
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any

from rushlight.comm import faults, launch

__all__ = ["patience", "promise"]

_PATIENCE = 15  # seconds
_SPEAKERS = 2  # ranks that say that they wait: the first, and one more, as it may be the first
# a process, as MPI lets no thread of this one run; it ends when we go on, or die
_WRITE = """
import select, sys
if not select.select([0], [], [], float(sys.argv[1]))[0]:
    sys.stderr.write(sys.argv[2])
"""


@contextlib.contextmanager
def patience(seconds: float = _PATIENCE) -> Iterator[None]:
    """Say that this rank waits for others to join, if the block takes longer.

    Args:
        seconds: after which it is said, once.
    """
    rank = launch.rank_told()
    if launch.promised() == 1 or rank >= _SPEAKERS or os.name != "posix":
        yield
        return
    text = (
        f"rushlight: rank {rank} has waited {seconds:g} s for all ranks to join. One may still be "
        "at something else, or its program has ended before.\n"
    )
    command = [sys.executable, "-I", "-S", "-c", _WRITE, f"{seconds}", text]
    with subprocess.Popen(command, stdin=subprocess.PIPE):  # closes the pipe, and waits
        yield


def promise(library: Callable[[], Any], joined: Callable[[], bool]) -> None:
    """Let this process join at its end if it has not done so, for the others to hear of it.

    Where it is none of MPICH's or Intel's mpiexec, nothing happens: that of Open MPI sees it.

    Args:
        library: returns the module mpi4py.MPI, which starts MPI.
        joined: tells whether the process has joined.
    """
    if launch.promised() == 1 or not _from_launcher():
        return
    process, before = os.getpid(), sys.excepthook

    def missing() -> bool:
        if os.getpid() != process or joined() or os.environ.get("RUSHLIGHT_COMM") == "local":
            return False
        # a program that uses MPI itself knows what it does
        return "mpi4py.MPI" not in sys.modules and importlib.util.find_spec("mpi4py") is not None

    def failed(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        before(kind, error, trace)  # now: others may be long in coming
        if missing():
            launch.confine()
            faults.watch(library())
            faults.tell(f"failed before it had joined the job: {kind.__name__}: {error}", 1)

    def left() -> None:
        if missing():
            launch.confine()
            faults.watch(library(), late=True)
            faults.leave()

    sys.excepthook = failed
    atexit.register(left)


def _from_launcher() -> bool:
    """Tell whether this is what the launcher has started, and not a program started by that."""
    try:
        return stat.S_ISSOCK(os.fstat(int(os.environ.get("PMI_FD", ""))).st_mode)
    except (ValueError, OSError):
        return False
