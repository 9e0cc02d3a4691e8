"""Processes that `mpiexec` or Slurm has started, over mpi4py's buffer interface."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.comm.communicator import Communicator, Request
from rushlight.comm.faults import watch
from rushlight.comm.ordered import OrderedSums
from rushlight.determinism import are_deterministic_algorithms_enabled
from rushlight.errors import MissingExtra, explain

__all__ = ["MPICommunicator"]


class MPICommunicator(Communicator):
    """The processes of an MPI job. Arrays are sent from where they lie, without a copy.

    In which order numbers are added up is the library's affair, unless the deterministic mode is
    on (`determinism.py`): then it is that of the ranks (`ordered.py`). That takes up to twice the
    messages, and memory for as much as is being summed. The first one made begins to watch over
    the job (`faults.py`).

    Args:
        parent: an mpi4py communicator; default MPI.COMM_WORLD. A duplicate of it is used, so that
            messages of the program's own are never mistaken for ours.

    Raises:
        MissingExtra: mpi4py is not installed.
        RuntimeError: mpi4py is there, the MPI library below it is not.
    """

    kind = "mpi"

    def __init__(self, parent: Any = None) -> None:
        mpi = _library()
        watch(mpi)
        self._mpi = mpi
        self._comm = (mpi.COMM_WORLD if parent is None else parent).Dup()
        self.rank, self.size = self._comm.Get_rank(), self._comm.Get_size()
        self._operations = {"sum": mpi.SUM, "max": mpi.MAX, "min": mpi.MIN}

    @cached_property
    def _ordered(self) -> OrderedSums:
        """The sums of the deterministic mode; made by the first one, which all ranks make."""
        return OrderedSums(self._comm, self._mpi.IN_PLACE)

    def _in_order(self, array: Array, op: str = "sum") -> bool:
        """Tell whether the order of the ranks is that in which to add up: it may change bits."""
        return op == "sum" and array.dtype.kind == "f" and are_deterministic_algorithms_enabled()

    def _settle(self) -> None:
        """Let no rank wait for a sum in this one's hands while this one waits for it."""
        if "_ordered" in self.__dict__:
            self._ordered.settle()

    def start_all_reduce(self, array: Array, op: str = "sum") -> Request:
        """Begin `all_reduce`."""
        self._check("all_reduce", array)
        self._check_op(op)
        if self._in_order(array, op):
            return self._ordered.all_reduce(array)
        request = self._comm.Iallreduce(self._mpi.IN_PLACE, array, self._operations[op])
        return _Request(self, request, array)

    def start_reduce_scatter(self, array: Array, cuts: Sequence[int]) -> Request:
        """Begin `reduce_scatter`."""
        self._check_cuts("reduce_scatter", array, cuts)
        if self._in_order(array):
            return self._ordered.reduce_scatter(array, cuts)
        own = np.empty(cuts[self.rank + 1] - cuts[self.rank], array.dtype)
        counts = np.diff(cuts).tolist()
        request = self._comm.Ireduce_scatter(array, own, counts, self._mpi.SUM)
        return _Request(self, request, array, own, slice(cuts[self.rank], cuts[self.rank + 1]))

    def start_all_gather(self, array: Array, cuts: Sequence[int]) -> Request:
        """Begin `all_gather`."""
        self._check_cuts("all_gather", array, cuts)
        counts = np.diff(cuts).tolist()
        into = [array, (counts, list(cuts[:-1]))]
        return _Request(self, self._comm.Iallgatherv(self._mpi.IN_PLACE, into), array)

    def broadcast(self, array: Array, root: int = 0) -> Array:
        """Put into `array` what it holds on rank `root`, and return it."""
        self._check("broadcast", array)
        self._check_root("broadcast", root)
        self._settle()
        self._comm.Bcast(array, root)
        return array

    def barrier(self) -> None:
        """Return when every rank has called this."""
        self._settle()
        self._comm.Barrier()

    def gather_objects(self, value: Any) -> list[Any]:
        """Return the values of all ranks, by rank."""
        self._settle()
        found: list[Any] = self._comm.allgather(value)
        return found

    def broadcast_object(self, value: Any, root: int = 0) -> Any:
        """Return the value of rank `root`."""
        self._check_root("broadcast_object", root)
        self._settle()
        return self._comm.bcast(value, root)

    def abort(self, code: int = 1) -> None:
        """End every process of the job, now."""
        self._mpi.COMM_WORLD.Abort(code)


class _Request(Request):
    """An MPI request that keeps its arrays alive and, at the end, puts a part in its place."""

    def __init__(
        self,
        owner: MPICommunicator,
        request: Any,
        array: Array,
        part: Array | None = None,
        place: slice = slice(0),
    ) -> None:
        self._owner, self._request = owner, request
        self._array, self._part, self._place = array, part, place
        self._done = False

    def test(self) -> bool:
        if not self._done and self._request.Test():
            self._finish()
        return self._done

    def wait(self) -> None:
        if not self._done:
            self._owner._settle()
            self._request.Wait()
            self._finish()

    def _finish(self) -> None:
        self._done = True
        if self._part is not None:
            self._array[self._place] = self._part


def _library() -> Any:
    """Return mpi4py's MPI, which starts MPI where that has not happened yet."""
    try:
        from mpi4py import MPI
    except ModuleNotFoundError as error:
        raise MissingExtra("mpi4py", "mpi", "training in several processes") from error
    except (ImportError, RuntimeError) as error:
        raise RuntimeError(
            explain(
                "MPI",
                got=f"mpi4py without a library of MPI ({error})",
                expected="one that it can load",
                fix="pip install mpich, or let the loader find that of the system",
            )
        ) from error
    return MPI
