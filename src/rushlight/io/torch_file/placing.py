"""Which storages tensors are written to: one for each memory that tensors share."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.lib.array_utils import byte_bounds

from rushlight.arrays import Array, DType
from rushlight.io.stored import as_bytes
from rushlight.io.torch_file.storage import c_strides

__all__ = ["Place", "Source", "place"]


class Source(NamedTuple):
    """What a storage's bytes are: an array to be laid out in C order, or memory as it is."""

    dtype: DType
    size: int
    array: Array
    start: int | None = None  # address of the memory; None: the array, C-ordered

    def raw(self) -> Array:
        """Return the bytes; copied only if the array must be laid out anew."""
        if self.start is None:
            return as_bytes(self.array, self.dtype)
        memory = _Memory(self.start, self.size, self.array)
        return np.asarray(memory)


class _Memory:
    """A stretch of memory that NumPy can look at."""

    def __init__(self, start: int, size: int, owner: Array) -> None:
        self.owner = owner
        self.__array_interface__ = {
            "version": 3,
            "typestr": "|u1",
            "shape": (size,),
            "data": (start, True),
        }


class Place(NamedTuple):
    """Where a tensor lies: offset and strides count elements."""

    storage: int
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def place(arrays: dict[int, Array]) -> tuple[list[Source], dict[int, Place]]:
    """Return the storages, in the order of their first tensors, and where each tensor lies.

    Arrays whose memory overlaps lie in one storage, if their dtypes are equal. An array that is
    alone keeps its strides if it leaves no gaps in its memory; else it is laid out in C order.
    """
    groups = _overlapping(arrays)
    sources: list[Source] = []
    places: dict[int, Place] = {}
    for key in arrays:
        if key in places:
            continue
        group = groups.get(key, [key])
        first = arrays[group[0]]
        storage, dtype = len(sources), first.dtype.newbyteorder("=")
        start = min(byte_bounds(arrays[k])[0] for k in group)
        stop = max(byte_bounds(arrays[k])[1] for k in group)
        if key not in groups or (len(group) == 1 and stop - start > first.nbytes):
            sources.append(Source(dtype, first.nbytes, first))
            places[key] = Place(storage, 0, first.shape, c_strides(first.shape))
            continue
        sources.append(Source(dtype, stop - start, first, start))
        for k in group:
            array = arrays[k]
            offset = (byte_bounds(array)[0] - start) // dtype.itemsize
            places[k] = Place(storage, offset, array.shape, _strides(array))
    return sources, places


def _overlapping(arrays: dict[int, Array]) -> dict[int, list[int]]:
    """Return for each array that can lie in memory as it is those that share a byte with it.

    Such are native, aligned and without steps backwards; empty ones are left out.
    """
    fit = [(a.dtype.str, *byte_bounds(a), k) for k, a in arrays.items() if _fits(a)]
    groups: dict[int, list[int]] = {}
    group: list[int] = []
    before, end = "", 0
    for dtype, start, stop, key in sorted(fit):
        if dtype != before or start >= end:
            group, before, end = [], dtype, 0
        group.append(key)
        groups[key] = group
        end = max(end, stop)
    return groups


def _fits(array: Array) -> bool:
    steps = [s for n, s in zip(array.shape, array.strides, strict=True) if n > 1]
    whole = all(step >= 0 and step % array.itemsize == 0 for step in steps)
    return bool(array.size and array.flags.aligned and array.dtype.isnative and whole)


def _strides(array: Array) -> tuple[int, ...]:
    if array.flags.c_contiguous:
        return c_strides(array.shape)
    pairs: Any = zip(array.shape, array.strides, strict=True)
    return tuple(stride // array.itemsize if n > 1 else 1 for n, stride in pairs)
