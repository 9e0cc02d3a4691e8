"""What files of all formats share: elements as bytes, and the error of what is damaged."""

from __future__ import annotations

from typing import NoReturn

import numpy as np

from rushlight.arrays import Array, DType
from rushlight.errors import FileFormatError, explain

__all__ = ["as_booleans", "as_bytes", "refuse"]

_DAMAGED = "the file is truncated or altered; write or download it again"


def refuse(where: str, got: object, expected: object, fix: str = _DAMAGED) -> NoReturn:
    """Raise the error of a file that is not as it should be; most often, it is damaged."""
    raise FileFormatError(explain(where, got=got, expected=expected, fix=fix))


def as_booleans(stored: Array, where: str) -> Array:
    """Return booleans of the bytes (uint8) that a file has for them, in memory of their own.

    Raises:
        FileFormatError: a byte is neither 0 nor 1; NumPy may read or write out of bounds by it.
    """
    found = np.array(stored)  # first copied, so that what is checked cannot change
    if found.size and found.max() > 1:
        refuse(where, f"the byte {found.max()} among booleans", "bytes 0 and 1")
    return found.view(np.bool_)


def as_bytes(array: Array, dtype: DType) -> Array:
    """Return the elements as a file has them, as uint8: in C order, of this dtype and byte order.

    A copy is made only where one of the three asks for it.
    """
    return np.ascontiguousarray(array, dtype).reshape(-1).view(np.uint8)
