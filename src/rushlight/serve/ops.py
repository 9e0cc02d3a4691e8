"""How a call of an op is written: most by name, some as NumPy or Python writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rushlight.graph import Node

__all__ = ["OUTSIDE", "WITH_CHECK", "Call", "written_call"]

_HERE = "rushlight.serve.pieces"

# Functions that compute outside of ops, by the name that the tape gives them.
OUTSIDE: dict[str, tuple[str, str]] = {}

# Ops whose arguments a user may get wrong by their elements, and what asks.
WITH_CHECK = {"rows_of": ("rushlight.ops.embedding", "_rows_check")}


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
