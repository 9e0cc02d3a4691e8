"""From one memory order of images to the other."""

from __future__ import annotations

import numpy as np

from rushlight.arrays import Array, channels_last_empty

__all__ = ["to_channels_first", "to_channels_last"]


def to_channels_first(x: Array) -> Array:
    """Return a copy of x (N, C, *S) whose planes adjoin (C order)."""
    return x.copy(order="C")


def to_channels_last(x: Array) -> Array:
    """Return a copy of x (N, C, *S) whose channels adjoin."""
    y = channels_last_empty(x.shape, x)
    np.copyto(y, x)
    return y
