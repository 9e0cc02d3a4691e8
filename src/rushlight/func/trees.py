"""Trees: tensors in nested tuples, lists and dicts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["leaves", "rebuilt"]


def leaves(tree: Any) -> list[Any]:
    """Return what is in a tree, from left to right."""
    if isinstance(tree, dict):
        tree = tuple(tree.values())
    if isinstance(tree, (tuple, list)):
        return [leaf for part in tree for leaf in leaves(part)]
    return [tree]


def rebuilt(tree: Any, make: Callable[[Any], Any]) -> Any:
    """Return a tree of the same structure with `make(leaf)` for each leaf, from left to right."""
    if isinstance(tree, dict):
        return type(tree)((key, rebuilt(part, make)) for key, part in tree.items())
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):  # a named tuple
        return type(tree)(*[rebuilt(part, make) for part in tree])
    if isinstance(tree, (tuple, list)):
        return type(tree)(rebuilt(part, make) for part in tree)
    return make(tree)
