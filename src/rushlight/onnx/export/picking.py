"""Rows of indexing: the index operator, rows of tables, writing to places."""

from __future__ import annotations

from typing import Any

import numpy as np

from rushlight.graph import Node, Size, Value
from rushlight.onnx.export.table import Inexpressible, row
from rushlight.onnx.export.writer import Writer

__all__: list[str] = []

_END = np.iinfo(np.int64).max


# ---- the index operator


@row("getitem")
def getitem(to: Writer, node: Node) -> str:
    index = node.options["index"]
    parts = list(index) if isinstance(index, tuple) else [index]
    x, held = _basic(to, to.read(node.inputs[0]), _spelled(parts, len(node.inputs[0].shape)))
    if not held:
        return x
    return _picked(to, x, held, len(node.outputs[0].shape))


def _spelled(parts: list[Any], ndim: int) -> list[Any]:
    """Return an index with slices for its ellipsis and for what it leaves out; masks as places."""
    found: list[Any] = []
    for part in parts:
        if isinstance(part, Value) and part.dtype == np.bool_:
            if part.array is None:
                raise Inexpressible("by a mask, of which the number of cells depends on its values")
            found += list(part.array.nonzero()) if part.array.ndim else [part.array]
        else:
            found.append(part)
    taken = sum(part is not None and part is not Ellipsis for part in found)
    rest = [slice(None)] * (ndim - taken)
    at = next((i for i, part in enumerate(found) if part is Ellipsis), None)
    return [*found, *rest] if at is None else [*found[:at], *rest, *found[at + 1 :]]


def _basic(to: Writer, x: str, parts: list[Any]) -> tuple[str, dict[int, Any]]:
    """Apply ints, slices and None; return the arrays by the axis of what is left."""
    x = _sliced(to, x, [part for part in parts if part is not None])
    dropped, added, held = [], [], {}
    axis = out = 0
    for part in parts:
        if part is None:
            added.append(out)
        elif isinstance(part, (int, Size)):
            dropped.append(axis)
        elif isinstance(part, (Value, np.ndarray)):
            held[out] = part
        axis += part is not None
        out += not isinstance(part, (int, Size))
    if dropped:
        x = to.add("Squeeze", [x, to.ints(*dropped)])
    return (to.add("Unsqueeze", [x, to.ints(*added)]) if added else x), held


def _sliced(to: Writer, x: str, parts: list[Any]) -> str:
    """Cut all axes at once; an int is a slice of one cell."""
    cuts = []
    for axis, part in enumerate(parts):
        if isinstance(part, (int, Size)):
            stop = _END if part == -1 else _next(part)
            cuts.append((part, stop, axis, 1))
        elif isinstance(part, slice) and part != slice(None):
            step = 1 if part.step is None else part.step
            first, last = (0, _END) if step > 0 else (_END, -_END)
            start = first if part.start is None else part.start
            cuts.append((start, last if part.stop is None else part.stop, axis, step))
    if not cuts:
        return x
    starts, stops, axes, steps = zip(*cuts, strict=True)
    return to.add("Slice", [x, to.sizes(starts), to.sizes(stops), to.ints(*axes), to.ints(*steps)])


def _next(part: Any) -> Any:
    if isinstance(part, int):
        return part + 1
    seen = tuple(n + 1 for n in part.seen)
    return Size(seen, part.symbols, part.times, part.plus + part.over, part.over)


def _picked(to: Writer, x: str, held: dict[int, Any], ndim: int) -> str:
    """Pick by arrays of places: one by Gather, several, broadcast against each other, by
    GatherND."""
    names = {axis: _places(to, part) for axis, part in held.items()}
    if len(held) == 1:
        (axis,) = held
        return to.add("Gather", [x, names[axis]], axis=axis)
    shapes = [part.shape for part in held.values()]
    wide = max(map(len, shapes))
    axes = list(held)
    total = ndim - wide + len(axes)  # dims of x
    rest = [axis for axis in range(total) if axis not in axes]
    columns = [to.add("Unsqueeze", [name, to.ints(-1)]) for name in names.values()]
    if len(set(shapes)) > 1:
        shape = _broadcast(to, list(names.values()))
        shape = to.add("Concat", [shape, to.ints(1)], axis=0)
        columns = [to.add("Expand", [column, shape]) for column in columns]
    places = to.add("Concat", columns, axis=-1)
    y = to.add("GatherND", [to.permute(x, [*axes, *rest]), places])
    if axes[-1] - axes[0] != len(axes) - 1:  # not neighbours: their dims stay in front
        return y
    first = axes[0]
    order = [*range(wide, wide + first), *range(wide), *range(wide + first, ndim)]
    return to.permute(y, order)


def _places(to: Writer, part: Any) -> str:
    if isinstance(part, np.ndarray):
        return to.constant(part, np.int64)
    return to.read(part, None if part.dtype in (np.int32, np.int64) else np.int64)


def _broadcast(to: Writer, names: list[str]) -> str:
    """Return the name of the shape that arrays broadcast to."""
    total = names[0]
    for name in names[1:]:
        total = to.add("Add", [to.cast(total, np.int64), to.cast(name, np.int64)])
    return to.add("Shape", [total])


# ---- rows of tables


@row("rows_of")
def rows_of(to: Writer, node: Node) -> str:
    return to.add("Gather", [to.read(node.inputs[0]), to.read(node.options["index"])], axis=0)


# ---- writing to places


@row("setitem")
def setitem(to: Writer, node: Node) -> str:
    value, given = node.inputs
    basic, advanced = node.options["basic"], node.options["advanced"]
    if basic is None and isinstance(advanced, Value) and advanced.array is None:
        if advanced.dtype == np.bool_:
            return _where(to, value, advanced, given)
        return _rows_set(to, value, advanced, given)
    if any(isinstance(size, Size) for size in value.shape):
        raise Inexpressible("into a tensor whose sizes change")
    shape: Any = value.shape
    cells = np.arange(int(np.prod(shape))).reshape(shape)
    for index in (basic, advanced):
        cells = cells if index is None else cells[_constant(index)]
    updates = to.add("Expand", [to.read(given, value.dtype), to.ints(*cells.shape)])
    flat = to.add("Reshape", [to.read(value), to.ints(-1)])
    parts = [to.constant(cells.reshape(-1), np.int64), to.add("Reshape", [updates, to.ints(-1)])]
    return to.reshape(to.add("ScatterElements", [flat, *parts], axis=0), shape)


def _constant(index: Any) -> Any:
    """Return an index as NumPy takes it."""
    if isinstance(index, tuple):
        return tuple(_constant(part) for part in index)
    if isinstance(index, Value):
        if index.array is None:
            raise Inexpressible("at places that are computed, beside others")
        return index.array
    if isinstance(index, Size):
        raise Inexpressible("at places that change with a size")
    return index


def _where(to: Writer, value: Value, mask: Value, given: Any) -> str:
    """x[mask] = one value"""
    if isinstance(given, Value) and any(size != 1 for size in given.shape):
        raise Inexpressible("of several values where a mask holds")
    one = to.read(given, value.dtype)
    if isinstance(given, Value) and given.shape:
        one = to.add("Reshape", [one, to.ints()])
    wide = to.reshape(to.read(mask), (*mask.shape, *[1] * (len(value.shape) - len(mask.shape))))
    return to.add("Where", [wide, one, to.read(value)])


def _rows_set(to: Writer, value: Value, index: Value, given: Any) -> str:
    """x[index] = rows, the last of those for one place"""
    places = to.add("Unsqueeze", [to.read(index, np.int64), to.ints(-1)])
    shape = to.sizes((*index.shape, *value.shape[1:]))
    updates = to.add("Expand", [to.read(given, value.dtype), shape])
    return to.add("ScatterND", [to.read(value), places, updates])
