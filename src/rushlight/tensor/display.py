"""How a tensor prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rushlight.arrays import default_dtype

if TYPE_CHECKING:
    from rushlight.tensor.tensor import Tensor

__all__ = ["text"]


def text(tensor: Tensor) -> str:
    """Return `tensor(...)` as torch prints it: 4 digits, whole numbers without them."""
    array = tensor._array
    finite = array[np.isfinite(array)] if array.dtype.kind == "f" else array
    whole = array.dtype.kind != "f" or bool((finite == np.trunc(finite)).all())
    size = np.abs(finite[finite != 0]) if finite.size else finite
    wide = bool(size.size) and (
        size.max() > 1e8 or (not whole and (size.min() < 1e-4 or size.max() / size.min() > 1e3))
    )
    body = np.array2string(
        array,
        precision=4,
        floatmode="maxprec" if whole and not wide else "fixed",
        separator=", ",
        prefix="tensor(",
        threshold=1000,
        edgeitems=3,
        suppress_small=not wide,
        formatter={"float_kind": "{:.4e}".format} if wide else None,
    )
    notes = []
    if array.dtype not in (default_dtype(), np.int64, np.bool_):
        notes.append(f"dtype={array.dtype.name}")
    if tensor._node is not None:
        notes.append(f"grad_fn={tensor._node!r}")
    elif tensor._requires_grad:
        notes.append("requires_grad=True")
    return f"tensor({', '.join([body, *notes])})"
