"""Dropout by the compiled kernel (`native/dropout.cpp`)."""

from __future__ import annotations

from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.compiled import native
from rushlight.kernels.reference import dropout as reference

__all__ = ["dropout_factor"]


def dropout_factor(
    words: Array, threshold: int, scale: float, shape: tuple[int, ...], dtype: Any
) -> Array:
    """Return `scale` where an element's word is below the threshold, else 0."""
    if dtype.char not in "fd" or threshold >> 32:
        return reference.dropout_factor(words, threshold, scale, shape, dtype)
    factor = np.empty(shape, dtype)
    native.dropout_factor(words, threshold, scale, factor)
    return factor
