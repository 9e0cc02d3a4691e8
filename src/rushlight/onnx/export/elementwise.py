"""Rows of elementwise arithmetic and functions of one number."""

from __future__ import annotations

from math import log

import numpy as np

from rushlight.graph import Node
from rushlight.onnx.export.table import Inexpressible, row
from rushlight.onnx.export.writer import Writer

__all__ = ["operand"]


def operand(to: Writer, node: Node, at: int = 0) -> str:
    """Return the name of an argument in the dtype of the output."""
    return to.read(node.inputs[at], node.outputs[0].dtype)


# ---- one argument

_ONE = {
    "neg": "Neg", "exp": "Exp", "log": "Log", "sqrt": "Sqrt", "reciprocal": "Reciprocal",
    "sin": "Sin", "cos": "Cos", "tan": "Tan", "asin": "Asin", "acos": "Acos", "atan": "Atan",
    "sinh": "Sinh", "cosh": "Cosh", "tanh": "Tanh", "asinh": "Asinh", "acosh": "Acosh",
    "atanh": "Atanh", "erf": "Erf", "abs": "Abs", "clone": "Identity",
    "contiguous": "Identity",
}  # fmt: skip


@row(*_ONE)
def one(to: Writer, node: Node) -> str:
    return to.add(_ONE[node.op], [operand(to, node)])


@row("floor", "ceil", "round")
def whole(to: Writer, node: Node) -> str:
    x = operand(to, node)
    return to.add(node.op.title(), [x]) if node.outputs[0].dtype.kind == "f" else x


@row("sign")
def sign(to: Writer, node: Node) -> str:
    x, dtype = operand(to, node), node.outputs[0].dtype
    if dtype.kind != "f":
        return to.add("Sign", [x])
    zero = to.constant(0, dtype)
    above, below = (to.cast(to.add(op, [x, zero]), dtype) for op in ("Greater", "Less"))
    return to.add("Sub", [above, below])  # 0 for nan


@row("rsqrt")
def rsqrt(to: Writer, node: Node) -> str:
    return to.add("Reciprocal", [to.add("Sqrt", [operand(to, node)])])


@row("square")
def square(to: Writer, node: Node) -> str:
    x = operand(to, node)
    return to.add("Mul", [x, x])


@row("log2", "log10")
def other_logarithms(to: Writer, node: Node) -> str:
    base = 1 / log(2 if node.op == "log2" else 10)
    return to.add("Mul", [to.add("Log", [operand(to, node)]), to.read(base)])


@row("clamp")
def clamp(to: Writer, node: Node) -> str:
    x = operand(to, node)
    for op, name in (("Max", "low"), ("Min", "high")):  # Clip makes infinities finite
        if node.options.get(name) is not None:
            x = to.add(op, [x, to.read(node.options[name])])
    return x


@row("cast")
def cast(to: Writer, node: Node) -> str:
    return to.cast(to.read(node.inputs[0]), node.options["dtype"])


# ---- two arguments

_TWO = {
    "add": "Add", "sub": "Sub", "mul": "Mul", "div": "Div", "pow": "Pow", "maximum": "Max",
    "minimum": "Min",
}  # fmt: skip
_OF_BOOLS = {"add": "Or", "mul": "And", "maximum": "Or", "minimum": "And"}


@row(*_TWO)
def two(to: Writer, node: Node) -> str:
    both = [operand(to, node), operand(to, node, 1)]
    if node.outputs[0].dtype != np.bool_:
        return to.add(_TWO[node.op], both)
    if node.op not in _OF_BOOLS:
        raise Inexpressible("of bools")
    return to.add(_OF_BOOLS[node.op], both)


@row("where")
def where(to: Writer, node: Node) -> str:
    condition = to.read(node.options["condition"], np.bool_)
    a, b = operand(to, node), operand(to, node, 1)
    if node.outputs[0].dtype != np.bool_:
        return to.add("Where", [condition, a, b])
    other = to.add("And", [to.add("Not", [condition]), b])  # onnxruntime chooses no bools
    return to.add("Or", [to.add("And", [condition, a]), other])
