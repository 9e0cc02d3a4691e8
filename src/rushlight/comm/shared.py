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
from rushlight.errors import ShapeError, explain

__all__ = ["SharedSums", "between"]

TABLE = 4096  # sums that are under way at once
MANY = 64  # so many that nobody has asked for, and a rank reads what is there before it goes on
SPIN = 200e-6  # seconds in which a rank that waits looks again and again, before it sleeps
NAP = 50e-6
NAME = "rushlight"
SIZE = 1 << 40  # bytes of a file, of which only what is written takes memory
# words of the head, each that is written on a line of its own: how many sums were begun, how many
# of the other's are read, by what the memory is known; then of each that was begun, where it lies
# and what it is
_POSTED, _READ, _MARK, _PLACES = 0, 8, 16, 512
_KINDS = _PLACES + TABLE
_HEAD = 8 * (_KINDS + TABLE)  # bytes


def between(communicator: Any) -> SharedSums | None:
    """Return the sums of the two ranks of mpi4py's communicator; a call of both.

    None, on both, where there are not two, or not on one machine that lets them. All rests on
    this: what one core writes first, another sees first, and a word of 8 bytes is written at once.
    That is so on x86 (where memory is copied past the caches, the C library waits for it); Python
    is an interpreter, and moves no write before another.
    """
    if communicator.Get_size() != 2:
        return None
    rank = communicator.Get_rank()
    own = other = None
    mark = int.from_bytes(os.urandom(7), "little")
    with contextlib.suppress(OSError):
        if _possible():
            own = _Memory.made(mark)
    told = None if own is None else (os.getpid(), own.file, mark)
    theirs = communicator.allgather(told)[1 - rank]
    if own is not None and theirs is not None:
        with contextlib.suppress(OSError, ValueError):  # no such file, or a shorter one
            other = _Memory.of(*theirs)
    both = all(communicator.allgather(other is not None))
    return SharedSums(own, other, rank) if both and own and other else None


def _possible() -> bool:
    """Tell whether this process could do it: some builds of Python for Linux have no memfd."""
    here = sys.platform == "linux" and platform.machine() == "x86_64" and sys.maxsize > 1 << 32
    return here and hasattr(os, "memfd_create")


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
        file = os.memfd_create(NAME)
        try:
            os.fchmod(file, 0o600)
            os.ftruncate(file, SIZE)  # now: that it is not allowed shows before anybody uses it
        except OSError:
            os.close(file)
            raise
        made = cls(file, own=True)
        made.head[_MARK] = mark
        return made

    @classmethod
    def of(cls, process: int, file: int, mark: int) -> _Memory | None:
        """Return that of another rank; None if it is not, as numbers of processes are no names."""
        path = f"/proc/{process}/fd/{file}"
        # that of a stranger stays closed: to open the end of a pipe is to wait for the other
        if not os.readlink(path).startswith(f"/memfd:{NAME}"):
            return None
        opened = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        found = cls(opened, own=False)
        return found if found.head[_MARK] == mark else None

    def map(self, size: int) -> None:
        """See so many bytes."""
        access = mmap.PROT_READ | mmap.PROT_WRITE if self._own else mmap.PROT_READ
        self.size, self._bytes = size, mmap.mmap(self.file, size, prot=access)
        self.head = memoryview(self._bytes)[:_HEAD].cast("q")

    def at(self, place: int, like: Array) -> Array:
        """Return the memory from there on as an array like another one."""
        end = place + like.nbytes
        if end > self.size:
            self.map(1 << (end - 1).bit_length())
        return np.ndarray(like.shape, like.dtype, self._bytes, place)


class SharedSums:
    """The sums of two ranks, in the order in which they begin them.

    Args:
        own: the memory that this rank writes.
        other: the one that it reads.
        rank: 0 or 1.
    """

    def __init__(self, own: _Memory, other: _Memory, rank: int) -> None:
        self.own, self.other, self.rank = own, other, rank
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
        number, slot = self._count, self._count % TABLE
        if len(self._begun) >= MANY:  # or one that is never asked for would keep the memory of all
            self._advance()
        _wait(self._has_room, pause)
        place = self._place(number, max((array.nbytes - 1).bit_length(), 6))
        self.own.at(place, array)[...] = array
        head = self.own.head
        head[_PLACES + slot], head[_KINDS + slot] = place, _kind(array)
        self._count = head[_POSTED] = number + 1  # last: what lies before it is there
        begun = _Sum(self, number, array, pause)
        self._begun.append(begun)
        return begun

    def _has_room(self) -> bool:
        """Tell whether the table has; this rank reads, too, while it waits for that.

        Both must have read the sum whose line is to be used again. A rank that had not could go
        on and wait in its next call for the other, which waits here for it.
        """
        if len(self._begun) < TABLE and self._count - self.other.head[_READ] < TABLE:
            return True
        self._advance()
        return False

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
        lent.append((number, power, place))
        return place

    def _advance(self) -> None:
        """Finish what the other has begun, too, for it to have its memory back."""
        while self._begun and self._begun[0].test():
            self.read()

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
            head, slot = self._owner.other.head, self.number % TABLE
            if head[_POSTED] <= self.number:
                return False
            if head[_KINDS + slot] != _kind(self._array):
                got = f"{self._array.dtype} {self._array.shape}"
                fix = "make the same calls on all ranks"
                got, expected = f"{got} on rank {self._owner.rank}", "the same on the other"
                raise ShapeError(explain("all_reduce", got=got, expected=expected, fix=fix))
            other = self._owner.other.at(head[_PLACES + slot], self._array)
            with np.errstate(over="ignore", invalid="ignore"):  # as MPI does
                np.add(self._array, other, out=self._array)
            self.done = True
            self._owner.read()
        return True

    def wait(self) -> None:
        _wait(self.test, self._pause)


def _kind(array: Array) -> int:
    """Return a number of what must be the same on both ranks."""
    return array.nbytes << 8 | ord(array.dtype.char)


def _wait(done: Callable[[], bool], pause: Callable[[], None]) -> None:
    """Return when it is so."""
    if done():
        return
    begun = time.monotonic()
    while not done():
        pause()
        if time.monotonic() - begun > SPIN:
            time.sleep(NAP)
