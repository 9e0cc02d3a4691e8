"""Buckets sent as float16, half the bytes; what is rounded away is added the next time.

A sum is made in two turns, of which each sends half as much as its turn of an all-reduce in
float32: every rank sends each rank that one's part; each adds up its part, in the dtype of the
gradients and in the order of the ranks, and sends the sum to all.

Numbers are scaled by a power of two that brings the largest to 2^14, ..., 2^15, whatever the size
of the gradients: nothing overflows, and down to 2^-28 of the largest all bits of a float16 are
left. Each rank has a scale of its own, which stands before its numbers: they are brought back
before they are added, so that no rank has to wait until all have agreed on one.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.comm import Communicator, parts
from rushlight.distributed.buckets import Bucket, Single, starts
from rushlight.distributed.scattered import only

__all__ = ["HalfBucket", "HalfSingle"]

TOP = 15  # scaled numbers are below 2^TOP; float16 ends at 2^16


class HalfBucket(Bucket):
    """A bucket whose gradients are sent as float16, with error feedback.

    What is sent is round(g + e), and e becomes (g + e) - round(g + e), on each rank and once more
    for its part of the sum. In the mean over the steps nothing is lost. Infinity and NaN arrive as
    they are, and leave no e.

    Args:
        parameters: the tensors, float32 or float64, of one dtype.
        comm: the ranks.
        divisor: gives what the sum is divided by, None for nothing. It is asked before numbers are
            rounded, so that e is in units of the mean, whatever the size of the next batch.
        scatter: whether each rank is given its own part of the sum only: there is no second turn.

    Attributes:
        error: what was rounded away of the gradients of this rank.
        rest: what was rounded away of its part of the sum.
    """

    def __init__(
        self,
        parameters: Sequence[Any],
        comm: Communicator,
        divisor: Callable[[], float | None],
        scatter: bool,
    ) -> None:
        super().__init__(parameters)
        self.comm, self.divisor, self.scatter = comm, divisor, scatter
        self.starts, dtype = starts(self.parameters), self.flat.dtype
        self.size = self.starts[-1]
        self.cuts = parts(self.size, comm.size)
        self.own = slice(self.cuts[comm.rank], self.cuts[comm.rank + 1])
        width = self.own.stop - self.own.start
        self.error = np.zeros(self.size, dtype)
        self.rest = np.zeros(0 if scatter else width, dtype)
        # before the numbers for a rank: the scale, and a bit for each parameter: is it there
        self.head = 1 + -(-len(self.parameters) // 16)
        self._out = np.zeros(self.size + comm.size * self.head, np.uint16)
        self._into = np.zeros((comm.size, self.head + width), np.uint16)
        self.before: HalfBucket | None = None  # its second turn begins when this is sent
        self._turn = 0

    def begin(self) -> None:
        """Forget the gradients of the last step."""
        super().begin()
        self._turn = 0

    # ---- the first turn

    def send(self, comm: Communicator) -> None:
        """Send each rank its part of the gradients of this one."""
        numbers, divisor = self.flat, self.divisor()
        if divisor is not None:
            numbers /= divisor
        there = np.array([p._grad is not None for p in self.parameters])
        with self._untouched(~there, self.error, slice(0, self.size)):
            scale, finite = _scale(numbers, self.error)
            messages = self._messages(self._out, self.head)
            for (low, high), message in zip(itertools.pairwise(self.cuts), messages, strict=True):
                message[0:1].view(np.int16)[:] = scale
                message[1 : self.head].view(np.uint8)[: -(-there.size // 8)] = np.packbits(there)
                half = message[self.head :].view(np.float16)
                _round(numbers[low:high], self.error[low:high], scale, half, finite)
        places = self._places(self.head)
        self.request = comm.start_all_to_all(self._out, places, self._into)
        self._turn = 1
        if self.before is not None:
            self.before.pass_on()

    # ---- the second turn

    def pass_on(self) -> None:
        """Add up the own part, and send the sum to all ranks."""
        assert self.request is not None
        self.request.wait()
        bits = np.ascontiguousarray(self._into[:, 1 : self.head]).view(np.uint8)
        flags = np.unpackbits(bits, axis=1)[:, : len(self.parameters)]
        absent: Array = np.equal(flags.max(0), 0)
        total = self.flat[self.own]
        total[:] = 0
        with np.errstate(over="ignore", invalid="ignore"):
            for row in self._into:
                total += _back(row, self.head, total.dtype)
        self._turn = 2
        if self.scatter:
            return
        with self._untouched(absent, self.rest, self.own):
            scale, finite = _scale(total, self.rest)
            message = self._messages(self._out, 1)[self.comm.rank]
            message[0:1].view(np.int16)[:] = scale
            _round(total, self.rest, scale, message[1:].view(np.float16), finite)
        places = self._places(1)
        self.request = self.comm.start_all_gather(self._out[: places[-1]], places)

    def receive(self) -> None:
        """Return when the sums are there."""
        if self._turn == 1:
            self.pass_on()
        if self.scatter:
            only(self.flat, self.own)
            return
        super().receive()
        messages = self._messages(self._out, 1)
        with np.errstate(invalid="ignore"):
            for (low, high), message in zip(itertools.pairwise(self.cuts), messages, strict=True):
                self.flat[low:high] = _back(message, 1, self.flat.dtype)

    def give(self, wrap: Any, divisor: float | None, found: Sequence[bool]) -> None:
        """Put the sums into the gradients; they are divided already."""
        super().give(wrap, None, found)

    # ---- where things lie

    def _messages(self, memory: Array, head: int) -> list[Array]:
        """Return the memory of the messages for, or from, all ranks."""
        return [memory[low:high] for low, high in itertools.pairwise(self._places(head))]

    def _places(self, head: int) -> list[int]:
        """Return where the messages begin, each behind so many words, and the end of the last."""
        return [cut + rank * head for rank, cut in enumerate(self.cuts)]

    def _untouched(self, absent: Array, kept: Array, region: slice) -> _Untouched:
        """Let what is kept of parameters without a gradient be as it was behind a block."""
        found = []
        for place in np.flatnonzero(absent).tolist():
            low = max(self.starts[place], region.start) - region.start
            high = min(self.starts[place + 1], region.stop) - region.start
            if low < high:
                found.append(kept[low:high])
        return _Untouched(found)


class HalfSingle(HalfBucket, Single):
    """One large parameter, whose gradient is rounded and added up where it lies."""


class _Untouched:
    def __init__(self, arrays: list[Array]) -> None:
        self.arrays, self.copies = arrays, [array.copy() for array in arrays]

    def __enter__(self) -> None:
        for array in self.arrays:
            array[:] = 0

    def __exit__(self, *_: object) -> None:
        for array, copy in zip(self.arrays, self.copies, strict=True):
            array[:] = copy


def _scale(numbers: Array, error: Array) -> tuple[int, bool]:
    """Add what was rounded away; return the power of two to scale by, and if all is finite."""
    with np.errstate(over="ignore", invalid="ignore"):
        numbers += error
        peak = max(float(numbers.max()), -float(numbers.min())) if numbers.size else 0.0
    finite = math.isfinite(peak)
    if not finite:
        peak = float(np.abs(numbers[np.isfinite(numbers)]).max(initial=0))
    most = np.finfo(numbers.dtype).maxexp - 2
    return min(TOP - math.frexp(peak)[1], most) if peak else 0, finite


def _round(numbers: Array, error: Array, scale: int, half: Array, finite: bool) -> None:
    """Round scaled numbers to float16, and keep what is lost by it."""
    with np.errstate(invalid="ignore"):
        np.multiply(numbers, 2.0**scale, out=half, casting="same_kind")
        np.multiply(half, 2.0**-scale, out=error, dtype=error.dtype)
        np.subtract(numbers, error, out=error)
    if not finite:
        error[~np.isfinite(error)] = 0


def _back(message: Array, head: int, dtype: Any) -> Array:
    """Return the numbers of a message."""
    scale = int(message[0:1].view(np.int16)[0])
    found: Array = np.multiply(message[head:].view(np.float16), 2.0**-scale, dtype=dtype)
    return found
