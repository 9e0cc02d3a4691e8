"""A recorded graph as an onnx.ModelProto."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import onnx
from onnx import helper
from rushlight import _version
from rushlight.errors import explain
from rushlight.graph import Graph, Size, Value
from rushlight.onnx.export import rows  # noqa: F401 (fills the table)
from rushlight.onnx.export.table import Inexpressible
from rushlight.onnx.export.versions import ir_version
from rushlight.onnx.export.writer import Writer, element_type

__all__ = ["build", "inferred", "output_names"]


def build(
    graph: Graph, opset: int, outputs: Sequence[str], metadata: Mapping[str, str], name: str
) -> tuple[Any, list[str]]:
    """Return the model and, if there are any, the calls that ONNX cannot express."""
    to = Writer(graph, opset)
    to.write()
    if to.refused:
        return None, to.refused
    given = {value.name for value in graph.inputs}
    renamed: dict[str, str] = {}
    infos = []
    for value, wanted in zip(graph.outputs, outputs, strict=True):
        try:
            made = to.read(value)
        except Inexpressible as error:
            return None, [f"output {wanted!r}: {error}"]
        if made in renamed or made in to.initializers or made in given:
            made = to.add("Identity", [made])
        renamed[made] = wanted
        infos.append(_info(value, wanted))
    for node in to.nodes:
        for names in (node.input, node.output):
            for i, found in enumerate(names):
                if found in renamed:
                    names[i] = renamed[found]
    inputs = [_info(value, value.name) for value in graph.inputs]
    main = helper.make_graph(to.nodes, name, inputs, infos, list(to.initializers.values()))
    model = helper.make_model(
        main,
        opset_imports=[helper.make_opsetid("", opset)],
        ir_version=ir_version(opset),
        producer_name="rushlight",
        producer_version=_version.__version__,
    )
    helper.set_model_props(model, dict(metadata))
    return model, []


def inferred(model: Any) -> Any:
    """Return the model with the shapes of all its values, inferred strictly."""
    return onnx.shape_inference.infer_shapes(
        model, check_type=True, strict_mode=True, data_prop=True
    )


def _info(value: Value, name: str) -> Any:
    sizes = [str(size) if isinstance(size, Size) else size for size in value.shape]
    return helper.make_tensor_value_info(name, element_type(value.dtype), sizes)


def output_names(graph: Graph, given: Sequence[str] | None) -> list[str]:
    """Return a name for each output: those given, or the keys of what forward returned."""
    taken = {value.name for value in (*graph.inputs, *graph.parameters)}
    count = len(graph.outputs)
    if given is not None:
        if len(given) != count or len(taken | set(given)) != len(taken) + count:
            expected = f"{count} different names that no input or parameter has"
            raise ValueError(explain("output_names", got=list(given), expected=expected))
        return list(given)
    found: list[str] = []
    for key in _keys(graph.result, ""):
        stem = f"output_{key}" if key[:1].isdigit() else key or "output"
        name, number = stem, 1
        while name in taken:
            number += 1
            name = f"{stem}_{number}"
        taken.add(name)
        found.append(name)
    return found


def _keys(result: Any, key: str) -> list[str]:
    """Return the places of the values in a nested result."""
    if isinstance(result, Value):
        return [key]
    if isinstance(result, dict):
        items = list(result.items())
    elif hasattr(result, "asdict"):  # of a model that was loaded
        items = list(result.asdict().items())
    elif isinstance(result, tuple) and hasattr(result, "_fields"):
        items = list(zip(result._fields, result, strict=True))
    elif isinstance(result, (tuple, list)):
        items = list(enumerate(result))
    elif hasattr(result, "__dataclass_fields__"):
        items = list(vars(result).items())
    else:
        return []
    return [found for k, item in items for found in _keys(item, f"{key}_{k}" if key else str(k))]
