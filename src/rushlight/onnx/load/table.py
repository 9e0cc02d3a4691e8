"""The operators that are known: one function for each operator and version, by `@operator`.

A function takes the node and its inputs and returns the output or a tuple of outputs. Inputs are
Tensors, NumPy arrays of the dtypes that tensors lack (uint16, bfloat16, ...), or None for one that
the node leaves out; inputs left out at the end are not passed. What goes through a function is
recorded as ever, because it calls the functions of Rushlight.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, TypeAlias

__all__ = ["Function", "Node", "find", "known", "operator"]

Function: TypeAlias = Callable[..., Any]  # (node, *inputs) -> output or tuple of outputs

_table: dict[tuple[str, str], list[tuple[int, Function]]] = {}


@dataclass(eq=False)
class Node:
    """One call of an operator in a graph.

    Attributes:
        op: the operator's name, such as 'Conv'.
        domain: '' is ONNX's own.
        name: of the node, never empty; the operator and a number where the file has none.
        version: of the domain's operator set that the file asks for.
        attributes: by name, with the defaults of the operator's schema: int, float, str, lists of
            them, or arrays. One without a default that the node leaves out is not there.
        inputs: names of values; '' for one that is left out.
        outputs: names of values; '' for one that nobody wants.
        training: whether the module is in training mode; set before each call.
        last: what an operator has worked out for sizes, and those; the next call often has them.
    """

    op: str
    domain: str
    name: str
    version: int
    attributes: dict[str, Any] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    training: bool = False
    last: tuple[Any, Any] = (None, None)

    def get(self, name: str, default: Any = None) -> Any:
        """Return an attribute, or `default` where neither node nor schema has one."""
        return self.attributes.get(name, default)

    def __getitem__(self, name: str) -> Any:
        return self.attributes[name]

    def wants(self, index: int) -> bool:
        """Tell whether the node has an output at this position."""
        return index < len(self.outputs) and bool(self.outputs[index])

    def title(self) -> str:
        """Return the operator with its domain."""
        return f"{self.domain}.{self.op}" if self.domain else self.op


def operator(*names: str, since: int = 1, domain: str = "") -> Callable[[Function], Function]:
    """Register a function for operators from a version of their set on.

    Of several functions the one with the largest `since` up to the file's version serves.

    Args:
        names: of operators.
        since: the first version of the operator set that it serves; default 1.
        domain: of the set; default '', ONNX's own.

    Example:
        >>> @operator("Half", since=1, domain="doc")
        ... def half(node, x):
        ...     return x / 2
        >>> find("doc", "Half", 7) is half, find("doc", "Half", 0)
        (True, None)
    """

    def register(function: Function) -> Function:
        for name in names:
            rows = _table.setdefault((domain, name), [])
            if any(version == since for version, _ in rows):
                raise AssertionError(f"{name} since {since} is registered twice")
            rows.append((since, function))
            rows.sort(key=lambda row: row[0])
        return function

    return register


def find(domain: str, op: str, version: int) -> Function | None:
    """Return the function that serves an operator at a version of its set, None where none does."""
    _families()
    rows = _table.get((domain, op), [])
    return next((function for since, function in reversed(rows) if since <= version), None)


def known() -> dict[tuple[str, str], tuple[int, ...]]:
    """Return the versions of all operators that are known, by domain and name."""
    _families()
    return {key: tuple(since for since, _ in rows) for key, rows in sorted(_table.items())}


@cache
def _families() -> None:
    """Import every file of operators: each registers its own."""
    package = import_module("rushlight.onnx.load.operators")
    for found in iter_modules(package.__path__):
        import_module(f"{package.__name__}.{found.name}")
