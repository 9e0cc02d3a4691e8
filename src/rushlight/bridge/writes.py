"""Writes in place in a recorded graph: what is written to, and who reads it later.

Rushlight's tensors in a graph are not written to, so a write becomes a new value, and later reads
of the old one become reads of the new. Where the old one is also read under another name (a view
of it), that would be wrong, and is refused.
"""

from __future__ import annotations

import inspect
import operator
from typing import Any

__all__ = ["plain_name", "resolve", "written"]

_OPERATORS = {
    getattr(operator, f"i{name}"): getattr(operator, name)
    for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "xor")
} | {operator.iand: operator.and_, operator.ior: operator.or_}

# What may return a view of its first argument, or that itself.
_VIEWS = {
    *("view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze", "transpose", "swapaxes"),
    *("swapdims", "permute", "t", "expand", "expand_as", "view_as", "chunk", "split", "narrow"),
    *("select", "unbind", "movedim", "moveaxis", "diagonal", "contiguous", "detach", "to"),
    *("type_as", "float", "double", "unfold", "tensor_split", "ravel", "reshape_as", "getitem"),
    *("data", "T", "mT", "type", "broadcast_to", "atleast_1d", "atleast_2d", "atleast_3d"),
    *("hsplit", "vsplit", "dsplit", "split_with_sizes", "expand_copy", "squeeze_", "unsqueeze_"),
    *("cpu", "half", "int", "long", "short", "bool", "positive", "dropout", "dropout1d"),
    *("dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout", "dropout_", "meshgrid"),
}
_VIEWING_LAYERS = ("Flatten", "Unflatten", "Identity", "Dropout", "AlphaDropout", "FeatureAlpha")
_NUMBERS = {"size", "dim", "ndimension", "numel", "nelement", "item", "shape", "ndim", "stride"}


def plain_name(node: Any) -> str:
    """Return the name of what a node calls, the attribute's for a getattr."""
    if node.op == "call_method":
        return str(node.target)
    if node.op == "call_function":
        if node.target is getattr and len(node.args) > 1:
            return str(node.args[1])
        return str(getattr(node.target, "__name__", ""))
    return ""


def resolve(node: Any) -> Any:
    """Return the operator that a write by an operator is made of, or None."""
    return _OPERATORS.get(node.target) if node.op == "call_function" else None


def _inplace_option(node: Any, modules: Any) -> bool:
    """Tell whether a call is asked to write (`inplace=True`)."""
    if node.op == "call_module":
        module = modules[node.target]
        while hasattr(module, "__getitem__") and len(module):  # a Sequential: by its first layer
            module = module[0]
        return bool(getattr(module, "inplace", False))
    if node.op != "call_function":
        return False
    if "inplace" in node.kwargs:
        return bool(node.kwargs["inplace"])
    try:
        bound = inspect.signature(node.target).bind(*node.args, **node.kwargs)
    except (TypeError, ValueError):
        return False
    return bool(bound.arguments.get("inplace", False))


def _is_view(node: Any, modules: Any) -> bool:
    """Tell whether a call may return a view of its first argument."""
    if node.op != "call_module":
        return plain_name(node) in _VIEWS
    parts = [m for m in modules[node.target].modules() if not _is_row(m)]
    return all(type(part).__name__.startswith(_VIEWING_LAYERS) for part in parts)


def _is_row(module: Any) -> bool:
    """Tell whether a module is torch's Sequential."""
    return any(cls.__name__ == "Sequential" for cls in type(module).__mro__)


def _is_write(node: Any, modules: Any) -> bool:
    name = plain_name(node)
    if resolve(node) is not None or (name.endswith("_") and not name.endswith("__")):
        return True
    return _inplace_option(node, modules)


def _number(node: Any, known: set[Any]) -> bool:
    """Tell whether a node is a number of Python (a size): those are never written to."""
    if node.op not in ("call_function", "call_method"):
        return False
    if plain_name(node) in _NUMBERS:
        return True
    inputs = node.all_input_nodes
    plain = getattr(node.target, "__module__", "") in ("_operator", "math", "builtins")
    return plain and bool(inputs) and all(i in known for i in inputs)


def written(nodes: list[Any], modules: Any) -> tuple[dict[Any, dict[Any, Any]], list[str]]:
    """Find the writes.

    Args:
        nodes: of the graph, in order.
        modules: path -> module, of those that are called.

    Returns:
        node -> {old value: the value to read in its place}, for each node; and what is refused.
    """
    order = {node: i for i, node in enumerate(nodes)}
    base: dict[Any, Any] = {}
    numbers: set[Any] = set()
    newer: dict[Any, Any] = {}
    reads: dict[Any, dict[Any, Any]] = {}
    problems = []
    for node in nodes:
        reads[node] = dict(newer)
        if _number(node, numbers):
            numbers.add(node)
        first = next(iter(node.args), None)
        held = hasattr(first, "op")
        is_write = held and first not in numbers and _is_write(node, modules)
        view = held and not is_write and _is_view(node, modules)
        base[node] = base[first] if view else node
        if not is_write:
            continue
        name = plain_name(node) or str(node.target)
        root = base[first]
        if root.op == "get_attr":
            problems.append(f"{name} writes to {root.target}, which is part of the state")
        others = [m for m in order if m is not first and base.get(m) is root and m is not node]
        if any(order[user] > order[node] for other in others for user in other.users):
            problems.append(f"{name} writes to a tensor of which a view is read later")
        for old, new in list(newer.items()):
            if new is first:
                newer[old] = node
        newer[first] = node
    return reads, problems
