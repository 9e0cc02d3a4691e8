"""Flat buffers: small parameters of a group stepped together, as one array.

A step over many small arrays is mostly the cost of calling NumPy. A `Layout` therefore moves the
small parameters of a group, and their state, one behind the other into buffers, and runs the
update once over each. Nobody can tell, because

- an array is moved only if its tensor alone holds it, so nobody else can see it stay behind;
- before every step each tensor must still hold the array it was given; where one does not, was
  given no gradient or has another step count, its run of parameters is taken apart and each part
  goes on in the same way. The tensors (`parameter`, `optimizer.state`) are the truth, runs only
  speed it up;
- updates are elementwise, so how arrays are cut changes no bit of the result.

Large parameters stay where they are and are stepped in blocks that fit the cache. Parameters of an
optimizer that is not elementwise are neither joined nor cut.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Iterable, Sequence
from operator import is_
from typing import TYPE_CHECKING, Any

import numpy as np

from rushlight.arrays import Array
from rushlight.errors import ShapeError, explain
from rushlight.tape import TensorBase, wrap

if TYPE_CHECKING:
    from rushlight.optim.optimizer import Optimizer

__all__ = ["Layout"]

BLOCK = 131072  # elements stepped at once: what an update works on then stays in the cache
SMALL = 16384  # elements; larger parameters gain nothing from being moved
ALIGN = 64  # bytes: every array in a buffer starts on a cache line
MOVES = 8  # how often parameters may be replaced (`p.data = ...`) until they are left alone
COUNTER = "step"


class Strip:
    """Arrays one behind the other: `views` are the arrays, `flat` is all of them as one."""

    __slots__ = ("flat", "starts", "views")

    def __init__(self, flat: Array, views: list[Array], starts: list[int]) -> None:
        self.flat, self.views, self.starts = flat, views, starts

    def part(self, i: int, j: int) -> Strip:
        """Return the arrays i, ..., j - 1 as a strip of their own; one alone without its gap."""
        if j == i + 1:
            view = self.views[i]
            return Strip(view.reshape(-1), [view], [0, view.size])
        starts = [start - self.starts[i] for start in self.starts[i : j + 1]]
        return Strip(self.flat[self.starts[i] : self.starts[j]], self.views[i:j], starts)


def _strip(shapes: Sequence[tuple[int, ...]], dtype: np.dtype[Any], align: int) -> Strip:
    """Allocate a strip of zeros; the gaps between its arrays stay zero or are never read."""
    unit = max(1, align // dtype.itemsize)
    sizes = [int(np.prod(shape)) for shape in shapes]
    starts = [0]
    for size in sizes:
        starts.append(starts[-1] + -(-size // unit) * unit)
    memory = np.zeros(starts[-1] * dtype.itemsize + ALIGN, np.uint8)
    skip = -memory.ctypes.data % ALIGN
    flat = memory[skip : skip + starts[-1] * dtype.itemsize].view(dtype)
    views = [
        flat[start : start + size].reshape(shape)
        for start, size, shape in zip(starts, sizes, shapes, strict=False)
    ]
    return Strip(flat, views, starts)


def _holders(tensor: Any) -> int:
    return sys.getrefcount(tensor._array)


def _base_holders(tensor: Any) -> int:
    return sys.getrefcount(tensor._array.base)


class _Probe:
    """Something that alone holds an array, to learn how many references that makes here."""

    def __init__(self, array: Array) -> None:
        self._array = array


_ALONE = _holders(_Probe(np.zeros(1)))
_BASE_ALONE = _base_holders(_Probe(np.zeros(1).reshape(1, 1)))


def _alone(tensor: Any) -> bool:
    """Tell whether `tensor` is the only way to the memory of its array, so that it may move.

    Another tensor, a NumPy view or a saved graph holds a reference to the array or to its base.
    """
    if _holders(tensor) > _ALONE or weakref.getweakrefcount(tensor._array):
        return False
    if tensor._array.flags.owndata:
        return True
    owner = type(tensor._array.base)
    return (
        owner is np.ndarray
        and tensor._array.base.flags.owndata
        and _base_holders(tensor) <= _BASE_ALONE
    )


def _movable(tensor: Any) -> bool:
    flags = tensor._array.flags
    return type(tensor._array) is np.ndarray and flags.c_contiguous and flags.writeable


class Run:
    """Parameters that are stepped by one call of `update`, or one large one in blocks."""

    __slots__ = (
        "blocks",
        "counter",
        "dicts",
        "entries",
        "first",
        "inbox",
        "names",
        "others",
        "params",
        "places",
        "shapes",
        "states",
        "tensors",
        "weights",
    )

    def __init__(
        self,
        layout: Layout,
        params: list[Any],
        weights: Strip,
        states: dict[str, Strip],
        dicts: list[dict[str, Any]],
        first: bool,
        tensors: dict[str, list[Any]] | None = None,
    ) -> None:
        self.params, self.weights, self.states, self.first = params, weights, states, first
        self.names = layout.names
        self.dicts = dicts
        self.tensors = tensors or {name: [d[name] for d in dicts] for name in states}
        self.shapes = [view.shape for view in weights.views]
        # what `holds` compares, in rows: it runs at every step
        columns = [self.tensors[name] for name in states]
        self.entries = [t for row in zip(*columns, strict=True) for t in row]
        held = [(params, weights), *((self.tensors[name], strip) for name, strip in states.items())]
        self.places = (
            [tensor for tensors, _ in held for tensor in tensors],
            [view for _, strip in held for view in strip.views],
        )
        self.inbox: Strip | None = None
        if len(params) > 1:
            self.inbox = _strip(self.shapes, weights.flat.dtype, ALIGN)
        flat = weights.flat
        numbers = layout.optimizer.numbers
        self.counter = states.get(COUNTER)
        self.others = [(n, states[n]) for n in numbers if n in states and n != COUNTER]
        arrays = {name: strip.flat for name, strip in states.items() if name not in numbers}
        whole = not layout.optimizer.elementwise or flat.ndim != 1
        whole = whole or any(a.shape != flat.shape for a in arrays.values())
        self.blocks: list[tuple[slice | None, Array, dict[str, Any], Sequence[Array]]] = []
        if whole or (not layout.optimizer._flat and len(params) == 1):
            views = {name: strip.views[0] for name, strip in states.items()}
            self.blocks.append((None, weights.views[0], views, ()))
            return
        for low in range(0, flat.size, BLOCK):
            cut = slice(low, min(low + BLOCK, flat.size))
            state = {name: array[cut] for name, array in arrays.items()}
            scratch = layout.scratch(flat.dtype, cut.stop - low)
            self.blocks.append((cut, flat[cut], state, scratch))

    def strips(self) -> Iterable[Strip]:
        yield self.weights
        yield from self.states.values()

    def holds(self, state: Any) -> bool:
        """Tell whether every tensor is where, and what, this run was made for."""
        tensors, views = self.places
        if not all(map(is_, [t._array for t in tensors], views)):
            return False
        if not all(map(is_, map(state.get, self.params), self.dicts)):
            return False
        found = [d.get(name) for d in self.dicts for name in self.states]
        return all(map(is_, found, self.entries))

    def counts(self) -> list[Any]:
        """Return the numbers of each parameter's state: how many steps it has taken, and others."""
        steps = [] if self.counter is None else self.counter.flat.tolist()
        if not self.others:
            return steps
        columns = [strip.flat.tolist() for _, strip in self.others]
        return list(zip(*([steps] if steps else []), *columns, strict=True))

    def split(self, layout: Layout, keys: Sequence[object]) -> list[Run]:
        """Take the run apart into stretches of equal keys; nothing is moved."""
        cuts = [i for i in range(1, len(keys)) if keys[i] != keys[i - 1]]
        parts = []
        for i, j in zip([0, *cuts], [*cuts, len(keys)], strict=True):
            states = {name: strip.part(i, j) for name, strip in self.states.items()}
            tensors = {name: column[i:j] for name, column in self.tensors.items()}
            weights, dicts = self.weights.part(i, j), self.dicts[i:j]
            run = Run(layout, self.params[i:j], weights, states, dicts, self.first, tensors)
            run.names = self.names
            parts.append(run)
        return parts

    def step(self, optimizer: Optimizer, grads: list[Any], lr: float, group: Any) -> None:
        """Take one step; every gradient is there and every tensor holds its array."""
        shapes = [g._array.shape for g in grads]
        if shapes != self.shapes:
            _unequal(optimizer, shapes, self.shapes)
        self.take(optimizer, self._gradient(grads), lr, group)

    def take(self, optimizer: Optimizer, gradient: Array, lr: float, group: Any) -> None:
        """Take one step along gradients that lie like the weights."""
        group = _in_numbers(group)
        numbers: dict[str, Any] = {name: strip.views[0][()] for name, strip in self.others}
        if self.counter is not None:
            self.counter.flat += 1
            numbers[COUNTER] = float(self.counter.views[0].item())
        for cut, weight, state, scratch in self.blocks:
            state.update(numbers)
            if cut is None:
                scratch = (np.empty_like(weight), np.empty_like(weight))
            part = gradient if cut is None else gradient[cut]
            optimizer.update(weight, part, state, lr, group, self.first, scratch)
        if self.others:
            for name, value in optimizer.advance(numbers, lr, group).items():
                self.states[name].flat[...] = value
        self.first = False
        for p in self.params:
            if p._version is None:
                p._version = [1]
            else:
                p._version[0] += 1

    def _gradient(self, grads: list[Any]) -> Array:
        """Return the gradients as one array that lies like the weights, not to be written to."""
        if self.inbox is not None:
            for view, grad in zip(self.inbox.views, grads, strict=True):
                view[...] = grad._array
            return self.inbox.flat
        gradient: Array = grads[0]._array
        if gradient.dtype != self.weights.flat.dtype:
            gradient = gradient.astype(self.weights.flat.dtype)
        if self.blocks and self.blocks[0][0] is None:
            return gradient
        return np.ascontiguousarray(gradient).reshape(-1)


def _unequal(optimizer: Optimizer, got: list[Any], expected: list[Any]) -> None:
    for a, b in zip(got, expected, strict=True):
        if a != b:
            raise ShapeError(
                explain(
                    f"{type(optimizer).__name__}.step",
                    got=f"a gradient {a}",
                    expected=f"the shape {b} of its parameter",
                    fix="call zero_grad() after replacing .data",
                )
            )


def _in_numbers(group: dict[str, Any]) -> dict[str, Any]:
    """Return options with numbers in place of tensors, which may change from step to step."""
    held = {k: v._array.item() for k, v in group.items() if isinstance(v, TensorBase)}
    return {**group, **held} if held else group


class Layout:
    """How the parameters of one group are stepped: the runs, and those that wait for a gradient."""

    def __init__(self, optimizer: Optimizer, group: dict[str, Any]) -> None:
        self.optimizer, self.group = optimizer, group
        self.params: list[Any] = list(group["params"])
        self.waiting: list[Any] = list(self.params)
        self.runs: list[Run] = []
        self.names: tuple[str, ...] = ()
        self.options: list[Any] = []
        self.order = {id(p): i for i, p in enumerate(self.params)}
        self.replaced = 0
        self.age = 0

    def fits(self, group: dict[str, Any]) -> bool:
        """Tell whether this was made for the parameters of `group`."""
        params = group["params"]
        return len(params) == len(self.params) and all(map(is_, params, self.params))

    def scratch(self, dtype: np.dtype[Any], size: int) -> tuple[Array, Array]:
        """Return two arrays for intermediate results; all blocks use the same memory."""
        pool = self.optimizer._scratch
        found = pool.get(dtype)
        if found is None:
            found = pool[dtype] = np.empty(BLOCK, dtype), np.empty(BLOCK, dtype)
        return found[0][:size], found[1][:size]

    def step(self) -> None:
        """Step every parameter that has a gradient."""
        optimizer, group = self.optimizer, self.group
        lr = float(group["lr"])
        options = [value for key, value in group.items() if key != "lr"]
        if len(options) != len(self.options) or not all(map(is_, options, self.options)):
            names = tuple(optimizer.init(np.empty(0, np.float32), group))
            if names != self.names:
                self.names = names
            self.options = options
        self.age += 1
        if self.age & (self.age - 1) == 0:
            self._retry()
        if self.waiting:
            ready = [p for p in self.waiting if p._grad is not None]
            if ready:
                runs = self.runs + self._establish(ready)
                self.runs = sorted(runs, key=lambda run: self.order[id(run.params[0])])
                self.waiting = [p for p in self.waiting if p._grad is None]
        todo = self.runs[::-1]
        while todo:
            run = todo.pop()
            grads = [p._grad for p in run.params]
            missing = [g is None for g in grads]
            if True in missing:
                if False in missing:
                    todo += self._replace(run, run.split(self, missing))
                continue
            if run.names is not self.names or not run.holds(optimizer.state):
                if not all(map(is_, [p._array for p in run.params], run.weights.views)):
                    self.replaced += 1
                todo += self._replace(run, self._establish(run.params))
                continue
            if len(grads) > 1:
                counts = run.counts()
                if counts and counts.count(counts[0]) != len(counts):
                    todo += self._replace(run, run.split(self, counts))
                    continue
            run.step(optimizer, grads, lr, group)

    def _replace(self, run: Run, parts: list[Run]) -> list[Run]:
        i = next(i for i, other in enumerate(self.runs) if other is run)
        self.runs[i : i + 1] = parts
        return parts[::-1]

    def _retry(self) -> None:
        """Now and then (before steps 1, 2, 4, ...) let go of what could not be moved so far.

        Whoever held those arrays (a graph, say) may be gone.
        """
        lone = [
            len(run.params) == 1 and 0 < run.weights.flat.size <= SMALL and not run.first
            for run in self.runs
        ]
        if sum(lone) > 1 and self.optimizer._flat and self.replaced <= MOVES:
            self.waiting += [
                run.params[0] for run, alone in zip(self.runs, lone, strict=True) if alone
            ]
            self.runs = [run for run, alone in zip(self.runs, lone, strict=True) if not alone]

    # ---- making runs

    def _establish(self, params: list[Any]) -> list[Run]:
        """Give every parameter its state and put those that can be stepped together into runs."""
        first = {id(p): self._make_state(p) for p in params}
        places = {
            id(view): (strip, i)
            for run in self.runs
            for strip in run.strips()
            for i, view in enumerate(strip.views)
            if len(strip.views) > 1
        }
        bunches: list[list[Any]] = []
        last: dict[object, list[Any]] = {}
        for p in params:
            key = self._kind(p, first[id(p)], places)
            bunch = None if key is None else last.get(key)
            if bunch is None or not self._joins(bunch, p, places):
                bunch = []
                bunches.append(bunch)
                if key is not None:
                    last[key] = bunch
            bunch.append(p)
        runs = []
        for bunch in bunches:
            joined = self._join(bunch, first[id(bunch[0])], places) if len(bunch) > 1 else None
            runs += [joined] if joined is not None else [self._single(p, first) for p in bunch]
        assert all(run.holds(self.optimizer.state) for run in runs)
        return runs

    def _names(self, p: Any) -> tuple[str, ...]:
        """Return the names of the state of `p`, which may depend on its shape if it is whole."""
        if self.optimizer.elementwise:
            return self.names
        return tuple(self.optimizer.init(p._array, self.group))

    def _make_state(self, p: Any) -> bool:
        """Make the state that is missing; tell whether all of it was."""
        names, numbers = self._names(p), self.optimizer.numbers
        if not names:
            return False
        entry = self.optimizer.state.setdefault(p, {})
        missing = [name for name in names if entry.get(name) is None]
        if missing:
            made = self.optimizer.init(p._array, self.group)
            for name in missing:
                entry[name] = wrap(made[name])
        for name in names:
            if not isinstance(entry[name], TensorBase):
                dtype = np.float32 if name in numbers else p._array.dtype
                entry[name] = wrap(np.array(entry[name], dtype))
            if name not in numbers and entry[name]._array.shape != p._array.shape:
                self._check_shape(p, name, entry[name]._array.shape)
        return len(missing) == len(names)

    def _check_shape(self, p: Any, name: str, shape: tuple[int, ...]) -> None:
        expected = self.optimizer.init(p._array, self.group)[name].shape
        if shape != expected:
            raise ShapeError(
                explain(
                    f"{type(self.optimizer).__name__}.step",
                    got=f"{name} {shape} for a parameter {p._array.shape}",
                    expected=expected,
                    fix="del optimizer.state[parameter] after giving it another shape",
                )
            )

    def _kind(self, p: Any, first: bool, places: dict[int, Any]) -> object:
        """Return what parameters must have in common to be stepped together; None: alone."""
        if not (self.optimizer._flat and self.optimizer.elementwise and 0 < p._array.size <= SMALL):
            return None
        entry = self.optimizer.state[p] if self.names else {}
        tensors = [p] + [entry[name] for name in self.names]
        where = []
        for tensor in tensors:
            place = places.get(id(tensor._array))
            if place is None and (
                self.replaced > MOVES or not _movable(tensor) or not _alone(tensor)
            ):
                return None
            where.append(None if place is None else id(place[0]))
        dtype = p._array.dtype
        counts: list[object] = []
        for name in self.names:
            array = entry[name]._array
            number = name in self.optimizer.numbers
            if array.shape != (() if number else p._array.shape):
                return None
            if number:
                counts += [float(array), array.dtype]
            elif array.dtype != dtype:
                return None
        return (dtype, first, *counts, *where)

    def _joins(self, bunch: list[Any], p: Any, places: dict[int, Any]) -> bool:
        """Tell whether `p`, of the same kind, can follow the parameters of `bunch`."""
        if sum(q._array.size for q in bunch) + p._array.size > BLOCK - ALIGN * len(bunch):
            return False
        entries = [self.optimizer.state[q] if self.names else {} for q in (bunch[-1], p)]
        pairs = [(bunch[-1], p)] + [(entries[0][n], entries[1][n]) for n in self.names]
        for before, after in pairs:
            place = places.get(id(after._array))
            if place is not None and places[id(before._array)][1] + 1 != place[1]:
                return False
        return True

    def _join(self, bunch: list[Any], first: bool, places: dict[int, Any]) -> Run | None:
        """Move the parameters and their state into strips, where they are not in one already."""
        columns = {n: [self.optimizer.state[p][n] for p in bunch] for n in self.names}
        for tensors in (bunch, *columns.values()):
            if len(set(map(id, tensors))) != len(tensors):
                return None  # somebody gave two parameters one state
        weights = _lay(bunch, places, ALIGN)
        numbers = self.optimizer.numbers
        states = {n: _lay(ts, places, 1 if n in numbers else ALIGN) for n, ts in columns.items()}
        dicts = [self.optimizer.state[p] for p in bunch] if self.names else []
        return Run(self, bunch, weights, states, dicts, first)

    def _single(self, p: Any, first: dict[int, bool]) -> Run:
        names = self._names(p)
        entry = self.optimizer.state[p] if names else {}
        states = {name: _lone(entry[name]) for name in names}
        return Run(self, [p], _lone(p), states, [entry] if states else [], first[id(p)])


def _lone(tensor: Any) -> Strip:
    """Return a strip of the array where it is, as one dim if its memory allows it."""
    array = tensor._array
    flat = array.reshape(-1) if _movable(tensor) else array
    return Strip(flat, [array], [0, array.size])


def _lay(tensors: list[Any], places: dict[int, Any], align: int) -> Strip:
    """Move the arrays of tensors into one strip, or return the part of one they already are."""
    place = places.get(id(tensors[0]._array))
    if place is not None:
        strip, i = place
        part: Strip = strip.part(i, i + len(tensors))
        return part
    strip = _strip([t._array.shape for t in tensors], tensors[0]._array.dtype, align)
    for tensor, view in zip(tensors, strip.views, strict=True):
        view[...] = tensor._array
        tensor._array = view
    return strip
