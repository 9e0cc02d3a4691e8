"""The communicator of this process."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from typing import Any

from rushlight.comm import faults, late, launch
from rushlight.comm.communicator import Communicator
from rushlight.comm.local import LocalCommunicator
from rushlight.comm.mpi import MPICommunicator, library
from rushlight.errors import explain

__all__ = ["alone", "current", "fail", "join", "joined", "use"]

_now: Communicator | None = None


def current() -> Communicator:
    """Return the communicator of this process.

    The first call decides: MPI where that has started the process, else this process alone.
    RUSHLIGHT_COMM=local or =mpi in the environment says so beforehand: processes that `mpiexec`
    started then train each for itself. So do programs that a process of a job starts.

    Raises:
        MissingExtra: MPI has started the process and mpi4py is not installed.
        RuntimeError: several processes were started that do not know of each other.
        ValueError: another RUSHLIGHT_COMM.

    Example:
        >>> current().size
        1
    """
    global _now
    if _now is None:
        asked = os.environ.get("RUSHLIGHT_COMM", "auto")
        if asked not in ("auto", "local", "mpi"):
            expected = "'auto', 'local' or 'mpi'"
            raise ValueError(explain("RUSHLIGHT_COMM", got=repr(asked), expected=expected))
        if asked == "mpi" or (asked == "auto" and launch.launched()):
            return join()
        if asked == "auto":
            launch.refuse_strangers()
        _now = LocalCommunicator()
    return _now


def join() -> Communicator:
    """Let this process be a rank of the job that MPI knows of, and return its communicator.

    Raises:
        MissingExtra: mpi4py is not installed.
        RuntimeError: several processes were started that do not know of each other.
    """
    global _now
    launch.confine()
    made = MPICommunicator()
    if made.size == 1:
        launch.refuse_strangers()
    if made.size == 1 and launch.promised() > 1:
        raise RuntimeError(
            explain(
                "MPI",
                got="a job of 1 process",
                expected="as many as the launcher has started",
                fix="start it by the mpiexec of the MPI below mpi4py, which belongs to another one",
            )
        )
    os.environ["RUSHLIGHT_COMM"] = "local"  # what a rank starts is none
    _now = made
    return made


def joined() -> bool:
    """Tell whether it is decided what `current` returns."""
    return _now is not None


def use(communicator: Any) -> None:
    """Let `current` return another communicator; None lets it decide anew."""
    global _now
    if not (communicator is None or isinstance(communicator, Communicator)):
        got = type(communicator).__name__
        raise TypeError(explain("comm.use", got=got, expected="a Communicator or None"))
    _now = communicator


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Let `current` return this process alone within the block, which other ranks do not enter."""
    global _now
    before, _now = _now, LocalCommunicator()
    try:
        yield
    finally:
        _now = before


def fail(text: str, code: int) -> None:
    """End the job, on all ranks, because of a mistake; say it once. Alone: return.

    Args:
        text: one line.
        code: what the processes exit with.
    """
    try:
        joined = current()
    except Exception:
        if launch.rank_told():
            time.sleep(1)  # the launcher ends us when the first rank has told the same
        return
    if joined.size > 1 and not faults.tell(text, code):
        sys.stderr.write(f"rushlight: rank {joined.rank} of {joined.size}: {text}\n")
        sys.stderr.flush()
        joined.abort(code)


def _alone() -> None:
    """Let a process that a rank forks be none: MPI is the rank's."""
    global _now
    if _now is not None and _now.size > 1:
        _now = LocalCommunicator()


late.promise(library, joined)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_alone)
