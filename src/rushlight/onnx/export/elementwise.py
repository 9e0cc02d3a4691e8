"""Rows of elementwise ops: arithmetic, functions of one number, comparison, logic."""

from __future__ import annotations

from typing import Any

import numpy as np

from rushlight.arrays import promote
from rushlight.graph import Node, Size, Value
from rushlight.onnx.export.table import Inexpressible, row
from rushlight.onnx.export.writer import Writer

# ---- one argument; integers are brought to the output's dtype, as the op does

_ONE = {
    "neg": "Neg", "exp": "Exp", "log": "Log", "sqrt": "Sqrt", "reciprocal": "Reciprocal",
    "sin": "Sin", "cos": "Cos", "tan": "Tan", "asin": "Asin", "acos": "Acos", "atan": "Atan",
    "sinh": "Sinh", "cosh": "Cosh", "tanh": "Tanh", "asinh": "Asinh", "acosh": "Acosh",
    "atanh": "Atanh", "erf": "Erf", "abs": "Abs", "sign": "Sign", "sigmoid": "Sigmoid",
    "softsign": "Softsign", "relu": "Relu", "mish": "Mish", "hardswish": "HardSwish",
    "clone": "Identity", "contiguous": "Identity", "logical_not": "Not", "isnan": "IsNaN",
    "isinf": "IsInf",
}  # fmt: skip


def operand(to: Writer, node: Node, at: int = 0) -> str:
    """Return the name of an argument in the dtype of the output."""
    return to.read(node.inputs[at], node.outputs[0].dtype)


@row(*_ONE)
def one(to: Writer, node: Node) -> str:
    bools = node.outputs[0].dtype == np.bool_
    x = to.read(node.inputs[0]) if bools else operand(to, node)
    if node.op in ("isnan", "isinf") and node.inputs[0].dtype.kind != "f":
        x = to.read(node.inputs[0], np.float32)
    if node.op == "logical_not":
        x = to.read(node.inputs[0], np.bool_)
    return to.add(_ONE[node.op], [x])


# ---- two arguments

_TWO = {"add": "Add", "sub": "Sub", "mul": "Mul", "div": "Div", "pow": "Pow"}


@row(*_TWO)
def two(to: Writer, node: Node) -> str:
    if node.outputs[0].dtype == np.bool_:
        op = {"add": "Or", "mul": "And"}.get(node.op)
        if op is None:
            raise Inexpressible("of bools")
        return to.add(op, [operand(to, node), operand(to, node, 1)])
    return to.add(_TWO[node.op], [operand(to, node), operand(to, node, 1)])


# ---- comparison

_COMPARED = {
    "eq": "Equal", "lt": "Less", "le": "LessOrEqual", "gt": "Greater", "ge": "GreaterOrEqual",
}  # fmt: skip


def common(*operands: Any) -> np.dtype[Any]:
    """Return the dtype in which values and numbers meet, by torch's rules."""
    held = [np.empty((0,) * bool(v.shape), v.dtype) for v in operands if isinstance(v, Value)]
    numbers = [0 if isinstance(v, Size) else v for v in operands if not isinstance(v, Value)]
    return promote(*held, *numbers)


@row("eq", "ne", "lt", "le", "gt", "ge")
def compared(to: Writer, node: Node) -> str:
    dtype = common(*node.inputs)
    if dtype == np.bool_ and node.op not in ("eq", "ne"):
        dtype = np.dtype(np.int32)
    a, b = (to.read(x, dtype) for x in node.inputs)
    if node.op == "ne":
        return to.add("Not", [to.add("Equal", [a, b])])
    return to.add(_COMPARED[node.op], [a, b])


@row("where")
def where(to: Writer, node: Node) -> str:
    dtype = node.outputs[0].dtype
    condition = to.read(node.options["condition"], np.bool_)
    return to.add("Where", [condition, *(to.read(x, dtype) for x in node.inputs)])


@row("cast")
def cast(to: Writer, node: Node) -> str:
    return to.cast(to.read(node.inputs[0]), node.options["dtype"])
