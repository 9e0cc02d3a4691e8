"""Which initializers of a graph are trained.

An initializer becomes a Parameter if it is floating, has at least one dim (one without is a number
of a formula) and a gradient reaches it: it goes into an input that its operator's schema calls
differentiable, and from there on to an output of the graph. Running means and variances are
buffers, though the schema calls them differentiable, too.
"""

from __future__ import annotations

from rushlight.onnx.load.attributes import schema_of
from rushlight.onnx.load.reader import Graph
from rushlight.onnx.load.table import Node

__all__ = ["trainable"]

_STATISTICS = {("BatchNormalization", 3), ("BatchNormalization", 4)}
_TO_FLOAT = {1, 10, 11, 16}  # TensorProto's numbers of FLOAT, FLOAT16, DOUBLE, BFLOAT16
_SILENT = {"Shape", "Size", "ArgMax", "ArgMin", "NonZero"}


def trainable(graph: Graph) -> set[str]:
    """Return the names of the initializers that are to be Parameters."""
    wanted = {port.name for port in graph.outputs}
    for node in reversed(graph.nodes):
        reached = [i for i, name in enumerate(node.outputs) if name in wanted]
        if reached and _passes(node):
            wanted.update(name for i, name in enumerate(node.inputs) if name and _flows(node, i))
    return {
        name
        for name, array in graph.initializers.items()
        if name in wanted and array.ndim and array.dtype.kind == "f"
    }


def _passes(node: Node) -> bool:
    """Tell whether a gradient goes through a node at all."""
    if node.op == "Cast":
        return node["to"] in _TO_FLOAT
    return node.op not in _SILENT


def _flows(node: Node, index: int) -> bool:
    """Tell whether a gradient goes into an input of a node."""
    if (node.op, index) in _STATISTICS:
        return False
    formal = schema_of(node.op, node.domain, node.version).inputs
    category = formal[min(index, len(formal) - 1)].differentiation_category.name
    return category != "NonDifferentiable"
