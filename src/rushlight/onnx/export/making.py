"""Rows of tensors that are made of sizes: filled, counted, triangles. Without dynamic axes they are
constants, and no row is asked."""

from __future__ import annotations

from typing import Any

import numpy as np

from rushlight.graph import Node
from rushlight.onnx.export.table import Inexpressible, row
from rushlight.onnx.export.writer import Writer

__all__ = ["numbers"]


def numbers(to: Writer, size: Any) -> str:
    """Return the name of the vector 0, 1, ... size - 1 of int64."""
    stop = to.add("Squeeze", [to.size(size)])
    return to.add("Range", [to.constant(0, np.int64), stop, to.constant(1, np.int64)])


def _filled(to: Writer, node: Node) -> str:
    output = node.outputs[0]
    value = to.constant(node.options["fill_value"], output.dtype)
    return to.add("Expand", [value, to.sizes(output.shape)])


row("full", "full_like")(_filled)


@row("arange")
def arange(to: Writer, node: Node) -> str:
    start, step, dtype = node.options["start"], node.options["step"], node.outputs[0].dtype
    places = to.cast(numbers(to, node.outputs[0].shape[0]), dtype)
    scaled = places if step == 1 else to.add("Mul", [places, to.read(step)])
    return scaled if start == 0 and type(start) is int else to.add("Add", [scaled, to.read(start)])


def _grid(to: Writer, rows: Any, cols: Any) -> tuple[str, str]:
    """Return the numbers of rows, as a column, and of columns."""
    return to.add("Unsqueeze", [numbers(to, rows), to.ints(1)]), numbers(to, cols)


@row("triangle")
def triangle(to: Writer, node: Node) -> str:
    options = node.options
    i, j = _grid(to, options["rows"], options["cols"])
    upper = options["upper"]
    if not isinstance(options["diagonal"], int):
        raise Inexpressible("with a diagonal that changes")
    last = to.add("Add", [i, to.constant(options["diagonal"] - upper, np.int64)])
    return to.add("Greater" if upper else "LessOrEqual", [j, last])


@row("eye")
def eye(to: Writer, node: Node) -> str:
    output = node.outputs[0]
    i, j = _grid(to, *output.shape)
    return to.cast(to.add("Equal", [i, j]), output.dtype)
