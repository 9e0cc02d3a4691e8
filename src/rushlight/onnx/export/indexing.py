"""Gathering and scattering by indices, sorting, extremes with their places."""

from __future__ import annotations

from typing import Any

import numpy as np

from rushlight.graph import Node, Size, Value
from rushlight.onnx.export.making import numbers
from rushlight.onnx.export.pieces import known, squeezed, unsqueezed
from rushlight.onnx.export.table import Inexpressible, row
from rushlight.onnx.export.writer import Writer

__all__ = ["orderable"]


def _zeros(to: Writer, shape: Any, dtype: Any) -> str:
    return to.add("Expand", [known(to, np.zeros((), dtype)), to.sizes(shape)])


# ---- along one dim


@row("gather")
def gather(to: Writer, node: Node) -> str:
    x, index = node.inputs[0], node.options["index"]
    if not x.shape:
        return to.add("Reshape", [to.read(x), to.sizes(index.shape)])
    index = to.read(index, np.int64)
    return to.add("GatherElements", [to.read(x), index], axis=node.options["dim"])


@row("scatter_add")
def scatter_add(to: Writer, node: Node) -> str:
    g, o = node.inputs[0], node.options
    if not o["shape"]:
        return to.add("Identity", [to.read(g)])
    zeros = _zeros(to, o["shape"], g.dtype)
    index = to.read(o["index"], np.int64)
    return to.add("ScatterElements", [zeros, index, to.read(g)], axis=o["dim"], reduction="add")


@row("scatter_reduce")
def scatter_reduce(to: Writer, node: Node) -> str:
    (x, src), o = node.inputs, node.options
    how = {"prod": "mul", "amax": "max", "amin": "min"}[o["how"]]
    given = [to.read(x), to.read(o["index"], np.int64), to.read(src)]
    if not x.shape:
        line = to.ints(-1)
        given = [to.add("Reshape", [value, line]) for value in given]
    y = to.add("ScatterElements", [*given], axis=o["dim"], reduction=how)
    return y if x.shape else squeezed(to, y, 0)


# ---- rows of a table


@row("sum_rows")
def sum_rows(to: Writer, node: Node) -> str:
    """(rows, width), (K) -> (bags, width): rows that are named, weighted, added up bag by bag."""
    (table, weights), o = node.inputs, node.options
    starts = o["starts"]
    if starts.array is None:
        raise Inexpressible("bags whose lengths depend on the inputs")
    rows = to.add("Gather", [to.read(table), to.read(o["index"], np.int64)], axis=0)
    if weights is not None:
        rows = to.add("Mul", [rows, unsqueezed(to, to.read(weights), 1)])
    bags = np.diff(starts.array)
    named = known(to, np.repeat(np.arange(bags.size), bags)[:, None])
    zeros = _zeros(to, (bags.size, table.shape[1]), table.dtype)
    return to.add("ScatterND", [zeros, named, rows], reduction="add")


# ---- order


def _sorted(to: Writer, node: Node, largest: bool, count: Any) -> tuple[str, str]:
    """Return the first `count` elements of each line in order; TopK, too, keeps that of ties."""
    x = node.inputs[0]
    if not x.shape:
        zero = to.constant(0, np.int64)
        return to.add("Identity", [to.read(x)]), to.add("Identity", [zero])
    dim = node.options["dim"]
    values, index = to.several(
        "TopK", [orderable(to, x), to.sizes([count])], 2, axis=dim, largest=int(largest), sorted=1
    )
    return to.cast(values, x.dtype) if x.dtype.kind == "b" else values, index


def orderable(to: Writer, x: Value) -> str:
    """Return x as numbers: ONNX orders no bools."""
    return to.read(x, np.int32 if x.dtype == np.bool_ else None)


@row("sort")
def sort(to: Writer, node: Node) -> tuple[str, str]:
    x = node.inputs[0]
    count = x.shape[node.options["dim"]] if x.shape else 1
    return _sorted(to, node, node.options["descending"], count)


@row("max_dim", "min_dim")
def extreme(to: Writer, node: Node) -> tuple[str, str]:
    """The largest (or smallest) of each line and its first place"""
    x, o = node.inputs[0], node.options
    if not x.shape:
        zero = to.constant(0, np.int64)
        return to.add("Identity", [to.read(x)]), to.add("Identity", [zero])
    kind = "Max" if node.op == "max_dim" else "Min"
    dim, numbers = o["dim"], orderable(to, x)
    place = to.add(f"Arg{kind}", [numbers], axis=dim, keepdims=1)
    y = to.add("GatherElements", [to.read(x), place], axis=dim)
    return (y, place) if o["keepdim"] else (squeezed(to, y, dim), squeezed(to, place, dim))


@row("median")
def median(to: Writer, node: Node) -> str:
    """The lower of the two middle values of all elements; nan where there is one"""
    x = node.inputs[0]
    flat = to.add("Reshape", [orderable(to, x), to.ints(-1)])
    two, one = to.ints(2), to.ints(1)
    count = to.add("Size", [flat])
    count = to.add("Div", [to.add("Add", [unsqueezed(to, count, 0), one]), two])  # (n - 1) // 2 + 1
    values, _ = to.several("TopK", [flat, count], 2, axis=0, largest=0, sorted=1)
    last = to.add("Gather", [values, to.constant(-1, np.int64)], axis=0)
    shape = node.outputs[0].shape
    if x.dtype.kind == "f":
        total = to.add("ReduceSum", [to.cast(to.add("IsNaN", [flat]), np.int32)], keepdims=0)
        last = to.add("Where", [to.cast(total, np.bool_), to.constant(np.nan, x.dtype), last])
    last = to.cast(last, x.dtype) if x.dtype.kind == "b" else last
    return to.add("Reshape", [last, to.sizes(shape)]) if shape else last


# ---- diagonals, and cells of an array that is else 0


@row("diagonal")
def diagonal(to: Writer, node: Node) -> str:
    """(*, n, n) -> (*, n)"""
    x = node.inputs[0]
    n, ndim = x.shape[-1], len(x.shape)
    step = to.add("Add", [to.size(n), to.ints(1)]) if isinstance(n, Size) else to.ints(n + 1)
    flat = to.add("Reshape", [to.read(x), to.ints(*[0] * (ndim - 2), -1)])
    places = to.add("Mul", [numbers(to, n), step])
    return to.add("Gather", [flat, places], axis=ndim - 2)


@row("put")
def put(to: Writer, node: Node) -> str:
    """Zeros with g added at an index"""
    g, o = node.inputs[0], node.options
    index = _known(o["index"])
    if index is _UNKNOWN or any(isinstance(n, Size) for n in o["shape"]):
        return _put_at(to, node)
    size = int(np.prod(o["shape"]))
    cells = np.arange(size).reshape(o["shape"])[index].reshape(-1)
    flat = to.add("Reshape", [to.read(g), to.ints(-1)])
    zeros = known(to, np.zeros(size, g.dtype))
    y = to.add("ScatterElements", [zeros, known(to, cells), flat], axis=0, reduction="add")
    return to.add("Reshape", [y, to.sizes(o["shape"])])


def _put_at(to: Writer, node: Node) -> str:
    """The dims that arrays index are brought to the front, where ScatterND wants them."""
    g, o = node.inputs[0], node.options
    index = o["index"] if isinstance(o["index"], tuple) else (o["index"],)
    at = [i for i, part in enumerate(index) if isinstance(part, Value)]
    whole = all(isinstance(p, Value) or p == slice(None) for p in index)
    if not (at and whole and at == list(range(at[0], at[-1] + 1))):
        raise Inexpressible("values put at slices, or between them, that depend on the inputs")
    parts = [index[i] for i in at]
    if any(part.dtype.kind not in "iu" or part.shape != parts[0].shape for part in parts):
        raise Inexpressible("values put at indices of unlike shapes, or where a mask holds")
    ndim, many = len(o["shape"]), len(parts[0].shape)
    first = [*at, *(d for d in range(ndim) if d not in at)]
    named = [unsqueezed(to, to.read(part, np.int64), many) for part in parts]
    places = named[0] if len(named) == 1 else to.add("Concat", named, axis=many)
    zeros = _zeros(to, [o["shape"][d] for d in first], g.dtype)
    order = list(range(at[0], at[0] + many))
    order += [d for d in range(len(g.shape)) if d not in order]
    moved = to.permute(to.read(g), order)
    y = to.add("ScatterND", [zeros, places, moved], reduction="add")
    return to.permute(y, [first.index(d) for d in range(ndim)])


_UNKNOWN = object()


def _known(index: Any) -> Any:
    """Return an index with arrays for values; _UNKNOWN where it depends on the inputs."""
    if isinstance(index, Value):
        return _UNKNOWN if index.array is None else index.array
    if isinstance(index, slice):
        parts = (index.start, index.stop, index.step)
        return _UNKNOWN if any(isinstance(p, Size) for p in parts) else index
    if isinstance(index, tuple):
        parts = tuple(_known(part) for part in index)
        return _UNKNOWN if any(part is _UNKNOWN for part in parts) else parts
    return _UNKNOWN if isinstance(index, Size) else index
