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
from rushlight.onnx.load.attributes import text
from rushlight.onnx.load.bodies import is_known
from rushlight.onnx.load.expand import expanded, opsets_of
from rushlight.onnx.load.nodes import taken
from rushlight.onnx.load.order import in_order
from rushlight.onnx.load.table import Node
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
        defaults: the inputs that may be given in place of an initializer.
        outputs: what comes out.
        initializers: arrays by name, in the order of the file.
        constants: arrays of the nodes that are constants, by the name of their output.
        nodes: in an order in which they can run.
        opsets: versions of the operator sets by domain.
    """

    name: str
    inputs: list[Port]
    defaults: list[Port]
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
        raise TypeError(
            f"onnx.load takes a path, bytes or a ModelProto, not {type(source).__name__}"
        )
    return _Reading(_parsed(source), folder).graph()


def _parsed(content: bytes) -> Any:
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

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
        nodes, constants = taken(calls, self.tensors)
        inputs = [_port(value, "input") for value in self.proto.input]
        outputs = [_port(value, "output") for value in self.proto.output]
        _refuse_twice([p.name for p in inputs], "input")
        _refuse_twice([p.name for p in outputs], "output")
        given = [*initializers, *(p.name for p in inputs if p.name not in initializers)]
        ordered = in_order(nodes, given, [port.name for port in outputs])
        return Graph(
            text(self.proto.name, "name of the graph"),
            [port for port in inputs if port.name not in initializers],
            [port for port in inputs if port.name in initializers],
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


def _refuse_unknown(calls: Iterable[Any]) -> None:
    """Refuse a graph with operators that are not known: all of them, with the nodes' names."""
    missing: dict[str, list[str]] = {}
    for call in calls:
        if is_known(call.op, call.domain, call.version):
            continue
        version = f"set {call.version}" if call.version else "which opset_import does not have"
        title = f"{call.op} (domain {call.domain or 'ai.onnx'}, {version})"
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
