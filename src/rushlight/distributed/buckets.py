"""Buckets: the gradients of several parameters as one array, that is sent as one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.comm import Communicator, Request

__all__ = ["Bucket", "Single", "plan", "starts"]

LARGE = 1 << 16  # bytes: a gradient as large as this is sent from where it lies


class Bucket:
    """Parameters whose gradients are sent together, copied behind each other.

    Args:
        parameters: the tensors, of one dtype.

    Attributes:
        flat: what is sent, once every gradient has been taken.
    """

    def __init__(self, parameters: Sequence[Any]) -> None:
        self.parameters = list(parameters)
        self.waiting: set[int] = set()  # places of the parameters that have no gradient yet
        self.request: Request | None = None
        self._lay()

    def _lay(self) -> None:
        """Make room for the gradients."""
        places = starts(self.parameters)
        self.flat = np.zeros(places[-1], self.parameters[0]._array.dtype)
        self.views: list[Array] = [
            self.flat[low:high].reshape(p._array.shape)
            for p, (low, high) in zip(self.parameters, pairwise(places), strict=True)
        ]

    def begin(self) -> None:
        """Forget the gradients of the last step."""
        self.waiting, self.request = set(range(len(self.parameters))), None

    def take(self) -> None:
        """Copy the gradients; where there is none, it is 0."""
        for p, view in zip(self.parameters, self.views, strict=True):
            view[...] = 0 if p._grad is None else p._grad._array

    def send(self, comm: Communicator) -> None:
        """Begin to add up the gradients of all ranks."""
        self.request = comm.start_all_reduce(self.flat)

    def receive(self) -> None:
        """Return when the sums are there."""
        assert self.request is not None
        self.request.wait()

    def give(self, wrap: Any, divisor: float | None, found: Sequence[bool]) -> None:
        """Put the sums, divided, into the gradients.

        Args:
            wrap: makes a tensor of an array.
            divisor: None divides by nothing.
            found: of each parameter, whether some rank has a gradient; else it is left out of the
                step, as ever.
        """
        if divisor is not None:
            self.flat /= divisor  # all at once, while it is in the cache
        for p, view, there in zip(self.parameters, self.views, found, strict=True):
            if not there:
                continue
            if p._grad is None:
                p._grad = wrap(np.empty(view.shape, view.dtype))
            p._grad._array[...] = view


class Single(Bucket):
    """One parameter, whose gradient is sent, added up and divided where it lies.

    Only one that does not lie in order, or is not there, is copied.
    """

    def _lay(self) -> None:
        self.flat = np.zeros(0, self.parameters[0]._array.dtype)

    def take(self) -> None:
        """Look where the gradient lies."""
        p = self.parameters[0]
        if p._grad is None:
            self.flat = np.zeros(p._array.size, p._array.dtype)
        else:
            self.flat = np.ascontiguousarray(p._grad._array, p._array.dtype).reshape(-1)
            if not self.flat.flags.writeable:
                self.flat = self.flat.copy()

    def give(self, wrap: Any, divisor: float | None, found: Sequence[bool]) -> None:
        """Divide the sum, and see that it is the gradient."""
        p, sums = self.parameters[0], self.flat
        self._lay()
        if not found[0]:
            return
        if divisor is not None:
            sums /= divisor
        if p._grad is None:
            p._grad = wrap(sums.reshape(p._array.shape))
        elif not np.may_share_memory(sums, p._grad._array):
            p._grad._array[...] = sums.reshape(p._array.shape)


def starts(parameters: Sequence[Any]) -> list[int]:
    """Return where each begins where they lie one behind the other, and the end of the last."""
    return list(accumulate((p._array.size for p in parameters), initial=0))


def plan(parameters: Sequence[Any], capacity: int) -> list[Bucket]:
    """Put parameters into buckets of so many bytes, in the order in which they are full.

    The last parameter comes first: its gradient is there first. Large ones stand alone.

    Args:
        parameters: the tensors.
        capacity: bytes of a bucket.
    """
    made: list[Bucket] = []
    group: list[Any] = []
    held = 0
    for p in reversed(parameters):
        size = p._array.nbytes
        if size >= LARGE:
            made.append(Single([p]))
            continue
        if group and (held + size > capacity or group[0]._array.dtype != p._array.dtype):
            made.append(Bucket(group))
            group, held = [], 0
        group.append(p)
        held += size
    return [*made, Bucket(group)] if group else made
