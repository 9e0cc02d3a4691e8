"""Comparison, logic and bits of ONNX."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import rushlight.functional as F
from rushlight.onnx.load.operators.arithmetic import aligned, either
from rushlight.onnx.load.table import Node, operator
from rushlight.onnx.load.values import Value, as_array, as_value, carried

__all__: list[str] = []

Formula = Callable[..., Any]

_PAIRS: dict[str, tuple[Formula, Formula]] = {
    "Equal": (F.eq, np.equal),
    "Less": (F.lt, np.less),
    "LessOrEqual": (F.le, np.less_equal),
    "Greater": (F.gt, np.greater),
    "GreaterOrEqual": (F.ge, np.greater_equal),
    "And": (F.logical_and, np.logical_and),
    "Or": (F.logical_or, np.logical_or),
    "Xor": (F.logical_xor, np.logical_xor),
    "BitwiseAnd": (F.bitwise_and, np.bitwise_and),
    "BitwiseOr": (F.bitwise_or, np.bitwise_or),
    "BitwiseXor": (F.bitwise_xor, np.bitwise_xor),
}


def _pair(tensors: Formula, arrays: Formula) -> Formula:
    f = either(tensors, lambda a, b: as_value(arrays(a, b)))
    return lambda node, a, b: f(a, aligned(node, a, b))


for _name, _functions in _PAIRS.items():
    operator(_name)(_pair(*_functions))


@operator("Not")
def logical_not(node: Node, x: Any) -> Any:
    return F.logical_not(x)


@operator("BitwiseNot")
def bitwise_not(node: Node, x: Value) -> Any:
    return either(F.bitwise_not, np.invert)(x)


@operator("BitShift")
def shift(node: Node, x: Value, by: Value) -> Any:
    """x with its bits moved left or right; what goes beyond the width is lost"""
    left = node["direction"] == "LEFT"
    if left:
        return either(F.bitwise_left_shift, np.left_shift)(x, by)
    return either(F.bitwise_right_shift, np.right_shift)(x, by)


@operator("IsNaN")
def is_nan(node: Node, x: Value) -> Any:
    return either(F.isnan, lambda x: as_value(np.isnan(x)))(x)


@operator("IsInf")
def is_infinite(node: Node, x: Value) -> Any:
    array = as_array(x)
    found = np.isinf(array)
    if not node["detect_positive"]:
        found &= array < 0
    if not node["detect_negative"]:
        found &= array > 0
    return as_value(found)


@operator("Where")
@carried
def where(node: Node, condition: Any, a: Any, b: Any) -> Any:
    return F.where(condition, a, b)
