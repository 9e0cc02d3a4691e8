"""Rows of ops that rearrange: shapes, order of dims, joining, cutting, padding."""

from __future__ import annotations

from rushlight.graph import Node
from rushlight.onnx.export.table import row
from rushlight.onnx.export.writer import Writer


@row("reshape")
def reshape(to: Writer, node: Node) -> str:
    return to.reshape(to.read(node.inputs[0]), node.outputs[0].shape)


@row("permute")
def permute(to: Writer, node: Node) -> str:
    return to.permute(to.read(node.inputs[0]), node.options["dims"])


@row("expand")
def expand(to: Writer, node: Node) -> str:
    return to.add("Expand", [to.read(node.inputs[0]), to.sizes(node.outputs[0].shape)])


@row("cat")
def cat(to: Writer, node: Node) -> str:
    dtype = node.outputs[0].dtype
    return to.add("Concat", [to.read(x, dtype) for x in node.inputs], axis=node.options["dim"])
