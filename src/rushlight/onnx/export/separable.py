"""Linear maps of single dims, as products of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from rushlight.onnx.export.pieces import known
from rushlight.onnx.export.writer import Writer

__all__ = ["mapped", "mixed"]


def mixed(to: Writer, x: str, matrices: list[tuple[int, Any]], ndim: int) -> str:
    """Multiply dims of x, of `ndim` dims, by matrices (out, in), what makes it smaller first."""
    for axis, matrix in sorted(matrices, key=lambda item: item[1].shape[0] / item[1].shape[1]):
        x = mapped(to, x, axis, known(to, np.ascontiguousarray(matrix.T)), ndim)
    return x


def mapped(to: Writer, x: str, axis: int, turned: str, ndim: int) -> str:
    """Multiply one dim of x by a matrix (in, out)."""
    order = [*(d for d in range(ndim) if d != axis), axis]
    found = to.add("MatMul", [to.permute(x, order), turned])
    return to.permute(found, [order.index(d) for d in range(ndim)])
