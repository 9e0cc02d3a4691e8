"""Rows of norms and softmax."""

from __future__ import annotations

from rushlight.graph import Node
from rushlight.onnx.export.table import row
from rushlight.onnx.export.writer import Writer


@row("softmax", "log_softmax")
def softmax(to: Writer, node: Node) -> str:
    op = "Softmax" if node.op == "softmax" else "LogSoftmax"
    return to.add(op, [to.read(node.inputs[0], node.outputs[0].dtype)], axis=node.options["dim"])
