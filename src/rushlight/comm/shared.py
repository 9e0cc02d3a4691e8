"""Sums of two processes of one machine, each of which reads what the other has written.

A message is copied through the memory of the MPI library while both ranks call it, which they do
not while they compute. Here a rank writes once, when it begins a sum, and reads once, when it asks
for it; nothing is sent. The memory has no name in any folder: it goes with the last of the two,
however they end.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import platform
import sys
import time
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.comm.communicator import Request

__all__ = ["SharedSums", "between"]

TABLE = 4096  # sums that are under way at once
SPIN = 200e-6  # seconds in which a rank that waits looks again and again, before it sleeps
NAP = 50e-6
# words of the head, each that is written on a line of its own: how many sums were begun, how many
# of the other's are read, by what the memory is known; then where each that was begun lies
_POSTED, _READ, _MARK, _PLACES = 0, 8, 16, 512
_HEAD = 8 * (_PLACES + TABLE)  # bytes


def between(communicator: Any) -> SharedSums | None:
    """Return the sums of the two ranks of mpi4py's communicator; a call of both.

    None where there are not two, or not on one machine that lets them. That what is written first
    is seen first, which all rests on, is so on x86.
    """
    if communicator.Get_size() != 2:
        return None
    own = other = None
    mark = int.from_bytes(os.urandom(7), "little")
    if sys.platform == "linux" and platform.machine() == "x86_64":
        with contextlib.suppress(OSError):
            own = _Memory.made(mark)
    told = None if own is None else (os.getpid(), own.file, mark)
    theirs = communicator.allgather(told)[1 - communicator.Get_rank()]
    if theirs is not None:
        with contextlib.suppress(OSError, ValueError):  # no such file, or a shorter one
            other = _Memory.of(*theirs)
    both = all(communicator.allgather(other is not None))
    return SharedSums(own, other) if both and own and other else None


class _Memory:
    """Memory that one rank writes and another reads.

    Args:
        file: the number of an open file, which is closed with this.
        own: whether this is the rank that writes.

    Attributes:
        head: whole numbers at its begin.
    """

    def __init__(self, file: int, own: bool) -> None:
        self.file, self._own = file, own
        weakref.finalize(self, os.close, file)
        self.map(_HEAD)

    @classmethod
    def made(cls, mark: int) -> _Memory:
        """Return memory for this rank to write."""
        file = os.memfd_create("rushlight")
        os.fchmod(file, 0o600)
        os.ftruncate(file, _HEAD)
        made = cls(file, own=True)
        made.head[_MARK] = mark
        return made

    @classmethod
    def of(cls, process: int, file: int, mark: int) -> _Memory | None:
        """Return that of another rank; None if it is not, as numbers of processes are no names."""
        found = cls(os.open(f"/proc/{process}/fd/{file}", os.O_RDONLY | os.O_CLOEXEC), own=False)
        return found if found.head[_MARK] == mark else None

    def map(self, size: int) -> None:
        """See so many bytes; memory is taken only where it is written."""
        access = mmap.PROT_READ | mmap.PROT_WRITE if self._own else mmap.PROT_READ
        self.size, self._bytes = size, mmap.mmap(self.file, size, prot=access)
        self.head = memoryview(self._bytes)[:_HEAD].cast("q")

    def grow(self, size: int) -> None:
        """Have so many bytes."""
        os.ftruncate(self.file, size)
        self.map(size)

    def at(self, place: int, like: Array) -> Array:
        """Return the memory from there on as an array like another one."""
        if place + like.nbytes > self.size:
            self.map(os.fstat(self.file).st_size)
        return np.ndarray(like.shape, like.dtype, self._bytes, place)


class SharedSums:
    """The sums of two ranks, in the order in which they begin them.

    Args:
        own: the memory that this rank writes.
        other: the one that it reads.
    """

    def __init__(self, own: _Memory, other: _Memory) -> None:
        self.own, self.other = own, other
        self._count = 0  # of those begun
        self._begun: deque[_Sum] = deque()  # and not read
        self._end = _HEAD
        self._free: dict[int, list[int]] = {}  # places, by the power of two of bytes that they hold
        self._lent: deque[tuple[int, int, int]] = deque()  # what the other has yet to read

    def start(self, array: Array, pause: Callable[[], None]) -> Request:
        """Begin to put into `array` the sum of both ranks.

        Args:
            array: of floats.
            pause: called while this rank waits, to let other calls go on.
        """
        number = self._count
        while number - self.other.head[_READ] >= TABLE:
            self._advance()  # so does the other rank, or it asks for its sums
            pause()
        place = self._place(number, max((array.nbytes - 1).bit_length(), 6))
        self.own.at(place, array)[...] = array
        head = self.own.head
        head[_PLACES + number % TABLE] = place
        self._count = head[_POSTED] = number + 1  # last: what lies before it is there
        begun = _Sum(self, number, array, pause)
        self._begun.append(begun)
        return begun

    def _place(self, number: int, power: int) -> int:
        """Return where so many bytes are free for a sum."""
        read, lent = self.other.head[_READ], self._lent
        while lent and lent[0][0] < read:
            _, size, place = lent.popleft()
            self._free.setdefault(size, []).append(place)
        if self._free.get(power):
            place = self._free[power].pop()
        else:
            place, self._end = self._end, self._end + (1 << power)
            if self._end > self.own.size:
                self.own.grow(1 << (self._end - 1).bit_length())
        lent.append((number, power, place))
        return place

    def _advance(self) -> None:
        """Finish what the other has begun, too, for it to have its memory back."""
        for begun in tuple(self._begun):
            if not begun.test():
                break

    def read(self) -> None:
        """Say how many sums are read."""
        begun = self._begun
        while begun and begun[0].done:
            begun.popleft()
        self.own.head[_READ] = begun[0].number if begun else self._count


class _Sum(Request):
    """A sum under way."""

    def __init__(
        self, owner: SharedSums, number: int, array: Array, pause: Callable[[], None]
    ) -> None:
        self._owner, self.number, self._array, self._pause = owner, number, array, pause
        self.done = False

    def test(self) -> bool:
        if not self.done:
            head = self._owner.other.head
            if head[_POSTED] <= self.number:
                return False
            other = self._owner.other.at(head[_PLACES + self.number % TABLE], self._array)
            with np.errstate(over="ignore", invalid="ignore"):  # as MPI does
                np.add(self._array, other, out=self._array)
            self.done = True
            self._owner.read()
        return True

    def wait(self) -> None:
        if self.test():
            return
        begun = time.monotonic()
        while not self.test():
            self._pause()
            if time.monotonic() - begun > SPIN:
                time.sleep(NAP)
