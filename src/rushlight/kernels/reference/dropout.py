"""Dropout: what random words say about each element."""

from __future__ import annotations

from typing import Any

import numpy as np

from rushlight.arrays import Array

__all__ = ["dropout_factor"]


def dropout_factor(
    words: Array, threshold: int, scale: float, shape: tuple[int, ...], dtype: Any
) -> Array:
    """Return `scale` where an element's word is below the threshold, else 0."""
    factor: Array = (words < threshold).astype(dtype)
    factor *= np.asarray(scale, dtype)
    return factor.reshape(shape)
