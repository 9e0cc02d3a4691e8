"""Processes that `mpiexec` or Slurm has started, over mpi4py's buffer interface."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.comm import calls
from rushlight.comm.communicator import Communicator, Request
from rushlight.comm.faults import raised, watch
from rushlight.errors import MissingExtra, explain

__all__ = ["MPICommunicator"]


class MPICommunicator(Communicator):
    """The processes of an MPI job. Arrays are sent from where they lie, without a copy.

    A call of one order and one size adds up in one order: the same bits from run to run, and on
    every rank. The first one made begins to watch over the job (`faults.py`).

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
        self._parent = mpi.COMM_WORLD if parent is None else parent
        self._noted = parent is None  # calls that all ranks make
        self._comm = self._parent.Dup()
        self._under_way: set[_Request] = set()
        self._given_up: list[Any] = []  # what a failed call may still write to
        self.rank, self.size = self._comm.Get_rank(), self._comm.Get_size()
        self._operations = {"sum": mpi.SUM, "max": mpi.MAX, "min": mpi.MIN}

    def start_all_reduce(self, array: Array, op: str = "sum") -> Request:
        """Begin `all_reduce`."""
        self._check("all_reduce", array)
        self._check_op(op)
        operation = self._operations[op]
        self._note("all_reduce", op, array.dtype, array.shape)
        request = self._comm.Iallreduce(self._mpi.IN_PLACE, array, operation)
        return _Request(self._under_way, request, array)

    def start_reduce_scatter(self, array: Array, cuts: Sequence[int]) -> Request:
        """Begin `reduce_scatter`."""
        self._check_cuts("reduce_scatter", array, cuts)
        own = np.empty(cuts[self.rank + 1] - cuts[self.rank], array.dtype)
        counts = np.diff(cuts).tolist()
        self._note("reduce_scatter", array.dtype, array.shape)
        request = self._comm.Ireduce_scatter(array, own, counts, self._mpi.SUM)
        place = slice(cuts[self.rank], cuts[self.rank + 1])
        return _Request(self._under_way, request, array, own, place)

    def start_all_gather(self, array: Array, cuts: Sequence[int]) -> Request:
        """Begin `all_gather`."""
        self._check_cuts("all_gather", array, cuts)
        counts = np.diff(cuts).tolist()
        self._note("all_gather", array.dtype, array.shape)
        into = [array, (counts, list(cuts[:-1]))]
        request = self._comm.Iallgatherv(self._mpi.IN_PLACE, into)
        return _Request(self._under_way, request, array)

    def broadcast(self, array: Array, root: int = 0) -> Array:
        """Put into `array` what it holds on rank `root`, and return it."""
        self._check("broadcast", array)
        self._check_root("broadcast", root)
        self._note("broadcast", array.dtype, array.shape, "of rank", root)
        self._comm.Bcast(array, root)
        return array

    def barrier(self) -> None:
        """Return when every rank has called this."""
        self._note("barrier")
        self._comm.Barrier()

    def gather_objects(self, value: Any) -> list[Any]:
        """Return the values of all ranks, by rank."""
        self._note("gather_objects")
        found: list[Any] = self._comm.allgather(value)
        return found

    def broadcast_object(self, value: Any, root: int = 0) -> Any:
        """Return the value of rank `root`."""
        self._check_root("broadcast_object", root)
        self._note("broadcast_object", "of rank", root)
        return self._comm.bcast(value, root)

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Let an exception leave the block on all ranks, or end the job."""
        try:
            yield
        except BaseException as error:
            if self._noted and raised(error):
                self._renew()
            raise

    def _renew(self) -> None:
        """Begin anew: of the calls that were under way, not all ranks have made all."""
        self._given_up += [self._comm, self._under_way]
        self._under_way = set()
        self._comm = self._parent.Dup()
        calls.restart()

    def _note(self, *call: Any) -> None:
        if self._noted:
            calls.begin(*call)

    def abort(self, code: int = 1) -> None:
        """End every process of the job, now."""
        self._mpi.COMM_WORLD.Abort(code)


class _Request(Request):
    """An MPI request that keeps its arrays alive and, at the end, puts a part in its place."""

    def __init__(
        self,
        under_way: set[_Request],
        request: Any,
        array: Array,
        part: Array | None = None,
        place: slice = slice(0),
    ) -> None:
        self._under_way = under_way
        under_way.add(self)
        self._request, self._array, self._part, self._place = request, array, part, place
        self._done = False

    def test(self) -> bool:
        if not self._done and self._request.Test():
            self._finish()
        return self._done

    def wait(self) -> None:
        if not self._done:
            self._request.Wait()
            self._finish()

    def _finish(self) -> None:
        self._done = True
        self._under_way.discard(self)
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
