"""What the launcher of a job tells the processes that it starts, by their environment."""

from __future__ import annotations

import contextlib
import os

from rushlight.errors import explain

__all__ = [
    "confine",
    "launched",
    "promised",
    "rank_told",
    "refuse_strangers",
    "take_off_names",
]

# mpiexec of MPICH, Intel MPI and Open MPI, and Slurm's srun --mpi
_SIZES = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE")
_RANKS = ("PMI_RANK", "OMPI_COMM_WORLD_RANK", "MV2_COMM_WORLD_RANK", "PMIX_RANK", "SLURM_PROCID")
_SLURM = "SLURM_STEP_NUM_TASKS"  # srun itself, with and without MPI
_HERE = (  # how many ranks are on this machine, and how many in all
    ("MPI_LOCALNRANKS", "PMI_SIZE"),
    ("OMPI_COMM_WORLD_LOCAL_SIZE", "OMPI_COMM_WORLD_SIZE"),
)
_MEMORY = {"UCX_TLS": "self,sm", "OMPI_MCA_btl": "self,sm"}  # as MPICH and Open MPI read it
_NETWORK = ("UCX_TLS", "UCX_NET_DEVICES", "OMPI_MCA_btl", "OMPI_MCA_pml")


def launched() -> bool:
    """Tell whether MPI has started this process as one of several."""
    return promised() > 1 or "PMIX_RANK" in os.environ


def promised() -> int:
    """Return how many processes the launcher of MPI says there are; 1: it says nothing."""
    told = max(_number(name, 1) for name in _SIZES)
    return max(told, 2) if _number("PMIX_RANK", 0) else told


def rank_told() -> int:
    """Return the rank that the launcher tells, 0 where it tells none."""
    return max(_number(name, 0) for name in _RANKS)


def refuse_strangers() -> None:
    """Refuse to be one of several processes that would each train the same on its own.

    Raises:
        RuntimeError: srun has started several, without MPI.
    """
    if _number(_SLURM, 1) > 1 and not any(name in os.environ for name in _SIZES):
        fix = (
            "mpiexec, or srun --mpi=pmi2 or pmix, whichever the MPI below mpi4py speaks; "
            "RUSHLIGHT_COMM=local lets each train for itself"
        )
        got = f"{os.environ[_SLURM]} processes started by srun, of which MPI does not know"
        raise RuntimeError(explain("the job", got=got, expected="a job of MPI", fix=fix))


def confine() -> None:
    """Let the ranks of a job on one machine meet in shared memory: nothing listens on a network."""
    forked = "MPI_UNIVERSE_SIZE" in os.environ and not {"PMI_HOSTNAME", _SLURM} & {*os.environ}
    known = [pair for pair in _HERE if pair[0] in os.environ]
    same = [os.environ[here] == os.environ.get(size) for here, size in known]
    alone = any(same) if known else forked
    if alone and not any(name in os.environ for name in _NETWORK):
        os.environ |= _MEMORY


def take_off_names() -> None:
    """Take the names off MPICH's shared memory, which all ranks of the machine have by now.

    The memory goes with the last of them, however it ends; with a name it would stay behind one
    that is killed.
    """
    with contextlib.suppress(OSError), open("/proc/self/maps") as maps:
        names = {line.split()[-1] for line in maps if "/dev/shm/mpich_shm_" in line}
        for name in names - {"(deleted)"}:
            with contextlib.suppress(OSError):  # another rank was first
                os.unlink(name)


def _number(name: str, otherwise: int) -> int:
    text = os.environ.get(name, "")
    return int(text) if text.isdecimal() else otherwise
