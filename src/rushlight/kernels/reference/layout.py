"""From one memory order of images to the other."""

from __future__ import annotations

import numpy as np

from rushlight.arrays import Array, as_channels_last

__all__ = ["to_channels_first", "to_channels_last"]


def to_channels_first(x: Array) -> Array:
    """Return x (N, C, *S) with planes that adjoin (C order), a copy only if it must be."""
    return np.ascontiguousarray(x)


def to_channels_last(x: Array) -> Array:
    """Return x (N, C, *S) with channels that adjoin, a copy only if it must be."""
    return as_channels_last(x)
