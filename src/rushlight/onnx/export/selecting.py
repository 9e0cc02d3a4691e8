"""Selecting and replacing by indices and masks, as functions that are no ops do it."""

from __future__ import annotations

import numpy as np

from rushlight.graph import Node, Value
from rushlight.onnx.export.indexing import orderable
from rushlight.onnx.export.making import numbers
from rushlight.onnx.export.pieces import filled, known, squeezed, unsqueezed
from rushlight.onnx.export.table import Inexpressible, row
from rushlight.onnx.export.writer import Writer

__all__: list[str] = []


def _axis(node: Node) -> int:
    """Return the option `dim`, counted from the front."""
    dim, ndim = node.options["dim"], max(len(node.inputs[0].shape), 1)
    return int(dim) % ndim


# ---- places


@row("one_hot")
def one_hot(to: Writer, node: Node) -> str:
    """... -> (..., classes): compared with all classes"""
    if node.options["num_classes"] == -1:
        raise Inexpressible("as many classes as the input holds; give num_classes")
    x = unsqueezed(to, to.read(node.inputs[0], np.int64), len(node.inputs[0].shape))
    hot = to.add("Equal", [x, numbers(to, node.outputs[0].shape[-1])])
    return to.cast(hot, np.int64)


@row("nonzero", "argwhere")
def nonzero(to: Writer, node: Node) -> str | tuple[str, ...]:
    x = node.inputs[0]
    if not x.shape:
        raise Inexpressible("of a tensor without dims")
    plain = x.dtype.name in ("bool", "float32", "int32", "int64", "uint8")
    name = to.read(x) if plain else to.read(x, np.bool_)
    places = to.add("NonZero", [name])  # (dims, places)
    if not node.options.get("as_tuple"):
        return to.permute(places, [1, 0])
    count = len(node.outputs)
    return tuple(
        squeezed(to, part, 0)
        for part in to.several("Split", [places], count, axis=0, num_outputs=count)
    )


@row("searchsorted")
def searchsorted(to: Writer, node: Node) -> str:
    """How many elements of the sequence lie before each value"""
    sequence, values = node.inputs
    o = node.options
    if o["sorter"] is not None:
        raise Inexpressible("a sorter; sort the sequence before")
    whole = isinstance(values, Value) and values.dtype.kind in "iu" and sequence.dtype.kind in "iu"
    dtype = np.dtype(np.int64) if whole else np.dtype(np.float64)
    dims = len(values.shape) if isinstance(values, Value) else 0
    value = unsqueezed(to, to.read(values, dtype), dims)
    line = to.read(sequence, dtype)
    line = line if len(sequence.shape) == 1 else unsqueezed(to, line, len(sequence.shape) - 1)
    right = o["right"] or o["side"] == "right"
    before = to.add("LessOrEqual" if right else "Less", [line, value])
    total = to.add("ReduceSum", [to.cast(before, np.int64), to.ints(dims)], keepdims=0)
    return total if node.outputs[0].dtype == np.int64 else to.cast(total, node.outputs[0].dtype)


@row("median_dim")
def median_dim(to: Writer, node: Node) -> tuple[str, str]:
    """The lower of the two middle values of each line, and where it stands"""
    x, axis = node.inputs[0], _axis(node)
    if not x.shape:
        return to.add("Identity", [to.read(x)]), to.add("Identity", [to.constant(0, np.int64)])
    size = x.shape[axis]
    half = to.add("Add", [to.size(size), to.ints(1)])
    count = to.add("Div", [half, to.ints(2)])
    found = to.several("TopK", [orderable(to, x), count], 2, axis=axis, largest=0, sorted=1)
    last = to.constant(-1, np.int64) if not node.options["keepdim"] else to.ints(-1)
    value, place = (to.add("Gather", [part, last], axis=axis) for part in found)
    return to.cast(value, x.dtype) if x.dtype.kind == "b" else value, place


# ---- replaced elements


@row("scatter")
def scatter(to: Writer, node: Node) -> str:
    x, o = node.inputs[0], node.options
    index, given = o["index"], o["value"] if o["src"] is None else o["src"]
    places = to.read(index, np.int64)
    if isinstance(given, Value) and given.shape:
        part = to.read(given, x.dtype)
        for axis, (size, most) in enumerate(zip(index.shape, given.shape, strict=True)):
            part = part if size == most else to.slice(part, axis, 0, size)
    else:
        part = to.add("Expand", [to.read(given, x.dtype), to.sizes(index.shape)])
    if x.shape:
        return to.add("ScatterElements", [to.read(x), places, part], axis=_axis(node))
    line = [to.reshape(name, [1]) for name in (to.read(x), places, part)]
    return squeezed(to, to.add("ScatterElements", line, axis=0), 0)


@row("index_fill")
def index_fill(to: Writer, node: Node) -> str:
    x, o = node.inputs[0], node.options
    axis, index = _axis(node), o["index"]
    size = x.shape[axis] if x.shape else 1
    places = to.read(index, np.int64)
    places = to.reshape(places, [1]) if not index.shape else places
    wrapped = to.add("Mod", [places, to.size(size)])  # negative ones count from the end
    same = to.add("Equal", [unsqueezed(to, numbers(to, size), 1), wrapped])
    hit = to.add("ReduceMax", [to.cast(same, np.int32), to.ints(1)], keepdims=0)
    hit = to.cast(hit, np.bool_)
    after = len(x.shape) - axis - 1
    hit = unsqueezed(to, hit, *range(1, 1 + after)) if after > 0 else hit
    hit = hit if x.shape else squeezed(to, hit, 0)
    return to.add("Where", [hit, to.read(o["value"], x.dtype), to.read(x)])


@row("masked_scatter")
def masked_scatter(to: Writer, node: Node) -> str:
    """Each place where the mask holds takes the element of `source` that its count names."""
    x, mask, source = node.inputs
    shape = to.sizes(node.outputs[0].shape)
    wide = to.add("Expand", [to.read(mask), shape])
    chosen = to.cast(to.add("Reshape", [wide, to.ints(-1)]), np.int64)
    count = to.add("CumSum", [chosen, to.constant(0, np.int64)])
    order = to.add("Max", [to.add("Sub", [count, to.ints(1)]), to.ints(0)])
    flat = to.add("Reshape", [to.read(source), to.ints(-1)])
    taken = to.add("Reshape", [to.add("Gather", [flat, order], axis=0), shape])
    return to.add("Where", [wide, taken, to.read(x)])


@row("repeat_interleave")
def repeat_interleave(to: Writer, node: Node) -> str:
    x, o = node.inputs[0], node.options
    repeats, name = o["repeats"], to.read(x)
    axis, ndim = 0, 1
    if o["dim"] is None:
        name = to.add("Reshape", [name, to.ints(-1)])
    else:
        axis, ndim = _axis(node), len(x.shape)
    if isinstance(repeats, Value):
        size = x.shape[axis] if o["dim"] is not None else None
        if repeats.array is None or not isinstance(size, int):
            raise Inexpressible("repeats that depend on the inputs")
        places = np.repeat(np.arange(size), repeats.array)
        return to.add("Gather", [name, known(to, places)], axis=axis)
    times = np.ones(ndim + 1, np.int64)
    times[axis + 1] = repeats
    wide = to.add("Tile", [unsqueezed(to, name, axis + 1), known(to, times)])
    return to.reshape(wide, node.outputs[0].shape)


# ---- bags of rows


@row("embedding_bag")
def embedding_bag(to: Writer, node: Node) -> str:
    """Rows of a table, reduced over each bag: a row of a matrix, or a stretch between offsets."""
    index, table = node.inputs
    o, dtype = node.options, table.dtype
    places = to.read(index, np.int64)
    rows = to.add("Gather", [to.read(table), places], axis=0)  # (B, n, width) or (K, width)
    counted_ = _counted_rows(to, node, places)  # (B, n) or (B, K)
    if o["mode"] == "max":
        rows = rows if len(index.shape) == 2 else unsqueezed(to, rows, 0)
        inside = unsqueezed(to, counted_, 2)
        low = to.constant(np.finfo(dtype).min, dtype)
        top = to.add("ReduceMax", [to.add("Where", [inside, rows, low]), to.ints(1)], keepdims=0)
        some = to.add("ReduceMax", [to.cast(inside, np.int32), to.ints(1)], keepdims=0)
        return to.add("Where", [to.cast(some, np.bool_), top, to.constant(0.0, dtype)])
    factors = to.cast(counted_, dtype)
    if o["per_sample_weights"] is not None:
        factors = to.add("Mul", [factors, to.read(o["per_sample_weights"], dtype)])
    if o["mode"] == "mean":
        count = to.add("ReduceSum", [factors, to.ints(1)], keepdims=1)
        factors = to.add("Div", [factors, to.add("Max", [count, to.constant(1.0, dtype)])])
    if len(index.shape) == 1:
        return to.add("MatMul", [factors, rows])
    return squeezed(to, to.add("MatMul", [unsqueezed(to, factors, 1), rows]), 1)


def _counted_rows(to: Writer, node: Node, places: str) -> str:
    """Return bools: which of the named rows each bag counts."""
    (index, table), o = node.inputs, node.options
    if len(index.shape) == 2:
        inside = filled(to, True, index.shape, np.bool_)
    else:
        starts, position = to.read(o["offsets"], np.int64), numbers(to, index.shape[0])
        if o["include_last_offset"]:
            ends, starts = to.slice(starts, 0, 1, _FAR), to.slice(starts, 0, 0, -1)
        else:
            ends = to.add("Concat", [to.slice(starts, 0, 1, _FAR), to.size(index.shape[0])], axis=0)
        begun = to.add("LessOrEqual", [unsqueezed(to, starts, 1), position])
        inside = to.add("And", [begun, to.add("Less", [position, unsqueezed(to, ends, 1)])])
    if o["padding_idx"] is None:
        return inside
    padding = to.constant(o["padding_idx"] % table.shape[0], np.int64)
    return to.add("And", [inside, to.add("Not", [to.add("Equal", [places, padding])])])


_FAR = np.iinfo(np.int64).max


# ---- bits


@row("bitwise_left_shift", "bitwise_right_shift")
def shift(to: Writer, node: Node) -> str:
    """ONNX shifts no signed integers: times a power of 2, or divided by it and rounded down."""
    dtype = node.outputs[0].dtype
    a, b = (to.read(value, np.int64) for value in node.inputs)
    power = to.add("Pow", [to.constant(2, np.int64), b])
    if node.op == "bitwise_left_shift":
        found = to.add("Mul", [a, power])
    else:
        found = to.add("Div", [to.add("Sub", [a, to.add("Mod", [a, power])]), power])
    return found if dtype == np.int64 else to.cast(found, dtype)
