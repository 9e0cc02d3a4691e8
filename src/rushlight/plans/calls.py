"""The calls of a recorded program: functions of arrays, in the memory that they found and filled.

A recorder keeps every array that a recorded function made. The program is then the list of calls
on these very arrays, each with `out=` or followed by a copy: run again, it computes the same into
the same memory. What lies in that memory is one of

- `BLANK`: nothing was written yet;
- `CONSTANT`: the same at every call; what is computed from constants alone is one, too;
- `INPUT`: a function of the call's arguments alone, so it may be known before anything happens;
- `DATA`: a function of what changes otherwise: parameters, statistics, random numbers.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from rushlight.arrays import Array

__all__ = [
    "BLANK",
    "CONSTANT",
    "DATA",
    "INPUT",
    "Call",
    "Guard",
    "Recorder",
    "Unplanned",
    "active",
    "address",
    "current",
    "fill",
    "replaced",
    "root_of",
]

BLANK, CONSTANT, INPUT, DATA = range(4)


class _Current:
    """The recorder at work, if any; there is one at most in a process."""

    recorder: Recorder | None = None


current = _Current()


class Unplanned(Exception):
    """A function cannot become a plan; the text says why."""


def active() -> Recorder | None:
    """Return the recorder that is to see what the caller does."""
    recorder = current.recorder
    return recorder if recorder is not None and recorder.active() else None


class Call(NamedTuple):
    """One call: `function(*args, **options)` reads and writes these arrays.

    `lasting`: it changes something else, too, so it is made though nobody reads what it writes.
    """

    function: Callable[..., Any]
    args: tuple[Any, ...]
    options: dict[str, Any]
    reads: tuple[Array, ...]
    writes: tuple[Array, ...]
    lasting: bool = False


class Guard(NamedTuple):
    """A truth value that decided what was called: the array of one element, and what it said."""

    array: Array
    truth: bool


def root_of(array: Any) -> Any:
    """Return the array that owns the memory of `array`."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def replaced(value: Any, function: Callable[[Array], Any]) -> Any:
    """Return a structure of tuples, lists and dicts with the function of each array in it."""
    if isinstance(value, np.ndarray):
        return function(value)
    if value.__class__ in (tuple, list):
        return value.__class__([replaced(part, function) for part in value])
    if value.__class__ is dict:
        return {key: replaced(part, function) for key, part in value.items()}
    if value.__class__ is slice:
        return slice(*[replaced(v, function) for v in (value.start, value.stop, value.step)])
    return value


def address(array: Array) -> int:
    """Return where the first element of an array lies."""
    found: int = array.__array_interface__["data"][0]
    return found


class Recorder:
    """Writes down what watched arrays are used for.

    Attributes:
        program: the calls and guards, in order.
        refused: why there can be no program, where something was met that is unknown here.
        paused: nothing is written down meanwhile.
    """

    def __init__(self) -> None:
        self.program: list[Call | Guard] = []
        self.roots: dict[int, list[Any]] = {}  # id of the owner of memory: [owner, what lies there]
        self.watched: list[Any] = []  # weak references to all watched arrays
        self.refused = ""  # why it cannot become a program
        self.paused = False
        self.thread = threading.get_ident()

    def active(self) -> bool:
        """Tell whether the caller is what is being recorded."""
        return not self.paused and threading.get_ident() == self.thread

    def refuse(self, why: object) -> None:
        """Give up: the function goes on, and nothing more is written down."""
        self.refused = self.refused or str(why)
        self.paused = True

    def know(self, array: Array, level: int) -> None:
        """Say what lies in the memory of an array."""
        root = root_of(array)
        self.roots[id(root)] = [root, level]

    def level(self, array: Array) -> int:
        """Return what lies in the memory of an array."""
        known = self.roots.get(id(root_of(array)))
        if known is None:
            raise Unplanned("an array that was made out of sight")
        level: int = known[1]
        return level

    def run(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        options: dict[str, Any],
        reads: Sequence[Array],
        writes: Sequence[Array],
    ) -> Any:
        """Make a call on plain arrays and write it down.

        Args:
            reads, writes: the arrays among the arguments that it reads and writes.
        """
        level = max([CONSTANT, *map(self.level, reads)])
        targets = {id(root): self.roots[id(root)] for root in map(root_of, writes)}.values()
        for owner, lies in targets:
            if lies == CONSTANT:
                self._freeze(owner)
        if level == CONSTANT and all(target[1] <= CONSTANT for target in targets):
            for target in targets:
                target[1] = CONSTANT
            return function(*args, **options)
        for target in targets:
            if target[1] == CONSTANT:  # what lies there has to lie there before each such call
                root = target[0]
                self.program.append(Call(np.copyto, (root, root.copy()), {}, (), (root,)))
            target[1] = max(target[1], level)
        self.program.append(Call(function, args, options, tuple(reads), tuple(writes)))
        return function(*args, **options)

    def _freeze(self, root: Array) -> None:
        """Let earlier calls, which have read a constant, read a copy: it is about to change."""
        low, high = np.lib.array_utils.byte_bounds(root)
        copy: Any = None

        def frozen(array: Array) -> Array:
            nonlocal copy
            if root_of(array) is not root:
                return array
            if copy is None:
                copy = np.empty(high - low, np.uint8)
                whole = np.ndarray(root.shape, root.dtype, copy, address(root) - low, root.strides)
                whole[...] = root
                self.know(copy, CONSTANT)
            found: Array = np.ndarray(
                array.shape, array.dtype, copy, address(array) - low, array.strides
            )
            return found

        for i, item in enumerate(self.program):
            if isinstance(item, Call) and any(root_of(array) is root for array in item.reads):
                self.program[i] = Call(
                    item.function,
                    replaced(item.args, frozen),
                    replaced(item.options, frozen),
                    replaced(item.reads, frozen),
                    item.writes,
                    item.lasting,
                )

    def make(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        options: dict[str, Any],
        reads: Sequence[Array],
        out: bool,
    ) -> Array:
        """Make a call that returns a new array, and write it down as one that fills this array.

        Args:
            out: the function takes the option `out`.
        """
        level = max([CONSTANT, *map(self.level, reads)])
        result = np.asarray(function(*args, **options))
        self.know(result, level)
        if level == CONSTANT:
            return result
        if out:
            call = Call(function, args, {**options, "out": result}, tuple(reads), (result,))
        else:
            call = Call(fill, (result, function, args, options), {}, tuple(reads), (result,))
        self.program.append(call)
        return result

    def wrote(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        reads: Sequence[Array],
        writes: Sequence[Array],
    ) -> None:
        """Write down what has been done already, and changes more than what it writes."""
        for array in reads:
            self.level(array)
        self.program.append(Call(function, args, {}, tuple(reads), tuple(writes), True))

    def truth(self, array: Array) -> bool:
        """Return the truth of an array of one element, on which depends what is called next."""
        level, found = self.level(array), bool(array)
        if level == DATA:
            raise Unplanned("what it calls depends on values (a tensor taken as true or false)")
        if level == INPUT:
            self.program.append(Guard(array, found))
        return found

    def constant(self, array: Array, how: str) -> None:
        """Refuse to let elements leave an array, but for constants."""
        if self.level(array) != CONSTANT:
            raise Unplanned(f"what it does depends on values (an array's elements taken by {how})")


def fill(
    to: Array, function: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any]
) -> None:
    """Write what a function returns to an array."""
    np.copyto(to, function(*args, **options))
