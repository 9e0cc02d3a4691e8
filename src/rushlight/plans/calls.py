"""The calls of a recorded program: functions of arrays, in the memory that they found and filled.

The program is the list of calls on the arrays that a recorded function made, each with `out=` or
followed by a copy: run again, it computes the same. What lies in the memory of these arrays is one
of

- `BLANK`: nothing was written yet;
- `CONSTANT`: the same at every call; what is computed from constants alone is one, too;
- `INPUT`: a function of the call's arguments alone, so it may be known before anything happens;
- `DATA`: a function of what changes otherwise: parameters, statistics, random numbers.

What calls make again, `INPUT` and `DATA`, is not kept: the arrays die as they do without a
recorder, and give their memory to later ones. Arrays of the same addresses, which nobody looks
into, stand for them in the calls.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from weakref import ref

import numpy as np

from rushlight.arrays import Array

__all__ = [
    "BLANK",
    "CONSTANT",
    "DATA",
    "INPUT",
    "Call",
    "Guard",
    "Memory",
    "Recorder",
    "Unplanned",
    "active",
    "address",
    "current",
    "fill",
    "replaced",
    "root_of",
    "stands_in",
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


class _Address:
    """Bytes somewhere, for NumPy to make an array of."""

    def __init__(self, low: int, high: int) -> None:
        # an empty array has an address, too
        of = {"data": (low, False), "shape": (max(high - low, 1),), "typestr": "|u1", "version": 3}
        self.__array_interface__ = of


def stands_in(array: Array) -> bool:
    """Tell whether an array stands for another in a program, so that nothing lies in it."""
    return isinstance(root_of(array).base, _Address)


class Memory:
    """Memory that a recorded function uses.

    Attributes:
        owner: the array that owns it, if that is to be kept.
        level: what lies there.
        lasting: it is kept whatever is written to it.
        stand: what stands for the owner, once that is not kept; `low` is its address.
    """

    __slots__ = ("death", "lasting", "level", "low", "owner", "stand")

    def __init__(self, owner: Array, level: int, lasting: bool = False) -> None:
        self.owner: Any = owner
        self.level, self.lasting = level, lasting
        self.stand: Any = None
        self.low = 0
        self.death: Any = None  # of the owner: its id will be another's


class Recorder:
    """Writes down what watched arrays are used for.

    Attributes:
        program: the calls and guards, in order.
        refused: why there can be no program, where something was met that is unknown here.
        paused: nothing is written down meanwhile.
    """

    def __init__(self) -> None:
        self.program: list[Call | Guard] = []
        self.roots: dict[int, Memory] = {}  # by the id of its owner, or of what stands for it
        self.watched: list[Any] = []  # weak references to all watched arrays
        self.refused = ""  # why it cannot become a program
        self.paused = False
        self.left: list[Any] = []  # weak references to the owners of gradients of earlier calls
        self.thread = threading.get_ident()

    def active(self) -> bool:
        """Tell whether the caller is what is being recorded."""
        return not self.paused and threading.get_ident() == self.thread

    def refuse(self, why: object) -> None:
        """Give up: the function goes on, and nothing more is written down."""
        self.refused = self.refused or str(why)
        self.paused = True

    def know(self, array: Array, level: int, lasting: bool = False) -> Memory:
        """Say what lies in the memory of an array; it is kept, if `lasting` for good."""
        root = root_of(array)
        memory = self.roots[id(root)] = Memory(root, level, lasting)
        return memory

    def forget(self) -> None:
        """Let go of all arrays."""
        self.roots.clear()

    def _let_go(self, memory: Memory) -> None:
        """Keep a memory no longer that calls of the program fill."""
        if memory.stand is not None or memory.lasting or memory.level <= CONSTANT:
            return
        root, roots = memory.owner, self.roots
        if root.dtype.hasobject:
            raise Unplanned("an array of objects")
        key, (memory.low, high) = id(root), np.lib.array_utils.byte_bounds(root)
        memory.stand = np.asarray(_Address(memory.low, high))
        roots[id(memory.stand)] = memory
        memory.death, memory.owner = ref(root, lambda _: roots.pop(key, None)), None

    def stand_in(self, array: Array) -> Array:
        """Return what stands for an array in the program."""
        memory = self.roots.get(id(root_of(array)))
        if memory is None or memory.stand is None:
            return array
        offset = address(array) - memory.low if array.size else 0  # that of none may lie outside
        found: Array = np.ndarray(array.shape, array.dtype, memory.stand, offset, array.strides)
        return found

    def _write(self, call: Call) -> None:
        """Append a call to the program."""
        function, args, options, reads, writes, lasting = call
        done: dict[int, Array] = {}

        def stand_in(array: Array) -> Array:
            found = done.get(id(array))
            if found is None:
                found = done[id(array)] = self.stand_in(array)
            return found

        args, options = replaced(args, stand_in), replaced(options, stand_in)
        reads, writes = tuple(map(stand_in, reads)), tuple(map(stand_in, writes))
        self.program.append(Call(function, args, options, reads, writes, lasting))

    def level(self, array: Array) -> int:
        """Return what lies in the memory of an array."""
        known = self.roots.get(id(root_of(array)))
        if known is None:
            if any(found() is root_of(array) for found in self.left):
                raise Unplanned("it uses gradients of an earlier call: zero_grad() drops them")
            raise Unplanned("an array that was made out of sight")
        return known.level

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
        for target in targets:
            if target.level == CONSTANT:
                self._freeze(target.owner)
        if level == CONSTANT and all(target.level <= CONSTANT for target in targets):
            for target in targets:
                target.level = CONSTANT
            return function(*args, **options)
        for target in targets:
            root, before = target.owner, target.level
            target.level = max(before, level)
            target.lasting |= target.level == CONSTANT  # written by calls, and not data
            self._let_go(target)
            if before == CONSTANT:  # what lies there has to lie there before each such call
                self._write(Call(np.copyto, (root, root.copy()), {}, (), (root,)))
        self._write(Call(function, args, options, tuple(reads), tuple(writes)))
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
        if id(root_of(result)) in self.roots:
            return result  # a view, as np.einsum may make one
        memory = self.know(result, level)
        if level == CONSTANT:
            return result
        self._let_go(memory)
        if out:
            call = Call(function, args, {**options, "out": result}, tuple(reads), (result,))
        else:
            call = Call(fill, (result, function, args, options), {}, tuple(reads), (result,))
        self._write(call)
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
        for array in writes:
            self._let_go(self.roots[id(root_of(array))])
        self._write(Call(function, args, {}, tuple(reads), tuple(writes), True))

    def truth(self, array: Array) -> bool:
        """Return the truth of an array of one element, on which depends what is called next."""
        level, found = self.level(array), bool(array)
        if level == DATA:
            raise Unplanned("what it calls depends on values (a tensor taken as true or false)")
        if level == INPUT:
            self.program.append(Guard(self.stand_in(array), found))
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
