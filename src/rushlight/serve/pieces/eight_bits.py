"""int8: weights stored as bytes, activations rounded to what a byte can hold."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["from_bytes", "on_grid"]


def from_bytes(stored: Any, scale: Any) -> Any:
    """Return float32 weights of int8 ones; the scale, one for each output channel, broadcasts."""
    return np.multiply(stored, scale, dtype=np.float32)


def on_grid(x: Any, scale: float, low: int, high: int) -> Any:
    """Round x to whole multiples of `scale`, from low to high: the numbers that a byte stands for.

    Products of these with int8 weights are, up to the rounding of sums in float32, those that
    integer arithmetic gives.
    """
    y = np.multiply(x, 1.0 / scale, dtype=np.float32)
    np.rint(y, out=y)
    np.clip(y, low, high, out=y)
    y *= np.float32(scale)
    return y
