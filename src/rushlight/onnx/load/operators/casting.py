"""Conversion between dtypes."""

from __future__ import annotations

from typing import Any

import numpy as np

from rushlight.errors import DtypeError, explain
from rushlight.onnx.load.table import Node, operator
from rushlight.onnx.load.values import Value, as_array, as_given, as_value, like

__all__ = ["dtype_of"]


def dtype_of(number: int, node: Node) -> Any:
    """Return the NumPy dtype of a TensorProto's number of a type.

    Raises:
        DtypeError: for strings, and numbers that stand for nothing.
    """
    from onnx import TensorProto, helper

    if number == TensorProto.STRING:
        raise DtypeError(explain(node.title(), got="strings", expected="numbers or bools"))
    try:
        return np.dtype(helper.tensor_dtype_to_np_dtype(number))
    except KeyError:
        got, expected = f"the number {number} of a type", "one that ONNX defines"
        raise DtypeError(explain(node.title(), got=got, expected=expected)) from None


@operator("Cast")
@as_given
def cast(node: Node, x: Value) -> Any:
    return like(x, dtype_of(node["to"], node))


@operator("CastLike")
@as_given
def cast_like(node: Node, x: Value, target: Value) -> Any:
    return like(x, target.dtype)


@operator("BitCast")
@as_given
def bit_cast(node: Node, x: Value) -> Any:
    """the same bits as a dtype of the same width"""
    dtype = dtype_of(node["to"], node)
    array = as_array(x)
    if dtype.itemsize != array.itemsize:
        expected = f"a dtype of {array.itemsize} bytes, the width of {array.dtype.name}"
        raise DtypeError(explain("BitCast", got=dtype.name, expected=expected))
    return as_value(array.view(dtype))
