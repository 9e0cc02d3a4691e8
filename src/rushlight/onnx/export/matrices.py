"""Determinants: what ONNX knows of matrices beside products."""

from __future__ import annotations

from rushlight.graph import Node
from rushlight.onnx.export.table import row
from rushlight.onnx.export.writer import Writer

__all__: list[str] = []


@row("det")
def det(to: Writer, node: Node) -> str:
    return to.add("Det", [to.read(node.inputs[0])])


@row("slogdet")
def slogdet(to: Writer, node: Node) -> tuple[str, str]:
    found = to.add("Det", [to.read(node.inputs[0])])
    return to.add("Sign", [found]), to.add("Log", [to.add("Abs", [found])])
