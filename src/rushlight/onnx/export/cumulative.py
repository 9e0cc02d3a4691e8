"""Running sums by CumSum; running products and extremes over a triangle of what came before."""

from __future__ import annotations

from typing import Any

import numpy as np

from rushlight.graph import Node
from rushlight.onnx.export.pieces import known, squeezed, unsqueezed
from rushlight.onnx.export.table import Inexpressible, row
from rushlight.onnx.export.writer import Writer

__all__: list[str] = []


@row("cumsum")
def cumsum(to: Writer, node: Node) -> str:
    x, y = node.inputs[0], node.outputs[0]
    given = to.read(x) if x.dtype == y.dtype else to.cast(to.read(x), y.dtype)
    return to.add("CumSum", [given, to.constant(node.options["dim"], np.int64)])


def _triangle(to: Writer, node: Node, neutral: Any) -> str:
    """Return x with one more dim behind `dim`: [i, j] is x[j] for j <= i, else `neutral`."""
    x, dim = node.inputs[0], node.options["dim"]
    n, dtype = x.shape[dim], node.outputs[0].dtype
    if not isinstance(n, int):
        raise Inexpressible(f"along dim {dim}, whose size may change")
    rest = (1,) * (len(x.shape) - dim - 1)
    seen = known(to, np.tri(n, dtype=bool).reshape(n, n, *rest))
    given = to.read(x) if x.dtype == dtype else to.cast(to.read(x), dtype)
    return to.add("Where", [seen, unsqueezed(to, given, dim), to.constant(neutral, dtype)])


def _axes(to: Writer, node: Node) -> str:
    return to.ints(node.options["dim"] + 1)


@row("cumprod")
def cumprod(to: Writer, node: Node) -> str:
    return to.add("ReduceProd", [_triangle(to, node, 1), _axes(to, node)], keepdims=0)


@row("logcumsumexp")
def logcumsumexp(to: Writer, node: Node) -> str:
    """The maximum is taken out: ONNX does not promise that ReduceLogSumExp does so."""
    wide = _triangle(to, node, -np.inf)
    top = to.add("ReduceMax", [wide, _axes(to, node)], keepdims=1)
    low = known(to, np.asarray(np.finfo(node.outputs[0].dtype).min))
    top = to.add("Max", [top, low])  # -inf less -inf would be nan
    total = to.add("Exp", [to.add("Sub", [wide, top])])
    total = to.add("Log", [to.add("ReduceSum", [total, _axes(to, node)], keepdims=1)])
    return squeezed(to, to.add("Add", [total, top]), node.options["dim"] + 1)


@row("cummax", "cummin")
def running(to: Writer, node: Node) -> tuple[str, str]:
    """The extremes so far and their last places"""
    kind, dtype = ("Max" if node.op == "cummax" else "Min"), node.inputs[0].dtype
    if dtype.kind == "f":
        neutral = -np.inf if kind == "Max" else np.inf
    else:
        limits = np.iinfo(dtype)
        neutral = limits.min if kind == "Max" else limits.max
    wide = _triangle(to, node, neutral)
    y = to.add(f"Reduce{kind}", [wide, _axes(to, node)], keepdims=0)
    at = node.options["dim"] + 1
    return y, to.add(f"Arg{kind}", [wide], axis=at, keepdims=0, select_last_index=1)
