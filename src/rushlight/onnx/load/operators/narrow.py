"""bfloat16, which tensors lack: what is computed with it is computed in float32 and rounded."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from rushlight.onnx.load.table import Function, Node, operator
from rushlight.tape import TensorBase, wrap

__all__ = ["neural"]


def neural(*names: str, since: int = 1, domain: str = "") -> Callable[[Function], Function]:
    """Register a function as `operator` does; inputs of bfloat16 reach it as float32."""

    def register(function: Function) -> Function:
        operator(*names, since=since, domain=domain)(_rounded(function))
        return function

    return register


def _rounded(function: Function) -> Function:
    @wraps(function)
    def through(node: Node, *inputs: Any) -> Any:
        narrow = next((x.dtype for x in inputs if _is_narrow(x)), None)
        if narrow is None:
            return function(node, *inputs)
        found = function(node, *[_wide(x) if _is_narrow(x) else x for x in inputs])
        if isinstance(found, tuple):
            return tuple(_back(y, narrow) for y in found)
        return _back(found, narrow)

    return through


def _is_narrow(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.dtype.name == "bfloat16"


def _wide(x: Any) -> Any:
    return wrap(x.astype(np.float32))


def _back(y: Any, dtype: Any) -> Any:
    if not isinstance(y, TensorBase) or y._array.dtype != np.float32:
        return y
    return y._array.astype(dtype)
