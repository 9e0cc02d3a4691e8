"""Sliding windows by a Gather for each dim, their sum by Col2Im or one product for each dim."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from rushlight.graph import Node, Size
from rushlight.onnx.export.making import numbers
from rushlight.onnx.export.pieces import fixed, known, unsqueezed
from rushlight.onnx.export.table import row
from rushlight.onnx.export.writer import Writer

__all__: list[str] = []


def _cells(to: Writer, count: Any, size: int, step: int, dilation: int) -> str:
    """(count, size): the cells of each window of a dim"""
    if not isinstance(count, Size):
        return known(to, np.arange(count)[:, None] * step + np.arange(size) * dilation)
    first = to.add("Mul", [unsqueezed(to, numbers(to, count), 1), to.ints(step)])
    return to.add("Add", [first, known(to, np.arange(size) * dilation)])


@row("windows")
def windows(to: Writer, node: Node) -> str:
    """(..., S, ...) -> (..., O, ..., *size)"""
    x, o = to.read(node.inputs[0]), node.options
    ndim, shape = len(node.inputs[0].shape), node.outputs[0].shape
    taken: list[int] = []
    for dim, size, step, dilation in zip(
        o["dims"], o["size"], o["step"], o["dilation"], strict=True
    ):
        at = dim + sum(d < dim for d in taken)
        x = to.add("Gather", [x, _cells(to, shape[dim], size, step, dilation)], axis=at)
        taken.append(dim)
    # the cells of a window stand behind its dim, and move to the end
    inside = {d: d + 1 + sum(e < d for e in o["dims"]) for d in o["dims"]}
    order = [i for i in range(ndim + len(taken)) if i not in inside.values()]
    order += [inside[d] for d in o["dims"]]
    return x if order == sorted(order) else to.add("Transpose", [x], perm=order)


@row("overlap_add")
def overlap_add(to: Writer, node: Node) -> str:
    """(..., O, ..., *size) -> (..., S, ...)"""
    g, o = node.inputs[0], node.options
    shape, dims, size = o["shape"], o["dims"], o["size"]
    ndim = len(shape)
    if dims == (2, 3) and ndim == 4 and g.dtype == np.float32:
        return _images(to, node)
    x = to.read(g)
    for i, dim in enumerate(dims):  # (..., O, ..., K, ...) -> (..., S, ...), K the next after ndim
        cells = _cells(to, g.shape[dim], size[i], o["step"][i], o["dilation"][i])
        cells = to.add("Reshape", [cells, to.ints(-1, 1)])
        onto = to.cast(to.add("Equal", [cells, numbers(to, shape[dim])]), g.dtype)
        last = ndim + len(dims) - i
        order = [d for d in range(last) if d not in (dim, ndim)] + [dim, ndim]
        rest = to.add("Transpose", [x], perm=order)
        rest = to.add("Reshape", [rest, to.ints(*[0] * (last - 2), -1)])
        rest = to.add("MatMul", [rest, onto])
        back = list(range(last - 2))
        back.insert(dim, last - 2)
        x = to.add("Transpose", [rest], perm=back)
    return x


def _images(to: Writer, node: Node) -> str:
    """(N, C, *O, *K) -> (N, C, *S) by Col2Im, which takes (N, C * prod(K), prod(O))"""
    g, o = node.inputs[0], node.options
    columns = to.add("Transpose", [to.read(g)], perm=[0, 1, 4, 5, 2, 3])
    rows = fixed(g.shape[1], "channels") * prod(o["size"])
    columns = to.add("Reshape", [columns, to.ints(0, rows, -1)])
    return to.add(
        "Col2Im",
        [columns, to.sizes(o["shape"][2:]), to.sizes(o["size"])],
        dilations=list(o["dilation"]),
        strides=list(o["step"]),
        pads=[0, 0, 0, 0],
    )
