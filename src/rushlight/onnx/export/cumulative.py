"""Running sums by CumSum; running products and extremes over a triangle of what came before."""

from __future__ import annotations

from typing import Any

import numpy as np

from rushlight.graph import Node, Size
from rushlight.onnx.export.elementwise import operand
from rushlight.onnx.export.making import numbers
from rushlight.onnx.export.pieces import known, unsqueezed
from rushlight.onnx.export.reducing import log_of_sum
from rushlight.onnx.export.table import row
from rushlight.onnx.export.writer import Writer

__all__: list[str] = []


@row("cumsum")
def cumsum(to: Writer, node: Node) -> str:
    return to.add("CumSum", [operand(to, node), to.constant(node.options["dim"], np.int64)])


def _triangle(to: Writer, node: Node, neutral: Any, dtype: Any = None) -> str:
    """Return x with one more dim behind `dim`: [i, j] is x[j] for j <= i, else `neutral`."""
    x, dim = node.inputs[0], node.options["dim"]
    dtype, behind = dtype or node.outputs[0].dtype, len(x.shape) - dim - 1
    if isinstance(x.shape[dim], Size):
        i = numbers(to, x.shape[dim])
        seen = to.add("GreaterOrEqual", [unsqueezed(to, i, 1), i])
    else:
        seen = known(to, np.tri(x.shape[dim], dtype=bool))
    seen = unsqueezed(to, seen, *range(2, 2 + behind)) if behind else seen
    given = unsqueezed(to, to.read(x, dtype), dim)
    return to.add("Where", [seen, given, to.constant(neutral, dtype)])


def _axes(to: Writer, node: Node) -> str:
    return to.ints(node.options["dim"] + 1)


@row("cumprod")
def cumprod(to: Writer, node: Node) -> str:
    return to.add("ReduceProd", [_triangle(to, node, 1), _axes(to, node)], keepdims=0)


@row("logcumsumexp")
def logcumsumexp(to: Writer, node: Node) -> str:
    wide, dtype = _triangle(to, node, -np.inf), node.outputs[0].dtype
    return log_of_sum(to, wide, (node.options["dim"] + 1,), dtype, False)


@row("cummax", "cummin")
def running(to: Writer, node: Node) -> tuple[str, str]:
    """The extremes so far and their last places"""
    kind, dtype = ("Max" if node.op == "cummax" else "Min"), node.inputs[0].dtype
    wider = dtype if dtype.kind == "f" else np.dtype(np.int64)  # than 0 of a byte, or False
    limits = np.iinfo(np.int64)
    if dtype.kind == "f":
        neutral = -np.inf if kind == "Max" else np.inf
    else:
        neutral = limits.min if kind == "Max" else limits.max
    wide = _triangle(to, node, neutral, wider)
    y = to.add(f"Reduce{kind}", [wide, _axes(to, node)], keepdims=0)
    y = y if wider == dtype else to.cast(y, dtype)
    at = node.options["dim"] + 1
    return y, to.add(f"Arg{kind}", [wide], axis=at, keepdims=0, select_last_index=1)
