"""Pooling: adaptive, fractional and with places, and the way back from them.

Indices are places in a plane of the input here, and in the whole array for ONNX. Windows that are
not all of one size, or that MaxPool has no padding for, are gathered cell by cell.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from rushlight.graph import Node
from rushlight.onnx.export.pieces import fixed, known, squeezed
from rushlight.onnx.export.separable import mixed
from rushlight.onnx.export.table import Inexpressible, row
from rushlight.onnx.export.writer import Writer

__all__ = [
    "adaptive_avg_pool",
    "adaptive_max_pool",
    "averaged",
    "fractional_max_pool",
    "max_pool_with_indices",
    "max_unpool",
]

Ints = tuple[int, ...]


def _fixed(sizes: Any) -> Ints:
    return tuple([fixed(n, "windows that depend on a plane's size") for n in sizes])


def _starts(size: int, out: int) -> list[range]:
    """Return the cells of the windows of adaptive pooling."""
    return [range(o * size // out, -(-(o + 1) * size // out)) for o in range(out)]


# ---- averages


@row("adaptive_avg_pool")
def adaptive_avg_pool(to: Writer, node: Node) -> str:
    return averaged(to, node, node.options["out_size"])


def averaged(to: Writer, node: Node, out: Any) -> str:
    """Return the averages of windows that part the planes of the node's input, (*O) of them."""
    x = node.inputs[0]
    size = x.shape[2:]
    if all(o == 1 for o in out):
        return to.add("GlobalAveragePool", [to.read(x)])
    if tuple(out) == tuple(size):
        return to.add("Identity", [to.read(x)])
    size = _fixed(size)
    if all(s % o == 0 for s, o in zip(size, out, strict=True)):
        kernel = [s // o for s, o in zip(size, out, strict=True)]
        return to.add("AveragePool", [to.read(x)], kernel_shape=kernel, strides=kernel)
    matrices = [
        (axis, _averages(s, o, x.dtype))
        for axis, (s, o) in enumerate(zip(size, out, strict=True), 2)
        if s != o
    ]
    return mixed(to, to.read(x), matrices, len(size) + 2)


def _averages(size: int, out: int, dtype: Any) -> Any:
    found = np.zeros((out, size), dtype)
    for line, cells in zip(found, _starts(size, out), strict=True):
        line[cells.start : cells.stop] = 1.0 / len(cells)
    return found


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
    behind = _behind(x.shape[2:], o)
    if behind is not None and x.dtype.kind == "f":
        y, places = to.several(
            "MaxPool",
            [to.read(x)],
            2,
            kernel_shape=list(kernel),
            strides=list(stride),
            pads=[*padding, *behind],
            dilations=list(dilation),
        )
        return y, _in_plane(to, places, node)
    size = _fixed(x.shape[2:])
    windows = []
    for s, k, step, p, d, out in zip(
        size, kernel, stride, padding, dilation, o["out_size"], strict=True
    ):
        cells = [range(i * step - p, i * step - p + d * k, d) for i in range(out)]
        windows.append([[c for c in line if 0 <= c < s] for line in cells])
    return _gathered(to, node, size, windows)


def _behind(size: Any, o: dict[str, Any]) -> list[int] | None:
    """Return the padding behind the planes, with what ceil_mode adds; None if ONNX refuses it."""
    found = []
    for s, k, step, p, d, out in zip(
        size, o["kernel"], o["stride"], o["padding"], o["dilation"], o["out_size"], strict=True
    ):
        if not (isinstance(s, int) and isinstance(out, int)):
            found.append(p)  # a size that may change is rounded down, or the graph was refused
            continue
        last = (out - 1) * step + d * (k - 1) + 1 - s - p
        found.append(max(last, p if (s + 2 * p - d * (k - 1) - 1) // step + 1 == out else last, 0))
    return found if all(b < k for b, k in zip(found, o["kernel"], strict=True)) else None


@row("adaptive_max_pool")
def adaptive_max_pool(to: Writer, node: Node) -> tuple[str, str]:
    x, out = node.inputs[0], node.options["out_size"]
    size = _fixed(x.shape[2:])
    if all(s % o == 0 for s, o in zip(size, out, strict=True)):
        kernel = [s // o for s, o in zip(size, out, strict=True)]
        y, places = to.several("MaxPool", [to.read(x)], 2, kernel_shape=kernel, strides=kernel)
        return y, _in_plane(to, places, node)
    windows = [[list(c) for c in _starts(s, o)] for s, o in zip(size, out, strict=True)]
    return _gathered(to, node, size, windows)


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
    cells = to.add("ReduceProd", [to.sizes(size)], keepdims=1)
    plane = to.add(
        "Expand", [known(to, np.zeros((), x.dtype)), to.add("Concat", [lead, cells], axis=0)]
    )
    y = to.add("ScatterElements", [plane, places, values], axis=2)
    return to.add("Reshape", [y, to.add("Concat", [lead, to.sizes(size)], axis=0)])
