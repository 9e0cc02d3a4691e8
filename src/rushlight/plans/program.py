"""Programs: recorded calls made ready to be run again, in memory that is planned.

Calls whose results nobody reads are dropped, guards are asked before anything is done, and arrays
that do not live at the same time share memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.plans.calls import (
    INPUT,
    Call,
    Guard,
    Recorder,
    Unplanned,
    address,
    replaced,
    root_of,
    stands_in,
)
from rushlight.plans.routine import routine

__all__ = ["Program"]

ALIGN = 64  # bytes: every array starts on a cache line
# Bytes: memory comes in pieces, which the C library takes from what has been freed. Larger ones it
# asks of the system, and first touches of new memory cost as much as the work that is done in it.
PIECE = 1 << 23
PLACED = -1


class Slot:
    """Memory that the program has elsewhere than the recording had.

    Attributes:
        low, size: where it was, in bytes.
        first, last: the first and the last item of the program that touches it.
        piece, offset: where it is in the program's memory, or in that of the caller if the piece
            is `PLACED`.
    """

    __slots__ = ("first", "last", "low", "offset", "owner", "piece", "size")

    def __init__(self, owner: Array, at: int = 0, offset: int = 0, piece: int = 0) -> None:
        self.owner = owner  # keeps its id from being given to somebody else
        self.low, high = np.lib.array_utils.byte_bounds(owner)
        self.size = high - self.low
        self.first = self.last = at
        self.offset, self.piece = offset, piece


class Program:
    """The calls of a recording, on memory of its own.

    Args:
        recorder: what wrote the calls down.
        given: arrays that the program finds where they were: arguments, parameters, statistics.
        results: arrays that are read when it has run.
        placed: for arrays that shall lie in a memory that the caller provides to `link`, the
            offsets in bytes; by the id of the owner of their memory.

    Attributes:
        pieces: how large the pieces of its memory are; `nbytes` all together.
        kept: for each of its calls, as `routine` takes it.
        sizes: how many bytes each array took while it was recorded.
    """

    def __init__(
        self,
        recorder: Recorder,
        given: Sequence[Array],
        results: Sequence[Array],
        placed: dict[int, int],
    ) -> None:
        self.given = {id(root_of(array)) for array in given}
        wanted = {id(root_of(array)) for array in results}
        items = _needed(recorder.program, wanted | self.given)
        self.before, self.guards, self.calls = _hoisted(items, recorder)
        self._late = {id(root_of(a)) for call in self.calls for a in call.writes} - self.given
        self.slots = self._slots(wanted)
        for key, offset in placed.items():
            self.slots[key].offset, self.slots[key].piece = offset, PLACED
        self.pieces = _plan([slot for slot in self.slots.values() if slot.piece != PLACED])
        self.nbytes = sum(self.pieces)
        self.kept: list[Any] = [None] * len(self.calls)
        self.sizes = [slot.size for slot in self.slots.values()]

    def _slots(self, wanted: set[int]) -> dict[int, Slot]:
        slots: dict[int, Slot] = {}
        items: list[Call | Guard] = [*self.before, *self.guards, *self.calls]
        for at, item in enumerate(items):
            for array in (item.array,) if isinstance(item, Guard) else item.writes:
                root = root_of(array)
                key = id(root)
                if key not in self.given and key not in slots:
                    slots[key] = Slot(root, at)
            for array in () if isinstance(item, Guard) else (*item.reads, *item.writes):
                slot = slots.get(id(root_of(array)))
                if slot is not None:
                    slot.last = at
        for key, slot in slots.items():
            if key in wanted:
                slot.last = len(items)
        for call in self.before:  # made before anybody is asked who holds what lies elsewhere
            for array in call.writes:
                slots[id(root_of(array))].last = len(items)
        for guard in self.guards:
            slots[id(root_of(guard.array))].last = len(items)
        return slots

    def link(self, memory: Array | None) -> None:
        """Make the calls ready, `memory` (bytes) being where the placed arrays lie.

        Attributes set: `opening` and `closing`, which make the calls before and after the guards,
        and `memory`, its own: nothing is read there that was not written before.
        """
        self.memory, self._placed = [aligned(size, np.empty) for size in self.pieces], memory
        self.before = [self._moved(call) for call in self.before]
        self.guards = [Guard(self.at(guard.array), guard.truth) for guard in self.guards]
        self.calls = [self._moved(call) for call in self.calls]
        self.opening = routine(self.before)
        self.closing = routine(self.calls, self.kept)

    def settle(self) -> None:
        """Let go of the memory of the recording, or of that before: `at` goes on from this one."""
        parts = list(enumerate(self.memory))
        if self._placed is not None:
            parts.append((PLACED, self._placed))
        self.slots = {}
        for piece, memory in parts:
            root = root_of(memory)
            offset = address(root) - address(memory)
            self.slots[id(root)] = Slot(root, offset=offset, piece=piece)

    def _moved(self, call: Call) -> Call:
        return Call(
            call.function,
            replaced(call.args, self.at),
            replaced(call.options, self.at),
            (),
            (),
            call.lasting,
        )

    def is_late(self, array: Array) -> bool:
        """Tell whether calls behind the guards alone fill an array of the recording."""
        return id(root_of(array)) in self._late

    def at(self, array: Array) -> Array:
        """Return what an array of the recording is in the program."""
        slot = self.slots.get(id(root_of(array)))
        if slot is None:
            if stands_in(array):
                raise Unplanned("memory that nothing is written to")
            return array
        memory = self._placed if slot.piece == PLACED else self.memory[slot.piece]
        offset = slot.offset + address(array) - slot.low
        moved: Array = np.ndarray(array.shape, array.dtype, memory, offset, array.strides)
        return moved


def aligned(nbytes: int, make: Callable[..., Array] = np.zeros) -> Array:
    """Return bytes that start on a cache line."""
    memory = make(nbytes + ALIGN, np.uint8)
    skip = -address(memory) % ALIGN
    return memory[skip : skip + nbytes]


def _needed(items: Iterable[Call | Guard], wanted: set[int]) -> list[Call | Guard]:
    """Leave out calls whose results nobody reads."""
    wanted = set(wanted)
    found: list[Call | Guard] = []
    for item in reversed(list(items)):
        if isinstance(item, Guard):
            wanted.add(id(root_of(item.array)))
        elif not item.lasting and not any(id(root_of(array)) in wanted for array in item.writes):
            continue
        else:
            wanted.update(id(root_of(array)) for array in item.reads)
        found.append(item)
    return found[::-1]


def _hoisted(
    items: list[Call | Guard], recorder: Recorder
) -> tuple[list[Call], list[Guard], list[Call]]:
    """Return the calls that the guards need, the guards, and the other calls.

    What a guard needs is a function of the arguments alone, so that it can be known before anything
    was done that would have to be undone.
    """
    guards = [item for item in items if isinstance(item, Guard)]
    calls = [item for item in items if isinstance(item, Call)]
    needed = {id(root_of(guard.array)) for guard in guards}
    first: list[Call] = []
    rest: list[Call] = []
    for call in reversed(calls):
        if not call.lasting and any(id(root_of(array)) in needed for array in call.writes):
            first.append(call)
            needed.update(id(root_of(array)) for array in call.reads)
        else:
            rest.append(call)
    written = {id(root_of(array)) for call in rest for array in call.writes}
    for call in first:
        for array in (*call.reads, *call.writes):
            if id(root_of(array)) in written or recorder.level(array) > INPUT:
                raise Unplanned("what it calls depends on values that are written to later")
    return first[::-1], guards, rest[::-1]


def _plan(slots: list[Slot]) -> list[int]:
    """Give every slot a place such that none shares memory with another while both live.

    Returns:
        The sizes of the pieces of memory.
    """
    free: list[list[int]] = []  # piece, offset, size
    ends: list[int] = []
    live: list[Slot] = []
    for slot in sorted(slots, key=lambda s: s.first):
        for over in [s for s in live if s.last < slot.first]:
            live.remove(over)
            _release(free, over.piece, over.offset, _padded(over.size))
        size = _padded(slot.size)
        fits = [block for block in free if block[2] >= size]
        if fits:
            block = min(fits, key=lambda b: b[2])
            slot.piece, slot.offset = block[0], block[1]
            block[1] += size
            block[2] -= size
            if not block[2]:
                free.remove(block)
        else:
            roomy = [piece for piece, end in enumerate(ends) if end + size <= PIECE]
            if not roomy:
                roomy = [len(ends)]
                ends.append(0)
            slot.piece, slot.offset = roomy[0], ends[roomy[0]]
            ends[roomy[0]] += size
        live.append(slot)
    return ends


def _padded(size: int) -> int:
    return max(-(-size // ALIGN) * ALIGN, ALIGN)


def _release(free: list[list[int]], piece: int, offset: int, size: int) -> None:
    """Put a block back, together with free ones beside it."""
    for block in [
        b for b in free if b[0] == piece and (b[1] + b[2] == offset or offset + size == b[1])
    ]:
        free.remove(block)
        offset, size = min(offset, block[1]), size + block[2]
    free.append([piece, offset, size])
