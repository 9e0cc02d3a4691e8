"""How a call of an op is written: most by name, some as NumPy or Python writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rushlight.graph import Node
from rushlight.ops.contract import OPS
from rushlight.serve.pieces.outside import OUTSIDE
from rushlight.serve.source import Library, NotPortable

__all__ = ["WITH_CHECK", "Call", "function_of", "written_call"]

# Ops whose arguments a user may get wrong by their elements, and what asks.
WITH_CHECK = {"rows_of": ("rushlight.ops.embedding", "_rows_check")}


def function_of(library: Library, op: str) -> str:
    """Return what the file calls the function of a node, which it takes over.

    Raises:
        NotPortable: it needs more than NumPy.
    """
    if op in OPS:
        return library.op(op)
    if op not in OUTSIDE:
        raise NotPortable("there is no form of it for NumPy alone")
    module, name = OUTSIDE[op]
    return f"np.{name}" if module == "numpy" else library.function(module, name)


class Call(NamedTuple):
    """A call as it is written: the function, and each argument with its name."""

    function: str
    arguments: list[str]


def written_call(
    node: Node, function: str, arguments: Sequence[str], options: Mapping[str, str]
) -> Call:
    """Return the text of a call.

    Args:
        node: the call.
        function: what the file calls the op.
        arguments: the expressions of its arguments.
        options: those of its options.
    """
    return Call(function, [*arguments, *(f"{key}={text}" for key, text in options.items())])
