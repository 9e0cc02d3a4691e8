"""Which function of the file a call of an op names."""

from __future__ import annotations

from rushlight.ops.contract import OPS
from rushlight.serve.pieces.outside import OUTSIDE
from rushlight.serve.source import Library, NotPortable

__all__ = ["WITH_CHECK", "function_of"]

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
