"""Products of matrices, by NumPy alone."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["dot", "einsum", "matmul"]


def dot(a: Any, b: Any, out: Any = None) -> Any:
    return np.dot(a, b, out=out)


def matmul(a: Any, b: Any, out: Any = None) -> Any:
    return np.matmul(a, b, out=out)


def einsum(equation: str, *arrays: Any) -> Any:
    return np.einsum(equation, *arrays, optimize=len(arrays) > 1)
