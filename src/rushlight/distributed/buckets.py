"""Buckets: the gradients of several parameters as one array, that is sent as one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.comm import Communicator, Request

__all__ = ["Bucket", "parts", "plan"]


class Bucket:
    """Parameters whose gradients are sent together.

    Behind the gradients stands a number for each parameter: 1 where this rank has a gradient. Of
    the sums, 0 says that no rank has: the parameter is then left out of the step, as ever.

    Args:
        parameters: the tensors, of one dtype.
    """

    def __init__(self, parameters: Sequence[Any]) -> None:
        self.parameters = list(parameters)
        sizes = [p._array.size for p in self.parameters]
        ends = np.cumsum(sizes).tolist()
        self.starts: list[int] = [0, *ends[:-1]]
        self.size: int = ends[-1]  # elements of the gradients
        self.flat = np.zeros(ends[-1] + len(sizes), self.parameters[0]._array.dtype)
        self.views: list[Array] = [
            self.flat[end - size : end].reshape(p._array.shape)
            for p, size, end in zip(self.parameters, sizes, ends, strict=True)
        ]
        self.present = self.flat[ends[-1] :]
        self.waiting: set[int] = set()  # places of the parameters that have no gradient yet
        self.request: Request | None = None

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
        self.request = comm.start_all_reduce(self.flat)

    def receive(self) -> None:
        """Return when the sums are there."""
        assert self.request is not None
        self.request.wait()

    def give(self, wrap: Any, divisor: float | None) -> None:
        """Put the sums, divided, into the gradients."""
        found = self.present.tolist()
        for p, view, there in zip(self.parameters, self.views, found, strict=True):
            if not there:
                continue
            if p._grad is None:
                p._grad = wrap(np.empty(view.shape, view.dtype))
            if divisor is None:
                p._grad._array[...] = view
            else:
                np.divide(view, divisor, out=p._grad._array)


def parts(size: int, ranks: int) -> list[int]:
    """Return where so many elements are cut into a part for each rank.

    Example:
        >>> parts(10, 4)
        [0, 2, 5, 7, 10]
    """
    return [size * rank // ranks for rank in range(ranks + 1)]


def plan(
    parameters: Sequence[Any], capacity: int, make: Callable[[list[Any]], Bucket] = Bucket
) -> list[Bucket]:
    """Put parameters into buckets of so many bytes, the last first: its gradient is there first."""
    groups: list[list[Any]] = []
    held = 0
    for p in reversed(parameters):
        bytes_ = p._array.nbytes
        if not groups or held + bytes_ > capacity or groups[-1][0]._array.dtype != p._array.dtype:
            groups.append([])
            held = 0
        groups[-1].append(p)
        held += bytes_
    return [make(group) for group in groups]
