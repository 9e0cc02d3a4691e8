"""Rows of reductions and of places of extremes."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from rushlight.graph import Node, Size, Value
from rushlight.onnx.export.pieces import squeezed
from rushlight.onnx.export.table import row
from rushlight.onnx.export.writer import Writer

__all__ = ["count", "dims_of", "log_of_sum", "reduce"]


def reduce(to: Writer, op: str, x: str, dims: tuple[int, ...], keepdim: bool) -> str:
    """Return the name of a reduction over dims; over none, x itself."""
    if not dims:
        return x
    return to.add(op, [x, to.ints(*dims)], keepdims=int(keepdim))


def count(to: Writer, value: Value, dims: tuple[int, ...], dtype: Any) -> str:
    """Return the name of a scalar: how many elements a reduction goes over."""
    sizes = [value.shape[d] for d in dims]
    if not any(isinstance(size, Size) for size in sizes):
        return to.constant(prod(sizes), dtype)
    return to.cast(to.add("ReduceProd", [to.sizes(sizes)], keepdims=0), dtype)


_REDUCED = {
    "sum": "ReduceSum", "mean": "ReduceMean", "amax": "ReduceMax", "amin": "ReduceMin",
    "max": "ReduceMax", "min": "ReduceMin", "prod": "ReduceProd",
}  # fmt: skip


@row(*_REDUCED)
def reduced(to: Writer, node: Node) -> str:
    dtype, options = node.outputs[0].dtype, node.options
    number = np.dtype(np.int32) if dtype == np.bool_ else dtype  # ONNX orders no bools
    x = to.read(node.inputs[0], number)
    y = reduce(to, _REDUCED[node.op], x, options["dims"], options["keepdim"])
    return y if number == dtype else to.cast(y, dtype)


def log_of_sum(to: Writer, x: str, dims: tuple[int, ...], dtype: Any, keepdim: bool) -> str:
    """Return the name of log(sum(exp(x))) over dims, one at least.

    The maximum is taken out, which ONNX does not promise of ReduceLogSumExp.
    """
    ends = np.finfo(dtype)  # an infinite maximum less itself would be nan
    top = to.add("Max", [reduce(to, "ReduceMax", x, dims, True), to.constant(ends.min, dtype)])
    top = to.add("Min", [top, to.constant(ends.max, dtype)])
    total = reduce(to, "ReduceSum", to.add("Exp", [to.add("Sub", [x, top])]), dims, True)
    y = to.add("Add", [to.add("Log", [total]), top])
    return y if keepdim else squeezed(to, y, *dims)


@row("logsumexp")
def logsumexp(to: Writer, node: Node) -> str:
    dtype, options = node.outputs[0].dtype, node.options
    x = to.read(node.inputs[0], dtype)
    dims = options["dims"]
    return log_of_sum(to, x, dims, dtype, options["keepdim"]) if dims else x


@row("var", "std")
def spread(to: Writer, node: Node) -> str:
    (value,), dims, dtype = node.inputs, node.options["dims"], node.outputs[0].dtype
    x = to.read(value)
    centred = to.add("Sub", [x, reduce(to, "ReduceMean", x, dims, True)])
    total = reduce(to, "ReduceSumSquare", centred, dims, node.options["keepdim"])
    if not dims:
        total = to.add("Mul", [centred, centred])
    freedom = to.add(
        "Sub", [count(to, value, dims, dtype), to.constant(node.options["correction"], dtype)]
    )
    freedom = to.add("Max", [freedom, to.constant(0, dtype)])
    y = to.add("Div", [total, freedom])
    return y if node.op == "var" else to.add("Sqrt", [y])


def dims_of(node: Node) -> tuple[int, ...]:
    """Return the option `dim` (None: all) as dims counted from the front."""
    dim, ndim = node.options["dim"], len(node.inputs[0].shape)
    if dim is None:
        return tuple(range(ndim))
    dims = dim if isinstance(dim, tuple) else (dim,)
    return tuple(d % ndim for d in dims) if ndim else ()


@row("all", "any")
def logic(to: Writer, node: Node) -> str:
    x = to.cast(to.read(node.inputs[0], np.bool_), np.int32)
    op = "ReduceMin" if node.op == "all" else "ReduceMax"
    found = reduce(to, op, x, dims_of(node), node.options["keepdim"])
    return to.cast(found, node.outputs[0].dtype)


@row("count_nonzero")
def count_nonzero(to: Writer, node: Node) -> str:
    x = to.cast(to.read(node.inputs[0], np.bool_), np.int64)
    return reduce(to, "ReduceSum", x, dims_of(node), False)


@row("argmax", "argmin")
def place(to: Writer, node: Node) -> str:
    op = "ArgMax" if node.op == "argmax" else "ArgMin"
    (value,), dim = node.inputs, node.options["dim"]
    x = to.read(value, np.int32 if value.dtype == np.bool_ else None)
    if value.shape and dim is not None:
        return to.add(op, [x], axis=dim % len(value.shape), keepdims=int(node.options["keepdim"]))
    flat = to.add("Reshape", [x, to.ints(-1)])
    return to.reshape(to.add(op, [flat], axis=0, keepdims=0), node.outputs[0].shape)
