"""Elementwise arithmetic of ONNX: a row of a table each, where one function of Rushlight serves."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

import rushlight.functional as F
from rushlight.onnx.load.table import Node, operator
from rushlight.onnx.load.values import Value, as_array, scalar
from rushlight.tape import TensorBase

__all__ = ["aligned", "either"]

Formula = Callable[..., Any]


def either(tensors: Formula, arrays: Formula) -> Formula:
    """Return a function that serves Tensors, and by NumPy the dtypes that tensors lack."""

    def function(*values: Any) -> Any:
        for value in values:
            if not isinstance(value, TensorBase):
                return arrays(*map(as_array, values))
        return tensors(*values)

    return function


def aligned(node: Node, a: Value, b: Value) -> Value:
    """Return b as operators before set 7 want it: with dims of 1 behind, from `axis` on."""
    axis = node.get("axis")
    if axis is None or not node.get("broadcast") or len(b.shape) == len(a.shape):
        return b
    behind = len(a.shape) - axis % max(len(a.shape), 1) - len(b.shape)
    return b.reshape(*b.shape, *[1] * behind)


# ---- one argument

_UNARY: dict[str, tuple[Formula, Formula]] = {
    "Abs": (F.abs, np.abs),
    "Neg": (F.neg, np.negative),
    "Exp": (F.exp, np.exp),
    "Log": (F.log, np.log),
    "Sqrt": (F.sqrt, np.sqrt),
    "Reciprocal": (F.reciprocal, np.reciprocal),
    "Floor": (F.floor, np.floor),
    "Ceil": (F.ceil, np.ceil),
    "Round": (F.round, np.round),
    "Sign": (F.sign, np.sign),
    "Sin": (F.sin, np.sin),
    "Cos": (F.cos, np.cos),
    "Tan": (F.tan, np.tan),
    "Asin": (F.asin, np.arcsin),
    "Acos": (F.acos, np.arccos),
    "Atan": (F.atan, np.arctan),
    "Sinh": (F.sinh, np.sinh),
    "Cosh": (F.cosh, np.cosh),
    "Asinh": (F.asinh, np.arcsinh),
    "Acosh": (F.acosh, np.arccosh),
    "Atanh": (F.atanh, np.arctanh),
    "Erf": (F.erf, lambda x: F.erf(F.tensor(x.astype(np.float32))).numpy().astype(x.dtype)),
}


def _unary(f: Formula) -> Formula:
    return lambda node, x: f(x)


for _name, _pair in _UNARY.items():
    operator(_name)(_unary(either(*_pair)))


# ---- two arguments


def _quotient(a: Any, b: Any) -> Any:
    """a / b, of integers without what is behind the point"""
    return F.div(a, b) if a.is_floating_point() else F.div(a, b, rounding_mode="trunc")


def _array_quotient(a: Any, b: Any) -> Any:
    return a // b if a.dtype.kind == "u" else a / b


_BINARY: dict[str, tuple[Formula, Formula]] = {
    "Add": (F.add, np.add),
    "Sub": (F.sub, np.subtract),
    "Mul": (F.mul, np.multiply),
    "Div": (_quotient, _array_quotient),
}


def _binary(f: Formula) -> tuple[Formula, Formula]:
    return lambda node, a, b: f(a, b), lambda node, a, b: f(a, aligned(node, a, b))


for _name, _pair in _BINARY.items():
    _new, _old = _binary(either(*_pair))
    operator(_name, since=7)(_new)
    operator(_name)(_old)


@operator("Pow")
def power(node: Node, a: Value, b: Value) -> Any:
    """a^b in the dtype of a, whatever that of b"""
    b = aligned(node, a, b)
    if not isinstance(a, TensorBase):
        return np.power(a, as_array(b)).astype(a.dtype)
    b = b if isinstance(b, TensorBase) else F.tensor(as_array(b).astype(np.int64))
    return F.pow(a, b).to(a.dtype)


@operator("Mod")
def modulo(node: Node, a: Value, b: Value) -> Any:
    """what is left of a / b, with the sign of b, or of a for fmod = 1"""
    if node["fmod"]:
        return either(F.fmod, np.fmod)(a, b)
    return either(F.remainder, np.mod)(a, b)


# ---- several arguments


def _folded(tensors: Formula, arrays: Formula) -> Formula:
    f = either(tensors, arrays)
    return lambda node, *values: reduce(f, values)


operator("Sum")(_folded(F.add, np.add))
operator("Max")(_folded(F.maximum, np.maximum))
operator("Min")(_folded(F.minimum, np.minimum))


@operator("Mean")
def mean(node: Node, *values: Value) -> Any:
    return reduce(either(F.add, np.add), values) / len(values)


# ---- bounds


@operator("Clip", since=11)
def clip(node: Node, x: Value, low: Value | None = None, high: Value | None = None) -> Any:
    return _clipped(x, scalar(low), scalar(high))


@operator("Clip")
def clip_by_attributes(node: Node, x: Value) -> Any:
    return _clipped(x, node.get("min"), node.get("max"))


def _clipped(x: Value, low: Any, high: Any) -> Any:
    if low is None and high is None:
        return x
    if not isinstance(x, TensorBase):
        x = x if low is None else np.maximum(x, np.asarray(low, x.dtype))
        return x if high is None else np.minimum(x, np.asarray(high, x.dtype))
    return F.clamp(x, low, high)


# ---- sums and products along an axis


@operator("CumSum")
def cumulative_sum(node: Node, x: Value, axis: Value) -> Any:
    return _cumulative(node, x, scalar(axis), F.cumsum, 0)


@operator("CumProd")
def cumulative_product(node: Node, x: Value, axis: Value) -> Any:
    return _cumulative(node, x, scalar(axis), F.cumprod, 1)


def _cumulative(node: Node, x: Any, dim: int, f: Formula, neutral: float) -> Any:
    if isinstance(x, np.ndarray):  # unsigned: the bits of sums are those of signed numbers
        signed = F.tensor(x.view(f"i{x.itemsize}"))
        return as_array(_cumulative(node, signed, dim, f, neutral)).view(x.dtype)
    if node["reverse"]:
        x = F.flip(x, dim)
    if node["exclusive"] and x.shape[dim]:
        shape = list(x.shape)
        shape[dim] = 1
        start = F.full(shape, neutral, dtype=x.dtype)
        x = F.cat([start, F.narrow(x, dim, 0, x.shape[dim] - 1)], dim)
    y = f(x, dim).to(x.dtype)  # of small integers it is int64
    return F.flip(y, dim) if node["reverse"] else y
