"""Processes that `mpiexec` or Slurm has started, over mpi4py's buffer interface."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.comm import calls
from rushlight.comm.communicator import Communicator, Request
from rushlight.comm.faults import raised, watch
from rushlight.comm.late import patience
from rushlight.comm.ordered import OrderedSums
from rushlight.comm.shared import between
from rushlight.determinism import are_deterministic_algorithms_enabled
from rushlight.errors import MissingExtra, explain

__all__ = ["MPICommunicator", "library"]

EXCHANGED = 1 << 15  # bytes: so much is what two ranks hand each other, and each adds for itself
SHARED = 1 << 24  # bytes: more is not copied to where another rank of the machine reads it


class MPICommunicator(Communicator):
    """The processes of an MPI job. Arrays are sent from where they lie, without a copy.

    In which order numbers are added up is the library's affair, unless the deterministic mode is
    on (`determinism.py`): then it is that of the ranks (`ordered.py`). That takes up to twice the
    messages, and memory for as much as is being summed. A sum of two knows no order: two ranks of
    one machine add up in memory that both see (`shared.py`), in either mode. The first one made
    begins to watch over the job (`faults.py`).

    Args:
        parent: an mpi4py communicator; default MPI.COMM_WORLD. A duplicate of it is used, so that
            messages of the program's own are never mistaken for ours.

    Raises:
        MissingExtra: mpi4py is not installed.
        RuntimeError: mpi4py is there, the MPI library below it is not.
    """

    kind = "mpi"

    def __init__(self, parent: Any = None) -> None:
        mpi = library()
        watch(mpi)
        self._mpi = mpi
        self._parent = mpi.COMM_WORLD if parent is None else parent
        self._noted = parent is None  # calls that all ranks make
        self._comm = self._parent.Dup()
        self._under_way: set[Any] = set()
        self._given_up: list[Any] = []  # what a failed call may still write to
        self.rank, self.size = self._comm.Get_rank(), self._comm.Get_size()
        self._operations = {"sum": mpi.SUM, "max": mpi.MAX, "min": mpi.MIN}
        self._spare: dict[int, list[Array]] = {}  # bytes, by the power of two that holds them
        self._shared = between(self._comm)

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

    def _advance(self) -> None:
        """Let sums go on while this rank asks again and again for something else."""
        if "_ordered" in self.__dict__:
            self._ordered.advance()

    def start_all_reduce(self, array: Array, op: str = "sum") -> Request:
        """Begin `all_reduce`."""
        self._check("all_reduce", array)
        self._check_sum("all_reduce", array)
        self._check_op(op)
        self._note("all_reduce", op, array.dtype, array.shape)
        two = self.size == 2 and op == "sum" and array.dtype.char in "fd"
        if two and self._shared is not None and 0 < array.nbytes <= SHARED:
            return self._shared.start(array, self._pause)
        if self._in_order(array, op):
            return self._ordered.all_reduce(array)
        if two and array.nbytes >= EXCHANGED:
            return self._exchange(array)
        request = self._comm.Iallreduce(self._mpi.IN_PLACE, array, self._operations[op])
        return _Request(self, request, array)

    def _pause(self) -> None:
        """Let what the other rank waits for go on while this one looks for what it has written."""
        self._advance()
        self._comm.Iprobe()

    def _exchange(self, array: Array) -> Request:
        """Begin the sum of two ranks: as many bytes as any all-reduce, and one message each way.

        The sum of two numbers knows no order: both ranks get the same bits.
        """
        power = (array.nbytes - 1).bit_length()
        spare = self._spare.setdefault(power, [])
        room = spare.pop() if spare else np.empty(1 << power, np.uint8)
        other = room[: array.nbytes].view(array.dtype).reshape(array.shape)
        requests = [self._comm.Irecv(other, 1 - self.rank), self._comm.Isend(array, 1 - self.rank)]
        return _Exchange(self, requests, array, other, lambda: spare.append(room))

    def all_reduce(self, array: Array, op: str = "sum") -> Array:
        """Put into `array` the sum over all ranks (or the largest, the smallest), and return it."""
        self._check("all_reduce", array)
        self._check_sum("all_reduce", array)
        self._check_op(op)
        if array.nbytes >= EXCHANGED or self._in_order(array, op):
            return super().all_reduce(array, op)
        self._note("all_reduce", op, array.dtype, array.shape)
        self._settle()
        # small and waited for: the blocking call costs half of what a request does
        self._comm.Allreduce(self._mpi.IN_PLACE, array, self._operations[op])
        return array

    def start_reduce_scatter(self, array: Array, cuts: Sequence[int]) -> Request:
        """Begin `reduce_scatter`."""
        self._check_cuts("reduce_scatter", array, cuts)
        self._check_sum("reduce_scatter", array)
        self._note("reduce_scatter", array.dtype, array.shape)
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
        self._note("all_gather", array.dtype, array.shape)
        into = [array, (counts, list(cuts[:-1]))]
        request = self._comm.Iallgatherv(self._mpi.IN_PLACE, into)
        return _Request(self, request, array)

    def start_all_to_all(self, array: Array, cuts: Sequence[int], into: Array) -> Request:
        """Begin `all_to_all`; what is sent are bytes, of any dtype."""
        self._check_into("all_to_all", array, cuts, into)
        width = array.itemsize
        counts, places = (np.diff(cuts) * width).tolist(), [cut * width for cut in cuts[:-1]]
        row = into.shape[1] * width
        rows = [row] * self.size, [row * rank for rank in range(self.size)]
        byte = self._mpi.BYTE
        sent, received = [array, (counts, places), byte], [into, rows, byte]
        self._note("all_to_all", array.dtype, array.shape)
        request = self._comm.Ialltoallv(sent, received)
        return _Request(self, request, (array, into))

    def broadcast(self, array: Array, root: int = 0) -> Array:
        """Put into `array` what it holds on rank `root`, and return it."""
        self._check("broadcast", array)
        self._check_root("broadcast", root)
        self._note("broadcast", array.dtype, array.shape, "of rank", root)
        self._settle()
        self._comm.Bcast(array, root)
        return array

    def barrier(self) -> None:
        """Return when every rank has called this."""
        self._note("barrier")
        self._settle()
        self._comm.Barrier()

    def gather_objects(self, value: Any, root: int | None = None) -> list[Any]:
        """Return the values of all ranks, by rank."""
        self._check_root("gather_objects", root or 0)
        self._note("gather_objects", "to", "all" if root is None else f"rank {root}")
        self._settle()
        found: list[Any] | None
        found = self._comm.allgather(value) if root is None else self._comm.gather(value, root)
        return found or []

    def broadcast_object(self, value: Any, root: int = 0) -> Any:
        """Return the value of rank `root`."""
        self._check_root("broadcast_object", root)
        self._note("broadcast_object", "of rank", root)
        self._settle()
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
        ordered = self.__dict__.pop("_ordered", None)
        self._given_up += [self._comm, self._under_way, ordered]
        self._under_way = set()
        self._comm = self._parent.Dup()
        self._shared = between(self._comm)
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
        owner: MPICommunicator,
        request: Any,
        array: Any,
        part: Array | None = None,
        place: slice = slice(0),
    ) -> None:
        self._owner = owner
        owner._under_way.add(self)
        self._request, self._array, self._part, self._place = request, array, part, place
        self._done = False

    def test(self) -> bool:
        if not self._done:
            self._owner._advance()
            if self._request.Test():
                self._finish()
        return self._done

    def wait(self) -> None:
        if not self._done:
            self._owner._settle()
            self._request.Wait()
            self._finish()

    def _finish(self) -> None:
        self._done = True
        self._owner._under_way.discard(self)
        if self._part is not None:
            self._array[self._place] = self._part


class _Exchange(Request):
    """The array of another rank that is added when it is there and the own one is away."""

    def __init__(
        self,
        owner: MPICommunicator,
        requests: list[Any],
        array: Array,
        other: Array,
        give_back: Callable[[], None],
    ) -> None:
        self._owner, self._requests = owner, requests
        owner._under_way.add(self)
        self._array, self._other, self._give_back = array, other, give_back
        self._done = False

    def test(self) -> bool:
        if not self._done:
            self._owner._advance()
            if self._owner._mpi.Request.Testall(self._requests):
                self._finish()
        return self._done

    def wait(self) -> None:
        if not self._done:
            self._owner._settle()
            self._owner._mpi.Request.Waitall(self._requests)
            self._finish()

    def _finish(self) -> None:
        self._done = True
        self._owner._under_way.discard(self)
        with np.errstate(over="ignore", invalid="ignore"):  # as MPI does
            self._array += self._other
        self._give_back()


def library() -> Any:
    """Return mpi4py's MPI, which starts MPI where that has not happened yet."""
    try:
        with patience():
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
