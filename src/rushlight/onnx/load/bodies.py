"""Operators that ONNX itself defines by others: what the table lacks is run as their body.

Some bodies depend on the types of the inputs, so a body is written out when the node is first
called with inputs of a kind (dtypes and numbers of dims, or sizes where these matter), and kept.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from rushlight.arrays import float32
from rushlight.onnx.load.attributes import schema_of
from rushlight.onnx.load.expand import written_out
from rushlight.onnx.load.nodes import taken
from rushlight.onnx.load.order import in_order
from rushlight.onnx.load.program import Step, run, steps_of
from rushlight.onnx.load.table import Function, Node, find
from rushlight.onnx.load.tensors import TensorReader, refuse
from rushlight.onnx.load.values import as_value, like

__all__ = ["by_body", "function_of", "is_known"]


def is_known(op: str, domain: str, version: int) -> bool:
    """Tell whether an operator can be run: the table has it, or ONNX defines it by such ones."""
    schema = schema_of(op, domain, version)
    if schema is None:
        return False
    if find(domain, op, version) is not None:
        return True
    if schema.has_context_dependent_function:  # which nodes, is known only with the inputs' types
        return all(kind.startswith("tensor") for formal in schema.inputs for kind in formal.types)
    if not schema.has_function:
        return False
    return all(is_known(n.op_type, n.domain, version) for n in schema.function_body.node)


def by_body() -> list[tuple[str, str]]:
    """Return domain and name of the operators that are run as the body that ONNX gives them."""
    from onnx import defs

    every = {(s.domain, s.name): s for s in defs.get_all_schemas() if not s.deprecated}
    return sorted(
        key
        for key, schema in every.items()
        if find(*key, schema.since_version) is None
        and is_known(schema.name, schema.domain, schema.since_version)
    )


def function_of(node: Node) -> Function:
    """Return the function that serves a node."""
    found = find(node.domain, node.op, node.version)
    if found is None:
        return Body()
    return found if hasattr(found, "takes_bfloat16") else partial(_wide, found)


def _wide(function: Function, node: Node, *inputs: Any) -> Any:
    """Call a function with float32 for bfloat16; what is of the same type comes out as bfloat16."""
    for x in inputs:
        if type(x) is np.ndarray and _is_narrow(x):
            return _widened(function, node, inputs)
    return function(node, *inputs)


def _is_narrow(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.dtype.name == "bfloat16"  # which no Tensor is


def _widened(function: Function, node: Node, inputs: tuple[Any, ...]) -> Any:
    narrow = [i for i, x in enumerate(inputs) if _is_narrow(x)]
    dtype = inputs[narrow[0]].dtype
    wide = [like(x, float32) if i in narrow else x for i, x in enumerate(inputs)]
    found = function(node, *wide)
    schema = schema_of(node.op, node.domain, node.version)
    kinds = {_formal(schema.inputs, i).type_str for i in narrow}
    results = found if isinstance(found, tuple) else (found,)
    back = tuple(
        like(y, dtype) if y is not None and _formal(schema.outputs, i).type_str in kinds else y
        for i, y in enumerate(results)
    )
    return back if isinstance(found, tuple) else back[0]


def _formal(formal: Any, index: int) -> Any:
    return formal[min(index, len(formal) - 1)]  # the last may stand for several


class Body:
    """An operator as the nodes that ONNX defines it by."""

    def __init__(self) -> None:
        self.programs: dict[Any, _Program] = {}

    def __call__(self, node: Node, *inputs: Any) -> Any:
        kinds = [
            tuple(None if x is None else (x.dtype, (None,) * len(x.shape)) for x in inputs),
            tuple(None if x is None else (x.dtype, tuple(x.shape)) for x in inputs),
        ]
        found = next((self.programs[kind] for kind in kinds if kind in self.programs), None)
        if found is None:
            given = _attributes(node)
            for kind in kinds:
                function = _function(node, kind, given)
                if function is not None:
                    found = self.programs[kind] = _Program(function, given)
                    break
            else:
                got = ", ".join(
                    "none" if x is None else f"{x.dtype.name} {x.shape}" for x in inputs
                )
                refuse(f"ONNX node {node.name!r} ({node.op})", got, "inputs it is defined for", "")
        return found.run(node, inputs)


class _Program:
    """The body of a node for inputs of one kind."""

    def __init__(self, function: Any, given: dict[str, Any]) -> None:
        self.inputs, self.outputs = tuple(function.input), tuple(function.output)
        self.nodes, self.steps, self.constants = _steps(function, given)
        self.calls = [partial(function_of(inner), inner) for inner in self.nodes]

    def run(self, node: Node, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        values: dict[str, Any] = dict.fromkeys(self.inputs)
        values.update(zip(self.inputs, inputs, strict=False))
        values.update(self.constants)
        for inner in self.nodes:
            inner.training = node.training
        run(self.calls, self.steps, values)
        return tuple(values.get(name) for name in self.outputs)


def _attributes(node: Node) -> dict[str, Any]:
    """Return the attributes of a node as AttributeProtos by name."""
    from onnx import helper, numpy_helper

    return {
        name: helper.make_attribute(
            name, numpy_helper.from_array(value) if isinstance(value, np.ndarray) else value
        )
        for name, value in node.attributes.items()
        if not isinstance(value, list) or value  # the type of an empty list is not known
    }


def _function(node: Node, kind: tuple[Any, ...], given: dict[str, Any]) -> Any:
    """Return the FunctionProto of a node for inputs of some dtypes and sizes, None without one."""
    from onnx import FunctionProto, NodeProto, helper

    schema = schema_of(node.op, node.domain, node.version)
    if schema.has_function:
        return schema.function_body
    proto = NodeProto(op_type=node.op, domain=node.domain, name=node.name)
    proto.input.extend("" if k is None else f"x{i}" for i, k in enumerate(kind))
    proto.output.extend(node.outputs)
    proto.attribute.extend(given.values())
    types = [
        helper.make_tensor_type_proto(helper.np_dtype_to_tensor_dtype(k[0]), k[1])
        if k is not None
        else helper.make_tensor_type_proto(0, None)
        for k in kind
    ]
    versions = [v for v in schema.context_dependent_function_opset_versions if v <= node.version]
    written = schema.get_context_dependent_function_with_opset_version(
        max(versions, default=node.version),
        proto.SerializeToString(),
        [each.SerializeToString() for each in types],
    )
    return FunctionProto.FromString(written) if written else None


def _steps(
    function: Any, given: dict[str, Any]
) -> tuple[list[Node], tuple[Step, ...], dict[str, Any]]:
    calls = written_out(function, given)
    missing = sorted({c.op for c in calls if not is_known(c.op, c.domain, c.version)})
    if missing:
        where = f"ONNX function {function.name!r}"
        refuse(where, f"unknown operators: {', '.join(missing)}", "operators that are known", "")
    nodes, constants = taken(calls, TensorReader(None))
    made = {name for node in nodes for name in node.outputs}.union(function.input)
    ordered = in_order(nodes, function.input, [name for name in function.output if name in made])
    ordered = [node for node in ordered if node.outputs[0] not in constants]
    kept = (*function.input, *function.output)
    return (
        ordered,
        steps_of(ordered, kept, constants),
        {k: as_value(v) for k, v in constants.items()},
    )
