"""Sums over processes in the order of their ranks, whatever the MPI library would do."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.comm.communicator import Request, parts

__all__ = ["OrderedSums"]


class OrderedSums:
    """Adds up arrays as ((a0 + a1) + a2) + ..., by rank: the same bits on all ranks, always.

    Each rank is sent its own slice by all others, adds up, and sends what comes out to all. MPI
    moves memory only, so that its choice of an algorithm does not matter. The second half of a sum
    begins when somebody asks for the sum, or for one begun later, and its first half is done; the
    second halves of several begin in the order of the first, on all ranks alike.

    Args:
        communicator: that of mpi4py. The second halves have a duplicate of it.
        in_place: mpi4py's word for an array that is sent from where the result goes.
    """

    def __init__(self, communicator: Any, in_place: Any) -> None:
        self._first, self._second, self._in_place = communicator, communicator.Dup(), in_place
        self.rank, self.size = communicator.Get_rank(), communicator.Get_size()
        self._begun: deque[_Sum] = deque()  # those in their first half
        self.under_way: set[_Sum] = set()  # MPI writes to them, whoever has lost interest

    def all_reduce(self, array: Array) -> Request:
        """Begin to put into `array` the sum over all ranks."""
        flat = array.reshape(-1)
        return self._begin(flat, parts(flat.size, self.size), whole=True)

    def reduce_scatter(self, array: Array, cuts: Sequence[int]) -> Request:
        """Begin to put the sum over all ranks into the own part of `array`, cut as is said."""
        return self._begin(array, cuts, whole=False)

    def settle(self, last: _Sum | None = None) -> None:
        """Bring sums to their second half, up to `last` or all of them; MPI does the rest.

        Before any other call in which ranks wait for each other: one of them may be waiting for
        the second half of a sum that another has not begun.
        """
        while self._begun and (last is None or last.begun):
            self._begun.popleft().add()

    def advance(self) -> None:
        """Bring to their second half what is through with the first, without waiting."""
        while self._begun and self._begun[0].request.Test():
            self._begun.popleft().add()

    def _begin(self, flat: Array, cuts: Sequence[int], whole: bool) -> Request:
        begun = _Sum(self, flat, cuts, whole)
        self._begun.append(begun)
        self.under_way.add(begun)
        return begun


class _Sum(Request):
    """A sum under way.

    Args:
        owner: those sums of which it is one.
        flat: the array, one axis.
        cuts: what of it is summed by which rank.
        whole: whether all ranks get all of the sum, or each its part.
    """

    def __init__(self, owner: OrderedSums, flat: Array, cuts: Sequence[int], whole: bool) -> None:
        self._owner, self._flat, self._cuts, self._whole = owner, flat, list(cuts), whole
        self._counts = np.diff(self._cuts).tolist()
        own = self._counts[owner.rank]
        self._parts = np.empty((owner.size, own), flat.dtype)
        self.begun = True  # and in its first half
        self.request: Any = owner._first.Ialltoallv(
            [flat, (self._counts, self._cuts[:-1])],
            [self._parts, ([own] * owner.size, [own * rank for rank in range(owner.size)])],
        )

    def add(self) -> None:
        """Add up the own slice, and begin the second half."""
        self.request.Wait()
        self.begun = False
        total = self._parts[0]
        with np.errstate(over="ignore", invalid="ignore"):  # as MPI does
            for part in self._parts[1:]:
                total += part
        self._flat[self._cuts[self._owner.rank] : self._cuts[self._owner.rank + 1]] = total
        self.request = None
        if self._whole:
            into = [self._flat, (self._counts, self._cuts[:-1])]
            self.request = self._owner._second.Iallgatherv(self._owner._in_place, into)
        else:
            self._owner.under_way.discard(self)

    def test(self) -> bool:
        self._owner.advance()
        done = not self.begun and (self.request is None or bool(self.request.Test()))
        if done:
            self._owner.under_way.discard(self)
        return done

    def wait(self) -> None:
        self._owner.settle(self)
        if self.request is not None:
            self.request.Wait()
        self._owner.under_way.discard(self)
