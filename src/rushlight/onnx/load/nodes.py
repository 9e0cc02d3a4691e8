"""Calls of a file as nodes of the table, checked against the schemas of their operators."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from rushlight.arrays import Array
from rushlight.onnx.load.attributes import attributes, schema_of
from rushlight.onnx.load.expand import Call
from rushlight.onnx.load.table import Node
from rushlight.onnx.load.tensors import TensorReader, refuse

__all__ = ["taken"]


def taken(calls: Iterable[Call], tensors: TensorReader) -> tuple[list[Node], dict[str, Array]]:
    """Return the nodes, and the arrays of those that are constants by their outputs' names.

    Raises:
        FileFormatError: attributes, or numbers of inputs or outputs, that the operator does not
            have.
    """
    nodes, constants = [], {}
    for call in calls:
        node = _node(call, tensors)
        if node.op == "Constant" and node.domain == "":
            constants[node.outputs[0]] = _constant(node)
        nodes.append(node)
    return nodes, constants


def _node(call: Call, tensors: TensorReader) -> Node:
    schema = schema_of(call.op, call.domain, call.version)
    where = f"ONNX node {call.name!r} ({call.op})"
    _check_count(where, "inputs", call.inputs, schema.min_input, schema.max_input)
    _check_count(where, "outputs", call.outputs, schema.min_output, schema.max_output)
    if not any(call.outputs):
        refuse(where, "no output", "at least one")
    for formal, name in zip(schema.inputs, call.inputs, strict=False):
        if not name and formal.option.name == "Single":
            refuse(where, f"no input {formal.name!r}", "it, because the operator requires it")
    found = attributes(call.attributes, schema, tensors, where)
    return Node(call.op, call.domain, call.name, call.version, found, call.inputs, call.outputs)


def _check_count(where: str, what: str, names: tuple[str, ...], least: int, most: int) -> None:
    given = len(names)
    if not least <= given <= most:
        expected = f"{least}" if least == most else f"{least} to {most}"
        if most > 1 << 16:
            expected = f"at least {least}"
        refuse(where, f"{given} {what}", expected)


def _constant(node: Node) -> Array:
    """Return the array of a Constant node."""
    where = f"ONNX node {node.name!r} (Constant)"
    if len(node.attributes) != 1:
        refuse(where, f"{len(node.attributes)} attributes", "one, which has the value")
    (name, value), *_ = node.attributes.items()
    if name == "value":
        found: Array = value
        return found
    dtypes = {"f": np.float32, "i": np.int64}
    kind = name.removeprefix("value_")[:1]
    if kind not in dtypes:
        refuse(where, f"attribute {name!r}", "a tensor or numbers", "strings are not supported")
    return np.array(value, dtypes[kind])
