"""Large arguments and results that kernels find where the caller has them.

A plan has memory of its own, into which arguments are copied and from which results are. Where one
call of a compiled kernel is all that looks at a large argument, it is given that itself; where the
last call makes a large result, it makes it in new memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from rushlight.arrays import Array
from rushlight.compiled import is_kernel
from rushlight.plans.calls import Call, address, root_of

__all__ = ["Loans", "Terms", "is_dense"]

LARGE = 1 << 15  # bytes from which a copy takes longer than to convert the arguments of a call anew


class Terms(NamedTuple):
    """Which call alone reads each argument, and whether the last one alone makes the result."""

    readers: list[int | None]
    makes: bool

    @classmethod
    def of(cls, calls: Sequence[Call], inputs: Sequence[Array], result: Array | None) -> Terms:
        """Return the terms of calls that have been recorded."""
        readers: list[int | None] = []
        for array in inputs:
            at = _touching(calls, array)
            alone = len(at) == 1 and not _among(array, calls[at[0]].writes)
            returned = result is not None and _among(array, [result])
            lent = alone and not returned and array.nbytes >= LARGE
            readers.append(at[0] if lent else None)
        if result is None or result.nbytes < LARGE or not calls:
            return cls(readers, False)
        # nothing was there before, so it reads nothing there
        alone = _touching(calls, result) == [len(calls) - 1]
        return cls(readers, alone and _among(result, calls[-1].writes))


class Loans:
    """The calls of a program, some on arrays of the caller.

    Args:
        terms: what may be lent.
        calls: the calls that the terms are of, in the same order.
        kept: as `routine` takes it.
        inputs, result: the arrays of the program that are lent in place of.

    Attributes:
        lends: whether anything is lent.
        calls: the calls to be made.
        cells: for each argument a list into which its array is put, or None if it is copied.
        take: returns the result of the calls; None if that has to be copied.
    """

    def __init__(
        self,
        terms: Terms,
        calls: Sequence[Call],
        kept: Sequence[Any],
        inputs: Sequence[Array],
        result: Array | None,
    ) -> None:
        lent: dict[int, _Borrowing] = {}

        def borrowing(at: int) -> _Borrowing:
            return lent.setdefault(at, _Borrowing(calls[at], kept[at]))

        cells: list[list[Array] | None] = []
        for array, at in zip(inputs, terms.readers, strict=True):
            cell = None
            if at is not None and (place := _place(calls[at], array)) is not None:
                cell = borrowing(at).cell(place)
            cells.append(cell)
        self.cells = tuple(cells)
        self.take: Callable[[], Array] | None = None
        if result is not None and terms.makes and is_dense(result):
            place, last = _place(calls[-1], result), len(calls) - 1
            if place is not None:
                borrowing(last).place = place
                self.take = borrowing(last).take
        self.lends = bool(lent)
        made_so = {at: Call(call, (), {}, (), ()) for at, call in lent.items()}
        self.calls = [made_so.get(at, call) for at, call in enumerate(calls)]


class _Borrowing:
    """A call of a kernel, some of whose arrays come from cells, and maybe one from new memory."""

    def __init__(self, call: Call, keep: Any) -> None:
        self.args = call.args
        self.make = call.function if keep is None else partial(_keeping, keep, call.function)
        self.cells: list[tuple[int, list[Array]]] = []
        self.place: int | None = None
        self.made: Array | None = None

    def cell(self, place: int) -> list[Array]:
        """Return a cell from which the argument at a place will come."""
        self.cells.append((place, []))
        return self.cells[-1][1]

    def __call__(self) -> None:
        args = list(self.args)
        for place, cell in self.cells:
            args[place] = cell.pop()
        made = None
        if self.place is not None:
            made = args[self.place] = np.empty_like(args[self.place])
        self.make(*args)
        self.made = made

    def take(self) -> Any:
        made, self.made = self.made, None
        return made


def _keeping(keep: Any, function: Any, *args: Any) -> None:
    keep(function, args)


def is_dense(array: Array) -> bool:
    """Tell whether a new array like this one has its strides, but for those of dims of size 1."""
    return np.empty_like(array).squeeze().strides == array.squeeze().strides


def _among(array: Array, arrays: Sequence[Array]) -> bool:
    return any(root_of(a) is root_of(array) for a in arrays)


def _touching(calls: Sequence[Call], array: Array) -> list[int]:
    return [i for i, call in enumerate(calls) if _among(array, (*call.reads, *call.writes))]


def _place(call: Call, array: Array) -> int | None:
    """Return which argument of a kernel an array is; None if it is not one alone."""
    plain = not call.options and all(a.__class__ not in (tuple, list, dict) for a in call.args)
    if not (plain and is_kernel(call.function)):
        return None
    arrays = [(i, a) for i, a in enumerate(call.args) if isinstance(a, np.ndarray)]
    near = [(i, a) for i, a in arrays if np.may_share_memory(a, array)]
    if len(near) != 1:
        return None
    place, found = near[0]
    same = found.shape == array.shape and found.strides == array.strides
    return place if same and address(found) == address(array) else None
