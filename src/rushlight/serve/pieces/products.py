"""Products of matrices, by NumPy alone."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["dot", "einsum", "matmul"]


def dot(a: Any, b: Any, out: Any = None) -> Any:
    if a.size == 1 or b.size == 1:  # np.dot takes 0 times anything for 0, also nan and inf
        return np.matmul(a, b, out=out)
    return np.dot(a, b, out=out)


def matmul(a: Any, b: Any, out: Any = None) -> Any:
    return np.matmul(a, b, out=out)


def einsum(equation: str, *arrays: Any) -> Any:
    return np.einsum(equation, *arrays, optimize=len(arrays) > 1)
