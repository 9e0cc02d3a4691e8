"""Rows of comparison, logic and tests of values: results are bools."""

from __future__ import annotations

from typing import Any

import numpy as np

from rushlight.arrays import promote
from rushlight.graph import Node, Size, Value
from rushlight.onnx.export.table import Inexpressible, row
from rushlight.onnx.export.writer import Writer

__all__ = ["common"]


def common(*operands: Any) -> np.dtype[Any]:
    """Return the dtype in which values and numbers meet, by torch's rules."""
    held = [np.empty((0,) * bool(v.shape), v.dtype) for v in operands if isinstance(v, Value)]
    numbers = [0 if isinstance(v, Size) else v for v in operands if not isinstance(v, Value)]
    return promote(*held, *numbers)


_COMPARED = {
    "eq": "Equal", "lt": "Less", "le": "LessOrEqual", "gt": "Greater", "ge": "GreaterOrEqual",
}  # fmt: skip


@row("eq", "ne", "lt", "le", "gt", "ge")
def compared(to: Writer, node: Node) -> str:
    dtype = common(*node.inputs)
    if dtype == np.bool_ and node.op not in ("eq", "ne"):
        dtype = np.dtype(np.int32)
    a, b = (to.read(x, dtype) for x in node.inputs)
    if node.op == "ne":
        return to.add("Not", [to.add("Equal", [a, b])])
    return to.add(_COMPARED[node.op], [a, b])


@row("logical_and", "logical_or", "logical_xor")
def logical(to: Writer, node: Node) -> str:
    op = node.op.removeprefix("logical_").title()
    return to.add(op, [to.read(x, np.bool_) for x in node.inputs])


@row("logical_not")
def logical_not(to: Writer, node: Node) -> str:
    return to.add("Not", [to.read(node.inputs[0], np.bool_)])


@row("bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_not")
def bitwise(to: Writer, node: Node) -> str:
    name = node.op.removeprefix("bitwise_").title()
    dtype = node.outputs[0].dtype
    op = name if dtype == np.bool_ else f"Bitwise{name}"
    return to.add(op, [to.read(x, dtype) for x in node.inputs])


def _float(value: Value) -> Any:
    return None if value.dtype.kind == "f" else np.float32


@row("isnan", "isinf")
def tested(to: Writer, node: Node) -> str:
    op = "IsNaN" if node.op == "isnan" else "IsInf"
    return to.add(op, [to.read(node.inputs[0], _float(node.inputs[0]))])


@row("isfinite")
def isfinite(to: Writer, node: Node) -> str:
    x = to.read(node.inputs[0], _float(node.inputs[0]))
    return to.add("Not", [to.add("Or", [to.add("IsNaN", [x]), to.add("IsInf", [x])])])


@row("signbit")
def signbit(to: Writer, node: Node) -> str:
    dtype = np.dtype(np.int32) if node.inputs[0].dtype == np.bool_ else node.inputs[0].dtype
    x, zero = to.read(node.inputs[0], dtype), to.constant(0, dtype)
    below = to.add("Less", [x, zero])
    if dtype.kind != "f":
        return below
    return to.add("Or", [below, to.add("Less", [to.add("Reciprocal", [x]), zero])])  # 1 / -0


@row("isclose")
def isclose(to: Writer, node: Node) -> str:
    dtype = common(*node.inputs)
    if dtype.kind != "f":  # sizes of integers are doubles, as the tolerances are
        dtype = np.dtype(np.float64)
    a, b = (to.read(x, dtype) for x in node.inputs)
    gap = to.add("Abs", [to.add("Sub", [a, b])])
    allowed = to.add("Mul", [to.add("Abs", [b]), to.constant(node.options["rtol"], dtype)])
    allowed = to.add("Add", [allowed, to.constant(node.options["atol"], dtype)])
    bounded = to.add("Not", [to.add("IsInf", [gap])])
    near = to.add("And", [to.add("LessOrEqual", [gap, allowed]), bounded])
    near = to.add("Or", [near, to.add("Equal", [a, b])])
    if not node.options["equal_nan"]:
        return near
    return to.add("Or", [near, to.add("And", [to.add("IsNaN", [a]), to.add("IsNaN", [b])])])


@row("isin")
def isin(to: Writer, node: Node) -> str:
    x, among = node.inputs
    if not isinstance(x, Value) or not isinstance(among, Value):
        raise Inexpressible("of a number")
    dtype = common(x, among)
    each = to.add("Unsqueeze", [to.read(x, dtype), to.ints(-1)])
    hit = to.add("Equal", [each, to.add("Reshape", [to.read(among, dtype), to.ints(-1)])])
    count = to.add("ReduceSum", [to.cast(hit, np.int32), to.ints(-1)], keepdims=0)
    op = "Equal" if node.options["invert"] else "Greater"
    return to.add(op, [count, to.constant(0, np.int32)])


@row("heaviside")
def heaviside(to: Writer, node: Node) -> str:
    x, values = (to.read(v) for v in node.inputs)
    zero = to.constant(0, node.outputs[0].dtype)
    step = to.cast(to.add("Greater", [x, zero]), node.outputs[0].dtype)
    return to.add("Where", [to.add("Equal", [x, zero]), values, step])
