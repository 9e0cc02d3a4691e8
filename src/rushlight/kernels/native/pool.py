"""Pooling by the compiled kernels (`native/pool.cpp`).

The C++ takes arrays whose channels adjoin, and windows that each dim describes by their first
cells and numbers of cells; here windows with strides, padding and dilation, and adaptive ones, are
put in its terms. An array whose channels do not come last is one of many samples of one channel.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np

from rushlight.arrays import Array, is_channels_last
from rushlight.compiled import native
from rushlight.kernels.native.layout import (
    aligned,
    empty_image,
    own_image,
    to_channels_first,
    to_channels_last,
)
from rushlight.kernels.reference import pool as reference

__all__ = [
    "adaptive_avg_forward",
    "adaptive_avg_grad",
    "adaptive_max_forward",
    "avg_pool_forward",
    "avg_pool_grad",
    "max_pool_forward",
    "max_pool_grad",
    "max_pool_indices",
]

Ints: TypeAlias = tuple[int, ...]
Line: TypeAlias = tuple[Ints, Ints, Ints]  # by window: its first cell, its cells, its divisor


def _takes(dtype: np.dtype[Any], x_shape: Ints, out: Ints) -> bool:
    return dtype.char in "fd" and len(out) <= 3 and 0 not in x_shape and 0 not in out


# ---- windows


def _line(include_pad: bool, size: int, out: int, k: int, s: int, p: int, d: int) -> Line:
    first, count, divisor = [], [], []
    for o in range(out):
        start = o * s - p
        skipped = min(k, max(0, -(start // d)))  # taps before the input
        first.append(max(0, start + skipped * d))
        count.append(max(0, min(k, (size - 1 - start) // d + 1) - skipped))
        divisor.append(min(k, size + p - start) if include_pad else count[-1])
    return tuple(first), tuple(count), tuple(divisor)


def _adaptive_line(size: int, out: int) -> Line:
    first = tuple([o * size // out for o in range(out)])
    count = tuple([-(-(o + 1) * size // out) - first[o] for o in range(out)])
    return first, count, count


def _pool(shape: Ints, last: bool, lines: list[Line], step: Ints, override: int | None) -> Any:
    """Return what the C++ runs for inputs of a shape."""
    samples, channels, *size = shape
    if not last:
        samples, channels = samples * channels, 1
    whole = all(d == 1 for d in step)
    for n, (first, count, _) in zip(size, lines, strict=True):
        stops = [a + b for a, b in zip(first, count, strict=True)]
        whole = whole and [*first, n] == [0, *stops]
    one: Line = ((0,), (1,), (1,))
    empty = 3 - len(size)
    firsts, counts, divisors = zip(*[one] * empty, *lines, strict=True)
    if override is not None:
        divisors = tuple([(override if d == 2 else 1,) * len(x) for d, x in enumerate(divisors)])
    fill = [1] * empty
    return native.Pool(
        samples, channels, [*fill, *size], [*fill, *step], firsts, counts, divisors, whole
    )


@lru_cache(maxsize=512)
def _windows(
    shape: Ints,
    last: bool,
    kernel: Ints,
    stride: Ints,
    padding: Ints,
    dilation: Ints,
    out: Ints,
    include_pad: bool = True,
    override: int | None = None,
) -> Any:
    sides: Any = zip(shape[2:], out, kernel, stride, padding, dilation, strict=True)
    lines = [_line(include_pad, *side) for side in sides]
    return _pool(shape, last, lines, dilation, override)


@lru_cache(maxsize=512)
def _adaptive(shape: Ints, last: bool, out: Ints) -> Any:
    lines = [_adaptive_line(*side) for side in zip(shape[2:], out, strict=True)]
    return _pool(shape, last, lines, (1,) * len(out), None)


# ---- arrays


def _laid(x: Array, last: bool) -> Array:
    """Return x in the memory order of another array, a copy only if it must be."""
    if last:
        laid: Array = aligned(x if is_channels_last(x) else to_channels_last(x))
    else:
        laid = aligned(x if x.flags.c_contiguous else to_channels_first(x))
    return laid


# ---- maximum; which cell it is, is found anew: that costs less than to read y as well


def max_pool_forward(
    x: Array,
    kernel: Ints,
    stride: Ints,
    padding: Ints,
    dilation: Ints,
    out_size: Ints,
    relu: bool = False,
) -> Array:
    """x (N, C, *S) -> (N, C, *out_size), with relu if asked.

    Cells outside the input count as the lowest value.
    """
    if not _takes(x.dtype, x.shape, out_size):
        return reference.max_pool_forward(x, kernel, stride, padding, dilation, out_size, relu)
    x, last = own_image(x)
    y = empty_image((*x.shape[:2], *out_size), x, last)
    windows = _windows(x.shape, last, kernel, stride, padding, dilation, out_size)
    windows.max_forward(x, y, relu)
    return y


def max_pool_indices(
    x: Array, y: Array, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints
) -> Array:
    """x (N, C, *S), y (N, C, *O) -> int64 (N, C, *O): flat cell of each maximum in its plane."""
    out = y.shape[2:]
    if not _takes(x.dtype, x.shape, out) or y.dtype != x.dtype:
        return reference.max_pool_indices(x, y, kernel, stride, padding, dilation)
    x, last = own_image(x)
    index = empty_image(y.shape, y, last, np.dtype(np.int64))
    windows = _windows(x.shape, last, kernel, stride, padding, dilation, out)
    windows.max_indices(x, index)
    return index


def max_pool_grad(
    g: Array,
    x: Array,
    y: Array,
    kernel: Ints,
    stride: Ints,
    padding: Ints,
    dilation: Ints,
    relu: bool = False,
) -> Array:
    """g, y (N, C, *O), x (N, C, *S) -> (N, C, *S): each g goes to its window's maximum.

    With relu, which y then has behind it, none goes where y is 0.
    """
    out = y.shape[2:]
    if not _takes(x.dtype, x.shape, out) or not g.dtype == y.dtype == x.dtype:
        return reference.max_pool_grad(g, x, y, kernel, stride, padding, dilation, relu)
    x, last = own_image(x)
    dx = empty_image(x.shape, x, last)
    windows = _windows(x.shape, last, kernel, stride, padding, dilation, out)
    windows.max_grad(_laid(g, last), x, _laid(y, last) if relu else None, dx)
    return dx


def adaptive_max_forward(x: Array, out_size: Ints) -> tuple[Array, Array]:
    """x (N, C, *S) -> maxima (N, C, *out_size) and their flat cells, int64"""
    if not _takes(x.dtype, x.shape, out_size):
        return reference.adaptive_max_forward(x, out_size)
    x, last = own_image(x)
    y = empty_image((*x.shape[:2], *out_size), x, last)
    index = empty_image(y.shape, x, last, np.dtype(np.int64))
    windows = _adaptive(x.shape, last, out_size)
    windows.max_forward(x, y, False)
    windows.max_indices(x, index)
    return y, index


# ---- average


def avg_pool_forward(
    x: Array,
    kernel: Ints,
    stride: Ints,
    padding: Ints,
    out_size: Ints,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Array:
    """x (N, C, *S) -> (N, C, *out_size)"""
    rule = (count_include_pad, divisor_override)
    if not _takes(x.dtype, x.shape, out_size):
        return reference.avg_pool_forward(x, kernel, stride, padding, out_size, *rule)
    (x, last), ones = own_image(x), (1,) * len(kernel)
    y = empty_image((*x.shape[:2], *out_size), x, last)
    windows = _windows(x.shape, last, kernel, stride, padding, ones, out_size, *rule)
    windows.avg_forward(x, y)
    return y


def avg_pool_grad(
    g: Array,
    x_shape: Ints,
    kernel: Ints,
    stride: Ints,
    padding: Ints,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Array:
    """g (N, C, *O) -> x_shape (N, C, *S)"""
    out, rule = g.shape[2:], (count_include_pad, divisor_override)
    if not _takes(g.dtype, x_shape, out):
        return reference.avg_pool_grad(g, x_shape, kernel, stride, padding, *rule)
    (g, last), ones = own_image(g), (1,) * len(kernel)
    dx = empty_image(x_shape, g, last)
    windows = _windows(x_shape, last, kernel, stride, padding, ones, out, *rule)
    windows.avg_grad(g, dx)
    return dx


def adaptive_avg_forward(x: Array, out_size: Ints) -> Array:
    """x (N, C, *S) -> (N, C, *out_size)"""
    if not _takes(x.dtype, x.shape, out_size):
        return reference.adaptive_avg_forward(x, out_size)
    x, last = own_image(x)
    y = empty_image((*x.shape[:2], *out_size), x, last)
    _adaptive(x.shape, last, out_size).avg_forward(x, y)
    return y


def adaptive_avg_grad(g: Array, x_shape: Ints) -> Array:
    """g (N, C, *O) -> x_shape (N, C, *S)"""
    if not _takes(g.dtype, x_shape, g.shape[2:]):
        return reference.adaptive_avg_grad(g, x_shape)
    g, last = own_image(g)
    dx = empty_image(x_shape, g, last)
    _adaptive(x_shape, last, g.shape[2:]).avg_grad(g, dx)
    return dx
