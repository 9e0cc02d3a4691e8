"""The table of ops: name of an op of the graph -> the function that writes it in ONNX."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from rushlight.graph import Node

if TYPE_CHECKING:
    from rushlight.onnx.export.writer import Writer

__all__ = ["ROWS", "Inexpressible", "row"]

# writes a node and returns the ONNX names of its outputs, in order; None for one never read
Row: TypeAlias = "Callable[[Writer, Node], str | tuple[str | None, ...]]"
F = TypeVar("F", bound=Callable[..., Any])

ROWS: dict[str, Row] = {}


class Inexpressible(Exception):
    """A call that ONNX has no form for; the text says which part of it."""


def row(*ops: str) -> Callable[[F], F]:
    """Enter a function in the table for these ops."""

    def enter(function: F) -> F:
        for op in ops:
            if op in ROWS:
                raise ValueError(f"op {op!r} has two rows")
            ROWS[op] = function
        return function

    return enter
