"""Sliding windows by a Gather for each dim, their sum by Col2Im or one product for each dim."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from rushlight.graph import Node
from rushlight.onnx.export.pieces import known
from rushlight.onnx.export.table import Inexpressible, row
from rushlight.onnx.export.writer import Writer

__all__ = ["overlap_add", "windows"]


def _cells(count: int, size: int, step: int, dilation: int) -> Any:
    """(count, size): the cells of each window of a dim"""
    return np.arange(count)[:, None] * step + np.arange(size) * dilation


@row("windows")
def windows(to: Writer, node: Node) -> str:
    """(..., S, ...) -> (..., O, ..., *size)"""
    x, o = to.read(node.inputs[0]), node.options
    ndim, shape = len(node.inputs[0].shape), node.outputs[0].shape
    taken: list[int] = []
    for dim, size, step, dilation in zip(
        o["dims"], o["size"], o["step"], o["dilation"], strict=True
    ):
        if not isinstance(shape[dim], int):
            raise Inexpressible(f"windows along dim {dim}, whose size may change")
        at = dim + sum(d < dim for d in taken)
        x = to.add("Gather", [x, known(to, _cells(shape[dim], size, step, dilation))], axis=at)
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
    if not all(isinstance(shape[d], int) for d in dims):
        raise Inexpressible(f"a sum of windows over dims {dims}, whose sizes may change")
    ndim = len(shape)
    if dims == (2, 3) and ndim == 4 and g.dtype == np.float32:
        return _images(to, node)
    x = to.read(g)
    for i, dim in enumerate(dims):  # (..., O, ..., K, ...) -> (..., S, ...), K the next after ndim
        cells = _cells(g.shape[dim], size[i], o["step"][i], o["dilation"][i]).reshape(-1)
        onto = np.zeros((cells.size, shape[dim]), g.dtype)
        onto[np.arange(cells.size), cells] = 1
        last = ndim + len(dims) - i
        order = [d for d in range(last) if d not in (dim, ndim)] + [dim, ndim]
        rest = to.add("Transpose", [x], perm=order)
        rest = to.add("Reshape", [rest, to.ints(*[0] * (last - 2), -1)])
        rest = to.add("MatMul", [rest, known(to, onto)])
        back = list(range(last - 2))
        back.insert(dim, last - 2)
        x = to.add("Transpose", [rest], perm=back)
    return x


def _images(to: Writer, node: Node) -> str:
    """(N, C, *O, *K) -> (N, C, *S) by Col2Im, which takes (N, C * prod(K), prod(O))"""
    g, o = node.inputs[0], node.options
    columns = to.add("Transpose", [to.read(g)], perm=[0, 1, 4, 5, 2, 3])
    rows, length = g.shape[1] * prod(o["size"]), prod(g.shape[2:4])
    columns = to.add("Reshape", [columns, to.ints(0, rows, length)])
    return to.add(
        "Col2Im",
        [columns, to.sizes(o["shape"][2:]), to.sizes(o["size"])],
        dilations=list(o["dilation"]),
        strides=list(o["step"]),
        pads=[0, 0, 0, 0],
    )
