"""Products of matrices and sums of products."""

from __future__ import annotations

from typing import Any

import numpy as np

from rushlight import functional as F
from rushlight.onnx.load.table import Node, operator
from rushlight.onnx.load.values import as_array
from rushlight.tape import wrap
from rushlight.tensor import Tensor

__all__: list[str] = []


@operator("MatMul")
def _matmul(node: Node, a: Tensor, b: Tensor) -> Tensor:
    return F.matmul(a, b)


@operator("Gemm")
def _gemm(node: Node, a: Tensor, b: Tensor, c: Tensor | None = None) -> Tensor:
    """alpha * a' @ b' + beta * c, c spread over the product."""
    alpha, beta = float(node.get("alpha", 1.0)), float(node.get("beta", 1.0))
    a = F.transpose(a, 0, 1) if node.get("transA", 0) else a
    linear = node.get("transB", 0) and c is not None and c.ndim == 1 and len(c) == len(b)
    if linear and alpha == beta == 1.0 and a.dtype.kind == "f":
        return F.linear(a, b, c)
    y = F.matmul(a, F.transpose(b, 0, 1) if node.get("transB", 0) else b)
    if alpha != 1.0:
        y = (y * alpha).to(y.dtype)
    if c is None or beta == 0.0:
        return y
    return y + (c if beta == 1.0 else (c * beta).to(c.dtype))


@operator("Einsum", since=12)
def _einsum(node: Node, *operands: Tensor) -> Tensor:
    return F.einsum(node["equation"], *operands)


@operator("Det", since=11)
def _det(node: Node, x: Tensor) -> Tensor:
    return F.det(x)


@operator("MatMulInteger", since=10)
def _matmul_integer(node: Node, a: Any, b: Any, a_zero: Any = None, b_zero: Any = None) -> Tensor:
    """In int32, with a zero for all, for each row of a or for each column of b."""
    left, right = as_array(a).astype(np.int32), as_array(b).astype(np.int32)
    if a_zero is not None:
        zero = as_array(a_zero).astype(np.int32)
        left = left - (zero[..., None] if zero.ndim == 1 and left.ndim > 1 else zero)
    if b_zero is not None:
        right = right - as_array(b_zero).astype(np.int32)
    return wrap(np.matmul(left, right))
