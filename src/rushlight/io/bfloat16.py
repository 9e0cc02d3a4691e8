"""bfloat16, which NumPy has not: the upper half of a float32, kept as uint16.

Source: https://en.wikipedia.org/wiki/Bfloat16_floating-point_format
"""

from __future__ import annotations

import numpy as np

from rushlight.arrays import Array

__all__ = ["narrow", "widen"]


def widen(halves: Array) -> Array:
    """Return the float32 values whose upper 16 bits are given; exact.

    Args:
        halves: uint16 of any shape and byte order.

    Example:
        >>> widen(np.array([0x3F80, 0xC020], np.uint16))
        array([ 1. , -2.5], dtype=float32)
    """
    wide = np.asarray(halves).astype(np.uint32)
    wide <<= 16
    return wide.view(np.float32)


def narrow(values: Array) -> Array:
    """Return the upper 16 bits of the nearest bfloat16 values, as uint16; ties go to even.

    nan stays nan with its sign and the upper bits of its payload, so that what `widen` returned
    comes back bit by bit; what is beyond the largest bfloat16 becomes inf. float64 is rounded to
    float32 first, as torch does.

    Args:
        values: floats of any shape.

    Example:
        >>> [hex(half) for half in narrow(np.array([1.0, -2.5, np.inf], "float32"))]
        ['0x3f80', '0xc020', '0x7f80']
    """
    with np.errstate(all="ignore"):  # beyond float32 is inf, signalling nan is quiet
        bits = np.asarray(values).astype(np.float32, copy=False).view(np.uint32)
    half = np.asarray(bits >> 16)
    half &= 1  # an odd neighbour below: a tie goes up
    half += 0x7FFF
    half += bits
    half >>= 16
    upper = np.asarray(bits >> 16)
    upper |= (upper & 0x7F == 0) * np.uint32(0x40)  # a payload in the lower half only: not inf
    return np.where((bits & 0x7FFFFFFF) > 0x7F800000, upper, half).astype(np.uint16)
