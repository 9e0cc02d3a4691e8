"""Changes to a graph that make it faster in NumPy and leave what it computes as it is."""

from __future__ import annotations

from rushlight.graph import Graph, Node, Value
from rushlight.ops.contract import OPS

__all__ = ["fuse_relu", "name_folded"]


def fuse_relu(graph: Graph) -> None:
    """Let relu be applied by the call before it, where that can."""
    users = graph.users()
    makers = {value: node for node in graph.nodes for value in node.outputs}
    for node in list(graph.nodes):
        if node.op != "relu" or not isinstance(node.inputs[0], Value):
            continue
        source = node.inputs[0]
        maker = makers.get(source)
        alone = len(users[source]) == 1 and source not in graph.outputs
        if maker is not None and alone and _takes_relu(maker, source):
            maker.options = {**maker.options, "relu": True}
            maker.outputs = (node.outputs[0], *maker.outputs[1:])
            makers[node.outputs[0]] = maker
            graph.nodes.remove(node)


def _takes_relu(maker: Node, source: Value) -> bool:
    op = OPS.get(maker.op)
    return op is not None and op.takes_relu and maker.outputs[0] is source


def name_folded(graph: Graph) -> None:
    """Give weights that a batch norm was folded into the names of the layer's own."""
    taken = {value.name for value in (*graph.parameters, *graph.constants())}
    for node in graph.nodes:
        for value, part in zip(node.inputs[1:3], ("weight", "bias"), strict=False):
            name = f"{node.where}.{part}"
            if isinstance(value, Value) and ".folded." in value.name and name not in taken:
                taken.add(name)
                value.name = name
