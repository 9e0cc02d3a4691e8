"""Elementwise arithmetic of ONNX."""

from __future__ import annotations

from typing import Any

import rushlight.functional as F
from rushlight.onnx.load.table import Node, operator
from rushlight.onnx.load.values import Value

__all__: list[str] = []


@operator("Add", since=7)
def add(node: Node, a: Value, b: Value) -> Any:
    return F.add(a, b)


@operator("Relu", since=6)
def relu(node: Node, x: Value) -> Any:
    return F.relu(x)
