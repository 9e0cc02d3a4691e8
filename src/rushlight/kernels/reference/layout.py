"""From one memory order of images to the other."""

from __future__ import annotations

import numpy as np

from rushlight.arrays import Array, channels_last_empty, like_layout

__all__ = ["in_order", "rearranged", "to_channels_first", "to_channels_last"]


def in_order(x: Array) -> Array:
    """Return a copy of x in C order."""
    return x.copy(order="C")


def parts_of(
    x: Array, apart: tuple[int, ...], order: tuple[int, ...], shape: tuple[int, ...]
) -> tuple[Array, Array, Array]:
    """Return the parts of x, new memory of `shape` in the memory order of x, and its parts."""
    parts, y = x.reshape(apart).transpose(order), like_layout(shape, x)
    return parts, y, y.reshape(parts.shape)  # views: axes are split, not joined


def rearranged(
    x: Array, apart: tuple[int, ...], order: tuple[int, ...], shape: tuple[int, ...]
) -> Array:
    """Split axes of x (to the sizes `apart`), bring the parts into another order and join them."""
    parts, y, to = parts_of(x, apart, order, shape)
    np.copyto(to, parts)
    return y


def to_channels_first(x: Array) -> Array:
    """Return a copy of x (N, C, *S) whose planes adjoin (C order)."""
    return x.copy(order="C")


def to_channels_last(x: Array) -> Array:
    """Return a copy of x (N, C, *S) whose channels adjoin."""
    y = channels_last_empty(x.shape, x)
    np.copyto(y, x)
    return y
