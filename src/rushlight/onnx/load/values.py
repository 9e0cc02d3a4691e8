"""Values on their way through a graph: Tensors, or arrays of the dtypes that tensors lack."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeAlias

import numpy as np

from rushlight.arrays import SUPPORTED, Array
from rushlight.errors import DtypeError, explain
from rushlight.tape import TensorBase, wrap
from rushlight.tensor import Tensor

__all__ = ["Value", "as_array", "as_given", "as_value", "carried", "ints", "like", "scalar"]

Value: TypeAlias = Tensor | Array

_CARRIERS = {1: np.dtype(np.int8), 2: np.dtype(np.int16), 4: np.dtype(np.int32)}
_CARRIERS[8] = np.dtype(np.int64)


def as_value(array: Any) -> Value:
    """Return an array as a Tensor, itself where tensors lack its dtype."""
    array = np.asarray(array)
    return wrap(array) if array.dtype in SUPPORTED else array


def as_array(value: Any) -> Array:
    """Return the array of a value."""
    found: Array = value._array if isinstance(value, TensorBase) else np.asarray(value)
    return found


def ints(value: Any) -> list[int]:
    """Return the whole numbers of an attribute or of a value with at most one dim."""
    if isinstance(value, list):
        return value
    return [int(x) for x in as_array(value).reshape(-1).tolist()]


def scalar(value: Any, default: Any = None) -> Any:
    """Return the only element of a value as a Python number; `default` for None."""
    return default if value is None else as_array(value).reshape(-1)[0].item()


def like(x: Value, dtype: Any) -> Any:
    """Return x in a dtype; the gradient goes through where both are floating."""
    if x.dtype == dtype:
        return x
    if isinstance(x, TensorBase) and dtype in SUPPORTED:
        return x.to(dtype)
    return as_value(as_array(x).astype(dtype))


def as_given(function: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a function that wants bfloat16 as it is; all others are given float32 for it."""
    function.takes_bfloat16 = True  # type: ignore[attr-defined]
    return function


def carried(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a function that only moves elements serve the dtypes that tensors lack.

    Arrays go in as Tensors of integers with the same bits and come out as they were.
    """

    @as_given
    @wraps(function)
    def through(node: Any, *inputs: Any) -> Any:
        foreign = next((x.dtype for x in inputs if isinstance(x, np.ndarray)), None)
        if foreign is None:
            return function(node, *inputs)
        carrier = _CARRIERS.get(foreign.itemsize)
        if carrier is None:
            raise DtypeError(
                explain(node.title(), got=foreign.name, expected="a dtype of at most 8 bytes")
            )
        moved = [wrap(x.view(carrier)) if isinstance(x, np.ndarray) else x for x in inputs]
        found = function(node, *moved)
        if isinstance(found, tuple):
            return tuple(_back(x, carrier, foreign) for x in found)
        return _back(found, carrier, foreign)

    return through


def _back(value: Any, carrier: Any, dtype: Any) -> Any:
    if value is None or as_array(value).dtype != carrier:
        return value
    return as_array(value).view(dtype)
