"""Linear maps of single dims, as products of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from rushlight.onnx.export.pieces import known
from rushlight.onnx.export.writer import Writer

__all__ = ["mixed"]


def mixed(to: Writer, x: str, matrices: list[tuple[int, Any]], ndim: int) -> str:
    """Multiply dims of x, of `ndim` dims, by matrices (out, in), what makes it smaller first."""
    for axis, matrix in sorted(matrices, key=lambda item: item[1].shape[0] / item[1].shape[1]):
        turned = known(to, np.ascontiguousarray(matrix.T))
        if axis == ndim - 1:
            x = to.add("MatMul", [x, turned])
        elif axis == ndim - 2:
            x = to.add("MatMul", [known(to, matrix), x])
        else:
            order = [*(d for d in range(ndim) if d != axis), axis]
            x = to.add("MatMul", [to.add("Transpose", [x], perm=order), turned])
            x = to.add("Transpose", [x], perm=[order.index(d) for d in range(ndim)])
    return x
