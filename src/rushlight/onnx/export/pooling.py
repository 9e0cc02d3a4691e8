"""Pooling: adaptive, fractional and with places, and the way back from them.

Indices are places in a plane of the input here, and in the whole array for ONNX. Windows that are
not all of one size, or that MaxPool has no padding for, are gathered cell by cell.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from rushlight.graph import Node, Size
from rushlight.onnx.export.making import numbers
from rushlight.onnx.export.pieces import fixed, known, squeezed, unsqueezed
from rushlight.onnx.export.separable import mapped
from rushlight.onnx.export.table import Inexpressible, row
from rushlight.onnx.export.windows import around_planes, pads
from rushlight.onnx.export.writer import Writer

__all__: list[str] = []

Ints = tuple[int, ...]


def _fixed(sizes: Any) -> Ints:
    return tuple([fixed(n, "windows that depend on a plane's size") for n in sizes])


def _starts(size: int, out: int) -> list[range]:
    """Return the cells of the windows of adaptive pooling."""
    return [range(o * size // out, -(-(o + 1) * size // out)) for o in range(out)]


# ---- averages


@row("adaptive_avg_pool")
def adaptive_avg_pool(to: Writer, node: Node) -> str:
    """Windows that part the planes: a mean over whole dims, then equal ones, or any by products."""
    x, out = node.inputs[0], node.options["out_size"]
    size = x.shape[2:]
    if all(o == 1 for o in out):
        return to.add("GlobalAveragePool", [to.read(x)])
    work = {i: (s, o) for i, (s, o) in enumerate(zip(size, out, strict=True)) if s != o}
    whole = [i + 2 for i, (_, o) in work.items() if o == 1]
    parted = {i: pair for i, pair in work.items() if pair[1] != 1}
    y = to.add("ReduceMean", [to.read(x), to.ints(*whole)], keepdims=1) if whole else to.read(x)
    if not parted:
        return y if whole else to.add("Identity", [y])
    if all(isinstance(s, int) and s % o == 0 for s, o in parted.values()):
        each = [parted[i][0] // parted[i][1] if i in parted else 1 for i in range(len(size))]
        return to.add("AveragePool", [y], kernel_shape=each, strides=each)
    for i, (s, o) in parted.items():
        y = mapped(to, y, i + 2, _averages(to, s, o, x.dtype), len(size) + 2)
    return y


def _averages(to: Writer, size: Any, out: int, dtype: Any) -> str:
    """Return the matrix (size, out) that takes a dim to the means of its windows."""
    if not isinstance(size, Size):
        found = np.zeros((size, out), dtype)
        for o, cells in enumerate(_starts(size, out)):
            found[cells.start : cells.stop, o] = 1.0 / len(cells)
        return known(to, found)
    inside = to.cast(_inside(to, size, out), dtype)
    count = to.add("ReduceSum", [inside, to.ints(0)], keepdims=1)
    return to.add("Div", [inside, count])


def _inside(to: Writer, size: Any, out: int) -> str:
    """(size, out): which cells of a dim each of the windows holds; the size may change."""
    count = to.size(size)
    begin = to.add("Div", [to.add("Mul", [numbers(to, out), count]), to.ints(out)])
    ends = to.add("Mul", [known(to, np.arange(1, out + 1)), count])
    end = to.add("Div", [to.add("Add", [ends, to.ints(out - 1)]), to.ints(out)])
    cells = unsqueezed(to, numbers(to, size), 1)
    begun = to.add("GreaterOrEqual", [cells, begin])
    return to.add("And", [begun, to.add("Less", [cells, end])])


# ---- maxima with their places


def _in_plane(to: Writer, places: str, node: Node) -> str:
    """Turn places in the whole array into those in a plane."""
    sizes = node.inputs[0].shape[2:]
    if all(isinstance(n, int) for n in sizes):
        cells = to.constant(prod(sizes), np.int64)
    else:
        shape = to.add("Shape", [to.read(node.inputs[0])], start=2)
        cells = to.add("ReduceProd", [shape], keepdims=0)
    return to.add("Mod", [places, cells])


@row("max_pool_with_indices")
def max_pool_with_indices(to: Writer, node: Node) -> tuple[str, str]:
    o = node.options
    x = node.inputs[0]
    kernel, stride, padding, dilation = o["kernel"], o["stride"], o["padding"], o["dilation"]
    around, ceil = around_planes(x, o, dilation)
    near = all(behind < k for (_, behind), k in zip(around, kernel, strict=True))
    if near and x.dtype.kind == "f":
        y, places = to.several(
            "MaxPool",
            [to.read(x)],
            2,
            kernel_shape=kernel,
            strides=stride,
            pads=pads(around),
            dilations=dilation,
            ceil_mode=ceil or None,
        )
        return y, _in_plane(to, places, node)
    size = _fixed(x.shape[2:])
    sides = zip(size, kernel, stride, padding, dilation, o["out_size"], strict=True)
    windows = []
    for s, k, step, p, d, out in sides:
        cells = [range(i * step - p, i * step - p + d * k, d) for i in range(out)]
        windows.append([[c for c in line if 0 <= c < s] for line in cells])
    return _gathered(to, node, size, windows)


@row("adaptive_max_pool")
def adaptive_max_pool(to: Writer, node: Node) -> tuple[str, str | None]:
    x, out = node.inputs[0], node.options["out_size"]
    if all(o == 1 for o in out):
        flat = to.add("Reshape", [to.read(x), to.ints(0, 0, -1)])
        place = to.add("ArgMax", [flat], axis=2, keepdims=1)
        y = to.add("GlobalMaxPool", [to.read(x)])
        return y, to.add("Reshape", [place, to.ints(0, 0, *out)])
    if not all(isinstance(s, int) for s in x.shape[2:]):
        return _maxima(to, node), None
    size = _fixed(x.shape[2:])
    if all(s % o == 0 for s, o in zip(size, out, strict=True)):
        kernel = [s // o for s, o in zip(size, out, strict=True)]
        y, places = to.several("MaxPool", [to.read(x)], 2, kernel_shape=kernel, strides=kernel)
        return y, _in_plane(to, places, node)
    windows = [[list(c) for c in _starts(s, o)] for s, o in zip(size, out, strict=True)]
    return _gathered(to, node, size, windows)


def _maxima(to: Writer, node: Node) -> str:
    """Maxima of planes whose sizes may change, dim by dim; their places would need both at once."""
    x, out = node.inputs[0], node.options["out_size"]
    places = node.outputs[1]
    if places in to.graph.users() or places in to.graph.outputs:
        raise Inexpressible("the places of maxima in planes whose size may change")
    y, ndim = to.read(x), len(x.shape)
    lowest = to.constant(-np.inf, x.dtype)
    for axis, (s, o) in enumerate(zip(x.shape[2:], out, strict=True), 2):
        if s == o:
            continue
        inside = _inside(to, s, fixed(o, "windows"))  # (S, O), O goes to the dim behind S
        inside = unsqueezed(to, inside, *range(2, ndim - axis + 1)) if axis < ndim - 1 else inside
        wide = to.add("Where", [inside, unsqueezed(to, y, axis + 1), lowest])
        y = to.add("ReduceMax", [wide, to.ints(axis)], keepdims=0)
    return y


def _gathered(
    to: Writer, node: Node, size: Ints, windows: list[list[list[int]]]
) -> tuple[str, str]:
    """Return the maxima and their first places of windows, given by their cells along each dim."""
    cells = np.zeros((1, 1), np.int64)  # (windows, cells of one), flat in a plane
    for s, lines in zip(size, windows, strict=True):
        most = max(map(len, lines))
        wide = np.asarray([line + line[:1] * (most - len(line)) for line in lines])  # first again
        cells = cells[:, None, :, None] * s + wide[None, :, None, :]
        cells = cells.reshape(cells.shape[0] * cells.shape[1], -1)
    x, out = node.inputs[0], [len(lines) for lines in windows]
    flat = to.add("Reshape", [to.read(x), to.ints(0, 0, -1)])
    found = to.add("Gather", [flat, known(to, cells)], axis=2)  # (N, C, windows, cells)
    best = to.add("ArgMax", [found], axis=3, keepdims=1)
    y = to.add("ReduceMax", [found, to.ints(3)], keepdims=0)
    rows = known(to, np.arange(len(cells))[:, None] * cells.shape[1])
    places = to.add("Gather", [known(to, cells.reshape(-1)), to.add("Add", [best, rows])], axis=0)
    shape = to.ints(0, 0, *out)
    places = squeezed(to, places, 3)
    return to.add("Reshape", [y, shape]), to.add("Reshape", [places, shape])


@row("fractional_max_pool")
def fractional_max_pool(to: Writer, node: Node) -> tuple[str, str]:
    """Windows at starts that were drawn; such as are drawn anew at each call are refused before."""
    from rushlight.kernels import kernel

    x, samples, o = node.inputs[0], node.options["samples"], node.options
    if samples.array is None:
        raise Inexpressible("windows at starts that are drawn anew at each call")
    size = _fixed(x.shape[2:])
    out, width = o["out_size"], o["kernel"]
    wide = kernel("fractional_cells")(samples.array, size, width, out)  # (N, C, *(O * K))
    order = [0, 1, *range(2, 2 + 2 * len(out), 2), *range(3, 3 + 2 * len(out), 2)]
    apart = [n for pair in zip(out, width, strict=True) for n in pair]
    cells = wide.reshape(*wide.shape[:2], *apart).transpose(order)
    cells = known(to, cells.reshape(*wide.shape[:2], prod(out) * prod(width)))
    flat = to.add("Reshape", [to.read(x), to.ints(0, 0, -1)])
    found = to.add("GatherElements", [flat, cells], axis=2)
    windows = to.ints(0, 0, prod(out), prod(width))
    found, cells = to.add("Reshape", [found, windows]), to.add("Reshape", [cells, windows])
    best = to.add("ArgMax", [found], axis=3, keepdims=1)
    last = to.ints(0, 0, *out)
    y = to.add("ReduceMax", [found, to.ints(3)], keepdims=0)
    places = to.add("GatherElements", [cells, best], axis=3)
    return to.add("Reshape", [y, last]), to.add("Reshape", [places, last])


@row("max_unpool")
def max_unpool(to: Writer, node: Node) -> str:
    x, size = node.inputs[0], node.options["size"]
    rows = to.ints(0, 0, -1)
    values = to.add("Reshape", [to.read(x), rows])
    places = to.add("Reshape", [to.read(node.options["indices"]), rows])
    lead = to.add("Shape", [to.read(x)], start=0, end=2)
    known_size = all(isinstance(n, int) for n in size)
    sizes = to.ints(prod(size)) if known_size else to.add("ReduceProd", [to.sizes(size)])
    shape = to.add("Concat", [lead, sizes], axis=0)
    plane = to.add("Expand", [to.constant(0.0, x.dtype), shape])
    y = to.add("ScatterElements", [plane, places, values], axis=2)
    return to.add("Reshape", [y, to.add("Concat", [lead, to.sizes(size)], axis=0)])
