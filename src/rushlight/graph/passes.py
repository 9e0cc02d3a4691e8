"""Passes over a graph: what does not depend on the inputs is computed once, what is not read goes.

A pass changes the graph that it is given. The model's own arrays are never written.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rushlight.graph.structure import Graph, Node, Value

__all__ = ["drop_dead", "fold_batch_norm", "fold_constants"]


def drop_dead(graph: Graph) -> None:
    """Leave out nodes whose outputs nobody reads, and parameters that are then not read."""
    wanted = set(graph.outputs)
    kept: list[Node] = []
    for node in reversed(graph.nodes):
        if any(value in wanted for value in node.outputs):
            kept.append(node)
            wanted.update(node.operands())
    graph.nodes = kept[::-1]
    graph.parameters = tuple(value for value in graph.parameters if value in wanted)


def fold_constants(graph: Graph) -> None:
    """Make constants of what neither inputs nor dynamic axes change, as it was recorded.

    What is made of one parameter alone is named after it: "weight.permute".
    """
    kept: list[Node] = []
    origins = {value: value.name for value in graph.parameters}
    made = [value.name for node in graph.nodes for value in node.outputs]
    taken = {*made, *(value.name for value in (*graph.inputs, *graph.parameters))}
    for node in graph.nodes:
        if any(value.array is None for value in node.outputs):
            kept.append(node)
            continue
        sources = {origins[value] for value in node.operands() if value in origins}
        for value in node.outputs:
            value.kind = "constant"
            if len(sources) == 1:
                (origins[value],) = sources
                value.name = _unique(f"{origins[value]}.{node.op}", taken)
    graph.nodes = kept
    drop_dead(graph)


def _unique(name: str, taken: set[str]) -> str:
    found, number = name, 1
    while found in taken:
        number += 1
        found = f"{name}_{number}"
    taken.add(found)
    return found


# of the ops that a batch norm can be folded into: the axis of the weight that has the channels
_CHANNELS = {"linear": 0, "conv": 0, "conv_transpose": 1}


def fold_batch_norm(graph: Graph) -> None:
    """Fold each batch norm over a convolution or linear layer, read by it alone, into its weights.

        w' = w * g / sqrt(var + eps),  b' = (b - mean) * g / sqrt(var + eps) + beta

    Computed in float64 and rounded once.
    """
    users = graph.users()
    makers = {value: node for node in graph.nodes for value in node.outputs}
    for norm in list(graph.nodes):
        if norm.op != "batch_norm_eval":
            continue
        maker = makers.get(norm.inputs[0])
        alone = len(users[norm.inputs[0]]) == 1 and norm.inputs[0] not in graph.outputs
        if maker is None or maker.op not in _CHANNELS or not alone or maker.options.get("relu"):
            continue
        if maker.op == "linear" and len(norm.inputs[0].shape) != 2:
            continue  # the channels are not the features
        held = [*maker.inputs[1:], *_held(norm)]
        if any(isinstance(v, Value) and v.array is None for v in held):
            continue
        weight, bias = _folded(maker, norm)
        maker.inputs = (maker.inputs[0], weight, bias)
        maker.options = {**maker.options, **_relu(norm)}
        maker.outputs = norm.outputs
        graph.nodes.remove(norm)
    drop_dead(graph)


def _held(norm: Node) -> tuple[Value | float, ...]:
    """Return gain, shift, mean and variance."""
    gain, shift = norm.inputs[1:3]
    return (
        1.0 if gain is None else gain,
        0.0 if shift is None else shift,
        norm.options["mean"],
        norm.options["var"],
    )


def _double(value: Value | float) -> Any:
    return np.asarray(value.array if isinstance(value, Value) else value, np.float64)


def _relu(norm: Node) -> dict[str, Any]:
    return {"relu": True} if norm.options.get("relu") else {}


def _folded(maker: Node, norm: Node) -> tuple[Value, Value]:
    """Return the weight and bias of a layer with the norm behind it in them."""
    weight, bias = maker.inputs[1], maker.inputs[2]
    gain, shift, mean, variance = map(_double, _held(norm))
    scale = gain / np.sqrt(variance + norm.options["eps"])
    array = _double(weight)
    per = scale
    if _CHANNELS[maker.op]:  # (in, out / groups, ...), the groups one after the other in both
        groups = maker.options["groups"]
        per = scale.reshape(groups, -1).repeat(array.shape[0] // groups, 0)
    per = per.reshape(per.shape + (1,) * (array.ndim - per.ndim))
    start = (0.0 if bias is None else _double(bias)) - mean
    stem = f"{norm.where}.folded".lstrip(".")
    return (
        _constant(f"{stem}.{norm.outputs[0].name}.weight", array * per, weight.dtype),
        _constant(f"{stem}.{norm.outputs[0].name}.bias", start * scale + shift, weight.dtype),
    )


def _constant(name: str, array: Any, dtype: Any) -> Value:
    array = np.ascontiguousarray(array.astype(dtype))
    return Value(name, array.shape, array.dtype, "constant", array)
