"""Buckets: the gradients of several parameters as one array, that is sent as one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.comm import Communicator, Request

__all__ = ["Bucket", "Single", "groups", "parts", "plan"]

LARGE = 1 << 16  # bytes: a gradient as large as this may be sent from where it lies


class Bucket:
    """Parameters whose gradients are sent together.

    Behind the gradients stands a number for each parameter: 1 where this rank has a gradient. Of
    the sums, 0 says that no rank has: the parameter is then left out of the step, as ever.

    Args:
        parameters: the tensors, of one dtype.
        singles: what is sent before without such numbers: they stand in this bucket.
    """

    def __init__(self, parameters: Sequence[Any], singles: Sequence[Single] = ()) -> None:
        self.parameters, self.singles = list(parameters), list(singles)
        self.waiting: set[int] = set()  # places of the parameters that have no gradient yet
        self.request: Request | None = None
        self._lay()

    def _lay(self) -> None:
        """Make room for the gradients."""
        sizes = [p._array.size for p in self.parameters]
        self.starts: list[int] = [0, *np.cumsum(sizes).tolist()]
        self.size = self.starts.pop()  # elements of the gradients
        told = [*self.parameters, *(single.parameters[0] for single in self.singles)]
        self.flat: Array = np.zeros(self.size + len(told), told[0]._array.dtype)
        self.views: list[Array] = [
            self.flat[start : start + size].reshape(p._array.shape)
            for p, size, start in zip(self.parameters, sizes, self.starts, strict=True)
        ]
        self.present = self.flat[self.size :]

    def begin(self) -> None:
        """Forget the gradients of the last step."""
        self.waiting, self.request = set(range(len(self.parameters))), None

    def take(self, place: int) -> None:
        """Copy the gradient of a parameter."""
        grad = self.parameters[place]._grad
        if grad is None:
            self.views[place][...] = 0
        else:
            self.views[place][...] = grad._array
        self.present[place] = grad is not None
        self.waiting.discard(place)

    def send(self, comm: Communicator) -> None:
        """Begin to add up the gradients of all ranks."""
        first = len(self.parameters)
        self.present[first:] = [s.parameters[0]._grad is not None for s in self.singles]
        self.request = comm.start_all_reduce(self.flat)

    def receive(self) -> None:
        """Return when the sums are there."""
        assert self.request is not None
        self.request.wait()
        for single, there in zip(self.singles, self.present[len(self.parameters) :], strict=True):
            single.found = bool(there)

    def give(self, wrap: Any, divisor: float | None) -> None:
        """Put the sums, divided, into the gradients."""
        found = self.present[: len(self.parameters)].tolist()
        for p, view, there in zip(self.parameters, self.views, found, strict=True):
            if not there:
                continue
            if p._grad is None:
                p._grad = wrap(np.empty(view.shape, view.dtype))
            if divisor is None:
                p._grad._array[...] = view
            else:
                np.divide(view, divisor, out=p._grad._array)


class Single(Bucket):
    """One parameter, whose gradient is sent, added up and divided where it lies.

    Only one that does not lie in order, or is not there, is copied. Whether some rank has a
    gradient stands in a bucket that is sent later.

    Attributes:
        found: whether it is so, once that bucket has been received.
    """

    found = False

    def _lay(self) -> None:
        self.flat = np.zeros(0, self.parameters[0]._array.dtype)  # nothing is kept between steps

    def take(self, place: int) -> None:
        """Look where the gradient lies."""
        p = self.parameters[place]
        if p._grad is None:
            self.flat = np.zeros(p._array.size, p._array.dtype)
        else:
            flat = np.ascontiguousarray(p._grad._array, p._array.dtype).reshape(-1)
            self.flat = flat if flat.flags.writeable else flat.copy()
        self.waiting.discard(place)

    def send(self, comm: Communicator) -> None:
        """Begin to add up the gradients of all ranks."""
        self.request = comm.start_all_reduce(self.flat)

    def receive(self) -> None:
        """Return when the sums are there."""
        assert self.request is not None
        self.request.wait()

    def give(self, wrap: Any, divisor: float | None) -> None:
        """Divide the sum, and see that it is the gradient."""
        p, sums = self.parameters[0], self.flat.reshape(self.parameters[0]._array.shape)
        self._lay()
        if not self.found:
            return
        if divisor is not None:
            sums /= divisor
        if p._grad is None:
            p._grad = wrap(sums)
        elif not np.may_share_memory(sums, p._grad._array):
            p._grad._array[...] = sums


def parts(size: int, ranks: int) -> list[int]:
    """Return where so many elements are cut into a part for each rank.

    Example:
        >>> parts(10, 4)
        [0, 2, 5, 7, 10]
    """
    return [size * rank // ranks for rank in range(ranks + 1)]


def groups(
    parameters: Sequence[Any], capacity: int, single: Callable[[Any], bool] | None = None
) -> list[list[Any]]:
    """Put parameters into groups of so many bytes, the last first: its gradient is there first.

    Args:
        parameters: the tensors.
        capacity: bytes of a group.
        single: tells of a parameter whether it is a group of its own, and those around it go on
            with theirs; default None: none is.
    """
    made: list[list[Any]] = []
    group: list[Any] = []
    held = 0
    for p in reversed(parameters):
        size = p._array.nbytes
        if single is not None and single(p):
            made.append([p])
            continue
        if group and (held + size > capacity or group[0]._array.dtype != p._array.dtype):
            made.append(group)
            group, held = [], 0
        group.append(p)
        held += size
    return [*made, group] if group else made


def plan(parameters: Sequence[Any], capacity: int) -> list[Bucket]:
    """Return buckets for the sums of all ranks; large gradients are sent from where they lie."""
    large = {id(p) for p in parameters if p._array.nbytes >= LARGE}
    found = groups(parameters, capacity, lambda p: id(p) in large)
    singles = [Single(group) for group in found if id(group[0]) in large]
    left = iter(singles)
    made = [next(left) if id(group[0]) in large else Bucket(group) for group in found]
    # that of the last one says which of the singles some rank has
    last = [] if id(found[-1][0]) in large else made.pop().parameters
    return [*made, Bucket(last, singles)]
