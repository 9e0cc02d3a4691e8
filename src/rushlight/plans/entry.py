"""The way into a plan for arguments of the kind of the last call's, compiled where it was built."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.compiled import native
from rushlight.facts import PlainFacts
from rushlight.plans.calls import root_of

__all__ = ["FORM", "Entry", "PlainEntry"]

FORM = attrgetter("shape", "strides", "dtype")  # by which kinds of arrays are told apart


class PlainEntry:
    """The way in, in Python.

    Args:
        args: tensors, of the kind of which others may come in.
        buffers: arrays into which theirs are copied.
        facts: what must hold.
        written: ids of the owners of memory that the call writes to.
    """

    def __init__(
        self,
        args: tuple[Any, ...],
        buffers: Sequence[Array],
        facts: Sequence[PlainFacts],
        written: Sequence[int],
    ) -> None:
        if len(args) != len(buffers):
            raise ValueError("got other buffers than arguments")
        self._kinds = [(type(a), a._requires_grad, FORM(a._array)) for a in args]
        self._buffers, self._written = list(buffers), frozenset(written)
        self._facts = PlainFacts.together(facts)

    def opens(self, args: tuple[Any, ...]) -> bool:
        """Tell whether the plan is to be run for these arguments; they are then in its buffers."""
        if len(args) != len(self._kinds) or len(set(map(id, args))) != len(args):
            return False
        arrays: list[Array] = []
        for tensor, (kind, requires_grad, form) in zip(args, self._kinds, strict=True):
            if type(tensor) is not kind or tensor._requires_grad is not requires_grad:
                return False
            array = tensor._array
            if type(array) is not np.ndarray or FORM(array) != form:
                return False
            if self._written and id(root_of(array)) in self._written:
                return False
            arrays.append(array)
        if not self._facts.hold():
            return False
        for buffer, array in zip(self._buffers, arrays, strict=True):
            buffer[...] = array
        return True


Entry: Any = PlainEntry if native is None else native.Entry
