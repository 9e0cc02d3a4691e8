"""How a tensor prints: torch's rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from rushlight.arrays import Array, get_default_dtype

if TYPE_CHECKING:
    from rushlight.tensor.tensor import Tensor

__all__ = ["text"]

WIDTH = 80  # characters of a line
EDGE = 3  # elements shown at either end of a long dim
MANY = 1000  # elements from which on only the edges are shown

Element = Callable[[Any], str]


def text(tensor: Tensor) -> str:
    """Return `tensor(...)` as torch prints it: 4 digits, whole numbers without them."""
    array, indent = tensor._array, len("tensor(")
    notes = []
    if array.size:
        short = array.size > MANY
        shown = array[np.ix_(*[_ends(n) for n in array.shape])] if short else array
        width, element = _elements(shown.ravel())
        body = _body(array, indent, short, width, element)
        usual: tuple[Any, ...] = (get_default_dtype(), np.dtype(np.int64), np.dtype(np.bool_))
    else:
        body, usual = "[]", (get_default_dtype(),)
        if array.ndim != 1:
            notes.append(f"size={array.shape}")
    if array.dtype not in usual:
        notes.append(f"dtype={array.dtype.name}")
    if tensor._node is not None:
        notes.append(f"grad_fn={tensor._node!r}")
    elif tensor._requires_grad:
        notes.append("requires_grad=True")
    lines = f"tensor({body}"
    used = len(lines) - lines.rfind("\n") + 1
    for note in notes:
        if used + len(note) + 2 > WIDTH:
            lines += ",\n" + " " * indent + note
            used = indent + len(note)
        else:
            lines += ", " + note
            used += len(note) + 2
    return lines + ")"


def _ends(n: int) -> list[int]:
    """Return the positions of a dim that are shown."""
    return [*range(n)] if n <= 2 * EDGE else [*range(EDGE), *range(n - EDGE, n)]


def _elements(values: Array) -> tuple[int, Element]:
    """Return the common width of the elements and the function that writes one."""
    if values.dtype.kind != "f":
        width = max(len(str(v)) for v in values.tolist())
        return width, lambda v: str(v).rjust(width)
    known = values[np.isfinite(values) & (values != 0)].astype(np.float64)
    if not known.size:
        return 1, _whole
    size = np.abs(known)
    low, high = float(size.min()), float(size.max())
    if high / low > 1000.0 or high > 1e8 or low < 1e-4:
        width = max(len(f"{v:.4e}") for v in known.tolist())
        return width, lambda v: f"{v:.4e}".rjust(width)
    if (known == np.ceil(known)).all():
        width = max(len(_whole(v)) for v in known.tolist())
        return width, lambda v: _whole(v).rjust(width)
    width = max(len(f"{v:.4f}") for v in known.tolist())
    return width, lambda v: f"{v:.4f}".rjust(width)


def _whole(value: float) -> str:
    """Write a whole number as a float: `3.`, but `inf` and `nan`."""
    return f"{value:.0f}." if np.isfinite(value) else f"{value:.0f}"


def _body(array: Array, indent: int, short: bool, width: int, element: Element) -> str:
    """Write an array in brackets; rows stand under each other."""
    if array.ndim == 0:
        return element(array.item())
    cut = short and len(array) > 2 * EDGE
    rows = array[_ends(len(array))] if cut else array
    if array.ndim == 1:
        parts = [element(v) for v in rows.tolist()]
        if cut:
            parts.insert(EDGE, " ...")
        fit = max(1, (WIDTH - indent) // (width + 2))
        lines = [", ".join(parts[i : i + fit]) for i in range(0, len(parts), fit)]
        return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"
    parts = [_body(row, indent + 1, short, width, element) for row in rows]
    if cut:
        parts.insert(EDGE, "...")
    return "[" + ("," + "\n" * (array.ndim - 1) + " " * (indent + 1)).join(parts) + "]"
