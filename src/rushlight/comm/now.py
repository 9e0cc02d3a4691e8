"""The communicator of this process."""

from __future__ import annotations

import os
from typing import Any

from rushlight.comm.communicator import Communicator
from rushlight.comm.local import LocalCommunicator
from rushlight.comm.mpi import MPICommunicator
from rushlight.errors import explain

__all__ = ["current", "joined", "launched", "use"]

# what mpiexec of MPICH, Intel MPI and Open MPI, and Slurm's srun --mpi, tell a process they start
_SIZES = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE")
_RANKS = ("PMIX_RANK",)

_now: Communicator | None = None


def launched() -> bool:
    """Tell whether MPI has started this process as one of several."""
    if any(os.environ.get(name, "1") != "1" for name in _SIZES):
        return True
    return any(name in os.environ for name in _RANKS)


def current() -> Communicator:
    """Return the communicator of this process.

    The first call decides: MPI where that has started the process, else this process alone.
    RUSHLIGHT_COMM=local or =mpi in the environment says so beforehand: processes that `mpiexec`
    started then train each for itself.

    Raises:
        MissingExtra: MPI has started the process and mpi4py is not installed.
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
        several = launched() if asked == "auto" else asked == "mpi"
        _now = MPICommunicator() if several else LocalCommunicator()
    return _now


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
