"""The job: which process this is, and how many there are."""

from __future__ import annotations

from rushlight import comm
from rushlight.comm import Communicator, LocalCommunicator
from rushlight.errors import explain

__all__ = ["barrier", "init", "rank", "size"]


def init(backend: str = "auto") -> Communicator:
    """Join the job, and return the communicator of this process.

    Nobody has to call this: the first call of `rank()`, and the first Trainer, do. A second call
    returns what there is.

    Args:
        backend: 'auto' (default): MPI where `mpiexec` or Slurm has started this process as one of
            several, else this process alone; 'mpi' or 'local' demand one of the two.

    Raises:
        MissingExtra: MPI is asked for, and mpi4py is not installed.
        RuntimeError: the process has joined with another backend already.

    Example:
        >>> init()
        <LocalCommunicator: rank 0 of 1>
    """
    if backend not in ("auto", "mpi", "local"):
        raise ValueError(explain("init", got=repr(backend), expected="'auto', 'mpi' or 'local'"))
    if backend != "auto" and not comm.joined():
        comm.use(comm.join() if backend == "mpi" else LocalCommunicator())
    now = comm.current()
    if backend not in ("auto", now.kind):
        fix = "call init before anything else of the job"
        raise RuntimeError(explain("init", got=backend, expected=f"{now.kind}, joined", fix=fix))
    return now


def rank() -> int:
    """Return the number of this process: 0, ..., size() - 1.

    Example:
        >>> rank(), size()
        (0, 1)
    """
    return comm.current().rank


def size() -> int:
    """Return how many processes there are."""
    return comm.current().size


def barrier() -> None:
    """Return when every process has called this."""
    comm.current().barrier()
