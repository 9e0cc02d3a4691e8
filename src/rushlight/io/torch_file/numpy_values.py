"""NumPy's numbers and arrays in pickles: plain dtypes, whose bytes stand in the pickle itself.

Not every reader takes them (torch's own asks for `add_safe_globals`), but many a checkpoint has
its best score as a NumPy number.
"""

from __future__ import annotations

import re
from math import prod
from typing import Any

import numpy as np

from rushlight.arrays import Array, DType
from rushlight.io.stored import refuse
from rushlight.io.torch_file.content import shown
from rushlight.io.torch_file.machine import Name

__all__ = ["NAMES", "build"]

_PLAIN = re.compile(r"[biuf][1248]\Z")


class _Dtype:
    """A NumPy dtype, whose byte order comes after it was named."""

    def __init__(self, code: str) -> None:
        self.code, self.order = code, "="

    def made(self) -> DType:
        return np.dtype(self.code).newbyteorder(self.order)  # type: ignore[arg-type]


def _dtype(where: str, code: Any, *flags: Any) -> _Dtype:
    if type(code) is not str or not _PLAIN.match(code) or code in ("b2", "b4", "b8", "f1"):
        refuse(where, f"the NumPy dtype {shown(code)}", "a plain number")
    return _Dtype(code)


def _scalar(where: str, dtype: Any, raw: Any) -> Any:
    """Return a NumPy number as Python's."""
    if not isinstance(dtype, _Dtype) or type(raw) is not bytes:
        refuse(where, "a NumPy number without a dtype or bytes", "both")
    if len(raw) != dtype.made().itemsize:
        refuse(where, f"a NumPy number of {len(raw)} bytes", dtype.made().itemsize)
    return np.frombuffer(raw, dtype.made())[0].item()


def _array(where: str, kind: Any, shape: Any, code: Any) -> Array:
    """Return an array that `build` will fill."""
    if kind is not NAMES["numpy.ndarray"]:
        refuse(where, "an array of a class of its own", "numpy.ndarray")
    return np.empty(0, np.uint8)


def _from_bytes(where: str, raw: Any, dtype: Any, shape: Any, order: Any) -> Array:
    """Return an array of protocol 5, which has its bytes beside it."""
    plain = isinstance(raw, bytes | bytearray) and isinstance(dtype, _Dtype)
    known = type(order) is str and order in ("C", "F")
    if not plain or type(shape) is not tuple or not known:
        refuse(where, "a NumPy array without bytes, dtype, shape or order", "all four")
    if any(type(n) is not int or n < 0 for n in shape):
        refuse(where, "a NumPy array with a size that is no count", "integers >= 0")
    # of the product of the sizes NumPy itself makes sure
    return np.frombuffer(bytearray(raw), dtype.made()).reshape(shape, order=order)


def _never(where: str, *args: Any) -> Any:
    refuse(where, "a call of numpy.ndarray", "none")


def build(target: Any, state: Any) -> bool:
    """Give a dtype or an array its state, as NumPy's pickles have it."""
    if type(state) is not tuple:
        return False
    if type(target) is _Dtype and len(state) >= 5:
        order = state[1]
        target.order = order if type(order) is str and order in ("<", ">", "|", "=") else "="
        return all(part is None for part in state[2:5])  # no fields
    if type(target) is not np.ndarray or len(state) != 5 or target.size:
        return False
    _, shape, dtype, fortran, raw = state
    if type(dtype) is not _Dtype or type(raw) is not bytes or type(shape) is not tuple:
        return False
    made = dtype.made()
    sizes = all(type(n) is int and 0 <= n < 1 << 62 for n in shape) and len(shape) <= 32
    if not sizes or prod(shape) * made.itemsize != len(raw) or type(fortran) is not bool:
        return False
    # NumPy's own: it copies the bytes into the array that the pickle has named already
    target.__setstate__((1, shape, made, fortran, raw))  # type: ignore[arg-type]
    return True


NAMES: dict[str, Any] = {
    name: Name(name, call)
    for name, call in {
        "numpy.dtype": _dtype,
        "numpy.ndarray": _never,
        "numpy.core.multiarray.scalar": _scalar,
        "numpy._core.multiarray.scalar": _scalar,
        "numpy.core.numeric._frombuffer": _from_bytes,
        "numpy._core.numeric._frombuffer": _from_bytes,
        "numpy.core.multiarray._reconstruct": _array,
        "numpy._core.multiarray._reconstruct": _array,
    }.items()
}
