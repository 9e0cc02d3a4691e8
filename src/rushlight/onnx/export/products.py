"""Rows of products: linear layers and matrices."""

from __future__ import annotations

from rushlight.graph import Node
from rushlight.onnx.export.pieces import turned
from rushlight.onnx.export.table import row
from rushlight.onnx.export.writer import Writer

__all__: list[str] = []


@row("linear")
def linear(to: Writer, node: Node) -> str:
    x, w, b = (*node.inputs, None)[:3]
    if len(x.shape) == 2:
        return to.add("Gemm", [to.read(x), to.read(w), to.read(b)], transB=1)
    y = to.add("MatMul", [to.read(x), turned(to, w)])
    return y if b is None else to.add("Add", [y, to.read(b)])


@row("matmul")
def matmul(to: Writer, node: Node) -> str:
    return to.add("MatMul", [to.read(x) for x in node.inputs])
