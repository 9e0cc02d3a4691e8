"""Tensors that ONNX makes of shapes and numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

import rushlight.functional as F
from rushlight.arrays import SUPPORTED
from rushlight.onnx.load.operators.casting import dtype_of
from rushlight.onnx.load.table import Node, operator
from rushlight.onnx.load.values import Value, as_array, as_given, as_value, ints, like, scalar

__all__: list[str] = []


@operator("Constant")
def constant(node: Node) -> Any:
    raise AssertionError("constants are values of the graph, not steps")


@operator("ConstantOfShape")
def constant_of_shape(node: Node, shape: Value) -> Any:
    value = node.get("value", np.zeros(1, np.float32))
    if value.dtype in SUPPORTED:
        return F.full(ints(shape), value.reshape(-1)[0].item(), dtype=value.dtype)
    return as_value(np.full(ints(shape), value.reshape(-1)[0], value.dtype))


@operator("Range")
def range_(node: Node, start: Value, limit: Value, delta: Value) -> Any:
    first, last, step = (as_array(x).reshape(()) for x in (start, limit, delta))
    if first.dtype == np.int64 and step.item():
        return F.arange(first.item(), last.item(), step.item())
    count = max(int(np.ceil((last.item() - first.item()) / step.item())), 0)
    with np.errstate(over="ignore"):
        return as_value((first + np.arange(count).astype(first.dtype) * step).astype(first.dtype))


@operator("EyeLike")
@as_given
def eye_like(node: Node, x: Value) -> Any:
    dtype = x.dtype if node.get("dtype") is None else dtype_of(node["dtype"], node)
    return as_value(np.eye(x.shape[0], x.shape[1], k=node["k"], dtype=dtype))


@operator("OneHot")
def one_hot(node: Node, indices: Value, depth: Value, values: Value) -> Any:
    """values[1] at the place that an index names along a new axis, values[0] elsewhere"""
    count = int(scalar(depth))
    places = as_array(indices).astype(np.int64)
    places = np.where(places < 0, places + count, places)
    axis = node["axis"] % (places.ndim + 1)
    shape = [1] * (places.ndim + 1)
    shape[axis] = count
    hit: Any = as_value(np.expand_dims(places, axis) == np.arange(count).reshape(shape))
    off, on = as_array(values)
    return like(F.where(hit, *(as_value(np.asarray(x)) for x in (on, off))), values.dtype)
