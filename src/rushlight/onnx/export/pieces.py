"""A few nodes that many rows are made of."""

from __future__ import annotations

from typing import Any

import numpy as np

from rushlight.graph import Size, Value
from rushlight.onnx.export.table import Inexpressible
from rushlight.onnx.export.writer import Writer

__all__ = ["filled", "fixed", "known", "squeezed", "turned", "unsqueezed"]


def known(to: Writer, array: Any) -> str:
    """Return the name of a constant in its own dtype."""
    return to.constant(array, np.asarray(array).dtype)


def fixed(size: int | Size, what: str) -> int:
    """Return a size that must not change; `what` names it."""
    if isinstance(size, Size):
        raise Inexpressible(f"{what} {size}, which may change")
    return size


def filled(to: Writer, number: float, shape: Any, dtype: Any) -> str:
    """Return the name of an array of one number."""
    return to.add("Expand", [to.constant(number, dtype), to.sizes(shape)])


def unsqueezed(to: Writer, name: str, *axes: int) -> str:
    """Return the name of an operand with new axes of size 1."""
    return to.add("Unsqueeze", [name, to.ints(*axes)])


def squeezed(to: Writer, name: str, *axes: int) -> str:
    """Return the name of an operand without axes of size 1."""
    return to.add("Squeeze", [name, to.ints(*axes)])


def turned(to: Writer, value: Value) -> str:
    """Return the name of a value with its last two dims exchanged."""
    ndim = len(value.shape)
    return to.permute(to.read(value), [*range(ndim - 2), ndim - 1, ndim - 2])
