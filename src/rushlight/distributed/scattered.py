"""Buckets of which each rank is given its own part of the sums: a reduce-scatter."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.comm import Communicator, parts
from rushlight.distributed.buckets import Bucket, Single, starts
from rushlight.tape import cell

__all__ = ["PartBucket", "PartSingle", "gather", "only"]


class PartBucket(Bucket):
    """A bucket of which this rank is given its own part, and 0 elsewhere.

    Args:
        parameters: the tensors, of one dtype.
        comm: the ranks.
    """

    def __init__(self, parameters: Sequence[Any], comm: Communicator) -> None:
        super().__init__(parameters)
        self.cuts = parts(starts(self.parameters)[-1], comm.size)
        self.own = slice(self.cuts[comm.rank], self.cuts[comm.rank + 1])

    def send(self, comm: Communicator) -> None:
        """Begin to add up the gradients of all ranks, each rank its own part."""
        self.request = comm.start_reduce_scatter(self.flat, self.cuts)

    def receive(self) -> None:
        """Return when the sums are there."""
        super().receive()
        only(self.flat, self.own)


class PartSingle(PartBucket, Single):
    """One large parameter, whose gradient is added up, in parts, where it lies."""


def only(flat: Any, own: slice) -> None:
    """Leave nothing but the own part."""
    flat[: own.start] = 0
    flat[own.stop :] = 0


def gather(
    buckets: Sequence[Bucket],
    comm: Communicator,
    tensors: Mapping[Any, Any],
    put: Callable[[Any, Array], None],
) -> None:
    """Fill tensors with the parts of all ranks.

    Args:
        buckets: what is sent together; those without any of the tensors are left out.
        comm: the ranks.
        tensors: parameter -> the tensor to fill, of its shape; on all ranks alike.
        put: (parameter, memory of its size, one dim): puts this rank's part there.
    """
    under_way = []
    for bucket in buckets:
        held = [p for p in bucket.parameters if p in tensors]
        if held:
            places = starts(bucket.parameters)
            lone = _in_place(tensors[held[0]]) if len(bucket.parameters) == 1 else None
            flat = np.empty(places[-1], bucket.flat.dtype) if lone is None else lone
            views = {
                p: flat[low:high]
                for p, (low, high) in zip(bucket.parameters, pairwise(places), strict=True)
                if p in tensors
            }
            for p, view in views.items():
                put(p, view)
            request = comm.start_all_gather(flat, parts(flat.size, comm.size))
            under_way.append((views, lone is None, request))
    for views, copied, request in under_way:
        request.wait()
        for p, view in views.items():
            if copied:
                tensors[p]._array[...] = view.reshape(p._array.shape)
            cell(tensors[p])[0] += 1


def _in_place(tensor: Any) -> Array | None:
    """Return the memory of a tensor as one dim, None where it cannot be filled so."""
    array = tensor._array
    return array.reshape(-1) if array.flags.c_contiguous and array.flags.writeable else None
