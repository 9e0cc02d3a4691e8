"""From the bytes of an ONNX file to a graph in which everything has been checked.

Only structure is read: no operator runs, and nothing larger than the file is allocated.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rushlight.arrays import Array
from rushlight.errors import MissingExtra
from rushlight.onnx.load.attributes import attributes, schema_of, text
from rushlight.onnx.load.expand import expanded, opsets_of
from rushlight.onnx.load.order import in_order
from rushlight.onnx.load.table import Node, find
from rushlight.onnx.load.tensors import TensorReader, refuse

__all__ = ["Graph", "Port", "read"]


@dataclass(frozen=True)
class Port:
    """What goes into or comes out of a graph.

    Attributes:
        name: of the value.
        dtype: NumPy's name of the elements' type, 'bfloat16' and the like included; '' where the
            file does not say.
        shape: sizes, names of sizes that are free, or None for one without a name; None where the
            file does not say how many dims there are.
    """

    name: str
    dtype: str
    shape: tuple[int | str | None, ...] | None


@dataclass
class Graph:
    """A graph that has been checked.

    Attributes:
        name: of the graph.
        inputs: what must be given.
        defaults: names of the inputs that may be given in place of an initializer.
        outputs: what comes out.
        initializers: arrays by name, in the order of the file.
        constants: arrays of the nodes that are constants, by the name of their output.
        nodes: in an order in which they can run.
        opsets: versions of the operator sets by domain.
    """

    name: str
    inputs: list[Port]
    defaults: list[str]
    outputs: list[Port]
    initializers: dict[str, Array]
    constants: dict[str, Array]
    nodes: list[Node]
    opsets: dict[str, int] = field(default_factory=dict)


def read(source: Any) -> Graph:
    """Read and check a model.

    Args:
        source: the path of a file, its bytes, or an `onnx.ModelProto`.

    Raises:
        FileFormatError: it is damaged, contradicts itself, or needs what is not supported; all
            operators that are unknown are named at once.
        MissingExtra: the package onnx is not installed.
    """
    try:
        import onnx
    except ImportError as error:
        raise MissingExtra("onnx", "onnx", "reading ONNX files") from error
    if isinstance(source, onnx.ModelProto):
        return _Reading(source, None).graph()
    folder = None
    if isinstance(source, (str, os.PathLike)):
        path = Path(source)
        source, folder = path.read_bytes(), path.parent
    if not isinstance(source, bytes):
        raise TypeError(f"onnx.load takes a path, bytes or a ModelProto, not {type(source)}")
    return _Reading(_parsed(source), folder).graph()


def _parsed(content: bytes) -> Any:
    from google.protobuf.message import DecodeError

    from onnx import ModelProto

    try:
        return ModelProto.FromString(content)
    except DecodeError as error:  # cut off, no protobuf, or nested deeper than its limit
        refuse("ONNX file", f"{len(content):,} bytes that do not parse ({error})", "a ModelProto")


class _Reading:
    """One model on its way to a Graph."""

    def __init__(self, model: Any, folder: Path | None) -> None:
        self.model, self.proto = model, model.graph
        self.tensors = TensorReader(folder)

    def graph(self) -> Graph:
        if not self.model.HasField("graph"):
            refuse("ONNX file", "no graph", "a model with a graph", "it is empty or cut off")
        opsets = opsets_of(self.model.opset_import, "ONNX file")
        if self.proto.sparse_initializer:
            fix = "make it dense"
            refuse("ONNX graph", "a sparse initializer", "dense ones", fix)
        calls = expanded(self.model, opsets)
        _refuse_unknown(calls)
        initializers = self.initializers()
        nodes, constants = [], {}
        for call in calls:
            node = self.node(call)
            if node.op == "Constant" and node.domain == "":
                constants[node.outputs[0]] = _constant(node)
            nodes.append(node)
        inputs = [_port(value, "input") for value in self.proto.input]
        outputs = [_port(value, "output") for value in self.proto.output]
        _refuse_twice([p.name for p in inputs], "input")
        _refuse_twice([p.name for p in outputs], "output")
        given = [*initializers, *(p.name for p in inputs if p.name not in initializers)]
        ordered = in_order(nodes, given, [port.name for port in outputs])
        return Graph(
            text(self.proto.name, "name of the graph"),
            [port for port in inputs if port.name not in initializers],
            [port.name for port in inputs if port.name in initializers],
            outputs,
            initializers,
            constants,
            [node for node in ordered if node.outputs[0] not in constants],
            opsets,
        )

    def initializers(self) -> dict[str, Array]:
        found: dict[str, Array] = {}
        for tensor in self.proto.initializer:
            name = text(tensor.name, "name of an initializer")
            if not name or name in found:
                got = f"the name {name!r} twice" if name else "no name"
                refuse("ONNX initializer", got, "a name of its own")
            found[name] = self.tensors.read(tensor, f"ONNX initializer {name!r}")
        return found

    def node(self, call: Any) -> Node:
        """Return a node with its attributes, which the operator's schema must allow."""
        schema = schema_of(call.op, call.domain, call.version)
        where = f"ONNX node {call.name!r} ({call.op})"
        _check_count(where, "inputs", call.inputs, schema.min_input, schema.max_input)
        _check_count(where, "outputs", call.outputs, schema.min_output, schema.max_output)
        found = attributes(call.attributes, schema, self.tensors, where)
        if not any(call.outputs):
            refuse(where, "no output", "at least one")
        return Node(call.op, call.domain, call.name, call.version, found, call.inputs, call.outputs)


def _check_count(where: str, what: str, names: tuple[str, ...], least: int, most: int) -> None:
    given = len(names)
    if not least <= given <= most:
        expected = f"{least}" if least == most else f"{least} to {most}"
        if most > 1 << 16:
            expected = f"at least {least}"
        refuse(where, f"{given} {what}", expected)


def _refuse_unknown(calls: Iterable[Any]) -> None:
    """Refuse a graph with operators that are not known: all of them, with the nodes' names."""
    missing: dict[str, list[str]] = {}
    for call in calls:
        schema = schema_of(call.op, call.domain, call.version)
        if schema is not None and find(call.domain, call.op, call.version) is not None:
            continue
        title = f"{call.op} (domain {call.domain or 'ai.onnx'}, set {call.version})"
        missing.setdefault(title, []).append(repr(call.name))
    if missing:
        listed = "; ".join(f"{op} in {', '.join(names)}" for op, names in missing.items())
        fix = "docs/onnx.md lists what there is"
        refuse("ONNX file", f"unknown operators: {listed}", "operators that are known", fix)


def _refuse_twice(names: list[str], what: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen or not name:
            refuse(
                f"ONNX graph, {what}", f"the name {name!r} twice" if name else "no name", "a name"
            )
        seen.add(name)


def _port(value: Any, what: str) -> Port:
    from onnx import TensorProto, helper

    name = text(value.name, f"name of an {what}")
    where = f"ONNX graph, {what} {name!r}"
    kind = value.type.WhichOneof("value")
    if kind not in (None, "tensor_type"):
        refuse(where, kind.removesuffix("_type"), "a tensor", "nothing else is supported")
    tensor = value.type.tensor_type
    dtype = ""
    if tensor.elem_type == TensorProto.STRING:
        refuse(where, "strings", "numbers or bools", "strings are not supported")
    if tensor.elem_type:
        try:
            dtype = helper.tensor_dtype_to_np_dtype(tensor.elem_type).name
        except KeyError:
            refuse(where, f"elements of type {tensor.elem_type}", "a type of ONNX")
    if not tensor.HasField("shape"):
        return Port(name, dtype, None)
    return Port(name, dtype, tuple(_size(dim, where) for dim in tensor.shape.dim))


def _size(dim: Any, where: str) -> int | str | None:
    if dim.HasField("dim_value"):
        if dim.dim_value < 0:
            refuse(where, f"a size of {dim.dim_value}", "sizes >= 0")
        return int(dim.dim_value)
    return text(dim.dim_param, where) or None


def _constant(node: Node) -> Array:
    """Return the array of a Constant node."""
    import numpy as np

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
