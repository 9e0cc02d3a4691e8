"""Distances of rows, and p-norms."""

from __future__ import annotations

from typing import Any

import numpy as np

from rushlight.graph import Node
from rushlight.onnx.export.pieces import turned, unsqueezed
from rushlight.onnx.export.table import row
from rushlight.onnx.export.writer import Writer

__all__: list[str] = []


def _normed(to: Writer, x: str, p: float, dims: Any, keepdim: bool, dtype: Any) -> str:
    """Return the p-norm over dims."""

    def number(value: float) -> str:
        return to.constant(value, dtype)

    def reduced(kind: str, given: str) -> str:
        axes = to.constant(dims, np.int64)
        return to.add(kind, [given, axes], keepdims=int(keepdim), noop_with_empty_axes=1)

    size = to.add("Abs", [x])
    if not dims:
        if p == 0:
            return to.cast(to.cast(size, bool), dtype)
        return size
    if p == 2:
        return reduced("ReduceL2", x)
    if p == 1:
        return reduced("ReduceL1", x)
    if p == 0:
        return reduced("ReduceSum", to.cast(to.cast(size, bool), dtype))
    if np.isinf(p):
        return reduced("ReduceMax" if p > 0 else "ReduceMin", size)
    total = reduced("ReduceSum", to.add("Pow", [size, number(p)]))
    return to.add("Pow", [total, number(1.0 / p)])


@row("norm")
def norm(to: Writer, node: Node) -> str:
    x, o = node.inputs[0], node.options
    return _normed(to, to.read(x), 2, o["dims"], o["keepdim"], x.dtype)


@row("norm_p")
def norm_p(to: Writer, node: Node) -> str:
    x, o = node.inputs[0], node.options
    return _normed(to, to.read(x), o["p"], o["dims"], o["keepdim"], x.dtype)


@row("cdist")
def cdist(to: Writer, node: Node) -> str:
    """(*, P, M), (*, R, M) -> (*, P, R), by the differences"""
    a, b = node.inputs
    ndim = len(a.shape)
    apart = to.add(
        "Sub",
        [
            unsqueezed(to, to.read(a), ndim - 1),
            unsqueezed(to, to.read(b), ndim - 2),
        ],
    )
    return _normed(to, apart, node.options["p"], (ndim,), False, a.dtype)


@row("cdist_product")
def cdist_product(to: Writer, node: Node) -> str:
    """The root of |a|^2 - 2 a b + |b|^2"""
    a, b = node.inputs
    ndim, dtype = len(a.shape), a.dtype
    last, two = to.ints(ndim - 1), to.constant(-2.0, dtype)
    left, right = (to.add("ReduceSumSquare", [to.read(v), last], keepdims=1) for v in (a, b))
    product = to.add("MatMul", [to.add("Mul", [to.read(a), two]), turned(to, b)])
    order = [*range(ndim - 2), ndim - 1, ndim - 2]
    total = to.add("Add", [product, left])
    total = to.add("Add", [total, to.add("Transpose", [right], perm=order)])
    return to.add("Sqrt", [to.add("Max", [total, to.constant(0.0, dtype)])])


@row("cosine_similarity")
def cosine_similarity(to: Writer, node: Node) -> str:
    """Of the function: inputs of two dtypes, or of shapes that spread to one"""
    ndim = max(len(value.shape) for value in node.inputs)
    return _cosines(to, node, (node.options["dim"] % ndim,) if ndim else ())


@row("cosine")
def cosine(to: Writer, node: Node) -> str:
    return _cosines(to, node, node.options["dims"])


def _cosines(to: Writer, node: Node, dims: Any) -> str:
    """The product of both, each by its length or, where that is shorter, by eps"""
    dtype, eps = node.outputs[0].dtype, node.options["eps"]
    units = []
    for value, other in (node.inputs, node.inputs[::-1]):
        x = to.read(value, dtype)
        if value.shape != other.shape:
            shape = _spread(value.shape, other.shape)  # before lengths are taken
            x = to.add("Expand", [x, to.sizes(shape)])
        size = _normed(to, x, 2, dims, True, dtype)
        units.append(to.add("Div", [x, to.add("Max", [size, to.constant(eps, dtype)])]))
    product = to.add("Mul", units)
    return to.add("ReduceSum", [product, to.ints(*dims)], keepdims=0) if dims else product


def _spread(a: Any, b: Any) -> list[Any]:
    """Return the shape that two shapes spread to."""
    longer, shorter = sorted((list(a), list(b)), key=len, reverse=True)
    shorter = [1] * (len(longer) - len(shorter)) + shorter
    return [n if m == 1 else m for n, m in zip(longer, shorter, strict=True)]
