"""What ends a job of several processes when one of them fails: never a silent hang.

`watch` is called once, when the process joins the job. From then on an exception that nobody
catches, on any rank, ends all of them, and `heartbeat.py` finds the rank that was killed or stands
still.
"""

from __future__ import annotations

import atexit
import math
import os
import sys
import traceback
import warnings
from types import TracebackType
from typing import Any

from rushlight.comm.heartbeat import EVERY, Heartbeat
from rushlight.errors import explain

__all__ = ["leave", "raised", "silence", "tell", "watch"]

_SILENCE = 20.0
_beating: Heartbeat | None = None


def silence() -> float:
    """Return the seconds without a beat after which a rank counts as dead; 0: nobody listens.

    RUSHLIGHT_HEARTBEAT in the environment, default 20.

    Raises:
        ValueError: it is neither 0 nor a number of at least 5.

    Example:
        >>> silence()
        20.0
    """
    asked = os.environ.get("RUSHLIGHT_HEARTBEAT", str(_SILENCE))
    try:
        seconds = float(asked)
    except ValueError:
        seconds = math.nan
    if not (seconds == 0 or 5 * EVERY <= seconds < math.inf):
        expected = f"0 (off) or at least {5 * EVERY:g} seconds"
        raise ValueError(explain("RUSHLIGHT_HEARTBEAT", got=repr(asked), expected=expected))
    return seconds


def watch(mpi: Any, late: bool = False) -> None:
    """Watch over all ranks of MPI.COMM_WORLD, which all call this; a second call does nothing.

    Args:
        mpi: the module mpi4py.MPI.
        late: whether the program is at its end, and `leave` comes next.
    """
    global _beating
    seconds = silence()
    if _beating is not None or not seconds or mpi.COMM_WORLD.Get_size() == 1:
        return
    if mpi.Query_thread() < mpi.THREAD_MULTIPLE:
        if mpi.COMM_WORLD.Get_rank() == 0:
            warnings.warn(
                "this MPI library was started without MPI_THREAD_MULTIPLE, so that no heartbeat "
                "is possible: if a rank dies, end the others by hand (RUSHLIGHT_HEARTBEAT=0 "
                "leaves out this warning)",
                stacklevel=3,
            )
        return
    beating = _beating = Heartbeat(mpi, seconds)
    beating.start(late)
    process, before = os.getpid(), sys.excepthook

    def failed(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        if os.getpid() != process:  # a process that this one has forked is no rank
            before(kind, error, trace)
            return
        beating.fault(_failed(error.with_traceback(trace)))

    def left() -> None:
        if os.getpid() == process and not mpi.Is_finalized():
            beating.leave()

    sys.excepthook = failed
    # called before mpi4py ends MPI, which waits for all ranks without a word
    atexit.register(left)


def leave() -> None:
    """Say that this program ends, and return when all have said so."""
    if _beating is not None:
        _beating.leave()


def raised(error: BaseException) -> bool:
    """Return True when all ranks have called this, each with an exception; else end the job.

    Returns:
        False where nobody watches.
    """
    if _beating is None:
        return False
    _beating.raised(_failed(error))
    return True


def tell(text: str, code: int) -> bool:
    """End the job because of a mistake; what all ranks tell alike is told once.

    Args:
        text: one line.
        code: what the processes exit with.

    Returns:
        False where nobody watches.
    """
    if _beating is None:
        return False
    _beating.fault(text, code)
    return True


def _failed(error: BaseException) -> str:
    return f"failed:\n{''.join(traceback.format_exception(error))}"
