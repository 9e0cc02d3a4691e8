"""Buckets of which each rank is given its own part of the sums: a reduce-scatter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rushlight.comm import Communicator, Request
from rushlight.distributed.buckets import Bucket, parts
from rushlight.tape import cell

__all__ = ["PartBucket", "gather", "only"]


class PartBucket(Bucket):
    """A bucket of which this rank is given its own part, and 0 elsewhere.

    Which parameters have a gradient on some rank is told to all.

    Args:
        parameters: the tensors, of one dtype.
        comm: the ranks.
    """

    def __init__(self, parameters: Sequence[Any], comm: Communicator) -> None:
        super().__init__(parameters)
        self.cuts = parts(self.size, comm.size)
        self.own = slice(self.cuts[comm.rank], self.cuts[comm.rank + 1])
        self._told: Request | None = None

    def send(self, comm: Communicator) -> None:
        """Begin to add up the gradients of all ranks, each rank its own part."""
        self.request = comm.start_reduce_scatter(self.flat[: self.size], self.cuts)
        self._told = comm.start_all_reduce(self.present)

    def receive(self) -> None:
        """Return when the sums are there."""
        assert self._told is not None
        super().receive()
        self._told.wait()
        only(self)


def only(bucket: Any) -> None:
    """Leave nothing but the own part in a bucket."""
    bucket.flat[: bucket.own.start] = 0
    bucket.flat[bucket.own.stop : bucket.size] = 0


def gather(buckets: Sequence[Bucket], comm: Communicator, tensors: Mapping[Any, Any]) -> None:
    """Fill tensors with the parts of all ranks, of which the own ones lie in the buckets.

    Args:
        buckets: their memory is used; buckets without any of the tensors are left out.
        comm: the ranks.
        tensors: parameter -> the tensor of its shape to fill, or None; on all ranks alike.
    """
    under_way = []
    for bucket in buckets:
        if any(tensors.get(p) is not None for p in bucket.parameters):
            cuts = parts(bucket.size, comm.size)
            under_way.append((bucket, comm.start_all_gather(bucket.flat[: bucket.size], cuts)))
    for bucket, request in under_way:
        request.wait()
        for p, view in zip(bucket.parameters, bucket.views, strict=True):
            tensor = tensors.get(p)
            if tensor is not None:
                tensor._array[...] = view
                cell(tensor)[0] += 1
