"""Memory as the C++ wants it: whole numbers; images in either order (`native/pointwise.cpp`).

And copies in C order (`native/order.cpp`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.arrays import Array, channels_last_empty, channels_to_last, is_channels_last
from rushlight.compiled import native
from rushlight.kernels.reference import layout as reference

# the kernels
__all__ = ["in_order", "rearranged", "to_channels_first", "to_channels_last"]

_FEW = 1024  # numbers that NumPy copies in less time than a call takes
_SHORT = 8  # numbers of a last axis along which NumPy's loop is too short


def _takes(x: Array) -> bool:
    return x.dtype.char in "fd" and x.size > 0 and x.flags.aligned


def aligned(x: Any) -> Any:
    """Return an array (or None) whose numbers lie at whole addresses, a copy only if it must be."""
    return x if x is None or x.flags.aligned else x.copy("K")


def dense(x: Any) -> Any:
    """Return an array (or None) in C order and at whole addresses, a copy only if it must be."""
    return x if x is None else aligned(np.ascontiguousarray(x))


def own_image(x: Array) -> tuple[Array, bool]:
    """Return x, a copy if its channels are not last nor its planes adjoin, and if they are last."""
    last = is_channels_last(x)
    return (aligned(x) if last else dense(x)), last


def empty_image(shape: Sequence[int], like: Array, last: bool, dtype: Any = None) -> Array:
    """Return new memory, channels last or not: an array of few cells lies both ways."""
    if last:
        return channels_last_empty(shape, like, dtype)
    return np.empty(shape, like.dtype if dtype is None else dtype)


def to_channels_first(x: Array) -> Array:
    """Return a copy of x (N, C, *S) whose planes adjoin (C order)."""
    if not is_channels_last(x) or not _takes(x):
        return reference.to_channels_first(x)
    y, (n, c) = np.empty(x.shape, x.dtype), x.shape[:2]
    native.turn(channels_to_last(x), y, n, x.size // (n * c), c)
    return y


def to_channels_last(x: Array) -> Array:
    """Return a copy of x (N, C, *S) whose channels adjoin."""
    if x.ndim < 3 or not x.flags.c_contiguous or not _takes(x):
        return reference.to_channels_last(x)
    y, (n, c) = channels_last_empty(x.shape, x), x.shape[:2]
    native.turn(x, y, n, c, x.size // (n * c))
    return y


def _ends_short(x: Array) -> bool:
    """Tell whether x is an array out of order whose last axis (of several numbers) is short."""
    if x.size < _FEW or x.flags.c_contiguous or not _takes(x):
        return False
    axes = [(n, s) for n, s in zip(x.shape, x.strides, strict=True) if n > 1]
    (size, stride), (_, before) = axes[-1], axes[-2] if len(axes) > 1 else (0, 0)
    follows = before == size * stride  # then NumPy's loop goes on along the axis before
    return size < _SHORT and not follows and not any(s % x.itemsize for _, s in axes)


def in_order(x: Array) -> Array:
    """Return a copy of x in C order."""
    if not _ends_short(x):
        return reference.in_order(x)
    y = np.empty(x.shape, x.dtype)
    native.in_order(x, y)
    return y


def rearranged(
    x: Array, apart: tuple[int, ...], order: tuple[int, ...], shape: tuple[int, ...]
) -> Array:
    """Split axes of x (to the sizes `apart`), bring the parts into another order and join them."""
    parts, y, to = reference.parts_of(x, apart, order, shape)
    if not y.flags.c_contiguous:
        memory = sorted(range(to.ndim), key=lambda axis: -to.strides[axis])
        parts, to = parts.transpose(memory), to.transpose(memory)
    if to.flags.c_contiguous and _ends_short(parts):
        native.in_order(parts, to)
    else:
        np.copyto(to, parts)
    return y
