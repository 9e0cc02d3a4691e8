"""Shapes of ONNX: reshaping, joining, cutting, repeating."""

from __future__ import annotations

from typing import Any

import numpy as np

import rushlight.functional as F
from rushlight.errors import ShapeError, explain
from rushlight.onnx.load.table import Node, operator
from rushlight.onnx.load.values import Value, as_given, as_value, carried, ints, scalar
from rushlight.tensor import Tensor

__all__: list[str] = []


@operator("Identity")
@as_given
def identity(node: Node, x: Value) -> Any:
    return x


@operator("Shape")
def shape(node: Node, x: Value) -> Any:
    return as_value(np.array(x.shape[slice(node.get("start", 0), node.get("end"))], np.int64))


@operator("Size")
def size(node: Node, x: Value) -> Any:
    return as_value(np.array(np.prod(x.shape, dtype=np.int64)))


@operator("Reshape")
@carried
def reshape(node: Node, x: Any, wanted: Value | None = None) -> Any:
    sizes = list(node["shape"] if wanted is None else ints(wanted))
    if not node.get("allowzero"):
        if len(x.shape) < max((i + 1 for i, n in enumerate(sizes) if n == 0), default=0):
            expected = f"zeros for the {len(x.shape)} dims of the input only"
            raise ShapeError(explain("Reshape", got=tuple(sizes), expected=expected))
        sizes = [n or x.shape[i] if n == 0 else n for i, n in enumerate(sizes)]
    return F.reshape(x, sizes)


@operator("Flatten")
@carried
def flatten(node: Node, x: Any) -> Any:
    axis = node["axis"] + (len(x.shape) if node["axis"] < 0 else 0)
    return F.reshape(x, [int(np.prod(x.shape[:axis])), int(np.prod(x.shape[axis:]))])


@operator("Transpose")
@carried
def transpose(node: Node, x: Any) -> Any:
    return F.permute(x, node.get("perm") or list(range(len(x.shape)))[::-1])


@operator("Squeeze")
@carried
def squeeze(node: Node, x: Any, axes: Value | None = None) -> Any:
    stated = node.get("axes") if axes is None else ints(axes)
    if stated is None:
        return F.squeeze(x)
    wide = [axis for axis in stated if x.shape[axis] != 1]
    if wide:
        got = f"sizes {[x.shape[axis] for axis in wide]} at {wide}"
        raise ShapeError(explain("Squeeze", got=got, expected="sizes of 1"))
    return F.squeeze(x, stated) if stated else x


@operator("Unsqueeze")
@carried
def unsqueeze(node: Node, x: Any, axes: Value | None = None) -> Any:
    stated = node["axes"] if axes is None else ints(axes)
    ndim = len(x.shape) + len(stated)
    for axis in sorted(axis % ndim for axis in stated):
        x = F.unsqueeze(x, axis)
    return x


@operator("Concat")
@carried
def concat(node: Node, *values: Any) -> Any:
    return F.cat(values, node["axis"])


@operator("Split")
@carried
def split(node: Node, x: Any, sizes: Value | None = None) -> Any:
    """parts of the stated sizes, or as many as are wanted, the last one smaller if it must be"""
    stated = node.get("split") if sizes is None else ints(sizes)
    dim = node["axis"] % len(x.shape)
    if not stated:
        count = node.get("num_outputs") or len(node.outputs)
        each, whole = -(-x.shape[dim] // count), x.shape[dim]
        stated = [max(min(each, whole - i * each), 0) for i in range(count)]
    return tuple(F.split(x, stated, dim))


@operator("Slice", since=10)
@carried
def slice_(
    node: Node,
    x: Any,
    starts: Value,
    ends: Value,
    axes: Value | None = None,
    steps: Value | None = None,
) -> Any:
    begin, end = ints(starts), ints(ends)
    over = list(range(len(begin))) if axes is None else ints(axes)
    return _sliced(x, begin, end, over, [1] * len(begin) if steps is None else ints(steps))


@operator("Slice")
@carried
def slice_by_attributes(node: Node, x: Any) -> Any:
    begin = node["starts"]
    over = node.get("axes") or list(range(len(begin)))
    return _sliced(x, begin, node["ends"], over, [1] * len(begin))


def _sliced(x: Tensor, begin: Any, end: Any, axes: Any, steps: Any) -> Any:
    index: list[Any] = [slice(None)] * len(x.shape)
    for first, last, axis, step in zip(begin, end, axes, steps, strict=True):
        if not step:
            raise ShapeError(explain("Slice", got="a step of 0", expected="another"))
        size = x.shape[axis]
        # backward, ONNX clamps what is before the first place to it, where Python takes nothing
        places = range(size)[first if step > 0 else max(first, -size) : last : step]
        if step < 0:  # torch's slices do not go backward: the same places upward, then flipped
            places = places[::-1]
        stop = places[-1] + 1 if len(places) else 0
        index[axis] = slice(places[0] if len(places) else 0, stop, abs(step))
    backward = [axis for axis, step in zip(axes, steps, strict=True) if step < 0]
    found = x[tuple(index)] if index else x
    return F.flip(found, backward) if backward else found


@operator("Expand")
@carried
def expand(node: Node, x: Any, wanted: Value) -> Any:
    return F.expand(x, *F.broadcast_shapes(x.shape, ints(wanted)))


@operator("Tile", since=6)
@carried
def tile(node: Node, x: Any, repeats: Value) -> Any:
    return F.tile(x, ints(repeats))


@operator("Tile")
@carried
def tile_one(node: Node, x: Any, tiles: Value, axis: Value) -> Any:
    repeats = [1] * len(x.shape)
    repeats[scalar(axis)] = scalar(tiles)
    return F.tile(x, repeats)


@operator("Trilu")
@carried
def triangle(node: Node, x: Any, k: Value | None = None) -> Any:
    return (F.triu if node["upper"] else F.tril)(x, scalar(k, 0))


@operator("ReverseSequence")
@carried
def reverse_sequence(node: Node, x: Any, lengths: Value) -> Any:
    """the first `length` steps of each sequence of the batch backward, the rest as it is"""
    steps = np.arange(x.shape[node["time_axis"]])
    each = np.array(ints(lengths))[:, None]
    index = np.where(steps < each, each - 1 - steps, steps)  # (batch, time)
    shape = [1] * len(x.shape)
    shape[node["batch_axis"]], shape[node["time_axis"]] = index.shape
    if node["batch_axis"] > node["time_axis"]:
        index = index.T
    places = F.expand(F.tensor(index.reshape(shape)), *x.shape)
    return F.gather(x, node["time_axis"], places)
